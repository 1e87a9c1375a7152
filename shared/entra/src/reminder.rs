//! Whoever has to renew our credential is told in time.

use std::{
    sync::{Mutex, OnceLock, PoisonError},
    time::Duration,
};

use time::OffsetDateTime;
use usher_clock::Clock;
use usher_identity::day;

use crate::Expiry;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// How long before its end a credential is spoken of, once a day.
pub(crate) const SOON: Duration = Duration::from_secs(30 * 24 * 3600);

/// Looks at when our credential expires, whenever a token has been asked for.
pub(crate) struct Reminder {
    clock: Clock,
    told: Mutex<Option<OffsetDateTime>>,
    /// Who measures it.
    watcher: OnceLock<Box<dyn Fn(Expiry) + Send + Sync>>,
}

impl Reminder {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, told: Mutex::default(), watcher: OnceLock::new() }
    }

    /// Tells `watcher` too, from now on; there is one at most.
    pub(crate) fn watch(&self, watcher: impl Fn(Expiry) + Send + Sync + 'static) {
        // A second one is not heard: a process measures itself once.
        let _ = self.watcher.set(Box::new(watcher));
    }

    pub(crate) fn look(&self, expiry: Option<Expiry>) {
        let Some(expiry) = expiry else { return };
        if let Some(watcher) = self.watcher.get() {
            watcher(expiry);
        }
        let left = self.clock.until(expiry.at);
        // One that has expired is no longer a matter of reminding.
        if !left.is_zero() && left <= SOON && self.is_due() {
            tracing::warn!(
                setting = expiry.kind.setting(),
                expires = day(expiry.at),
                days_left = left.as_secs() / DAY.as_secs(),
                todo = expiry.kind.renewal(),
                "our credential expires soon"
            );
        }
    }

    /// Whether nothing was said for a day; from now on something was.
    fn is_due(&self) -> bool {
        let now = self.clock.now();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = told.is_none_or(|told| self.clock.since(told) >= DAY);
        if is_due {
            *told = Some(now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use time::macros::datetime;

    use super::*;
    use crate::CredentialKind;

    const NOON: OffsetDateTime = datetime!(2026-01-01 12:00 UTC);

    fn expiry(in_days: u32) -> Option<Expiry> {
        Some(Expiry { kind: CredentialKind::CertificateFile, at: NOON + DAY * in_days })
    }

    #[tokio::test(start_paused = true)]
    async fn a_reminder_comes_once_a_day_and_not_before_it_is_of_use() {
        let reminder = Reminder::new(Clock::starting_at(NOON));
        let said = |expiry| {
            reminder.look(expiry);
            *reminder.told.lock().unwrap()
        };
        for silent in [None, expiry(31), expiry(0)] {
            assert_eq!(said(silent), None);
        }
        assert_eq!(said(expiry(30)), Some(NOON));
        tokio::time::advance(DAY / 2).await;
        assert_eq!(said(expiry(30)), Some(NOON), "not twice a day");
        tokio::time::advance(DAY / 2).await;
        assert_eq!(said(expiry(30)), Some(NOON + DAY));
    }

    #[tokio::test(start_paused = true)]
    async fn who_measures_it_hears_of_each_credential() {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let reminder = Reminder::new(Clock::starting_at(NOON));
        let ears = heard.clone();
        reminder.watch(move |expiry| ears.lock().unwrap().push(expiry.at));
        reminder.look(None);
        reminder.look(expiry(1));
        reminder.look(expiry(365));
        assert_eq!(*heard.lock().unwrap(), [NOON + DAY, NOON + DAY * 365]);
    }
}
