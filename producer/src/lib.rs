//! The producer: turns each new sign-up in the audit log of an Entra External ID tenant into one
//! `UserSignedUp` event on the bus.
//!
//! Five steps, a file each: it [observes](observe) a window of the log, [recognises](recognise) the sign-ups in
//! it, [enriches](enrich) them with what Graph knows of their users, [publishes](publish) them, and only then
//! moves its [checkpoint]. Whatever happens in between, it repeats and never loses; repeats have the same id.
//!
//! Two more look at what lies behind by the same steps, slice by slice of a [walk]: once a day a [sweep], for entries
//! that came later than any overlap, and when an operator asks for it a [backfill].
//!
//! Of several producers on one checkpoint one works: the one that has the [lease].

mod backfill;
mod checkpoint;
mod dry_run;
mod enrich;
mod examine;
mod functions;
mod held;
mod lease;
mod observe;
mod policy;
mod progress;
mod publish;
mod recognise;
mod roll;
mod schedule;
mod settings;
mod start;
mod sweep;
mod trace;
mod walk;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::{
    select,
    time::{Instant, sleep},
};
use tracing::{Instrument, info_span};
use usher_bus::Publisher;
use usher_clock::Clock;
use usher_entra::{AuditLink, AuditPage, BadEntry, Graph, GraphError, READABLE_WITHIN, User};
use usher_event::Event;
use usher_http::Failure;
use usher_service::{Health, Shutdown};
use usher_telemetry::DETAIL;

pub use backfill::{Backfill, BackfillArgs, BackfillError, Span, Step};
pub use checkpoint::{
    BlobAddress, Checkpoint, CheckpointError, CheckpointPlace, CheckpointSettings, CheckpointStore,
    FileCheckpoint, MemoryCheckpoint,
};
pub use functions::FunctionsArgs;
pub use held::Held;
pub use lease::{FileLease, Kept, Lease, NotPolled, Polled, Relay};
pub use policy::Policy;
pub use recognise::SignUp;
pub use roll::RollArgs;
pub use settings::{Actors, Attributes, Command, Settings, StartFrom};
pub use start::start;

use observe::Window;
use progress::Progress;
use publish::Ready;
use recognise::recognise;
use schedule::Schedule;
use sweep::Sweep;
use trace::Reading;

/// How many sign-ups are read and published together: ten requests to Graph, and little to hold in memory however long
/// the page.
const AT_ONCE: usize = 10 * usher_entra::BATCH_SIZE;
/// How long a poll may go on once we are told to stop. What it then leaves undone is repeated by the next run.
const DRAIN: Duration = Duration::from_secs(3);

/// The producer of one tenant.
pub struct Producer {
    policy: Policy,
    graph: Graph,
    publisher: Arc<dyn Publisher>,
    store: Box<dyn CheckpointStore>,
    clock: Clock,
    progress: Progress,
    checkpoint: Checkpoint,
    /// When to look again for users that can't be read yet. Not on record: after a restart we look at once.
    schedule: Schedule,
    /// Where a sweep is, if one is underway.
    sweep: Sweep,
}

impl Producer {
    /// A producer that goes on from the checkpoint, which is written once to see that it can be.
    ///
    /// # Errors
    /// [`CheckpointError`] if there is no checkpoint to go on from, or it can't be written.
    pub async fn new(
        policy: Policy,
        graph: Graph,
        publisher: Arc<dyn Publisher>,
        store: Box<dyn CheckpointStore>,
        clock: Clock,
        health: Health,
    ) -> Result<Self, CheckpointError> {
        let checkpoint = opened(store.as_ref(), &policy, clock).await?;
        let progress = Progress::new(health);
        progress.reached(&checkpoint);
        Ok(Self {
            policy,
            graph,
            publisher,
            store,
            clock,
            progress,
            checkpoint,
            schedule: Schedule::default(),
            sweep: Sweep::default(),
        })
    }

    /// Goes on from what the checkpoint says now: another producer may have written it since.
    pub(crate) async fn resume(&mut self, store: Box<dyn CheckpointStore>) -> Result<(), CheckpointError> {
        self.checkpoint = opened(store.as_ref(), &self.policy, self.clock).await?;
        self.store = store;
        (self.schedule, self.sweep) = (Schedule::default(), Sweep::default());
        self.progress.reached(&self.checkpoint);
        Ok(())
    }

    /// Another producer works, until this one resumes.
    pub(crate) fn stand_down(&mut self) {
        self.progress.stand_down();
    }

    /// Polls until told to stop.
    pub async fn run(&mut self, shutdown: Shutdown) {
        let mut next_poll = Instant::now();
        loop {
            let wait = select! {
                biased;
                () = cut_off(&shutdown) => return,
                wait = self.round(&mut next_poll, &shutdown) => wait,
            };
            select! {
                biased;
                () = shutdown.requested() => return,
                () = sleep(wait) => {}
            }
        }
    }

    /// Polls once: everything that the log shows now is published, or it is said why not.
    ///
    /// # Errors
    /// [`Held`] says why the watermark stays where it was; the next poll looks at the same window again.
    pub async fn poll_once(&mut self) -> Result<(), Held> {
        self.poll(&Shutdown::new()).await
    }

    /// As [`Producer::poll_once`], unless told to stop meanwhile.
    pub(crate) async fn once(&mut self, shutdown: &Shutdown) -> Result<(), Held> {
        select! {
            biased;
            () = cut_off(shutdown) => Err(Held::Stopping),
            ended = self.poll(shutdown) => ended,
        }
    }

    /// One round, in which the log is asked if it is time, and users that are due; returns how long to wait.
    async fn round(&mut self, next_poll: &mut Instant, shutdown: &Shutdown) -> Duration {
        if Instant::now() >= *next_poll {
            *next_poll = Instant::now() + self.policy.poll_interval;
            match self.poll(shutdown).await {
                Ok(()) => self.sweep_in_between(),
                // Why it was held is in the log and on /readyz by now; the next poll is the remedy, when Graph lets us.
                Err(held) => {
                    let asked = held.retry_after().unwrap_or_default();
                    *next_poll = (*next_poll).max(Instant::now() + asked);
                }
            }
        } else {
            if let Err(held) = self.retry_waiting().await {
                self.progress.held(&held);
            }
            self.sweep_until(*next_poll).await;
        }
        let poll = next_poll.saturating_duration_since(Instant::now());
        let due = self.schedule.next_due().map(|due| self.clock.until(due));
        [due, self.sweep.wait()].into_iter().flatten().fold(poll, Duration::min)
    }

    async fn poll(&mut self, shutdown: &Shutdown) -> Result<(), Held> {
        let span = info_span!("poll");
        let ended = self.observe(shutdown).instrument(span.clone()).await;
        self.progress.polled();
        match &ended {
            Ok(()) => self.progress.advanced(),
            Err(held) => {
                usher_telemetry::failed(&span, held.kind(), String::new());
                self.progress.held(held);
            }
        }
        ended
    }

    /// Hands on everything in the window, page by page, and then moves the watermark to its end.
    async fn observe(&mut self, shutdown: &Shutdown) -> Result<(), Held> {
        let window = Window::of(&self.checkpoint, self.policy.overlap, self.clock.now());
        let mut bad_entries = Vec::new();
        let mut next = Some(window.first_page(&self.graph));
        while let Some(link) = next {
            if shutdown.is_requested() {
                return Err(Held::Stopping);
            }
            self.retry_waiting().await?;
            next = self.hand_on_page(&link, &mut bad_entries).await?;
        }
        Held::unless_none(bad_entries)?;
        self.checkpoint.advance(window.to, self.policy.overlap);
        self.save().await
    }

    /// Hands on the sign-ups of one page; returns where the next one is.
    async fn hand_on_page(
        &mut self,
        link: &AuditLink,
        bad_entries: &mut Vec<BadEntry>,
    ) -> Result<Option<AuditLink>, Held> {
        let (sign_ups, next) = self.read_page(link, bad_entries).await?;
        self.hand_on_new(sign_ups).await?;
        Ok(next)
    }

    /// The sign-ups of one page that are not known yet, and where the next one is.
    async fn read_page(
        &mut self,
        link: &AuditLink,
        bad_entries: &mut Vec<BadEntry>,
    ) -> Result<(Vec<SignUp>, Option<AuditLink>), Held> {
        self.progress.asks_log();
        let AuditPage { entries, next } = self.graph.audit_page(link).await.map_err(Held::AuditLog)?;
        let seen_at = Some(self.clock.now());
        self.progress.seen(entries.len());
        let mut sign_ups = BTreeMap::new();
        for entry in entries {
            match entry.and_then(|entry| recognise(entry, &self.policy.actors)) {
                Ok(Some(sign_up)) if self.checkpoint.knows(sign_up.user_id) => self.progress.repeated(),
                Ok(Some(sign_up)) => {
                    sign_ups.insert(sign_up.user_id, SignUp { seen_at, ..sign_up });
                }
                Ok(None) => self.progress.passed_over(),
                Err(bad) => bad_entries.push(bad),
            }
        }
        Ok((sign_ups.into_values().collect(), next))
    }

    async fn hand_on_new(&mut self, sign_ups: Vec<SignUp>) -> Result<(), Held> {
        if !sign_ups.is_empty() {
            self.checkpoint.recognised_by = self.policy.actors.clone();
            self.progress.recognised(sign_ups.len());
        }
        self.progress.look_for_actors(self.checkpoint.recognised_by == self.policy.actors);
        for sign_ups in sign_ups.chunks(AT_ONCE) {
            self.hand_on(sign_ups.to_vec()).await?;
        }
        Ok(())
    }

    /// Looks again for the users that are due. Each attempt makes the next one later, whatever comes of it.
    async fn retry_waiting(&mut self) -> Result<(), Held> {
        let now = self.clock.now();
        let due: Vec<_> = self
            .checkpoint
            .waiting
            .values()
            .filter(|it| self.schedule.is_due(it.user_id, now))
            .cloned()
            .collect();
        due.iter().for_each(|sign_up| self.schedule.postpone(sign_up.user_id, now, None));
        self.hand_on(due).await
    }

    /// Publishes the sign-ups whose users can be read and puts the others off; then that is on record.
    async fn hand_on(&mut self, sign_ups: Vec<SignUp>) -> Result<(), Held> {
        if sign_ups.is_empty() {
            return Ok(());
        }
        let (span, began) = (info_span!(target: DETAIL, "read users"), self.clock.now());
        let read = enrich::read(&self.graph, sign_ups, &self.policy.attributes).instrument(span.clone());
        let read = read.await.map_err(Held::Users)?;
        let reading = Reading { began, ended: self.clock.now(), span: usher_telemetry::reference_to(&span) };
        self.progress.users(read.iter().filter_map(|(_, user)| user.as_ref().err()));
        let mut ready = Vec::new();
        for (sign_up, user) in read {
            match user {
                Ok(user) => ready.push(self.enriched(sign_up, &user, reading.clone())),
                Err(error) => self.put_off(sign_up, error),
            }
        }
        self.publish(ready).await?;
        self.save().await
    }

    fn enriched(&self, sign_up: SignUp, user: &User, reading: Reading) -> Ready {
        let data = enrich::data(self.policy.tenant, &sign_up, user, &self.policy.attributes);
        Ready { sign_up, event: Event::new(data), reading }
    }

    /// A user who can't be read is waited for: one not found for a while, any other for as long as it takes.
    fn put_off(&mut self, sign_up: SignUp, error: GraphError) {
        // Never on the first look: that can be a stale replica's word on a user whose entry came late.
        let looked_before = self.checkpoint.waiting.contains_key(&sign_up.user_id);
        let late = self.clock.since(sign_up.at) > READABLE_WITHIN;
        if looked_before && late && matches!(error, GraphError::NotFound(_)) {
            tracing::info!(user = %sign_up.user_id, "the user is gone again");
            self.schedule.forget(sign_up.user_id);
            self.checkpoint.settle(&sign_up);
            return self.progress.gone();
        }
        let asked = Failure::from(error).retry_after;
        self.schedule.postpone(sign_up.user_id, self.clock.now(), asked);
        self.checkpoint.wait_for(sign_up);
    }

    async fn publish(&mut self, ready: Vec<Ready>) -> Result<(), Held> {
        publish::publish(self.publisher.as_ref(), &ready, self.clock).await.map_err(Held::Bus)?;
        for Ready { sign_up, .. } in &ready {
            self.progress.accepted(sign_up, &self.checkpoint, self.policy.overlap, self.clock);
            self.schedule.forget(sign_up.user_id);
            self.checkpoint.settle(sign_up);
        }
        self.progress.published(ready.len());
        Ok(())
    }

    async fn save(&mut self) -> Result<(), Held> {
        self.store.save(&self.checkpoint).await.map_err(Held::Checkpoint)?;
        self.progress.reached(&self.checkpoint);
        Ok(())
    }
}

/// The checkpoint to go on from, written once to see that it can be.
async fn opened(
    store: &dyn CheckpointStore,
    policy: &Policy,
    clock: Clock,
) -> Result<Checkpoint, CheckpointError> {
    let checkpoint = Checkpoint::open(store, policy, clock.now()).await?;
    store.save(&checkpoint).await?;
    Ok(checkpoint)
}

/// A poll that was told to stop has this long to come to an end of its own.
async fn cut_off(shutdown: &Shutdown) {
    shutdown.requested().await;
    sleep(DRAIN).await;
}
