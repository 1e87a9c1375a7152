//! A broker in memory, a handler that does as it is told, and a runtime between them.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use time::{OffsetDateTime, macros::datetime};
use tokio::{sync::Notify, task::JoinHandle, time::Instant};
use usher_broker::{MemoryBus, topology::Topology};
use usher_bus::{Bus, BusError, Entity, Message, Peeked, Publisher, Receiver};
use usher_clock::Clock;
use usher_event::{Audit, Event, UserSignedUp, property};
use usher_http::{Failure, FailureClass};
use usher_service::{Health, Shutdown};
use usher_subscriber::{Down, Handler, Limits, Outcome, Rejection, Subscriber};
use uuid::{Uuid, uuid};

pub(crate) const TENANT: Uuid = uuid!("0f4d3b5e-8a53-4f0e-9c5b-1d2f6a7b8c9d");
pub(crate) const NOW: OffsetDateTime = datetime!(2026-03-01 12:00 UTC);
pub(crate) const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// How the destination answers, and what it was asked.
#[derive(Default)]
pub(crate) struct Destination {
    state: Mutex<State>,
    /// Told after each attempt.
    pub(crate) attempted: Notify,
}

#[derive(Default)]
struct State {
    /// What is answered per user, first to last; the last answer is repeated.
    script: BTreeMap<Uuid, Vec<Answer>>,
    down: Option<Failure>,
    probes_fail: Option<Failure>,
    passed_over: BTreeSet<Uuid>,
    attempts: Vec<(Uuid, Instant)>,
    probes: Vec<Instant>,
    running: usize,
    most_running: usize,
}

#[derive(Clone)]
pub(crate) enum Answer {
    Outcome(Outcome),
    /// Done, but it takes this long.
    Slow(Duration),
    /// This, after so long.
    SlowOutcome(Duration, Outcome),
    Panic,
}

impl Destination {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn answers(&self, user: Uuid, answers: impl IntoIterator<Item = Answer>) {
        self.lock().script.insert(user, answers.into_iter().collect());
    }

    /// This user's event alone says that nothing is to be done.
    pub(crate) fn passes_over(&self, user: Uuid) {
        self.lock().passed_over.insert(user);
    }

    /// From now on every call and every probe fails like this.
    pub(crate) fn goes_down(&self, failure: Failure) {
        self.lock().down = Some(failure);
    }

    /// How probes fail, if they do, whatever becomes of messages.
    pub(crate) fn probes_fail(&self, failure: Option<Failure>) {
        self.lock().probes_fail = failure;
    }

    pub(crate) fn comes_back(&self) {
        self.lock().down = None;
    }

    pub(crate) fn attempts(&self, user: Uuid) -> Vec<Instant> {
        self.lock().attempts.iter().filter(|(of, _)| *of == user).map(|(_, at)| *at).collect()
    }

    /// How many attempts began in each second since `start`, from the first second that saw one.
    pub(crate) fn attempts_a_second(&self, start: Instant) -> Vec<usize> {
        let since = |at: &Instant| at.checked_duration_since(start).map(|since| since.as_secs());
        let seconds: Vec<_> = self.lock().attempts.iter().filter_map(|(_, at)| since(at)).collect();
        seconds.chunk_by(|one, next| one == next).map(<[u64]>::len).collect()
    }

    /// How long after `start` each attempt began, of those that began after it.
    pub(crate) fn attempts_since(&self, start: Instant) -> Vec<Duration> {
        self.lock().attempts.iter().filter_map(|(_, at)| at.checked_duration_since(start)).collect()
    }

    pub(crate) fn users_attempted(&self) -> Vec<Uuid> {
        self.lock().attempts.iter().map(|(of, _)| *of).collect()
    }

    pub(crate) fn probes(&self) -> Vec<Instant> {
        self.lock().probes.clone()
    }

    pub(crate) fn most_running(&self) -> usize {
        self.lock().most_running
    }

    fn next_answer(&self, user: Uuid) -> Answer {
        let mut state = self.lock();
        state.attempts.push((user, Instant::now()));
        if let Some(failure) = state.down.clone() {
            return Answer::Outcome(Outcome::failed("Vendor", failure));
        }
        match state.script.get_mut(&user) {
            Some(answers) if answers.len() > 1 => answers.remove(0),
            Some(answers) => answers[0].clone(),
            None => Answer::Outcome(Outcome::Done),
        }
    }
}

#[async_trait]
impl Handler for Destination {
    fn tenant_id(&self) -> Uuid {
        TENANT
    }

    fn passes_over(&self, event: &Event) -> Option<&'static str> {
        self.lock().passed_over.contains(&event.data.user_id).then_some("no-consent")
    }

    async fn handle(&self, event: &Event) -> Outcome {
        let answer = self.next_answer(event.data.user_id);
        let running = {
            let mut state = self.lock();
            state.running += 1;
            state.running
        };
        self.lock().most_running = running.max(self.most_running());
        let outcome = match answer {
            Answer::Outcome(outcome) => outcome,
            Answer::Slow(time) => {
                tokio::time::sleep(time).await;
                Outcome::Done
            }
            Answer::SlowOutcome(time, outcome) => {
                tokio::time::sleep(time).await;
                outcome
            }
            Answer::Panic => {
                self.lock().running -= 1;
                panic!("told to")
            }
        };
        self.lock().running -= 1;
        self.attempted.notify_waiters();
        outcome
    }

    async fn probe(&self) -> Result<(), Down> {
        let mut state = self.lock();
        state.probes.push(Instant::now());
        match state.down.clone().or(state.probes_fail.clone()) {
            Some(failure) => Err(Down { vendor: "Vendor", setting: "VENDOR_KEY", failure }),
            None => Ok(()),
        }
    }
}

pub(crate) fn transient() -> Failure {
    Failure::status(FailureClass::Transient, 503)
}

pub(crate) fn retry() -> Answer {
    Answer::Outcome(Outcome::Retry(transient()))
}

pub(crate) fn done() -> Answer {
    Answer::Outcome(Outcome::Done)
}

pub(crate) fn reject() -> Answer {
    let failure = Failure::status(FailureClass::Refused, 400).with_code(Some("email_invalid"));
    Answer::Outcome(Outcome::Reject(Rejection::by("Vendor", &failure)))
}

pub(crate) fn revoked() -> Outcome {
    Outcome::Unavailable { vendor: "Vendor", failure: wrong_key() }
}

pub(crate) fn wrong_key() -> Failure {
    Failure::status(FailureClass::Unauthorized, 401)
}

/// What our settings point at isn't there.
pub(crate) fn missing() -> Failure {
    Failure::status(FailureClass::Refused, 404)
}

pub(crate) fn unauthorized() -> Answer {
    Answer::Outcome(revoked())
}

/// A broker, a destination and, once started, a runtime between them.
pub(crate) struct Bench {
    pub(crate) bus: MemoryBus,
    pub(crate) destination: Arc<Destination>,
    pub(crate) health: Health,
    pub(crate) clock: Clock,
    pub(crate) limits: Limits,
    pub(crate) max_event_age: Option<Duration>,
    publisher: Arc<dyn Publisher>,
}

/// The runtime at work.
pub(crate) struct Running {
    pub(crate) shutdown: Shutdown,
    task: JoinHandle<Result<(), BusError>>,
}

impl Running {
    pub(crate) async fn stop(self) {
        self.shutdown.request();
        self.task.await.unwrap().unwrap();
    }

    /// As SIGKILL would.
    pub(crate) async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

impl Bench {
    pub(crate) async fn new() -> Self {
        let clock = Clock::starting_at(NOW);
        let bus = MemoryBus::new(&Topology::usher(), clock);
        let publisher = bus.publisher("user-signups").await.unwrap();
        let (destination, health, limits) = Default::default();
        Self { bus, destination, health, clock, limits, max_event_age: None, publisher }
    }

    pub(crate) fn entity() -> Entity {
        Entity::subscription("user-signups", "billing")
    }

    pub(crate) async fn publish(&self, message: Message) {
        self.publisher.publish(vec![message]).await.unwrap();
    }

    /// Publishes the sign-up of so many users, and returns them.
    pub(crate) async fn sign_ups(&self, count: u128) -> Vec<Uuid> {
        let users: Vec<_> = (1..=count).map(Uuid::from_u128).collect();
        for user in &users {
            self.publish(message(&event(*user))).await;
        }
        users
    }

    pub(crate) async fn subscriber(&self, entity: &Entity, limits: Limits) -> Subscriber {
        let receiver = self.bus.connect().receiver(entity).await.unwrap();
        let (handler, health) = (self.destination.clone(), self.health.clone());
        Subscriber::new("billing", handler, receiver, limits, self.max_event_age, self.clock, health)
    }

    pub(crate) async fn start(&self) -> Running {
        let shutdown = Shutdown::new();
        let subscriber = self.subscriber(&Self::entity(), self.limits).await;
        let task = tokio::spawn(subscriber.run(shutdown.clone()));
        Running { shutdown, task }
    }

    /// Waits until the subscription holds nothing, for `most` of simulated time.
    pub(crate) async fn until_empty(&self, most: Duration) {
        self.until(most, || self.left() == 0).await;
    }

    pub(crate) async fn until(&self, most: Duration, holds: impl Fn() -> bool) {
        let waited = tokio::time::timeout(most, async {
            while !holds() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        waited.await.unwrap_or_else(|_| panic!("not within {most:?}: {:?}", self.health.status()));
    }

    pub(crate) fn left(&self) -> usize {
        self.bus.counts(&Self::entity()).unwrap().total
    }

    pub(crate) fn count(&self, what: &str) -> u64 {
        self.health.status().counts.get(what).copied().unwrap_or(0)
    }

    pub(crate) async fn dead_letters(&self) -> Vec<Peeked> {
        self.receiver(&Self::entity().dead_letters()).await.peek(0, 1000).await.unwrap()
    }

    pub(crate) async fn receiver(&self, entity: &Entity) -> Arc<dyn Receiver> {
        self.bus.receiver(entity).await.unwrap()
    }

    /// The one dead letter's reason and description.
    pub(crate) async fn dead_letter(&self) -> (String, String) {
        let dead = self.dead_letters().await;
        assert_eq!(dead.len(), 1);
        let (reason, description) = dead[0].message.dead_letter();
        (reason.unwrap().to_owned(), description.unwrap().to_owned())
    }
}

pub(crate) fn event(user_id: Uuid) -> Event {
    Event::new(UserSignedUp {
        tenant_id: TENANT,
        user_id,
        display_name: Some("Ada".into()),
        given_name: None,
        surname: None,
        email: Some("ada@example.com".into()),
        email_verified: true,
        identity_providers: vec![],
        signed_up_at: NOW,
        app_id: None,
        attributes: [].into(),
        audit: Audit { id: "Directory_1".into(), correlation_id: None },
    })
}

pub(crate) fn message(event: &Event) -> Message {
    Message::new(event.id.to_string(), event.to_json()).with_property(property::TRACEPARENT, TRACEPARENT)
}

/// Runs a future and says how long it took, in simulated time.
pub(crate) async fn timed<T>(future: impl Future<Output = T>) -> (T, Duration) {
    let start = Instant::now();
    (future.await, start.elapsed())
}
