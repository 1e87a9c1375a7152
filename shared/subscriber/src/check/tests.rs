use std::sync::Mutex;

use async_trait::async_trait;
use time::{OffsetDateTime, macros::datetime};
use usher_event::{Audit, UserSignedUp};
use uuid::Uuid;

use super::*;
use crate::{Down, Outcome};

const TENANT: Uuid = Uuid::from_u128(1);
const NOON: OffsetDateTime = datetime!(2026-03-01 12:00 UTC);
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

/// Answers as it is told, first to last; the last answer is repeated.
struct Vendor(Mutex<Vec<Result<Presence, Failure>>>);

#[async_trait]
impl Handler for Vendor {
    fn tenant_id(&self) -> Uuid {
        TENANT
    }

    fn passes_over(&self, event: &Event) -> Option<&'static str> {
        (event.data.user_id == Uuid::nil()).then_some("no-consent")
    }

    async fn handle(&self, _: &Event) -> Outcome {
        unreachable!("a check changes nothing")
    }

    async fn probe(&self) -> Result<(), Down> {
        Ok(())
    }

    async fn presence(&self, _: &Event) -> Result<Presence, Failure> {
        let mut answers = self.0.lock().unwrap();
        if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() }
    }
}

fn vendor(answers: impl Into<Vec<Result<Presence, Failure>>>) -> Vendor {
    Vendor(Mutex::new(answers.into()))
}

fn event(tenant_id: Uuid, user: u128, signed_up_at: OffsetDateTime) -> String {
    let event = Event::new(UserSignedUp {
        tenant_id,
        user_id: Uuid::from_u128(user),
        display_name: None,
        given_name: None,
        surname: None,
        email: Some("ada@example.com".to_owned()),
        email_verified: true,
        identity_providers: vec![],
        signed_up_at,
        app_id: None,
        attributes: std::collections::BTreeMap::new(),
        audit: Audit { id: "Directory_1".to_owned(), correlation_id: None },
    });
    String::from_utf8(event.to_json()).unwrap()
}

/// The answers for these lines, or why there are none.
async fn answers(
    vendor: &Vendor,
    lines: &[String],
) -> Result<Vec<(u128, String, String)>, usher_service::Failure> {
    let asked = Asked { handler: vendor, max_age: Some(WEEK), clock: Clock::starting_at(NOON) };
    let mut out = Vec::new();
    asked.answer_all(stream::iter(lines.iter().cloned().map(Ok)), 4, &mut out).await?;
    let answer = |line: &str| {
        let answer: Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| answer[name].as_str().unwrap().to_owned();
        (text("userId").parse::<Uuid>().unwrap().as_u128(), text("presence"), text("why"))
    };
    Ok(String::from_utf8(out).unwrap().lines().map(answer).collect())
}

async fn answer(of: impl Into<Vec<Result<Presence, Failure>>>, line: String) -> (String, String) {
    let mut all = answers(&vendor(of), &[line]).await.unwrap();
    let (_, presence, why) = all.remove(0);
    (presence, why)
}

fn said(presence: &str, why: &str) -> (String, String) {
    (presence.to_owned(), why.to_owned())
}

#[tokio::test(start_paused = true)]
async fn each_sign_up_is_answered_for_in_the_order_of_asking() {
    let vendor = vendor([Ok(Presence::Present)]);
    let lines: Vec<_> = (1..=9).map(|user| event(TENANT, user, NOON)).collect();
    let users: Vec<_> = answers(&vendor, &lines).await.unwrap().into_iter().map(|(user, ..)| user).collect();
    assert_eq!(users, Vec::from_iter(1..=9));
}

#[tokio::test(start_paused = true)]
async fn what_nobody_would_have_acted_on_is_not_missed() {
    let missing = [Ok(Presence::Missing("no-customer"))];
    assert_eq!(answer(missing.clone(), event(TENANT, 7, NOON)).await, said("missing", "no-customer"));
    assert_eq!(answer(missing.clone(), event(TENANT, 0, NOON)).await, said("not-expected", "no-consent"));
    let long_ago = NOON - 2 * WEEK;
    assert_eq!(answer(missing, event(TENANT, 7, long_ago)).await, said("not-expected", "too-old"));
    let present = [Ok(Presence::Present)];
    assert_eq!(answer(present, event(TENANT, 7, long_ago)).await, said("present", ""));
}

#[tokio::test(start_paused = true)]
async fn a_moments_failure_is_waited_out_and_a_refusal_is_of_one_user() {
    let busy = Failure::status(FailureClass::Transient, 429);
    let waited = answer([Err(busy), Ok(Presence::Present)], event(TENANT, 7, NOON)).await;
    assert_eq!(waited, said("present", ""));
    let refused = Failure::status(FailureClass::Refused, 400);
    assert_eq!(answer([Err(refused)], event(TENANT, 7, NOON)).await, said("unknown", "400"));
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_is_not_there_ends_it() {
    for class in [FailureClass::Unreachable, FailureClass::Unauthorized, FailureClass::Transient] {
        let vendor = vendor([Err(Failure::status(class, 503))]);
        let ended = answers(&vendor, &[event(TENANT, 7, NOON)]).await.unwrap_err();
        assert!(matches!(ended, usher_service::Failure::Unavailable(_)), "{ended:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_event_of_this_tenant_ends_it_and_is_not_quoted() {
    let vendor = vendor([Ok(Presence::Present)]);
    for line in ["ada@example.com".to_owned(), event(Uuid::from_u128(2), 7, NOON)] {
        let ended = answers(&vendor, &[line]).await.unwrap_err();
        assert!(matches!(ended, usher_service::Failure::Negative(_)), "{ended:?}");
        assert!(!ended.to_string().contains("ada"), "{ended}");
    }
}

#[tokio::test]
async fn lines_come_as_they_are_read() {
    let read: Vec<_> = lines(|| io::Cursor::new("one\ntwo\n")).map(|line| line.unwrap()).collect().await;
    assert_eq!(read, ["one", "two"]);
}
