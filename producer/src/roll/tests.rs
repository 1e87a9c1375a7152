use std::{collections::BTreeSet, sync::Arc};

use secrecy::SecretString;
use time::macros::datetime;
use usher_clock::Clock;
use usher_entra::ClientCredentials;
use usher_event::EventId;
use usher_http::HttpClient;
use usher_sandbox::{
    AuditLatency, CLIENT_ID, CLIENT_SECRET, Call, Crowd, FaultKind, GRAPH_URL, Kind, LOGIN_URL, NewSignUp,
    SIGN_UP_APP_ID, Sandbox, SandboxSettings, TENANT_ID, Target, marketing_consent_attribute,
};

use super::*;

const START: OffsetDateTime = datetime!(2026-01-08 12:00 UTC);
const HOUR: Duration = Duration::from_secs(3600);

/// A tenant in which everything shows at once.
fn tenant() -> Sandbox {
    let mut settings = SandboxSettings::default();
    settings.audit.latency = AuditLatency::NONE;
    settings.replication_lag = Duration::ZERO..=Duration::ZERO;
    settings.user_page_size = 3;
    Sandbox::new(settings, Clock::starting_at(START))
}

/// The roll of the last hour, but for those of the last quarter.
async fn roll(tenant: &Sandbox) -> Page {
    let (http, clock) = (HttpClient::new(tenant.service()), Clock::starting_at(START));
    let (authority, secret) = (LOGIN_URL.parse().unwrap(), SecretString::from(CLIENT_SECRET));
    let credential =
        ClientCredentials::with_secret(http.clone(), &authority, TENANT_ID, CLIENT_ID, secret, clock);
    let graph = Graph::new(http, GRAPH_URL.parse().unwrap(), Arc::new(credential), clock);
    let attributes = vec![marketing_consent_attribute()];
    let policy = Policy { attributes, ..Policy::new(TENANT_ID, [SIGN_UP_APP_ID]) };
    let span = (START - HOUR, START - HOUR / 4);
    let mut roll = Roll::of(&graph, &policy, span, START).await.unwrap();
    let mut whole = Page::default();
    while let Some(page) = roll.page().await.unwrap() {
        whole.events.extend(page.events);
        whole.left_out.others += page.left_out.others;
        whole.left_out.settling += page.left_out.settling;
    }
    whole
}

fn ids(page: &Page) -> BTreeSet<Uuid> {
    page.events.iter().map(|event| event.data.user_id).collect()
}

fn half_an_hour_ago() -> NewSignUp {
    NewSignUp { at: Some(START - HOUR / 2), ..NewSignUp::default() }
}

#[tokio::test(start_paused = true)]
async fn who_signed_up_is_on_it_with_the_event_that_is_published_of_them_and_nobody_else_is() {
    let tenant = tenant();
    let crowd = Crowd { bystanders: 0, short_lived: 0, ..Crowd::of(7) };
    // Of the very moment: their events may be under way.
    tenant.generate(&crowd);
    let known = NewSignUp { marketing_consent: Some(true), ..half_an_hour_ago() };
    let customers: BTreeSet<_> = (0..5).map(|_| tenant.sign_up(known.clone())).collect();
    for kind in [Kind::AdminMade, Kind::OtherApp, Kind::Failed] {
        tenant.sign_up(NewSignUp { kind, ..half_an_hour_ago() });
    }
    tenant.sign_up(NewSignUp { at: Some(START - 2 * HOUR), ..NewSignUp::default() });

    let roll = roll(&tenant).await;

    assert_eq!(ids(&roll), customers);
    assert_eq!(roll.left_out, LeftOut { others: 2, settling: 7 });
    for event in &roll.events {
        assert_eq!(event.id, EventId::of(TENANT_ID, event.data.user_id));
        assert_eq!(event.data.app_id, Some(SIGN_UP_APP_ID.to_string()));
        assert_eq!(event.data.attributes[&marketing_consent_attribute()], true);
        assert!(event.data.audit.id != NO_ENTRY && event.data.email.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn whom_the_log_does_not_know_is_on_it_as_well() {
    let tenant = tenant();
    let missed = tenant.sign_up(NewSignUp { audit_latency: Some(24 * HOUR), ..half_an_hour_ago() });
    let roll = roll(&tenant).await;
    assert_eq!(ids(&roll), BTreeSet::from([missed]));
    assert_eq!((roll.events[0].data.app_id.as_deref(), &*roll.events[0].data.audit.id), (None, NO_ENTRY));
    assert_eq!(roll.events[0].data.signed_up_at, START - HOUR / 2);
}

#[tokio::test(start_paused = true)]
async fn a_page_of_users_is_asked_for_again() {
    let tenant = tenant();
    let customer = tenant.sign_up(half_an_hour_ago());
    tenant.faults().next(Target::Call(Call::ListUsers), 2, FaultKind::Throttled);
    assert_eq!(ids(&roll(&tenant).await), BTreeSet::from([customer]));
}
