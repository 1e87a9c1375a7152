//! SIGKILL where it hurts: in the end each effect shows once, nothing is lost and nothing doubled.

#![allow(clippy::unwrap_used, reason = "all of it is test code, helpers included")]

use std::{collections::BTreeSet, fs, time::Duration};

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use usher_bus::{Bus, Message};
use usher_event::EventId;
use usher_sandbox::{Effect, Judged, TENANT_ID, Verdict};
use usher_tests::processes::{Options, Process, Program, World, eventually, peek_all};
use uuid::Uuid;

/// Users that the checkpoint of a large tenant knows already: they make it slow to write, so that the moment
/// between the broker's answer and the new checkpoint is long enough to be hit.
const KNOWN_USERS: u128 = 50_000;

/// As [`World::start`], with these consumers, and with locks that are over soon.
async fn world_of(consumers: impl Into<Vec<Judged>>) -> World {
    World::start(Options { consumers: consumers.into(), short_locks: true, ..Options::default() }).await
}

async fn world() -> World {
    world_of([Judged::Billing]).await
}

/// Waits until every effect shows once and no message is left anywhere.
async fn all_is_well(world: &World, sign_ups: usize) {
    eventually("each effect shows once", async || {
        world.control.shows_each_effect_once(sign_ups).await.then_some(())
    })
    .await;
    for &consumer in world.consumers() {
        let queue = world.queue_of(consumer).await;
        eventually("the queue is empty", async || peek_all(&*queue).await.is_empty().then_some(())).await;
        assert_eq!(peek_all(&*world.dead_letters_of(consumer).await).await.len(), 0, "{consumer:?}");
    }
}

async fn sign_ups(world: &World, count: usize, a_second: u32) {
    let order =
        json!({ "sign_ups": { "count": count, "rate": a_second, "bystanders": 0, "short_lived": 0 } });
    assert_eq!(world.control.order(order).await.len(), count);
}

/// The checkpoint of a tenant that has had many sign-ups within the last hour.
fn write_large_checkpoint(world: &World) {
    let now = "2026-01-01T00:00:00Z";
    let settled = (0..KNOWN_USERS).map(|user| (Uuid::from_u128(user).to_string(), json!(now)));
    let checkpoint = json!({
        "version": 1, "tenantId": TENANT_ID, "start": now, "watermark": now, "recognisedBy": [],
        "settled": settled.collect::<serde_json::Map<_, _>>(), "waiting": {},
    });
    fs::write(world.checkpoint(), checkpoint.to_string()).unwrap();
}

fn is_settled(world: &World, user: Uuid) -> bool {
    let checkpoint: Value = serde_json::from_slice(&fs::read(world.checkpoint()).unwrap()).unwrap();
    checkpoint["settled"].get(user.to_string()).is_some()
}

/// Kills the producer as soon as the broker has the message. True if the checkpoint did not have it yet.
async fn kill_between_publish_and_checkpoint(world: &World, producer: &mut Process, user: Uuid) -> bool {
    let id = EventId::of(TENANT_ID, user).to_string();
    let queue = world.queue().await;
    let deadline = Instant::now() + Duration::from_secs(60);
    // As fast as the broker answers: what is waited for lasts for milliseconds.
    while !queue.peek(0, 250).await.unwrap().iter().any(|seen| seen.message.id == id) {
        assert!(Instant::now() < deadline, "not published");
    }
    producer.strike();
    producer.ended().await;
    !is_settled(world, user)
}

#[tokio::test]
async fn a_producer_killed_between_publish_and_checkpoint_publishes_again_and_it_shows_once() {
    const ATTEMPTS: usize = 20;
    let world = world().await;
    write_large_checkpoint(&world);
    let mut users = Vec::new();
    let hit = loop {
        assert!(users.len() < ATTEMPTS, "the moment between publish and checkpoint was never hit");
        let mut producer = world.producer().start().await;
        users.push(world.control.sign_up().await);
        if kill_between_publish_and_checkpoint(&world, &mut producer, *users.last().unwrap()).await {
            break *users.last().unwrap();
        }
    };

    let producer = world.producer().start().await;
    world.counts(&producer, "it publishes again", |counts| counts.of("published") > 0).await;
    eventually("the checkpoint has it", async || is_settled(&world, hit).then_some(())).await;

    let ids: Vec<_> = peek_all(&*world.queue().await).await.into_iter().map(|seen| seen.message.id).collect();
    let published: Vec<_> = users.iter().map(|user| EventId::of(TENANT_ID, *user).to_string()).collect();
    assert_eq!(ids, published, "each once");
    let _billing = world.billing().start().await;
    all_is_well(&world, users.len()).await;
}

/// Somebody signs up and agrees to mail. When their message is there, the next call of this kind, whosever it is, takes
/// effect and is never answered; only then the consumer, which was kept still, goes on.
async fn sign_up_with_an_answer_lost(world: &World, consumer: &Process, call: &str, who: Value) -> Uuid {
    consumer.freeze().await;
    let user = world.control.order(json!({ "sign_up": who })).await[0];
    let queue = world.queue_of(world.consumers()[0]).await;
    eventually("published", async || (!peek_all(&*queue).await.is_empty()).then_some(())).await;
    world.control.fail_next(call, json!("hang-after")).await;
    consumer.thaw().await;
    user
}

/// A consumer dies when a vendor has done what it asked for and before it knows.
async fn dies_after(consumer: Judged, call: &str, is_there: impl Fn(&Effect) -> bool) {
    let world = world_of([consumer]).await;
    let _producer = world.producer().start().await;
    let mut process = world.consumer(consumer).start().await;
    let who = json!({ "marketing_consent": true, "company_type": "business" });
    let user = sign_up_with_an_answer_lost(&world, &process, call, who).await;

    eventually(&format!("{call} takes effect"), async || {
        world.control.effects().await.of(user).is_some_and(&is_there).then_some(())
    })
    .await;
    process.kill().await;

    assert_eq!(peek_all(&*world.queue_of(consumer).await).await.len(), 1, "{call}: not settled");
    let _process = world.consumer(consumer).start().await;
    all_is_well(&world, 1).await;
}

#[tokio::test]
async fn a_consumer_killed_between_an_effect_and_the_settlement_repeats_nothing_and_leaves_nothing_out() {
    use Judged::{Billing, Birthrights, Crm, Email, Upn, Webhook};
    // At once: each waits for most of the time, for a lock to be over.
    tokio::join!(
        dies_after(Billing, "stripe.create_customer", |effect| effect.customers.len() == 1),
        dies_after(Billing, "graph.patch_user", |effect| effect.customer_id.is_some()),
        dies_after(Email, "mailchimp.put_member", |Effect { email, .. }| {
            (email.members, email.welcomed) == (1, 0)
        }),
        dies_after(Email, "mailchimp.tag_member", |effect| effect.email.welcomed == 1),
        dies_after(Birthrights, "graph.batch", |Effect { birthrights, .. }| {
            birthrights.actual == birthrights.expected
        }),
        dies_after(Upn, "graph.patch_user", |effect| effect.upn.upn_changes == 1),
        dies_after(Crm, "salesforce.upsert", |effect| effect.crm.records == 1),
        dies_after(Webhook, "webhook.deliver", |effect| effect.webhook.verdict == Verdict::Exact),
    );
}

/// A file can't be made to lose an answer. So the broker is gone when sql has written its row, and with it every way to
/// settle the message; then sql dies, too.
#[tokio::test]
async fn sql_killed_between_its_row_and_the_settlement_repeats_nothing_and_leaves_nothing_out() {
    let mut world = world_of([Judged::Sql]).await;
    let _producer = world.producer().start().await;
    let mut sql = world.sql().start().await;
    let lock = world.lock_sql_database();
    let user = world.control.sign_up().await;
    world.counts(&sql, "it waits for the lock", |counts| counts.of("attempts") == 1).await;
    world.broker.kill().await;
    drop(lock);

    eventually("the row is there", async || {
        let effects = world.control.effects().await;
        (effects.of(user).unwrap().sql.verdict == Verdict::Exact).then_some(())
    })
    .await;
    sql.kill().await;
    world.restart_broker().await;

    assert_eq!(peek_all(&*world.queue_of(Judged::Sql).await).await.len(), 1, "not settled");
    let _sql = world.sql().start().await;
    all_is_well(&world, 1).await;
}

#[tokio::test]
async fn upn_killed_between_a_name_that_is_taken_and_the_next_one_finds_the_same_names_again() {
    let world = world_of([Judged::Upn]).await;
    let _producer = world.producer().start().await;
    let mut upn = world.upn().start().await;
    let ada = json!({ "display_name": "Ada Lovelace", "given_name": "Ada", "surname": "Lovelace" });
    world.control.order(json!({ "sign_up": ada })).await;
    all_is_well(&world, 1).await;
    let namesake = sign_up_with_an_answer_lost(&world, &upn, "graph.patch_user", ada).await;

    eventually("the first name has been tried", async || {
        (world.control.effects().await.totals.calls["graph.patch_user"] == 2).then_some(())
    })
    .await;
    upn.kill().await;

    assert_eq!(world.control.effects().await.of(namesake).unwrap().upn.upn_changes, 0, "it is taken");
    let _upn = world.upn().start().await;
    all_is_well(&world, 2).await;
}

#[tokio::test]
async fn a_broker_killed_under_load_loses_and_doubles_nothing() {
    const SIGN_UPS: usize = 120;
    let mut world = world().await;
    let _producer = world.producer().start().await;
    let _billing = world.billing().start().await;
    let mut chance = fastrand::Rng::with_seed(11);
    sign_ups(&world, SIGN_UPS, 12).await;

    for kill in 0..4 {
        underway(&world, SIGN_UPS, kill * 20).await;
        sleep(Duration::from_millis(chance.u64(0..500))).await;
        world.broker.kill().await;
        world.restart_broker().await;
    }
    assert!(!world.control.effects().await.all_exact(), "the kills came before the end");
    all_is_well(&world, SIGN_UPS).await;
}

/// Waits until more than `done` have been served, and makes sure that it isn't over yet.
async fn underway(world: &World, of: usize, done: usize) {
    let now = eventually("work goes on", async || {
        let effects = world.control.effects().await;
        (effects.totals.exact > done).then_some(effects.totals.exact)
    });
    assert!(now.await < of, "over before the kill");
}

#[tokio::test]
async fn a_broker_killed_while_messages_are_dead_lettered_keeps_each_of_them_once() {
    const LETTERS: usize = 4_000;
    let mut world = world().await;
    let _billing = world.billing().start().await;
    let garbage: Vec<_> = (0..LETTERS).map(|n| Message::new(format!("m{n}"), "not an event")).collect();
    world.bus().publisher("user-signups").await.unwrap().publish(garbage).await.unwrap();

    for kill in 0..3 {
        let dead_letters = world.dead_letters().await;
        let before = eventually("dead letters", async || {
            let letters = peek_all(&*dead_letters).await.len();
            (letters > kill * 100).then_some(letters)
        });
        assert!(before.await < LETTERS, "over before the kill");
        world.broker.kill().await;
        world.restart_broker().await;
    }

    let queue = world.queue().await;
    eventually("the queue is empty", async || peek_all(&*queue).await.is_empty().then_some(())).await;
    let dead = peek_all(&*world.dead_letters().await).await;
    let ids: BTreeSet<_> = dead.iter().map(|letter| &letter.message.id).collect();
    assert_eq!((dead.len(), ids.len()), (LETTERS, LETTERS));
}

#[tokio::test]
async fn the_producer_and_all_consumers_killed_at_random_moments_lose_and_double_nothing() {
    const SIGN_UPS: usize = 60;
    const KILLS: usize = 15;
    let world = world_of(Judged::ALL).await;
    let mut chance = fastrand::Rng::with_seed(5);
    let mut programs = vec![world.producer()];
    programs.extend(Judged::ALL.map(|consumer| world.consumer(consumer)));
    let mut running = Vec::new();
    for program in &programs {
        running.push(program.start().await);
    }
    sign_ups(&world, SIGN_UPS, 6).await;

    for _ in 0..KILLS {
        let victim = chance.usize(0..running.len());
        sleep(Duration::from_millis(chance.u64(50..800))).await;
        kill_and_restart(&mut running[victim], &programs[victim]).await;
    }
    all_is_well(&world, SIGN_UPS).await;
}

async fn kill_and_restart(process: &mut Process, program: &Program) {
    process.kill().await;
    *process = program.start().await;
}
