//! People whom Stripe knows before they sign up, and two Stripe accounts, with real processes: each is linked, left alone
//! or refused as billing is set, in the account that the rules choose, and each effect shows once.

#![allow(clippy::unwrap_used, reason = "all of it is test code, helpers included")]

use std::fs;

use serde_json::json;
use usher_sandbox::{Effects, Expected, Judged, STRIPE_ACCOUNTS, STRIPE_KEY, STRIPE_KEY_EU};
use usher_tests::processes::{Options, Program, World, eventually, peek_all};

/// How many sign up.
const SIGN_UPS: usize = 40;
/// The share of them whom Stripe knows: enough for each kind of past to be somebody's.
const KNOWN: &str = "0.9";
const UPDATE: &str = "stripe.update_customer";

/// A world in which billing is set so, and the stand-ins know it: these variables are everybody's.
async fn world(policy: &str, more: &[(&str, &str)]) -> World {
    let usual = [
        ("STRIPE_EXISTING", policy),
        ("SANDBOX_STRIPE_KNOWN", KNOWN),
        ("STRIPE_OPEN_EXTENSION", "com.example.usher"),
    ];
    let variables = usual.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let variables = variables.collect();
    World::start(Options { short_locks: true, variables, ..Options::default() }).await
}

/// Billing with two accounts in place of the one.
fn with_two_accounts(world: &World, billing: Program) -> Program {
    let file = world.home().join("stripe-accounts.toml");
    fs::write(&file, STRIPE_ACCOUNTS).unwrap();
    billing
        .without("STRIPE_SECRET_KEY")
        .with("STRIPE_ACCOUNTS", file.display().to_string())
        .with("STRIPE_SECRET_KEY_EU", STRIPE_KEY_EU)
        .with("STRIPE_SECRET_KEY_REST", STRIPE_KEY)
}

async fn sign_ups(world: &World) {
    let order = json!({ "sign_ups": { "count": SIGN_UPS, "rate": 40, "bystanders": 0, "short_lived": 0 } });
    assert_eq!(world.control.order(order).await.len(), SIGN_UPS);
}

/// Waits until every effect shows once and all that is to be refused is.
async fn all_is_well(world: &World) -> Effects {
    eventually("each effect shows once", async || {
        world.control.shows_each_effect_once(SIGN_UPS).await.then_some(())
    })
    .await;
    let queue = world.queue_of(Judged::Billing).await;
    eventually("the queue is empty", async || peek_all(&*queue).await.is_empty().then_some(())).await;
    world.control.effects().await
}

fn refused(effects: &Effects) -> usize {
    effects.sign_ups.iter().filter(|line| line.expected == Expected::Refused).count()
}

/// Why the dead letters are dead: the code of each.
async fn codes(world: &World) -> Vec<String> {
    let letters = peek_all(&*world.dead_letters().await).await;
    let code =
        |text: &str| text.split_whitespace().find_map(|word| word.strip_prefix("code=")).map(str::to_owned);
    letters
        .iter()
        .map(|letter| letter.message.text_property("DeadLetterErrorDescription").and_then(code).unwrap())
        .collect()
}

#[tokio::test]
async fn who_was_a_customer_is_linked_once_though_billing_is_killed_and_restarted() {
    let world = world("link", &[]).await;
    let _producer = world.producer().start().await;
    let mut first = world.billing().start().await;
    sign_ups(&world).await;
    eventually("somebody is linked", async || {
        let calls = world.control.effects().await.totals.calls;
        calls.get(UPDATE).is_some_and(|calls| *calls > 0).then_some(())
    })
    .await;
    first.kill().await;
    let _second = world.billing().start().await;
    let _third = world.billing().start().await;

    let effects = all_is_well(&world).await;
    let codes = codes(&world).await;
    assert!(!codes.is_empty() && codes.iter().all(|code| code == "several-customers"), "{codes:?}");
    assert_eq!(codes.len(), refused(&effects));
}

#[tokio::test]
async fn in_two_accounts_each_customer_is_in_the_one_that_the_rules_choose() {
    let world = world("link", &[("SANDBOX_STRIPE_TWO_ACCOUNTS", "true")]).await;
    let _producer = world.producer().start().await;
    let _billing = with_two_accounts(&world, world.billing()).start().await;
    sign_ups(&world).await;
    let effects = all_is_well(&world).await;
    assert!(effects.totals.calls.contains_key(UPDATE), "nobody was linked: {:?}", effects.totals.calls);
    assert_eq!(codes(&world).await.len(), refused(&effects));
}

#[tokio::test]
async fn who_was_a_customer_is_refused_where_that_is_the_policy() {
    let world = world("reject", &[]).await;
    let _producer = world.producer().start().await;
    let _billing = world.billing().start().await;
    sign_ups(&world).await;
    let effects = all_is_well(&world).await;
    let codes = codes(&world).await;
    assert!(codes.iter().all(|code| code == "customer-exists"), "{codes:?}");
    assert!(codes.len() > SIGN_UPS / 3, "{codes:?}");
    assert_eq!(codes.len(), refused(&effects));
    assert!(!effects.totals.calls.contains_key(UPDATE));
}

#[tokio::test]
async fn settings_that_contradict_each_other_end_the_start_and_show_no_key() {
    let world = World::start(Options::default()).await;
    let file = |name: &str, text: &str| {
        let file = world.home().join(name);
        fs::write(&file, text).unwrap();
        file.display().to_string()
    };
    let two = with_two_accounts(&world, world.billing());
    let key_in_file = file("key.toml", "[[account]]\nname = \"a\"\nsecret_key_env = \"sk_live_hush\"\n");
    let rows = [
        (
            two.clone().with("STRIPE_SECRET_KEY", STRIPE_KEY),
            "STRIPE_ACCOUNTS: STRIPE_SECRET_KEY is set as well",
        ),
        (two.clone().without("STRIPE_SECRET_KEY_EU"), "STRIPE_SECRET_KEY_EU is not set"),
        (two.clone().with("STRIPE_SECRET_KEY_EU", "sk_live_hush"), "all must be of one mode"),
        (two.clone().with("STRIPE_SECRET_KEY_EU", "sk_test_hush"), "STRIPE_ACCOUNTS: Stripe refuses it: 401"),
        (two.clone().with("STRIPE_ACCOUNTS", key_in_file), "STRIPE_ACCOUNTS: "),
        (two.with("STRIPE_MODE", "live"), "STRIPE_MODE: is live, and STRIPE_ACCOUNTS holds a test key"),
        (
            world.billing().with("STRIPE_MODE", "live"),
            "STRIPE_MODE: is live, and STRIPE_SECRET_KEY holds a test",
        ),
    ];
    for (program, expected) in rows {
        let output = program.run().await;
        assert_eq!(output.code, Some(64), "{expected}: {output:?}");
        // Beside what is logged as JSON.
        let said = output.stderr.lines().filter(|line| !line.starts_with('{')).count();
        assert_eq!((output.stdout.as_str(), said), ("", 1), "{output:?}");
        assert!(output.stderr.contains(expected), "{expected}: {}", output.stderr);
        assert!(!output.stderr.contains("hush"), "a key is shown: {}", output.stderr);
    }
}
