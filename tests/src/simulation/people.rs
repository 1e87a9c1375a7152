//! Who signs up: a crowd as on any day, and some whom chance would rarely bring together.

use std::time::Duration;

use time::OffsetDateTime;
use usher_sandbox::{CUSTOM_DOMAIN, Crowd, Effect, EmailExpected, NewSignUp, Sandbox};

use super::options::Options;

/// The name that namesakes have.
const NAMESAKE: [&str; 3] = ["Ada Lovelace", "Ada", "Lovelace"];
/// Names as shown, given and family names, that some program will stumble over.
const HOSTILE: [[&str; 3]; 10] = [
    ["unknown", "Ada\r\nBcc: everybody@example.com", "\r\n\r\n<script>alert(1)</script>"],
    ["", "Robert'); DROP TABLE customers;--", "\" OR \"\"=\""],
    ["unknown", "../../../etc", "passwd%00"],
    ["", "\u{202E}adA\u{202C}", "\u{2066}ecalevoL\u{2069}"],
    ["unknown", "\u{0}\u{7}", "\u{FEFF}\u{200D}"],
    ["Ｆｕｌｌ ﷺ 𝕬𝖉𝖆", "ﷺ", "𝕬𝖉𝖆"],
    ["unknown", "İ", "ẞ"],
    ["Admin", "admin", "administrator"],
    ["", "...", "-"],
    ["unknown", "e\u{301}\u{302}\u{303}\u{304}\u{305}", "🏴\u{E0067}\u{E0062}\u{E007F}"],
];
/// How long somebody who leaves stays on the list, at most, from the first sign-up on.
const STAYS: Duration = Duration::from_secs(3600);

/// Everybody who is to sign up does, now or in the time to come.
pub(super) fn sign_up(sandbox: &Sandbox, options: &Options, now: OffsetDateTime) {
    let mut rng = fastrand::Rng::with_seed(options.seed);
    sandbox.generate(&Crowd {
        count: options.sign_ups,
        over: options.over,
        refused_email: options.refused_email,
        refused_by_mailchimp: options.refused_by_mailchimp,
        unsubscribed: options.unsubscribed,
        refused_by_salesforce: options.refused_by_salesforce,
        bystanders: 3,
        short_lived: options.short_lived,
    });
    let mut some_time = || Some(now + options.over.mul_f64(rng.f64()));
    let at_once = some_time();
    for _ in 0..options.namesakes {
        sandbox.sign_up(NewSignUp { at: at_once, ..named(NAMESAKE) });
    }
    for n in 0..options.hostile_names {
        let name = HOSTILE[(options.seed as usize + n) % HOSTILE.len()];
        sandbox.sign_up(NewSignUp { at: some_time(), ..named(name) });
    }
    for n in 0..options.chosen_names {
        let chosen = Some(format!("chosen.{n}@{CUSTOM_DOMAIN}"));
        sandbox.sign_up(NewSignUp { at: some_time(), user_principal_name: chosen, ..NewSignUp::default() });
    }
}

fn named([shown, given, surname]: [&str; 3]) -> NewSignUp {
    NewSignUp {
        display_name: Some(shown.to_owned()),
        given_name: Some(given.to_owned()),
        surname: Some(surname.to_owned()),
        ..NewSignUp::default()
    }
}

/// Some of those who were welcomed follow the link at the end of the mail.
pub(super) async fn leave(sandbox: Sandbox, options: Options) {
    let mut rng = fastrand::Rng::with_seed(options.seed);
    for _ in 0..options.leavers {
        tokio::time::sleep((options.over + STAYS).mul_f64(rng.f64())).await;
        let effects = sandbox.effects();
        let is_welcome =
            |line: &&Effect| line.email.expected == EmailExpected::Subscribed && line.email.welcomed > 0;
        let welcome: Vec<_> = effects.sign_ups.iter().filter(is_welcome).collect();
        if let Some(line) = rng.choice(welcome) {
            sandbox.unsubscribe(line.user_id);
        }
    }
}
