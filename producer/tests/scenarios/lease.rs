//! Several producers on one checkpoint, under simulated time: one works, another takes over, nothing is doubled.

mod storage;

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::time::{Instant, sleep, timeout};
use usher_bus::{BusError, Message, Publisher};
use usher_producer::{CheckpointError, Kept, Lease, Polled, Relay};
use usher_service::{Health, Shutdown};

use crate::world::{MINUTE, Topic, World, once};
use storage::{Contender, Storage};

const SECOND: Duration = Duration::from_secs(1);
/// What the documentation promises.
const TAKEOVER: Duration = Duration::from_secs(35);

/// A topic that detects duplicates, as ours does, and remembers who sent what when.
#[derive(Clone, Default)]
struct Detecting {
    topic: Topic,
    known: Arc<Mutex<BTreeSet<String>>>,
    sent: Arc<Mutex<Vec<(u32, Instant)>>>,
    swallowed: Arc<AtomicUsize>,
}

impl Detecting {
    /// When this producer sent something.
    fn sent_by(&self, sender: u32) -> Vec<Instant> {
        let sent = self.sent.lock().unwrap();
        sent.iter().filter(|(by, _)| *by == sender).map(|(_, at)| *at).collect()
    }
}

struct Sender {
    id: u32,
    to: Detecting,
}

#[async_trait]
impl Publisher for Sender {
    async fn publish(&self, messages: Vec<Message>) -> Result<(), BusError> {
        self.to.sent.lock().unwrap().push((self.id, Instant::now()));
        let all = messages.len();
        let new: Vec<_> = {
            let mut known = self.to.known.lock().unwrap();
            messages.into_iter().filter(|message| known.insert(message.id.clone())).collect()
        };
        self.to.swallowed.fetch_add(all - new.len(), Ordering::Relaxed);
        self.to.topic.publish(new).await
    }
}

/// One of the producers.
struct One {
    relay: Relay,
    health: Health,
    contender: Arc<Contender>,
}

impl One {
    fn new(world: &World, storage: &Storage, topic: &Detecting, id: u32) -> Self {
        let (health, contender) = (Health::new(), Arc::new(Contender::new(id, storage)));
        let kept = Kept { store: contender.clone(), lease: contender.clone() };
        let sender = Arc::new(Sender { id, to: topic.clone() });
        Self { relay: world.relay(sender, kept, health.clone()), health, contender }
    }

    async fn run(&mut self, shutdown: &Shutdown) {
        self.relay.run(shutdown, || ()).await.unwrap();
    }
}

fn stands_by(health: &Health) -> bool {
    health.status().counts.get("standby") == Some(&1)
}

fn is_ready(health: &Health) -> bool {
    health.status().not_ready.is_empty()
}

async fn within(most: Duration, what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + most;
    while !is_so() {
        assert!(Instant::now() < deadline, "not within {most:?}: {what}");
        sleep(SECOND).await;
    }
}

/// A tenant whose log is asked often.
fn world() -> World {
    let mut world = World::new(|_| {});
    world.policy.poll_interval = 5 * SECOND;
    world
}

#[tokio::test(start_paused = true)]
async fn when_the_one_that_works_is_killed_another_takes_over_within_a_minute() {
    let (world, storage, topic) = (world(), Storage::default(), Detecting::default());
    let users = world.coming_sign_ups(120, MINUTE * 10);
    let [mut first, mut second] = [1, 2].map(|id| One::new(&world, &storage, &topic, id));
    let [working, waiting] = [first.health.clone(), second.health.clone()];
    let (never, stop) = (Shutdown::new(), Shutdown::new());

    let killed = timeout(MINUTE * 4 + 7 * SECOND, first.run(&never));
    let script = async {
        sleep(MINUTE * 4).await;
        assert!(!stands_by(&working) && stands_by(&waiting));
        assert!(is_ready(&waiting), "for an orchestrator");
        sleep(7 * SECOND).await;
        within(TAKEOVER, "the other takes over", || !stands_by(&waiting)).await;
        sleep(MINUTE * 8).await;
        stop.request();
    };
    let (killed, (), ()) = tokio::join!(killed, second.run(&stop), script);

    assert!(killed.is_err(), "it was at work");
    assert_eq!(topic.topic.users(), once(users));
}

#[tokio::test(start_paused = true)]
async fn one_that_is_stopped_gives_the_lease_back_and_nobody_waits_until_it_runs_out() {
    let (world, storage, topic) = (world(), Storage::default(), Detecting::default());
    let users = world.coming_sign_ups(60, MINUTE * 5);
    let [mut first, mut second] = [1, 2].map(|id| One::new(&world, &storage, &topic, id));
    let waiting = second.health.clone();
    let (stop_first, stop) = (Shutdown::new(), Shutdown::new());

    let script = async {
        sleep(MINUTE * 2).await;
        stop_first.request();
        within(7 * SECOND, "the other takes over", || !stands_by(&waiting)).await;
        sleep(MINUTE * 5).await;
        stop.request();
    };
    tokio::join!(first.run(&stop_first), second.run(&stop), script);

    assert_eq!(topic.topic.users(), once(users));
}

#[tokio::test(start_paused = true)]
async fn one_that_is_cut_off_from_the_storage_stops_before_another_can_begin() {
    let (world, storage, topic) = (world(), Storage::default(), Detecting::default());
    let users = world.coming_sign_ups(600, MINUTE * 10);
    let [mut first, mut second] = [1, 2].map(|id| One::new(&world, &storage, &topic, id));
    let [working, waiting] = [first.health.clone(), second.health.clone()];
    let contender = first.contender.clone();
    let stop = Shutdown::new();

    let script = async {
        sleep(61 * SECOND).await;
        contender.set_cut_off(true);
        within(20 * SECOND, "it says so", || !is_ready(&working)).await;
        within(TAKEOVER, "the other takes over", || !stands_by(&waiting)).await;
        assert!(stands_by(&working) && !is_ready(&working), "it could not take over");
        contender.set_cut_off(false);
        within(10 * SECOND, "it could", || is_ready(&working)).await;
        assert!(stands_by(&working));
        sleep(MINUTE * 11).await;
        stop.request();
    };
    tokio::join!(first.run(&stop), second.run(&stop), script);

    let (last, next) = (topic.sent_by(1).pop().unwrap(), topic.sent_by(2)[0]);
    assert!(last < next, "by {:?} too late", last - next);
    assert_eq!(topic.topic.users(), once(users));
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_an_operator_puts_back_is_gone_on_from_and_not_written_over() {
    let (world, storage, topic) = (world(), Storage::default(), Detecting::default());
    let users = world.coming_sign_ups(60, MINUTE * 5);
    let mut one = One::new(&world, &storage, &topic, 1);
    let health = one.health.clone();
    let stop = Shutdown::new();

    let script = async {
        sleep(MINUTE).await;
        let copy = storage.copy();
        sleep(MINUTE * 2).await;
        storage.put_back(copy);
        within(10 * SECOND, "it lets go", || stands_by(&health)).await;
        within(10 * SECOND, "it goes on", || !stands_by(&health)).await;
        sleep(MINUTE * 4).await;
        stop.request();
    };
    tokio::join!(one.run(&stop), script);

    assert!(topic.swallowed.load(Ordering::Relaxed) > 0, "what was published since is repeated");
    assert_eq!(topic.topic.users(), once(users));
}

#[tokio::test(start_paused = true)]
async fn a_cron_job_beside_a_producer_that_works_has_nothing_to_do_and_after_it_does_its_work() {
    let (world, storage, topic) = (world(), Storage::default(), Detecting::default());
    let users = world.coming_sign_ups(10, MINUTE);
    let [mut first, mut job] = [1, 2].map(|id| One::new(&world, &storage, &topic, id));
    let stop = Shutdown::new();

    let script = async {
        sleep(30 * SECOND).await;
        assert_eq!(job.relay.once(&Shutdown::new()).await, Ok(Polled::AnotherWorks));
        stop.request();
    };
    tokio::join!(first.run(&stop), script);
    sleep(MINUTE).await;

    assert_eq!(job.relay.once(&Shutdown::new()).await, Ok(Polled::Through));
    assert_eq!(topic.topic.users(), once(users));
    assert_eq!(job.contender.is_taken().await, Ok(false), "given back");
}

#[tokio::test(start_paused = true)]
async fn a_checkpoint_that_is_gone_is_no_first_run_for_whoever_stands_by() {
    let (world, storage, topic) = (world(), Storage::default(), Detecting::default());
    let mut one = One::new(&world, &storage, &topic, 1);
    let health = one.health.clone();
    let stop = Shutdown::new();

    let script = async {
        sleep(MINUTE).await;
        storage.remove();
        within(TAKEOVER, "it says so", || !is_ready(&health)).await;
        sleep(MINUTE * 2).await;
        let why = health.status().not_ready["checkpoint"].clone();
        assert_eq!(why, CheckpointError::Missing.to_string());
        stop.request();
    };
    tokio::join!(one.run(&stop), script);
    assert!(storage.copy().is_none(), "nothing was begun anew");
}
