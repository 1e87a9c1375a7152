//! Watching a run until it has settled.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use usher_clock::Clock;
use usher_service::{Failure, Status};

use super::{
    UpArgs,
    ledger::Ledger,
    progress::{Progress, Row, Source},
    services::Services,
    status::Reader,
    verdict::Verdict,
};
use crate::dlq;

/// How often the services are asked how they are.
const TICK: Duration = Duration::from_millis(500);
/// How long a good state must last: time for the producer to look once more, and for an administrator's creation,
/// say, to be welcomed by mistake.
const QUIET: Duration = Duration::from_secs(5);
/// How long a run may take beyond its own sign-ups, on a slow machine: the audit log's latency, the user's
/// replication and a retry or two.
const AT_MOST: Duration = Duration::from_secs(120);
/// What one sign-up adds to that.
const AT_MOST_EACH: Duration = Duration::from_millis(100);

/// Watches a run and shows it.
pub(crate) struct Watch {
    reader: Reader,
    progress: Progress,
    signups: u64,
    bound: Duration,
    source: Source,
    rows: Vec<Row>,
}

impl Watch {
    pub(crate) fn new(args: &UpArgs, progress: Progress) -> Result<Self, Failure> {
        Ok(Self {
            reader: Reader::new()?,
            progress,
            signups: args.signups.get().into(),
            bound: bound(args.signups.get(), args.rate),
            source: Source::default(),
            rows: Vec::new(),
        })
    }

    /// Waits until all sign-ups are accounted for and stay so, or the time is up.
    ///
    /// # Errors
    /// A service ends, or can't be asked at the end.
    pub(crate) async fn until_settled(&mut self, services: &mut Services) -> Result<Verdict, Failure> {
        let end = Instant::now() + self.bound;
        let mut good_since = None;
        loop {
            self.look(services).await?;
            good_since =
                if self.is_good(services).await { good_since.or_else(|| Some(Instant::now())) } else { None };
            let settled = good_since.is_some_and(|since| since.elapsed() >= QUIET);
            if settled || Instant::now() >= end {
                break;
            }
            sleep(TICK).await;
        }
        self.progress.finish(&self.source, &self.rows);
        verdict(self.ledger(services).await?, services).await
    }

    async fn look(&mut self, services: &mut Services) -> Result<(), Failure> {
        services.check()?;
        // A service that does not answer keeps its last row: it may be busy, and if it is dead we know.
        if let Some(status) = self.reader.get::<Status>(&services.addresses.producer).await {
            self.source = Source::of(&status);
        }
        self.rows.resize_with(services.addresses.consumers.len(), Row::default);
        for (row, (consumer, url)) in self.rows.iter_mut().zip(&services.addresses.consumers) {
            if let Some(status) = self.reader.get::<Status>(url).await {
                *row = Row::of(consumer.name(), &status);
            }
        }
        self.progress.show(&self.source, &self.rows);
        Ok(())
    }

    /// Whether all is as it should be by now, and nothing can still turn up in the audit log.
    async fn is_good(&self, services: &Services) -> bool {
        // Cheap to know, and true before the rest can be.
        if self.rows.iter().any(|row| row.finished() < self.signups) {
            return false;
        }
        let Ok(ledger) = self.ledger(services).await else { return false };
        ledger.is_complete(Clock::system().now())
            && verdict(ledger, services).await.is_ok_and(|it| it.is_good())
    }

    async fn ledger(&self, services: &Services) -> Result<Ledger, Failure> {
        let url = format!("{}/_effects", services.addresses.control);
        let ledger = self.reader.get(&url).await;
        ledger.ok_or_else(|| Failure::Unavailable("the stand-ins' ledger can't be read".to_owned()))
    }
}

async fn verdict(ledger: Ledger, services: &Services) -> Result<Verdict, Failure> {
    let mut letters = Vec::new();
    for (consumer, _) in &services.addresses.consumers {
        letters.extend(dlq::letters(&services.addresses.bus, *consumer).await?);
    }
    Ok(Verdict::on(&ledger, letters))
}

fn bound(signups: u32, rate: f64) -> Duration {
    let signing_up = Duration::try_from_secs_f64(f64::from(signups) / rate).unwrap_or(Duration::MAX);
    signing_up.saturating_add(AT_MOST).saturating_add(AT_MOST_EACH * signups)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_follows_the_number_and_the_rate() {
        assert_eq!(bound(25, 5.0), Duration::from_millis(5_000 + 120_000 + 2_500));
        assert!(bound(u32::MAX, f64::MIN_POSITIVE) > Duration::from_secs(u64::MAX / 2));
    }
}
