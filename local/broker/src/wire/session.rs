//! A session: the windows and numbers that its links share (AMQP 1.0, part 2.5).

use std::collections::{BTreeMap, VecDeque};

use bytes::{Bytes, BytesMut};
use usher_bus::LockToken;

use super::{
    codec::{
        incoming::{self, Begin},
        message::{Stamp, deliver},
        outgoing::{self, Delivery, LinkFlow},
    },
    link::{Link, Outlet},
};
use crate::machine::{Locked, Machine, Millis, QueueId};

/// How many transfer frames the peer may have underway: as many as Service Bus allows.
pub(crate) const WINDOW: u32 = 5000;
/// The highest handle of a session, as at Service Bus.
pub(crate) const HANDLE_MAX: u32 = 255;
/// The number of the first transfer frame that we send.
pub(crate) const FIRST_OUTGOING_ID: u32 = 0;
/// How many unsettled deliveries a session holds before it sends no more.
const MOST_UNSETTLED: usize = 8192;
/// How much one link may take from its queue before the others' turn, in messages and in bytes.
const TURN: u32 = 128;
const TURN_BYTES: usize = 256 << 10;

#[derive(Debug)]
pub(crate) struct Session {
    /// Tells it from an earlier session on the same channel.
    pub(crate) serial: u64,
    channel: u16,
    next_incoming_id: u32,
    /// How many more frames the peer may send before it must hear of a new window.
    incoming_window: u32,
    next_outgoing_id: u32,
    /// How many more frames the peer takes.
    remote_window: u32,
    next_delivery: u64,
    pub(crate) links: BTreeMap<u32, Link>,
    /// What was delivered under a lock and not settled yet, by delivery number.
    unsettled: BTreeMap<u64, Held>,
    /// Frames that wait for the peer's window to open.
    held_back: VecDeque<BytesMut>,
    /// Links whose queue had nothing more to give this turn.
    exhausted: Vec<u32>,
}

/// A delivery under a lock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    pub(crate) queue: QueueId,
    pub(crate) token: LockToken,
    handle: u32,
}

/// A message on its way from its queue to a link.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) channel: u16,
    handle: u32,
    queue: QueueId,
    settled: bool,
    message: Locked<Bytes>,
}

impl Session {
    pub(crate) fn new(serial: u64, channel: u16, begin: Begin) -> Self {
        Self {
            serial,
            channel,
            next_incoming_id: begin.next_outgoing_id,
            incoming_window: WINDOW,
            next_outgoing_id: FIRST_OUTGOING_ID,
            remote_window: begin.incoming_window,
            next_delivery: 0,
            links: BTreeMap::new(),
            unsettled: BTreeMap::new(),
            held_back: VecDeque::new(),
            exhausted: Vec::new(),
        }
    }

    /// A transfer frame has come in.
    pub(crate) fn count_incoming(&mut self, out: &mut BytesMut) {
        self.next_incoming_id = self.next_incoming_id.wrapping_add(1);
        self.incoming_window = self.incoming_window.saturating_sub(1);
        if self.incoming_window < WINDOW / 2 {
            self.write_flow(out, None);
        }
    }

    /// What the peer says of its window (2.5.6): counted from the frames that it has seen.
    pub(crate) fn open_window(&mut self, flow: &incoming::Flow) {
        let underway = self.next_outgoing_id.wrapping_sub(flow.next_incoming_id.unwrap_or(FIRST_OUTGOING_ID));
        self.remote_window = flow.incoming_window.saturating_sub(underway);
    }

    /// Tells the peer of our windows, and of a link's credit. Every flow opens the incoming window anew.
    pub(crate) fn write_flow(&mut self, out: &mut BytesMut, link: Option<LinkFlow>) {
        self.incoming_window = WINDOW;
        let flow = outgoing::Flow {
            next_incoming_id: self.next_incoming_id,
            incoming_window: WINDOW,
            next_outgoing_id: self.next_outgoing_id,
            outgoing_window: WINDOW,
            link,
        };
        outgoing::flow(out, self.channel, &flow);
    }

    /// Takes the deliveries in the range that are unsettled out of the books, in order, with their ids. An id
    /// that was never given out or is settled already is passed over.
    pub(crate) fn settle(&mut self, first: u32, last: u32) -> Vec<(u32, Held)> {
        let (Some(from), Some(to)) = (self.delivery_number(first), self.delivery_number(last)) else {
            return Vec::new();
        };
        if from > to {
            return Vec::new();
        }
        let numbers: Vec<u64> = self.unsettled.range(from..=to).map(|(number, _)| *number).collect();
        numbers
            .into_iter()
            .filter_map(|number| self.unsettled.remove(&number).map(|held| (delivery_id(number), held)))
            .collect()
    }

    /// Ids have 32 bits and wrap; the numbers kept here don't. An id means the last delivery that bore it; `None` if
    /// no delivery has yet.
    fn delivery_number(&self, id: u32) -> Option<u64> {
        let back = delivery_id(self.next_delivery).wrapping_sub(id);
        self.next_delivery.checked_sub(back.into())
    }

    /// Forgets a link and what it held: those locks run out.
    pub(crate) fn remove_link(&mut self, handle: u32) -> Option<Link> {
        let link = self.links.remove(&handle)?;
        self.unsettled.retain(|_, held| held.handle != handle);
        Some(link)
    }

    /// Sends what waited for the window, then answers that wait on reply links.
    pub(crate) fn send_waiting(&mut self, out: &mut BytesMut, max_frame: u32) {
        while self.remote_window > 0 {
            let Some(frame) = self.held_back.pop_front() else { break };
            out.unsplit(frame);
            self.count_outgoing();
        }
        let handles: Vec<u32> = self.links.keys().copied().collect();
        for handle in handles {
            self.send_replies(handle, out, max_frame);
        }
    }

    fn send_replies(&mut self, handle: u32, out: &mut BytesMut, max_frame: u32) {
        while self.may_send() {
            let Some(Link::Outgoing(link)) = self.links.get_mut(&handle) else { return };
            if link.outlet != Outlet::Replies {
                return;
            }
            let Some(reply) = link.next_reply() else { return self.drained(handle, out) };
            link.spend();
            let id = self.next_id();
            let delivery = Delivery { channel: self.channel, handle, id, tag: reply.tag, settled: true };
            self.send(&delivery, &reply.message, out, max_frame);
        }
    }

    /// Whether a link on a queue could be sent something now.
    pub(crate) fn is_hungry(&self) -> bool {
        self.may_send()
            && self.links.values().any(|link| match link {
                Link::Outgoing(link) => link.is_hungry() && link.outlet != Outlet::Replies,
                Link::Incoming(_) => false,
            })
    }

    fn may_send(&self) -> bool {
        self.remote_window > 0 && self.held_back.is_empty() && self.unsettled.len() < MOST_UNSETTLED
    }

    /// Takes from the queues what the links have credit for, each link its turn at most.
    pub(crate) fn take(&mut self, machine: &mut Machine<Bytes>, now: Millis, taken: &mut Vec<Taken>) {
        let handles: Vec<u32> = self.links.keys().copied().collect();
        for handle in handles {
            if self.may_send() && self.take_for(handle, machine, now, taken) {
                self.exhausted.push(handle);
            }
        }
    }

    /// `true`: the queue has nothing more to give, or the link has no credit left to give it for.
    fn take_for(
        &mut self,
        handle: u32,
        machine: &mut Machine<Bytes>,
        now: Millis,
        taken: &mut Vec<Taken>,
    ) -> bool {
        let Some(Link::Outgoing(link)) = self.links.get_mut(&handle) else { return false };
        let Outlet::Queue(queue) = link.outlet else { return false };
        let mut bytes = 0;
        for _ in 0..link.credit().min(TURN) {
            if bytes > TURN_BYTES {
                return false;
            }
            let message = if link.settled { machine.take(queue, now) } else { machine.receive(queue, now) };
            let Some(message) = message else { return true };
            bytes += message.payload.len();
            link.spend();
            taken.push(Taken { channel: self.channel, handle, queue, settled: link.settled, message });
        }
        link.credit() == 0
    }

    /// Once all that was taken is sent: a link that was asked to drain and whose queue is empty has its credit
    /// used up, and the peer is told.
    pub(crate) fn finish_drains(&mut self, out: &mut BytesMut) {
        for handle in std::mem::take(&mut self.exhausted) {
            if self.held_back.is_empty() {
                self.drained(handle, out);
            }
        }
    }

    fn drained(&mut self, handle: u32, out: &mut BytesMut) {
        let Some(Link::Outgoing(link)) = self.links.get_mut(&handle) else { return };
        if link.drained() {
            let flow = link.flow(handle, true);
            self.write_flow(out, Some(flow));
        }
    }

    /// Sends a message that was taken for one of our links.
    pub(crate) fn deliver(
        &mut self,
        taken: &Taken,
        out: &mut BytesMut,
        scratch: &mut Vec<u8>,
        max_frame: u32,
    ) {
        scratch.clear();
        if let Err(malformed) = deliver(scratch, &taken.message.payload, &Stamp::from(&taken.message)) {
            // Only a damaged store could hold one: it was read through when it was admitted.
            let sequence_number = taken.message.sequence_number;
            tracing::error!(%malformed, sequence_number, "a stored message can't be delivered");
            return;
        }
        let token = taken.message.token;
        if !taken.settled {
            let held = Held { queue: taken.queue, token, handle: taken.handle };
            self.unsettled.insert(self.next_delivery, held);
        }
        let delivery = Delivery {
            channel: self.channel,
            handle: taken.handle,
            id: self.next_id(),
            tag: token.0.to_bytes_le(),
            settled: taken.settled,
        };
        self.send(&delivery, scratch, out, max_frame);
    }

    fn send(&mut self, delivery: &Delivery, message: &[u8], out: &mut BytesMut, max_frame: u32) {
        for part in outgoing::parts(message, max_frame) {
            if self.remote_window > 0 && self.held_back.is_empty() {
                outgoing::transfer(out, delivery, part);
                self.count_outgoing();
            } else {
                let mut frame = BytesMut::new();
                outgoing::transfer(&mut frame, delivery, part);
                self.held_back.push_back(frame);
            }
        }
    }

    fn count_outgoing(&mut self) {
        self.next_outgoing_id = self.next_outgoing_id.wrapping_add(1);
        self.remote_window -= 1;
    }

    fn next_id(&mut self) -> u32 {
        self.next_delivery += 1;
        delivery_id(self.next_delivery - 1)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "that is how ids wrap")]
fn delivery_id(number: u64) -> u32 {
    number as u32
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn an_id_that_was_never_given_out_settles_nothing() {
        let mut session = Session::new(1, 0, Begin { next_outgoing_id: 0, incoming_window: 10 });
        let held = Held { queue: QueueId(0), token: LockToken(Uuid::nil()), handle: 0 };
        let number = u64::from(session.next_id());
        session.unsettled.insert(number, held);
        assert!(session.settle(7, 7).is_empty());
        assert!(session.settle(u32::MAX, u32::MAX).is_empty());
        assert_eq!(session.settle(0, 0).len(), 1);
        assert!(session.settle(0, 0).is_empty(), "settled already");
    }
}
