//! Watching a run until it has settled.

use std::{collections::BTreeMap, convert::Infallible, time::Duration};

use tokio::time::{Instant, sleep_until};
use usher_clock::Clock;
use usher_service::{Failure, Status};

use super::{
    UpArgs,
    chaos::{Blow, Chaos},
    client::Client,
    ledger::Ledger,
    progress::Progress,
    real::{Edge, Edges},
    rows::{Lives, Row, Source},
    services::{Part, Services},
    stand_ins::short_lived,
    verdict::{OnTheBus, Verdict},
};
use crate::{
    consumers::Consumer,
    dlq::{self, Letter},
};

/// How often the services are asked how they are.
const TICK: Duration = Duration::from_millis(500);
/// How long a good state must last: time for the producer to look once more, and for an administrator's creation,
/// say, to be welcomed by mistake.
const QUIET: Duration = Duration::from_secs(5);
/// How long a run may take beyond its own sign-ups, on a slow machine: the audit log's latency, the user's
/// replication and a retry or two.
const AT_MOST: Duration = Duration::from_secs(120);
/// What one sign-up adds to that: up to four writes of birthrights', of which Graph takes less than 20 a second.
const AT_MOST_EACH: Duration = Duration::from_millis(250);

/// Watches a run and shows it.
pub(crate) struct Watch {
    client: Client,
    progress: Progress,
    /// When the last has signed up.
    signed_up: Instant,
    end: Instant,
    /// More messages than this are not left over for those who are deleted.
    short_lived: u64,
    /// What the stand-ins know nothing of.
    edges: Edges,
    chaos: Option<Chaos>,
    source: Lives<Source>,
    rows: BTreeMap<Consumer, Lives<Row>>,
}

/// How a run ended.
pub(crate) struct Settled {
    pub(crate) verdict: Verdict,
    /// What went wrong on purpose, in a line.
    pub(crate) chaos: Option<String>,
    /// The consumers of whose effects the ledger knows nothing.
    pub(crate) unjudged: Vec<Row>,
}

impl Watch {
    /// Of a run that begins now.
    pub(crate) fn new(
        args: &UpArgs,
        edges: Edges,
        chaos: Option<Chaos>,
        progress: Progress,
    ) -> Result<Self, Failure> {
        let signing_up = signing_up(args);
        let for_chaos = chaos.as_ref().map_or(Duration::ZERO, Chaos::costs);
        Ok(Self {
            client: Client::new()?,
            progress,
            signed_up: in_time(signing_up),
            end: in_time(bound(args.signups.get(), signing_up).saturating_add(for_chaos)),
            short_lived: short_lived(args, &edges).into(),
            edges,
            chaos,
            source: Lives::default(),
            rows: BTreeMap::new(),
        })
    }

    /// Waits until all sign-ups are accounted for and stay so, or the time is up.
    ///
    /// # Errors
    /// A service ends by itself, or can't be asked at the end.
    pub(crate) async fn until_settled(&mut self, services: &mut Services<'_>) -> Result<Settled, Failure> {
        let mut good_since = None;
        loop {
            self.strike(services).await?;
            self.look(services).await?;
            good_since =
                if self.is_good(services).await { good_since.or_else(|| Some(Instant::now())) } else { None };
            let settled = good_since.is_some_and(|since| since.elapsed() >= QUIET);
            if settled || Instant::now() >= self.end {
                break;
            }
            self.wait().await;
        }
        let shown = self.finish();
        let ledger = self.ledger(services).await?;
        let chaos = self.chaos.as_ref().map(|chaos| chaos.summary(ledger.totals.faults));
        let is_judged = |row: &Row| Consumer::named(row.name).is_some_and(|it| self.edges.can_judge(it));
        let unjudged = shown.into_iter().filter(|row| !is_judged(row)).collect();
        Ok(Settled { verdict: self.verdict(&ledger, services).await?, chaos, unjudged })
    }

    /// Shows how they are, for as long as all of them run: with people whom nobody here knows there is nothing to settle.
    ///
    /// # Errors
    /// A service ends by itself.
    pub(crate) async fn until_one_ends(
        &mut self,
        services: &mut Services<'_>,
    ) -> Result<Infallible, Failure> {
        loop {
            self.look(services).await?;
            self.wait().await;
        }
    }

    /// Nothing more is shown. What was last.
    pub(crate) fn finish(&mut self) -> Vec<Row> {
        let shown = self.shown();
        self.progress.finish(&self.source.all(), &shown);
        shown
    }

    /// Until the next look, or until something goes wrong.
    async fn wait(&self) {
        let tick = Instant::now() + TICK;
        let next = self.chaos.as_ref().and_then(Chaos::next);
        sleep_until(next.map_or(tick, |next| next.min(tick))).await;
    }

    /// Lets what is due by now go wrong.
    async fn strike(&mut self, services: &mut Services<'_>) -> Result<(), Failure> {
        while let Some(blow) = self.chaos.as_mut().and_then(Chaos::due) {
            if let Some(order) = blow.order() {
                self.client.order(&services.addresses.control, &order).await?;
            }
            if let Blow::Kill { part, down_for } = blow {
                // Its last words: what it has counted would else be lost.
                self.look_at(services, part).await;
                if !services.kill(part, down_for).await? {
                    continue;
                }
                self.killed(part);
            }
            self.chaos.iter_mut().for_each(|chaos| chaos.done(blow.clone()));
        }
        Ok(())
    }

    fn killed(&mut self, part: Part) {
        match part {
            Part::Producer => self.source.killed(),
            Part::Consumer(consumer) => self.rows.entry(consumer).or_default().killed(),
            Part::Broker | Part::Sandbox => {}
        }
    }

    async fn look(&mut self, services: &mut Services<'_>) -> Result<(), Failure> {
        services.check().await?;
        self.look_at(services, Part::Producer).await;
        for consumer in Consumer::all() {
            self.look_at(services, Part::Consumer(consumer)).await;
        }
        self.progress.show(&self.source.all(), &self.shown());
        Ok(())
    }

    /// A service that does not answer keeps its last row: it may be busy, and if it is dead we know.
    async fn look_at(&mut self, services: &Services<'_>, part: Part) {
        let Some(status) = self.status(services, part).await else { return };
        match part {
            Part::Producer => self.source.is_now(Source::of(&status)),
            Part::Consumer(consumer) => {
                self.rows.entry(consumer).or_default().is_now(Row::of(consumer.name(), &status));
            }
            Part::Broker | Part::Sandbox => {}
        }
    }

    fn shown(&self) -> Vec<Row> {
        self.rows.values().map(Lives::all).collect()
    }

    /// Whether all is as it should be by now, and nothing can still turn up in the audit log.
    async fn is_good(&self, services: &Services<'_>) -> bool {
        // Cheap to know, and true before the rest can be.
        let goes_on = self.chaos.as_ref().is_some_and(|chaos| chaos.next().is_some());
        if goes_on || !services.all_run() || Instant::now() < self.signed_up {
            return false;
        }
        if !self.are_through(services).await {
            return false;
        }
        let Ok(ledger) = self.ledger(services).await else { return false };
        ledger.is_complete(Clock::system().now())
            && self.verdict(&ledger, services).await.is_ok_and(|it| it.is_good())
    }

    /// Before all of a queue is looked at: whether it can hold nothing but what was left for those who are deleted. A real
    /// broker is not asked, it may hold what is others': there the consumers' own counts must do.
    async fn are_through(&self, services: &Services<'_>) -> bool {
        if self.edges.contains(Edge::Servicebus) {
            return are_through_by_their_count(&self.source.all(), &self.shown());
        }
        let queued = self.queued(services).await;
        queued.is_some_and(|all| all.iter().all(|queued| *queued <= self.short_lived))
    }

    async fn status(&self, services: &Services<'_>, part: Part) -> Option<Status> {
        self.client.get(services.addresses.status.get(&part)?).await
    }

    /// How many messages each consumer is not through with, by the broker's word.
    async fn queued(&self, services: &Services<'_>) -> Option<Vec<u64>> {
        let status = self.status(services, Part::Broker).await?;
        let queued = |consumer: Consumer| {
            let count = |of| status.counts.get(&format!("{}.{of}", dlq::queue(consumer))).copied();
            Some(count("available")? + count("locked")?)
        };
        Consumer::all().into_iter().map(queued).collect()
    }

    async fn ledger(&self, services: &Services<'_>) -> Result<Ledger, Failure> {
        let url = format!("{}/_effects", services.addresses.control);
        let ledger = self.client.get(&url).await;
        ledger.ok_or_else(|| Failure::Unavailable("the stand-ins' ledger can't be read".to_owned()))
    }

    /// Of what lies on a real broker nothing is known: a dead letter shows by what is missing.
    async fn verdict(&self, ledger: &Ledger, services: &Services<'_>) -> Result<Verdict, Failure> {
        let mut bus = OnTheBus::default();
        let looked_into = if self.edges.contains(Edge::Servicebus) { Vec::new() } else { Consumer::all() };
        for consumer in looked_into {
            let queue = dlq::queue(consumer);
            let of = |letters: Vec<Letter>| letters.into_iter().map(move |letter| (consumer, letter));
            // In this order: what is dead-lettered meanwhile shows in both rather than in none.
            bus.queued.extend(of(dlq::letters(&services.addresses.bus, &queue).await?));
            bus.letters.extend(of(dlq::letters(&services.addresses.bus, &queue.dead_letters()).await?));
        }
        Ok(Verdict::on(ledger, bus, &self.edges))
    }
}

/// Whether each consumer has ended as many messages as the producer has published.
fn are_through_by_their_count(source: &Source, consumers: &[Row]) -> bool {
    let is_through = |row: &Row| row.done + row.skipped + row.dead_lettered >= source.published;
    consumers.len() == Consumer::all().len() && consumers.iter().all(is_through)
}

/// How long people sign up.
pub(crate) fn signing_up(args: &UpArgs) -> Duration {
    Duration::try_from_secs_f64(f64::from(args.signups.get()) / args.rate).unwrap_or(Duration::MAX)
}

fn bound(signups: u32, signing_up: Duration) -> Duration {
    signing_up.saturating_add(AT_MOST).saturating_add(AT_MOST_EACH * signups)
}

/// What is beyond the clock is as good as never: a century, say.
fn in_time(time: Duration) -> Instant {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
    Instant::now() + time.min(CENTURY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_consumer_is_through_once_it_has_ended_what_was_published() {
        let source = Source { published: 3, ..Source::default() };
        let row = |done| Row { done, skipped: 1, dead_lettered: 1, ..Row::default() };
        let all = |done| vec![row(done); Consumer::all().len()];
        assert!(are_through_by_their_count(&source, &all(1)));
        assert!(!are_through_by_their_count(&source, &all(0)));
        assert!(!are_through_by_their_count(&source, &all(1)[1..]), "one has not said a word yet");
    }

    #[test]
    fn the_bound_follows_the_number_and_the_time_and_never_overflows() {
        assert_eq!(bound(25, Duration::from_secs(5)), Duration::from_millis(5_000 + 120_000 + 6_250));
        assert!(in_time(bound(u32::MAX, Duration::MAX)) > Instant::now());
    }
}
