//! What must be on disk before an answer may go out, and what is read back from there on start.
//!
//! A message's identity on disk is its queue and its sequence number. Locks are not kept: a restart frees
//! every lock, and costs no delivery count.

use super::{DeadLetter, Millis, QueueId};

/// One fact for the journal.
#[derive(Clone, Debug, PartialEq)]
pub enum Change<P> {
    /// A copy of a message was put into a queue.
    Added {
        /// Where.
        queue: QueueId,
        /// Its place there.
        sequence_number: i64,
        /// When it was accepted.
        enqueued_at: Millis,
        /// When it is to be expired, if ever.
        expires_at: Option<Millis>,
        /// Encoded size in bytes, as the sender's facets gave it.
        size: usize,
        /// What the sender gave.
        payload: P,
        /// The same number for all copies of one sent message, so that its payload can be written once.
        group: u64,
    },
    /// It was dead-lettered, and kept its sequence number.
    Moved {
        /// The queue it left.
        from: QueueId,
        /// The dead-letter queue it went to.
        to: QueueId,
        /// Its place in both.
        sequence_number: i64,
        /// Why.
        dead_letter: DeadLetter,
    },
    /// A delivery of it failed.
    Counted {
        /// Where it lies.
        queue: QueueId,
        /// Its place there.
        sequence_number: i64,
        /// How many have failed by now.
        delivery_count: u32,
    },
    /// It was completed, taken, or expired.
    Removed {
        /// Where it lay.
        queue: QueueId,
        /// Its place there.
        sequence_number: i64,
    },
    /// Its id was seen by duplicate detection.
    Remembered(Remembered),
}

/// An id that duplicate detection knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// The canonical name of the topic or queue.
    pub entity: String,
    /// The MessageId.
    pub message_id: String,
    /// From when on the same id is taken for a new message.
    pub until: Millis,
}

/// What the disk still knew.
#[derive(Clone, Debug)]
pub struct Restored<P> {
    /// Every message, in any order.
    pub messages: Vec<Stored<P>>,
    /// The highest sequence number ever given out in each queue or subscription (dead-letter queues share theirs).
    pub sequence_numbers: Vec<(QueueId, i64)>,
    /// The ids that duplicate detection knew. Those of entities that are no more are passed over.
    pub remembered: Vec<Remembered>,
    /// The highest group number ever given out.
    pub last_group: u64,
}

impl<P> Default for Restored<P> {
    fn default() -> Self {
        Self { messages: Vec::new(), sequence_numbers: Vec::new(), remembered: Vec::new(), last_group: 0 }
    }
}

/// A message as it lay on disk.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored<P> {
    /// Where it lies.
    pub queue: QueueId,
    /// Its place there.
    pub sequence_number: i64,
    /// When it was accepted.
    pub enqueued_at: Millis,
    /// When it is to be expired, if ever. Not observed in a dead-letter queue.
    pub expires_at: Option<Millis>,
    /// How many of its deliveries failed.
    pub delivery_count: u32,
    /// Encoded size in bytes.
    pub size: usize,
    /// What the sender gave.
    pub payload: P,
    /// Why it lies in a dead-letter queue, if it does.
    pub dead_letter: Option<DeadLetter>,
}
