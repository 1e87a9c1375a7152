//! `usher doctor` finds nothing wrong where all is well, names whatever is broken and what mends it, and changes nothing.

#![allow(clippy::unwrap_used, reason = "all of it is test code, helpers included")]

use std::fs;

use serde_json::{Value, json};
use usher_sandbox::{
    BILLING_CLIENT_ID, BILLING_CLIENT_SECRET, Judged, PRODUCER_CLIENT_ID, PRODUCER_CLIENT_SECRET,
    SIGN_UP_APP_ID,
};
use usher_tests::processes::{Options, Program, World, connection_string, peek_all};
use uuid::Uuid;

use graph_proxy::GraphProxy;

mod graph_proxy;

/// What changes something at a vendor. (Birthrights asks Graph for the grants of nobody, which Graph refuses.)
const WRITES: [&str; 9] = [
    "graph.patch_user",
    "graph.set_extension",
    "stripe.create_customer",
    "stripe.update_customer",
    "mailchimp.put_member",
    "mailchimp.tag_member",
    "salesforce.upsert",
    "database.upsert",
    "webhook.deliver",
];

/// A world in which somebody has signed up.
async fn world() -> World {
    let world = World::start(Options { consumers: Judged::ALL.into(), ..Options::default() }).await;
    world.control.sign_up().await;
    world
}

/// The producer, with the app registration of its own that has the least that it needs.
fn producer(world: &World) -> Program {
    world
        .producer()
        .with("ENTRA_CLIENT_ID", PRODUCER_CLIENT_ID.to_string())
        .with("ENTRA_CLIENT_SECRET", PRODUCER_CLIENT_SECRET)
}

/// What the doctor finds of a service with these settings, and its exit code.
async fn examined(settings: Program, service: &str) -> (Option<i32>, Vec<Value>) {
    let output = settings.renamed("usher").args(["doctor", service, "--json"]).run().await;
    let report: Value = serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    (output.code, report["findings"].as_array().unwrap().clone())
}

fn those_that_are(state: &str, findings: &[Value]) -> Vec<Value> {
    findings.iter().filter(|finding| finding["state"] == state).cloned().collect()
}

/// That this, and nothing else, is wrong; returns what mends it.
async fn is_wrong(settings: Program, service: &str, check: &str) -> String {
    let (code, findings) = examined(settings, service).await;
    let wrong = those_that_are("wrong", &findings);
    let [finding] = wrong.as_slice() else { panic!("{check}: {wrong:#?}") };
    assert_eq!((finding["check"].as_str(), code), (Some(check), Some(1)), "{finding:#}");
    finding["mend"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn where_all_is_well_nothing_is_wrong_and_nothing_is_changed() {
    let world = world().await;
    let (code, findings) = examined(producer(&world), "producer").await;
    assert_eq!(code, Some(0), "{findings:#?}");
    assert!(those_that_are("warning", &findings).is_empty(), "{findings:#?}");
    let actor = format!("actor {SIGN_UP_APP_ID}");
    assert!(findings.iter().any(|finding| finding["check"] == actor.as_str()), "{findings:#?}");
    for consumer in Judged::ALL {
        let (code, findings) = examined(world.consumer(consumer), consumer.name()).await;
        assert_eq!(code, Some(0), "{findings:#?}");
        for check in ["settings", "destination", "subscription", "rules"] {
            let found = findings.iter().find(|finding| finding["check"] == check);
            assert!(found.is_some_and(|finding| finding["state"] == "ok"), "{check}: {findings:#?}");
        }
        assert!(peek_all(&*world.queue_of(consumer).await).await.is_empty());
    }
    let calls = world.control.effects().await.totals.calls;
    assert!(calls["graph.audit"] > 0 && calls["graph.get_user"] > 0, "{calls:?}");
    assert!(WRITES.iter().all(|write| !calls.contains_key(*write)), "{calls:?}");
    assert!(!world.checkpoint().exists());
}

#[tokio::test]
async fn whatever_is_wrong_with_the_producer_is_named_with_what_mends_it() {
    let world = world().await;
    let producer = || producer(&world);
    let stranger = Uuid::from_u128(7).to_string();
    let missing = producer()
        .with("ENTRA_CLIENT_ID", BILLING_CLIENT_ID.to_string())
        .with("ENTRA_CLIENT_SECRET", BILLING_CLIENT_SECRET);

    let secret = producer().with("ENTRA_CLIENT_SECRET", "wrong");
    assert!(is_wrong(secret, "producer", "credentials").await.contains("ENTRA_CLIENT_SECRET"));
    let topic = producer().with("SERVICEBUS_TOPIC", "nowhere");
    assert!(is_wrong(topic, "producer", "topic").await.contains("SERVICEBUS_TOPIC"));
    let actors = producer().with("SIGNUP_ACTORS", stranger);
    assert!(is_wrong(actors, "producer", "SIGNUP_ACTORS").await.contains("sign up through"));
    let attributes = producer().with("EVENT_ATTRIBUTES", "shoeSize");
    assert!(is_wrong(attributes, "producer", "EVENT_ATTRIBUTES").await.contains("extension_"));
    let checkpoint = producer().without("START_FROM");
    assert!(is_wrong(checkpoint, "producer", "checkpoint").await.contains("START_FROM"));
    let setting = producer().without("CHECKPOINT");
    assert!(is_wrong(setting, "producer", "settings").await.contains("--help"));

    let (code, findings) = examined(missing, "producer").await;
    let wrong = those_that_are("wrong", &findings);
    let lacks = wrong.iter().any(|finding| finding["check"] == "permission AuditLog.Read.All");
    assert!(code == Some(1) && lacks, "{findings:#?}");
}

#[tokio::test]
async fn what_works_and_should_be_otherwise_is_a_warning() {
    let world = world().await;
    // The app registration that all may share has more rights than the producer needs.
    let (code, findings) = examined(world.producer(), "producer").await;
    let warnings = those_that_are("warning", &findings);
    for (role, mend) in [
        ("User.ReadWrite.All", "grant User.Read.All"),
        ("GroupMember.ReadWrite.All", "take GroupMember.ReadWrite.All away"),
    ] {
        let check = format!("permission {role}");
        let warning = warnings.iter().find(|finding| finding["check"] == check.as_str());
        assert!(warning.is_some_and(|it| it["mend"].as_str().unwrap().contains(mend)), "{findings:#?}");
    }
    assert_eq!(code, Some(0));

    let slow = GraphProxy::in_front_of(world.sandbox.announced("graph"), time::Duration::minutes(-5)).await;
    let (code, findings) = examined(producer(&world).with("GRAPH_ENDPOINT", &slow.url), "producer").await;
    let warnings = those_that_are("warning", &findings);
    assert!(warnings.iter().any(|finding| finding["check"] == "clock"), "{findings:#?}");
    assert_eq!(code, Some(0));
}

#[tokio::test]
async fn whatever_is_wrong_with_a_consumer_is_named_with_what_mends_it() {
    let world = world().await;
    let key = world.billing().with("STRIPE_SECRET_KEY", "sk_test_wrong");
    assert!(is_wrong(key, "billing", "destination").await.contains("STRIPE_SECRET_KEY"));
    let setting = world.billing().without("STRIPE_SECRET_KEY");
    assert!(is_wrong(setting, "billing", "settings").await.contains("--help"));
    let list = world.email().with("MAILCHIMP_LIST_ID", "0000000000");
    assert!(is_wrong(list, "email", "destination").await.contains("MAILCHIMP_LIST_ID"));
    let subscription = world.billing().with("SERVICEBUS_SUBSCRIPTION", "nowhere");
    let mend = is_wrong(subscription, "billing", "subscription").await;
    assert!(mend.contains("az servicebus topic subscription create"), "{mend}");

    let broker = broker_with_the_default_rule(&world).start().await;
    let string = connection_string(broker.announced("amqp"), "SAS_KEY_VALUE");
    let default = world.billing().with("SERVICEBUS_CONNECTION_STRING", string);
    let mend = is_wrong(default, "billing", "rules").await;
    assert!(mend.contains("rule delete") && mend.contains("$Default"), "{mend}");
}

/// A broker whose subscription was made and left as Azure makes it.
fn broker_with_the_default_rule(world: &World) -> Program {
    let topic = json!({ "Name": "user-signups", "Subscriptions": [{ "Name": "billing" }] });
    let config = json!({ "UserConfig": { "Namespaces": [{ "Name": "test", "Topics": [topic] }] } });
    let (file, data) = (world.home().join("default.json"), world.home().join("default"));
    fs::write(&file, config.to_string()).unwrap();
    let (file, data) = (file.display().to_string(), data.display().to_string());
    Program::new("usher-broker", world.home()).args([
        "--listen",
        "127.0.0.1:0",
        "--data",
        &data,
        "--config",
        &file,
    ])
}

#[tokio::test]
async fn each_service_has_a_file_of_settings_and_people_read_what_is_wrong() {
    let world = world().await;
    let folder = world.home().join("settings");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("billing.env"), "STRIPE_SECRET_KEY='sk_test_wrong'\n").unwrap();
    let folder = folder.display().to_string();
    let output = world.usher(["doctor", "--env-dir", &folder]).run().await;
    assert_eq!(output.code, Some(1), "{output:?}");
    for line in ["billing\n", "  wrong    destination: ", "           mend: mend STRIPE_SECRET_KEY"] {
        assert!(output.stdout.contains(line), "{line}: {}", output.stdout);
    }
    assert!(output.stdout.contains("email\n  skipped  settings: no "), "{}", output.stdout);
    assert!(!output.stdout.contains("sk_test_wrong"), "{}", output.stdout);

    let missing = world.usher(["doctor", "--env-dir", "/nowhere"]).run().await;
    assert_eq!(missing.code, Some(64), "{missing:?}");
}
