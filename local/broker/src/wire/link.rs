//! A link: one direction of messages between the peer and a node of the broker.

use std::collections::VecDeque;

use super::codec::{
    fault::Fault,
    incoming::Transfer,
    outgoing::{LinkFlow, Tag},
};
use crate::machine::{MAX_MESSAGE_BYTES, QueueId, Target};

/// How many deliveries a sending peer may have underway: as many as Service Bus allows.
const CREDIT: u32 = 1000;
/// The most answers that wait for a peer to give credit for them.
const MOST_REPLIES: usize = 1000;

/// What the peer sends to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inlet {
    Entity(Target),
    Cbs,
    Management(Target),
}

/// What the peer receives from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outlet {
    Queue(QueueId),
    /// The answers to what it sends to `$cbs` or to a `$management` node.
    Replies,
}

#[derive(Debug)]
pub(crate) enum Link {
    Incoming(Incoming),
    Outgoing(Outgoing),
}

impl Link {
    /// The address of its node, as the peer wrote it.
    pub(crate) fn address(&self) -> &str {
        match self {
            Self::Incoming(link) => &link.address,
            Self::Outgoing(link) => &link.address,
        }
    }
}

/// A link on which the peer sends.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) address: String,
    pub(crate) inlet: Inlet,
    delivery_count: u32,
    credit: u32,
    /// Deliveries that have not been answered yet. They count against the credit that is given anew.
    unanswered: u32,
    partial: Option<Arrival>,
}

/// A delivery, complete or as far as it has come.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) id: u32,
    pub(crate) settled: bool,
    pub(crate) format: u32,
    pub(crate) message: Vec<u8>,
}

impl Incoming {
    pub(crate) fn new(address: String, inlet: Inlet, delivery_count: u32) -> Self {
        Self { address, inlet, delivery_count, credit: CREDIT, unanswered: 0, partial: None }
    }

    /// Takes in a frame; returns the delivery once it is complete.
    ///
    /// # Errors
    /// The fault that the link must be detached with: no credit left, a message too large, no delivery id.
    pub(crate) fn take_in(&mut self, transfer: &Transfer<'_>) -> Result<Option<Arrival>, Fault> {
        let mut arrival = match self.partial.take() {
            Some(begun) => begun,
            None => self.begin(transfer)?,
        };
        if transfer.aborted {
            self.answered();
            return Ok(None);
        }
        if arrival.message.len() + transfer.payload.len() > MAX_MESSAGE_BYTES {
            return Err(Fault::TOO_LARGE);
        }
        arrival.message.extend_from_slice(transfer.payload);
        arrival.settled |= transfer.settled.unwrap_or(false);
        if transfer.more {
            self.partial = Some(arrival);
            return Ok(None);
        }
        Ok(Some(arrival))
    }

    fn begin(&mut self, transfer: &Transfer<'_>) -> Result<Arrival, Fault> {
        self.credit = self.credit.checked_sub(1).ok_or(Fault::TOO_FAST)?;
        self.delivery_count = self.delivery_count.wrapping_add(1);
        self.unanswered += 1;
        Ok(Arrival {
            id: transfer.delivery_id.ok_or(Fault::INVALID_FIELD)?,
            settled: transfer.settled.unwrap_or(false),
            format: transfer.message_format.unwrap_or(0),
            message: Vec::new(),
        })
    }

    /// A delivery has been answered, or needs no answer.
    pub(crate) fn answered(&mut self) {
        self.unanswered = self.unanswered.saturating_sub(1);
    }

    /// Gives credit anew once half of it is used up and answered; `true` if the peer must be told.
    pub(crate) fn replenish(&mut self) -> bool {
        let due = CREDIT.saturating_sub(self.unanswered);
        let replenish = self.credit <= CREDIT / 2 && due > self.credit;
        if replenish {
            self.credit = due;
        }
        replenish
    }

    pub(crate) fn flow(&self, handle: u32) -> LinkFlow {
        LinkFlow { handle, delivery_count: self.delivery_count, credit: self.credit, drain: false }
    }
}

/// A link on which the peer receives.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) address: String,
    pub(crate) outlet: Outlet,
    /// The address that a request names to have its answer sent here.
    pub(crate) reply_to: Option<String>,
    /// Receive and delete: what is sent is settled, and gone. It goes out before its removal is on disk: a broker
    /// killed in between delivers it again.
    pub(crate) settled: bool,
    delivery_count: u32,
    credit: u32,
    drain: bool,
    replies: VecDeque<Reply>,
}

/// An answer to a request, encoded.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) tag: Tag,
    pub(crate) message: Vec<u8>,
}

impl Outgoing {
    pub(crate) fn new(address: String, outlet: Outlet, reply_to: Option<String>, settled: bool) -> Self {
        let replies = VecDeque::new();
        Self { address, outlet, reply_to, settled, delivery_count: 0, credit: 0, drain: false, replies }
    }

    /// The peer says how far it has counted and how much more it takes (2.6.7).
    pub(crate) fn allow(&mut self, delivery_count: u32, credit: u32, drain: bool) {
        let underway = self.delivery_count.wrapping_sub(delivery_count);
        self.credit = credit.saturating_sub(underway);
        self.drain = drain;
    }

    pub(crate) fn credit(&self) -> u32 {
        self.credit
    }

    /// Whether it wants messages, or to hear that there are none.
    pub(crate) fn is_hungry(&self) -> bool {
        self.credit > 0 || self.drain
    }

    /// A delivery goes out.
    pub(crate) fn spend(&mut self) {
        self.credit -= 1;
        self.delivery_count = self.delivery_count.wrapping_add(1);
    }

    /// There is nothing more to send: a peer that asked for it gets its credit back. `true` if it must be told.
    pub(crate) fn drained(&mut self) -> bool {
        let drained = self.drain;
        if drained {
            self.delivery_count = self.delivery_count.wrapping_add(self.credit);
            (self.credit, self.drain) = (0, false);
        }
        drained
    }

    /// Queues an answer. Those that nobody fetches are dropped, the oldest first.
    pub(crate) fn reply(&mut self, reply: Reply) {
        if self.replies.len() == MOST_REPLIES {
            self.replies.pop_front();
        }
        self.replies.push_back(reply);
    }

    /// The next answer that there is credit for.
    pub(crate) fn next_reply(&mut self) -> Option<Reply> {
        if self.credit == 0 { None } else { self.replies.pop_front() }
    }

    pub(crate) fn flow(&self, handle: u32, drain: bool) -> LinkFlow {
        LinkFlow { handle, delivery_count: self.delivery_count, credit: self.credit, drain }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credit_counts_from_where_the_peer_has_counted_to() {
        let mut link = Outgoing::new(String::new(), Outlet::Replies, None, false);
        link.allow(0, 3, false);
        link.spend();
        link.allow(0, 3, false);
        assert_eq!(link.credit(), 2);
        link.allow(0, 0, false);
        assert_eq!(link.credit(), 0);
    }

    #[test]
    fn draining_uses_the_credit_up_once() {
        let mut link = Outgoing::new(String::new(), Outlet::Replies, None, false);
        link.allow(0, 5, true);
        assert!(link.drained());
        assert_eq!((link.credit(), link.flow(0, true).delivery_count), (0, 5));
        assert!(!link.drained());
    }

    #[test]
    fn a_sender_gets_new_credit_only_for_what_was_answered() {
        let mut link = Incoming::new(String::new(), Inlet::Cbs, 0);
        let transfer = Transfer {
            handle: 0,
            delivery_id: Some(1),
            message_format: None,
            settled: None,
            more: false,
            aborted: false,
            payload: b"x",
        };
        for _ in 0..CREDIT {
            assert!(matches!(link.take_in(&transfer), Ok(Some(_))));
        }
        assert_eq!(link.take_in(&transfer).unwrap_err(), Fault::TOO_FAST);
        assert!(!link.replenish());
        (0..600).for_each(|_| link.answered());
        assert!(link.replenish());
        assert_eq!(link.flow(0).credit, 600);
    }
}
