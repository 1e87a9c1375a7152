//! One producer at a time: the right to work with a checkpoint, and those who wait for it.
//!
//! Two producers on one checkpoint would lose no sign-up, but each would write over what the other remembers, and they
//! would share the audit log's quota. So one of them has the [lease](Lease) and works; the others [stand by](Relay) and
//! take over when it is given back or runs out. A lease is no lock: whoever has it must stop by himself before it could
//! be somebody else's, and so a [tenure](tenure) ends before its lease does. What is published twice all the same, because
//! a message was on its way when the tenure ended, has one id, and the broker swallows the second.

mod file;
mod kept;
mod relay;
mod tenure;

use std::time::Duration;

use async_trait::async_trait;

use crate::CheckpointError;

pub use file::FileLease;
pub use kept::Kept;
pub use relay::{NotPolled, Polled, Relay};
pub(crate) use tenure::Tenure;

/// How long a lease on a blob lasts unless it is renewed. Azure Storage takes 15 to 60 seconds: long enough to outlive a
/// failover of the storage's front end, short enough that another producer takes over within a minute.
pub(crate) const TERM: Duration = Duration::from_secs(30);
/// How often it is renewed: a renewal may fail, and the one after it, before the lease runs out.
const RENEW_EVERY: Duration = Duration::from_secs(10);
/// How soon a renewal that failed is tried again.
const RENEW_AGAIN: Duration = Duration::from_secs(2);
/// So long before the lease could be somebody else's the work ends: for what was just begun, and for clocks that don't run
/// equally fast.
const MARGIN: Duration = Duration::from_secs(5);
/// How often whoever stands by asks for the lease.
const TRY_EVERY: Duration = Duration::from_secs(5);
/// How long it may take to give the lease back. Then it runs out by itself, and we have stopped within five seconds.
const GIVE_BACK_WITHIN: Duration = Duration::from_secs(1);

/// The right to work with one checkpoint. One instance is one contender, which has it or doesn't.
#[async_trait]
pub trait Lease: Send + Sync {
    /// Takes it, unless somebody else has it. Returns whether it is ours now.
    ///
    /// # Errors
    /// [`CheckpointError::Missing`] if there is nothing yet that it could lie on; otherwise why nobody can tell.
    async fn take(&self) -> Result<bool, CheckpointError>;

    /// Has it for another term. Returns whether it is still ours.
    ///
    /// # Errors
    /// Why nobody can tell: it may be renewed or not.
    async fn renew(&self) -> Result<bool, CheckpointError>;

    /// Gives it back, so that nobody has to wait until it runs out. Whatever comes of that, it does run out.
    async fn give_back(&self);

    /// Whether anybody has it. Changes nothing.
    ///
    /// # Errors
    /// Why nobody can tell.
    async fn is_taken(&self) -> Result<bool, CheckpointError>;

    /// How long it is ours, from the moment before it was asked for; `None`: until it is given back, or the process ends.
    fn term(&self) -> Option<Duration>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_takes_over_within_a_minute_and_never_before_the_first_has_stopped() {
        assert!(TERM + 2 * TRY_EVERY < Duration::from_secs(60));
        assert!(RENEW_EVERY + 2 * RENEW_AGAIN < TERM - MARGIN, "a renewal may fail");
        assert!((15..=60).contains(&TERM.as_secs()), "what Azure Storage takes");
    }

    #[test]
    fn the_documentation_has_these_numbers() {
        let text = include_str!("../../docs/checkpoint.md");
        let takeover = TERM + TRY_EVERY;
        for (what, time) in [
            ("lasts", TERM),
            ("is renewed every", RENEW_EVERY),
            ("stops", MARGIN),
            ("asks for it every", TRY_EVERY),
            ("within", takeover),
        ] {
            let said = format!("{what} {} seconds", time.as_secs());
            assert!(text.contains(&said), "{said}");
        }
    }
}
