//! The highest sequence number in a queue, found by peeking.

use usher_bus::{BusError, Receiver};

/// The highest sequence number present, or `None` in an empty queue.
///
/// A broker peeks upwards only, and a dead-letter queue can hold millions: so this doubles its stride until it
/// is past the end and then halves it, some forty requests at the most where paging would take thousands.
///
/// # Errors
/// The broker could not be asked.
pub async fn highest(receiver: &dyn Receiver) -> Result<Option<i64>, BusError> {
    let Some(mut present) = at_or_after(receiver, 0).await? else { return Ok(None) };
    let mut stride = 1;
    let mut past = loop {
        let from = present.saturating_add(stride);
        match at_or_after(receiver, from).await? {
            Some(found) => present = found,
            None => break from,
        }
        stride *= 2;
    };
    while present + 1 < past {
        let middle = present + (past - present) / 2;
        match at_or_after(receiver, middle).await? {
            Some(found) => present = found,
            None => past = middle,
        }
    }
    Ok(Some(present))
}

async fn at_or_after(receiver: &dyn Receiver, from: i64) -> Result<Option<i64>, BusError> {
    Ok(receiver.peek(from, 1).await?.first().map(|seen| seen.sequence_number))
}
