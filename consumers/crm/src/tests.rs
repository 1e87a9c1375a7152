//! The policy, against the stand-in in process and against a Salesforce of canned answers.

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};
use usher_clock::Clock;
use usher_event::UserSignedUp;
use usher_http::{FailureClass, HttpClient, Request, TransportError};
use usher_sandbox::{
    FaultKind, NewSignUp, SALESFORCE_URL, SalesforcePast, Sandbox, SandboxSettings, Target, Vendor,
};

use super::*;
use crate::testing::{NOON, ada, crm, crm_over, error, is_login, response, settings, token};

/// An org, and a handler that is at home there.
struct Seats {
    sandbox: Sandbox,
    crm: Crm,
}

impl Seats {
    fn new(change: impl FnOnce(&mut CrmSettings)) -> Self {
        let clock = Clock::starting_at(NOON);
        let prompt = Duration::ZERO..=Duration::ZERO;
        let sandbox =
            Sandbox::new(SandboxSettings { answer_time: prompt, ..SandboxSettings::default() }, clock);
        let mut settings =
            CrmSettings { salesforce_login_url: SALESFORCE_URL.parse().unwrap(), ..settings() };
        change(&mut settings);
        let ports = Ports { http: HttpClient::new(sandbox.service()), clock };
        Self { sandbox, crm: Crm::new(settings, ports).unwrap() }
    }

    fn as_usual() -> Self {
        Self::new(|_| ())
    }

    /// Somebody who signs up, as the event tells of them.
    fn somebody(&self, salesforce: SalesforcePast) -> UserSignedUp {
        let email = Some("ada@example.com".to_owned());
        let user_id = self.sandbox.sign_up(NewSignUp { email, salesforce, ..NewSignUp::default() });
        UserSignedUp { user_id, ..ada() }
    }

    async fn handle(&self, data: &UserSignedUp) -> Outcome {
        self.crm.handle(&Event::new(data.clone())).await
    }

    fn field(&self, data: &UserSignedUp, name: &str) -> Option<Value> {
        self.sandbox.salesforce_record(data.user_id)?.remove(name)
    }

    fn calls(&self, name: &str) -> u64 {
        self.sandbox.effects().totals.calls.get(name).copied().unwrap_or_default()
    }

    fn fault(&self, target: &str, kind: FaultKind) {
        self.sandbox.faults().next(Target::try_from(target.to_owned()).unwrap(), 1, kind);
    }
}

fn rejected(outcome: Outcome) -> String {
    match outcome {
        Outcome::Reject(rejection) => format!("{} {}", rejection.reason, rejection.detail),
        outcome => panic!("{outcome:?}"),
    }
}

fn class_if_unavailable(outcome: Outcome) -> FailureClass {
    match outcome {
        Outcome::Unavailable { vendor: "Salesforce", failure } => failure.class,
        outcome => panic!("{outcome:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_signs_up_has_one_record_however_often_that_is_delivered() {
    let seats = Seats::as_usual();
    let ada = seats.somebody(SalesforcePast::None);
    for _ in 0..3 {
        assert_eq!(seats.handle(&ada).await, Outcome::Done);
    }
    let effect = seats.sandbox.effects().of(ada.user_id).unwrap().crm.clone();
    assert_eq!(effect.records, 1);
    assert_eq!(seats.field(&ada, "LastName"), Some(json!("Lovelace")));
    assert_eq!(seats.field(&ada, "UsherUserId__c"), Some(json!(ada.user_id)));
    assert_eq!((seats.calls("salesforce.token"), seats.calls("salesforce.upsert")), (1, 3));
}

#[tokio::test(start_paused = true)]
async fn a_replay_overwrites_the_mapped_fields() {
    let seats = Seats::as_usual();
    let ada = seats.somebody(SalesforcePast::None);
    let corrected = UserSignedUp { surname: Some("King".to_owned()), given_name: None, ..ada.clone() };
    assert_eq!(seats.handle(&ada).await, Outcome::Done);
    assert_eq!(seats.handle(&corrected).await, Outcome::Done);
    assert_eq!(seats.field(&ada, "FirstName"), Some(json!("Ada")), "what there is nothing for stays");
    assert_eq!(seats.handle(&ada).await, Outcome::Done);
    assert_eq!(seats.field(&ada, "LastName"), Some(json!("Lovelace")));
}

#[tokio::test(start_paused = true)]
async fn the_external_id_stands_in_the_path_alone() {
    let (crm, asked) = crm(|_, _| response(201, &json!({ "id": "0031", "success": true })));
    assert_eq!(crm.handle(&Event::new(ada())).await, Outcome::Done);
    let request = &asked.all()[1];
    let path = format!("/services/data/v64.0/sobjects/Contact/UsherUserId__c/{}", ada().user_id);
    assert_eq!((request.method(), request.uri().path()), (&Method::PATCH, path.as_str()));
    assert_eq!(request.uri().host(), Some("seats.my.salesforce.com"));
    let body: Value = serde_json::from_slice(request.body()).unwrap();
    assert_eq!(body, json!({ "FirstName": "Ada", "LastName": "Lovelace", "Email": "ada@example.com" }));
    assert_eq!(asked.tokens(), ["Bearer token-1"]);
    assert!(!request.headers().contains_key("sforce-auto-assign"));
}

#[tokio::test(start_paused = true)]
async fn whatever_was_typed_becomes_a_record_that_salesforce_takes() {
    let seats = Seats::as_usual();
    for text in [
        "W".repeat(10_000).as_str(),
        "Zoë\r\nX-Evil: 1",
        "\u{202e}adA\u{2069}",
        "\u{200b}",
        "👑 👑",
        "'); --",
    ] {
        let ada = seats.somebody(SalesforcePast::None);
        let text = Some(text.to_owned());
        let typed =
            UserSignedUp { surname: text.clone(), given_name: text.clone(), display_name: text, ..ada };
        assert_eq!(seats.handle(&typed).await, Outcome::Done, "{:?}", typed.surname);
        let name = seats.field(&typed, "LastName").unwrap();
        let name = name.as_str().unwrap();
        assert!(!name.is_empty() && name.len() <= 80, "{name}");
        assert!(!name.contains(|c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}')), "{name:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_address_that_salesforce_refuses_is_rejected_with_a_code_and_without_the_address() {
    let seats = Seats::as_usual();
    for (email, code) in [
        ("ada@localhost".to_owned(), "INVALID_EMAIL_ADDRESS"),
        (format!("{}@example.com", "a".repeat(100)), "STRING_TOO_LONG"),
    ] {
        let typed = UserSignedUp { email: Some(email), ..seats.somebody(SalesforcePast::None) };
        let rejected = rejected(seats.handle(&typed).await);
        assert_eq!(rejected, format!("SalesforceRejected status=400 code={code}"));
    }
}

#[tokio::test(start_paused = true)]
async fn two_records_or_a_rule_of_the_orgs_are_this_records_fault() {
    let seats = Seats::as_usual();
    for (past, detail) in [
        (SalesforcePast::Ambiguous, "status=300 code=several-records"),
        (SalesforcePast::Refused, "status=400 code=FIELD_CUSTOM_VALIDATION_EXCEPTION"),
    ] {
        let somebody = seats.somebody(past);
        assert_eq!(rejected(seats.handle(&somebody).await), format!("SalesforceRejected {detail}"));
        assert_eq!(seats.sandbox.salesforce_record(somebody.user_id), None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_that_ended_is_renewed_at_once() {
    let seats = Seats::as_usual();
    let ada = seats.somebody(SalesforcePast::None);
    assert_eq!(seats.handle(&ada).await, Outcome::Done);
    seats.sandbox.end_salesforce_sessions();
    assert_eq!(seats.handle(&ada).await, Outcome::Done);
    assert_eq!(seats.calls("salesforce.token"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_new_token_that_is_refused_too_is_not_the_records_fault() {
    let (crm, asked) = crm(|_, _| error(401, "INVALID_SESSION_ID"));
    let outcome = crm.handle(&Event::new(ada())).await;
    assert_eq!(class_if_unavailable(outcome), FailureClass::Transient, "the probe tells");
    assert_eq!(asked.tokens(), ["Bearer token-1", "Bearer token-2"]);
    let down = crm.probe().await.unwrap_err();
    assert_eq!((down.setting, down.failure.class), ("SALESFORCE_USERNAME", FailureClass::Unauthorized));
}

#[tokio::test(start_paused = true)]
async fn what_passes_is_tried_again() {
    let seats = Seats::as_usual();
    let ada = seats.somebody(SalesforcePast::None);
    for kind in [FaultKind::Status(400), FaultKind::Status(503), FaultKind::Before, FaultKind::After] {
        seats.fault("salesforce.upsert", kind);
        let outcome = seats.handle(&ada).await;
        assert!(matches!(outcome, Outcome::Retry(_)), "{kind:?} {outcome:?}");
    }
    assert_eq!(seats.handle(&ada).await, Outcome::Done);
    let effect = seats.sandbox.effects().of(ada.user_id).unwrap().crm.clone();
    assert_eq!(effect.records, 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_not_salesforces_is_no_success() {
    let page = |status: u16, body: &'static str| {
        http::Response::builder().status(status).body(Bytes::from_static(body.as_bytes())).unwrap()
    };
    let (crm, _) = crm(move |n, _| if n == 1 { page(200, "<html>Sign in</html>") } else { page(204, "") });
    assert!(matches!(crm.handle(&Event::new(ada())).await, Outcome::Retry(_)));
    assert_eq!(crm.handle(&Event::new(ada())).await, Outcome::Done, "an old version answers with nothing");
}

#[tokio::test(start_paused = true)]
async fn an_org_that_is_down_is_unavailable_and_so_says_the_probe() {
    let seats = Seats::as_usual();
    let ada = seats.somebody(SalesforcePast::None);
    seats.sandbox.outage(Vendor::Salesforce, true);
    assert_eq!(class_if_unavailable(seats.handle(&ada).await), FailureClass::Unreachable);
    assert_eq!(seats.crm.probe().await.unwrap_err().failure.class, FailureClass::Unreachable);
    seats.sandbox.outage(Vendor::Salesforce, false);
    assert_eq!(seats.crm.probe().await, Ok(()));
    assert_eq!(seats.handle(&ada).await, Outcome::Done);
}

#[tokio::test(start_paused = true)]
async fn the_last_calls_of_the_day_are_left_to_others() {
    let seats = Seats::as_usual();
    let ada = seats.somebody(SalesforcePast::None);
    seats.sandbox.change(|settings| {
        settings.salesforce.daily_calls = 100;
        settings.salesforce.used_by_others = 94;
    });
    assert_eq!(seats.handle(&ada).await, Outcome::Done, "the 95th");
    assert_eq!(class_if_unavailable(seats.handle(&ada).await), FailureClass::Transient);
    for _ in 0..20 {
        let down = seats.crm.probe().await.unwrap_err();
        assert_eq!(down.failure.to_string(), "daily calls reserved");
        sleep(Duration::from_secs(10)).await;
    }
    assert_eq!((seats.calls("salesforce.upsert"), seats.calls("salesforce.describe")), (1, 0));

    seats.sandbox.change(|settings| settings.salesforce.used_by_others = 0);
    sleep(Duration::from_secs(600)).await;
    assert_eq!(seats.crm.probe().await, Ok(()), "it looks again");
    assert_eq!(seats.handle(&ada).await, Outcome::Done);
}

#[tokio::test(start_paused = true)]
async fn an_allowance_that_is_used_up_is_no_records_fault_and_is_not_asked_for_all_the_time() {
    let seats = Seats::new(|settings| settings.salesforce_limit_reserve = 0);
    let ada = seats.somebody(SalesforcePast::None);
    seats.sandbox.change(|settings| settings.salesforce.daily_calls = 0);
    assert_eq!(class_if_unavailable(seats.handle(&ada).await), FailureClass::Transient);
    for _ in 0..20 {
        assert_eq!(seats.crm.probe().await.unwrap_err().failure.class, FailureClass::Transient);
        sleep(Duration::from_secs(10)).await;
    }
    assert!(seats.calls("salesforce.describe") <= 1, "{}", seats.calls("salesforce.describe"));
    seats.sandbox.change(|settings| settings.salesforce.daily_calls = 100);
    sleep(Duration::from_secs(600)).await;
    assert_eq!(seats.crm.probe().await, Ok(()));
    assert_eq!(seats.handle(&ada).await, Outcome::Done);
}

#[tokio::test(start_paused = true)]
async fn too_many_calls_at_once_are_refused_without_a_pause_for_all() {
    let seats = Seats::as_usual();
    let ada = seats.somebody(SalesforcePast::None);
    seats.fault("salesforce.upsert", FaultKind::Throttled);
    assert_eq!(class_if_unavailable(seats.handle(&ada).await), FailureClass::Transient);
    assert_eq!(seats.crm.probe().await, Ok(()));
    assert_eq!(seats.handle(&ada).await, Outcome::Done);
}

fn mapping(external_id: &str, fields: &str) -> Option<Mapping> {
    let text = format!("object = \"Contact\"\nexternal_id = \"{external_id}\"\n[fields]\n{fields}\n");
    Some(text.parse().unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_probe_finds_out_what_is_wrong_with_the_settings() {
    use FailureClass::{Refused, Unauthorized};
    type Row = (fn(&mut CrmSettings), &'static str, FailureClass);
    let rows: [Row; 6] = [
        (|it| it.salesforce_client_id = "3MVG9-another".to_owned(), "SALESFORCE_CLIENT_ID", Unauthorized),
        (|it| it.salesforce_username = "eve@seats.example".into(), "SALESFORCE_USERNAME", Unauthorized),
        (
            |it| it.salesforce_api_version = "v99.0".to_owned(),
            "SALESFORCE_MAPPING, SALESFORCE_API_VERSION",
            Refused,
        ),
        (
            |it| {
                let fields = "LastName = \"surname\"\nShoes__c = \"appId\"";
                it.salesforce_mapping = mapping("UsherUserId__c", fields);
            },
            "SALESFORCE_MAPPING",
            Refused,
        ),
        (
            |it| it.salesforce_mapping = mapping("UsherUserId__c", "FirstName = \"surname\""),
            "SALESFORCE_MAPPING",
            Refused,
        ),
        (
            |it| it.salesforce_mapping = mapping("Email", "LastName = \"surname\""),
            "SALESFORCE_MAPPING",
            Refused,
        ),
    ];
    for (change, setting, class) in rows {
        let down = Seats::new(change).crm.probe().await.unwrap_err();
        assert_eq!((down.setting, down.failure.class), (setting, class), "{down}");
    }
    assert_eq!(Seats::as_usual().crm.probe().await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_lead_is_made_as_its_mapping_says() {
    let text = "object = \"Lead\"\nexternal_id = \"UsherUserId__c\"\n[fields]\nLastName = \"surname\"\n\
        Email = \"email\"\nCompany = { value = \"[not provided]\" }\nEmailVerified__c = \"emailVerified\"\n\
        SignedUp__c = \"signedUpAt\"\nIdentityProvider__c = \"identityProvider\"\n";
    let seats = Seats::new(|settings| settings.salesforce_mapping = Some(text.parse().unwrap()));
    assert_eq!(seats.crm.probe().await, Ok(()));
    let ada = seats.somebody(SalesforcePast::None);
    assert_eq!(seats.handle(&ada).await, Outcome::Done);
    assert_eq!(seats.field(&ada, "Company"), Some(json!("[not provided]")));
    assert_eq!(seats.field(&ada, "SignedUp__c"), Some(json!("2026-03-01T09:30:00.123Z")));
    assert_eq!(seats.field(&ada, "EmailVerified__c"), Some(json!(true)));
    assert_eq!(seats.field(&ada, "IdentityProvider__c"), Some(json!("google.com")));
}

#[tokio::test(start_paused = true)]
async fn a_check_tells_who_has_a_record_and_changes_nothing() {
    let seats = Seats::as_usual();
    let (ada, twice) = (seats.somebody(SalesforcePast::None), seats.somebody(SalesforcePast::Ambiguous));
    let presence = async |data: &UserSignedUp| seats.crm.presence(&Event::new(data.clone())).await;
    assert_eq!(presence(&ada).await, Ok(Presence::Missing("no-record")));
    assert_eq!(presence(&twice).await, Ok(Presence::Present));
    assert_eq!(seats.sandbox.salesforce_record(ada.user_id), None);
    assert_eq!(seats.handle(&ada).await, Outcome::Done);
    assert_eq!(presence(&ada).await, Ok(Presence::Present));
    assert_eq!((seats.calls("salesforce.query"), seats.calls("salesforce.upsert")), (3, 1));
    let wrong = Seats::new(|it| it.salesforce_mapping = mapping("Nowhere__c", "LastName = \"surname\""));
    let failure = wrong.crm.presence(&Event::new(ada)).await.unwrap_err();
    assert_eq!(failure.code.as_deref(), Some("INVALID_FIELD"), "nobody is missing who was not asked for");
}

/// A handler with so many calls a second and `sign_ups` in work at once, each call of which takes so long; the most
/// calls that have run at once.
fn busy(per_second: u32, sign_ups: usize, each: Duration) -> (Arc<Crm>, JoinSet<Outcome>, Arc<AtomicUsize>) {
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let seen = most.clone();
    let http = HttpClient::new(tower::service_fn(move |request: Request| {
        let (running, most) = (running.clone(), most.clone());
        async move {
            if is_login(&request) {
                return Ok::<_, TransportError>(token(1));
            }
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            sleep(if request.method() == Method::GET { Duration::from_millis(10) } else { each }).await;
            running.fetch_sub(1, Ordering::SeqCst);
            Ok(response(200, &json!({ "id": "0031", "createable": true, "updateable": true, "fields": [] })))
        }
    }));
    let pace = NonZeroU32::new(per_second).unwrap();
    let crm = Arc::new(crm_over(CrmSettings { salesforce_calls_per_second: pace, ..settings() }, http));
    let handled = (0..sign_ups).map(|_| {
        let crm = crm.clone();
        async move { crm.handle(&Event::new(ada())).await }
    });
    (crm.clone(), handled.collect(), seen)
}

#[tokio::test(start_paused = true)]
async fn calls_keep_their_pace_and_no_more_run_at_once() {
    let begun = Instant::now();
    let (_, mut handled, _) = busy(10, 101, Duration::from_millis(1));
    while let Some(outcome) = handled.join_next().await {
        assert_eq!(outcome.unwrap(), Outcome::Done);
    }
    let took = begun.elapsed();
    assert!((Duration::from_secs(10)..Duration::from_secs(11)).contains(&took), "{took:?}");

    let (_, mut handled, most) = busy(5, 30, Duration::from_secs(10));
    while let Some(outcome) = handled.join_next().await {
        assert_eq!(outcome.unwrap(), Outcome::Done);
    }
    assert_eq!(most.load(Ordering::SeqCst), 5);
}

#[tokio::test(start_paused = true)]
async fn a_probe_waits_neither_for_a_turn_nor_for_calls_that_hang() {
    let (crm, _handled, _) = busy(1, 100, Duration::from_secs(29));
    sleep(Duration::from_secs(1)).await;
    let probed = tokio::time::timeout(Duration::from_secs(2), crm.probe()).await;
    // The object of this Salesforce has no fields, which is an answer.
    assert_eq!(probed.unwrap().unwrap_err().setting, "SALESFORCE_MAPPING");
}
