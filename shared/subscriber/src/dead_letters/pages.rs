//! Dead letters in pages: however many lie there, one page is in memory.

use std::sync::Arc;

use usher_bus::{BusError, Peeked, Receiver};

use super::Matcher;

/// How many dead letters are fetched at once: the most that Service Bus returns for one peek.
/// <https://learn.microsoft.com/azure/service-bus-messaging/message-browsing>
const PAGE: u32 = 250;

/// Looks through a dead-letter queue in ascending order of sequence numbers; locks nothing.
pub struct Pages {
    receiver: Arc<dyn Receiver>,
    from: i64,
    last: i64,
    most: u32,
}

impl Pages {
    /// From sequence number `from` on.
    pub fn new(receiver: Arc<dyn Receiver>, from: i64) -> Self {
        Self { receiver, from, last: i64::MAX, most: PAGE }
    }

    /// One letter at `from`, or the first after it.
    pub fn one(receiver: Arc<dyn Receiver>, from: i64) -> Self {
        Self { most: 1, ..Self::new(receiver, from) }
    }

    /// Where a filter can match anything.
    pub fn within(receiver: Arc<dyn Receiver>, matcher: &Matcher) -> Self {
        Self { last: matcher.last(), ..Self::new(receiver, matcher.first()) }
    }

    /// As far as this sequence number.
    #[must_use]
    pub fn up_to(self, last: i64) -> Self {
        Self { last, ..self }
    }

    /// The next page; empty at the end. Service Bus may return less than a page with more to come.
    ///
    /// # Errors
    /// The broker could not be asked.
    pub async fn next(&mut self) -> Result<Vec<Peeked>, BusError> {
        if self.from > self.last {
            return Ok(Vec::new());
        }
        let mut page = self.receiver.peek(self.from, self.most).await?;
        if let Some(last) = page.last() {
            self.from = last.sequence_number.saturating_add(1);
        }
        page.retain(|peeked| peeked.sequence_number <= self.last);
        Ok(page)
    }
}
