//! `usher reconcile`: of real processes, some of whose work has gone missing, it finds just that and mends it.

#![allow(clippy::unwrap_used, reason = "all of it is test code, helpers included")]

use std::{collections::BTreeSet, fs, time::Duration};

use serde_json::{Value, json};
use usher_bus::Settlement;
use usher_sandbox::{CLIENT_ID, CLIENT_SECRET, Judged, SIGN_UP_APP_ID, marketing_consent_attribute};
use usher_tests::processes::{Options, Output, Program, World, eventually, peek_all};
use uuid::Uuid;

/// The audit log takes 5 requests in 10 seconds, and each run has one or two; a debug build starts three programs.
const WITH_A_SLOW_LOG: Duration = Duration::from_secs(3 * 60);

async fn world(consumers: &[Judged]) -> World {
    World::start(Options { consumers: consumers.to_vec(), ..Options::default() }).await
}

/// The command as an operator gives it who has the consumer's settings in the environment and the producer's in a file.
fn reconcile(world: &World, consumer: Judged, more: &[&str]) -> Program {
    let settings = [
        ("ENTRA_CLIENT_ID", CLIENT_ID.to_string()),
        ("ENTRA_CLIENT_SECRET", CLIENT_SECRET.to_owned()),
        ("SIGNUP_ACTORS", SIGN_UP_APP_ID.to_string()),
        ("EVENT_ATTRIBUTES", marketing_consent_attribute()),
        ("CHECKPOINT", world.checkpoint().display().to_string()),
        ("ENTRA_AUTHORITY_HOST", world.sandbox.announced("login").to_owned()),
        ("GRAPH_ENDPOINT", world.sandbox.announced("graph").to_owned()),
        ("USHER_EXTRA_CA_FILE", world.sandbox.announced("ca_file").to_owned()),
    ];
    let file = world.home().join("producer.env");
    let lines: String = settings.iter().map(|(name, value)| format!("{name}='{value}'\n")).collect();
    fs::write(&file, lines).unwrap();
    let file = file.display().to_string();
    let line =
        ["reconcile", consumer.name(), "--since", "1h", "--settle", "0s", "--json", "--producer-env", &file];
    let operator = world.consumer(consumer).without("HEALTH_ADDR").renamed("usher");
    operator.args(line).args(more.iter().copied())
}

async fn reconciled(world: &World, consumer: Judged, more: &[&str]) -> Output {
    reconcile(world, consumer, more).run_within(WITH_A_SLOW_LOG).await
}

fn lines(output: &Output) -> Vec<Value> {
    output.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Who is listed as missing.
fn missing(output: &Output) -> BTreeSet<Uuid> {
    let users = lines(output).into_iter().filter_map(|line| line["userId"].as_str().map(str::to_owned));
    users.map(|user| user.parse().unwrap()).collect()
}

fn summary(output: &Output) -> Value {
    lines(output).last().unwrap_or_else(|| panic!("{output:?}"))["summary"].clone()
}

/// What billing's command says once just these are missing: what is written on a user can be read a little later.
async fn until_missing(world: &World, users: &BTreeSet<Uuid>) -> Output {
    eventually("just these are missing", async || {
        Some(reconciled(world, Judged::Billing, &[]).await).filter(|output| missing(output) == *users)
    })
    .await
}

/// Takes a message out of billing's subscription before billing sees it; says whose it was.
async fn lose_a_message(world: &World) -> Uuid {
    let queue = world.queue().await;
    queue.add_credit(1);
    let delivery = queue.next().await.unwrap();
    let event = usher_event::Event::from_json(&delivery.message.body).unwrap();
    queue.settle(delivery.lock, Settlement::Complete).await.unwrap();
    queue.close().await;
    event.data.user_id
}

#[tokio::test]
async fn whoever_was_missed_is_listed_and_mended_and_no_other_consumer_hears_of_it() {
    let world = world(&[Judged::Billing]).await;
    let mut producer = world.producer().start().await;
    for _ in 0..4 {
        world.control.sign_up().await;
    }
    world.control.order(json!({ "sign_up": { "kind": "admin-made" } })).await;
    eventually("all are published", async || {
        (peek_all(&*world.queue().await).await.len() == 4).then_some(())
    })
    .await;
    let lost = lose_a_message(&world).await;
    producer.terminate().await;
    let unseen = world.control.sign_up().await;
    let billing = world.billing().start().await;
    world.counts(&billing, "three are served", |counts| counts.of("done") == 3).await;
    let of_email = peek_all(&*world.queue_of(Judged::Email).await).await.len();

    let found = until_missing(&world, &BTreeSet::from([lost, unseen])).await;
    assert_eq!(found.code, Some(1), "{found:?}");
    assert_eq!(summary(&found)["present"], 3);
    assert_eq!(
        (summary(&found)["signedUp"].as_u64(), summary(&found)["others"].as_u64()),
        (Some(5), Some(1))
    );
    assert!(!found.stdout.contains("@example") && !found.stderr.contains("@example"), "{found:?}");
    world.counts(&billing, "nothing is published by looking", |counts| counts.of("received") == 3).await;

    let fixed = reconciled(&world, Judged::Billing, &["--fix"]).await;
    assert_eq!(fixed.code, Some(1), "somebody was missing: {fixed:?}");
    assert_eq!(summary(&fixed)["publishedAgain"], 2);
    world.counts(&billing, "the two are served", |counts| counts.of("done") == 5).await;
    let again = until_missing(&world, &BTreeSet::new()).await;
    assert_eq!(again.code, Some(0), "{again:?}");
    assert_eq!(summary(&again)["present"], 5);
    assert!(world.control.shows_each_effect_once(6).await, "five customers, and the administrator's");
    assert_eq!(peek_all(&*world.queue_of(Judged::Email).await).await.len(), of_email, "for billing alone");
}

#[tokio::test]
async fn one_can_be_mended_to_see_how_it_goes() {
    let world = world(&[Judged::Billing]).await;
    for _ in 0..3 {
        world.control.sign_up().await;
    }
    let billing = world.billing().start().await;
    let fixed = reconciled(&world, Judged::Billing, &["--fix", "--limit", "1"]).await;
    assert_eq!((missing(&fixed).len(), summary(&fixed)["complete"].as_bool()), (1, Some(false)), "{fixed:?}");
    world.counts(&billing, "one is served", |counts| counts.of("done") == 1).await;
    eventually("two are left", async || {
        (missing(&reconciled(&world, Judged::Billing, &[]).await).len() == 2).then_some(())
    })
    .await;
}

#[tokio::test]
async fn each_consumer_tells_whether_its_effect_shows() {
    const THEY: [Judged; 3] = [Judged::Email, Judged::Birthrights, Judged::Upn];
    let world = world(&THEY).await;
    let mut producer = world.producer().start().await;
    for agrees in [true, false] {
        world.control.order(json!({ "sign_up": { "marketing_consent": agrees } })).await;
    }
    eventually("both are published", async || {
        (peek_all(&*world.queue_of(Judged::Upn).await).await.len() == 2).then_some(())
    })
    .await;
    producer.terminate().await;
    for (consumer, due) in THEY.into_iter().zip([1, 2, 2]) {
        let before = reconciled(&world, consumer, &[]).await;
        assert_eq!(missing(&before).len(), due, "{consumer:?}: {before:?}");
        let running = world.consumer(consumer).start().await;
        world.counts(&running, "both are seen", |counts| counts.of("received") == 2).await;
        eventually("nobody is missing any more", async || {
            (reconciled(&world, consumer, &[]).await.code == Some(0)).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_wrong_setting_of_either_program_is_a_wrong_setting_here() {
    let world = world(&[Judged::Billing]).await;
    let wrong_key = reconcile(&world, Judged::Billing, &[]).with("STRIPE_SECRET_KEY", "sk_test_wrong");
    let refused = wrong_key.run_within(WITH_A_SLOW_LOG).await;
    assert_eq!(refused.code, Some(64), "{refused:?}");
    assert!(refused.stderr.contains("STRIPE_SECRET_KEY"), "{refused:?}");
    let wrong_limit = reconciled(&world, Judged::Billing, &["--limit", "0"]).await;
    assert_eq!(wrong_limit.code, Some(64), "{wrong_limit:?}");
    let nobody = reconciled(&world, Judged::Billing, &[]).await;
    assert_eq!(nobody.code, Some(0), "an empty tenant misses nobody: {nobody:?}");
}
