//! What can't be done lies in billing's dead-letter queue with its reason, and the operator has tools for it.

#![allow(clippy::unwrap_used, reason = "all of it is test code, helpers included")]

use serde_json::{Value, json};
use usher_bus::{Bus, Message};
use usher_event::EventId;
use usher_sandbox::TENANT_ID;
use usher_tests::processes::{Options, Process, World};
use uuid::Uuid;

async fn dead_lettered(world: &World, billing: &Process, letters: u64) {
    let is_right = |counts: &usher_tests::processes::Counts| counts.of("dead_lettered") == letters;
    world.counts(billing, "dead-lettered", is_right).await;
}

/// What `usher dlq list billing --json` prints, one object a dead letter.
async fn list(world: &World) -> Vec<Value> {
    let output = world.usher(["dlq", "list", "billing", "--json"]).run().await;
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    output.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn show(world: &World, letter: &Value) -> String {
    let number = letter["sequenceNumber"].to_string();
    let output = world.usher(["dlq", "show", "billing", &number]).run().await;
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    output.stdout
}

#[tokio::test]
async fn a_refused_customer_is_a_dead_letter_and_replay_finishes_it_once_the_address_is_mended() {
    let world = World::start(Options::default()).await;
    let _producer = world.producer().start().await;
    let billing = world.billing().start().await;
    let user = world.control.order(json!({ "sign_up": { "refused_email": true } })).await[0];
    dead_lettered(&world, &billing, 1).await;

    let letters = list(&world).await;
    let [letter] = letters.as_slice() else { panic!("{letters:?}") };
    let trace = letter["traceId"].as_str().unwrap();
    assert_eq!(letter["reason"], "StripeRejected");
    let description = format!("status=400 code=email_invalid consumer=billing attempt=1 trace={trace}");
    assert_eq!(letter["description"], description);
    assert_eq!(letter["eventId"], EventId::of(TENANT_ID, user).to_string());
    assert_eq!(letter["userId"], user.to_string());
    let shown = show(&world, letter).await;
    assert!(shown.contains(&description) && !shown.contains("hanako"), "{shown}");

    let replay = world.usher(["dlq", "replay", "billing"]);
    let again = replay.run().await;
    assert_eq!(again.code, Some(1), "{again:?}");
    assert!(again.stdout.contains("still dead: StripeRejected status=400"), "{again:?}");
    assert_eq!(list(&world).await.len(), 1, "what fails again stays");

    let mended = json!({ "mend_email": { "user": user, "email": "hanako.sato@example.com" } });
    world.control.order(mended).await;
    let done = replay.run().await;
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.stdout.contains("1 done, 0 failed"), "{done:?}");
    assert!(world.control.shows_each_effect_once(1).await);

    let empty = replay.run().await;
    assert_eq!(empty.code, Some(0), "{empty:?}");
    assert!(empty.stdout.contains("the dead-letter queue is empty"), "{empty:?}");
}

#[tokio::test]
async fn what_is_no_event_of_ours_is_a_dead_letter_with_its_reason() {
    let world = World::start(Options::default()).await;
    let billing = world.billing().start().await;
    let publisher = world.bus().publisher("user-signups").await.unwrap();
    let messages = [
        ("1", "Ada Lovelace <ada@example.com>".to_owned()),
        ("2", event("usher.user-signed-up.v1", Uuid::from_u128(9))),
        ("3", event("usher.user-signed-up.v2", TENANT_ID)),
    ];
    publisher.publish(messages.map(|(id, body)| Message::new(id, body)).into()).await.unwrap();
    dead_lettered(&world, &billing, 3).await;

    let mut letters = list(&world).await;
    letters.sort_by_key(|letter| letter["eventId"].to_string());
    let reasons: Vec<_> = letters.iter().map(|letter| letter["reason"].as_str().unwrap()).collect();
    // Sorted by the event's id where there is one, and by the message's.
    let mut expected = ["Undecodable", "ForeignTenant", "UnknownMajorVersion"];
    let mut found = reasons.clone();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
    for letter in &letters {
        let shown = show(&world, letter).await;
        assert!(shown.contains(letter["reason"].as_str().unwrap()), "{shown}");
        assert!(shown.contains("consumer=billing"), "{shown}");
        assert!(!shown.contains("Lovelace") && !shown.contains("ada@"), "{shown}");
    }
}

fn event(kind: &str, tenant: Uuid) -> String {
    let user = Uuid::from_u128(2);
    json!({
        "specversion": "1.0", "type": kind, "id": EventId::of(tenant, user), "subject": user,
        "source": format!("https://graph.microsoft.com/tenants/{tenant}"), "time": "2026-01-01T12:00:00Z",
        "datacontenttype": "application/json",
        "data": {
            "tenantId": tenant, "userId": user, "displayName": "Ada Lovelace", "email": "ada@example.com",
            "emailVerified": true, "identityProviders": [], "signedUpAt": "2026-01-01T12:00:00Z",
            "audit": { "id": "Directory_1" },
        },
    })
    .to_string()
}
