//! Dead letters in pages: however many lie there, one page is in memory.

use std::sync::Arc;

use usher_bus::{Peeked, Receiver};
use usher_service::Failure;

use super::failure;

/// How many dead letters are fetched at once: the most that Service Bus returns for one peek.
/// <https://learn.microsoft.com/azure/service-bus-messaging/message-browsing>
const PAGE: u32 = 250;

/// Walks through a dead-letter queue in ascending order of sequence numbers.
pub(crate) struct Pages {
    receiver: Arc<dyn Receiver>,
    from: i64,
    most: u32,
}

impl Pages {
    /// From sequence number `from` on.
    pub(crate) fn new(receiver: Arc<dyn Receiver>, from: i64) -> Self {
        Self { receiver, from, most: PAGE }
    }

    /// One letter at `from`, or the first after it.
    pub(crate) fn one(receiver: Arc<dyn Receiver>, from: i64) -> Self {
        Self { receiver, from, most: 1 }
    }

    /// The next page; empty at the end. Service Bus may return less than a page with more to come.
    pub(crate) async fn next(&mut self) -> Result<Vec<Peeked>, Failure> {
        let page = self.receiver.peek(self.from, self.most).await.map_err(failure)?;
        if let Some(last) = page.last() {
            self.from = last.sequence_number + 1;
        }
        Ok(page)
    }
}
