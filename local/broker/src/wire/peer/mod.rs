//! The conversation with one peer, without its socket: frames in, frames out.
//!
//! A turn is what one read brought. Its frames are taken in one after the other; what they ask of the machine
//! is collected, done under one lock, and answered when the store has caught up. Then the queues are asked for
//! what the peer has credit for.

mod answer;
mod attach;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use bytes::{Buf, BytesMut};
use tokio::sync::Notify;

use super::{
    access::Access,
    codec::{
        fault::Fault,
        frame::{self, Frame, Kind, MAX_FRAME, MIN_MAX_FRAME},
        incoming::{Disposition, Flow, Open, Performative},
        outgoing::{self, Outcome},
        reader::Malformed,
    },
    hub::Hub,
    link::Link,
    sas::SasKey,
    session::{FIRST_OUTGOING_ID, HANDLE_MAX, Session, WINDOW},
    work::{Answer, Place, Work, settlement_of},
};
use crate::store::Ticket;

/// The highest channel, which limits the sessions of a connection.
const CHANNEL_MAX: u16 = 255;
/// How long a peer may be silent, as at Service Bus.
pub(super) const IDLE_MILLIS: u32 = 240_000;
/// With this much still to be written to the peer, nothing more is taken from the queues for it...
const PUMP_BELOW: usize = 256 << 10;
/// ...and with this much, nothing more is read from it.
const READ_BELOW: usize = 1 << 20;
/// How many answers, and bytes of messages, may wait for the store before nothing more is read.
const MOST_WAITING: usize = 20_000;
const MOST_WAITING_BYTES: usize = 16 << 20;

/// What a frame was refused for, and with it the smallest thing that has to end.
#[derive(Clone, Copy, Debug)]
enum Refusal {
    Connection(Fault),
    Session(Fault),
    Link(u32, Fault),
}

/// A malformed frame ends the connection: nobody knows what its sender meant.
impl From<Malformed> for Refusal {
    fn from(malformed: Malformed) -> Self {
        Self::Connection(malformed.into())
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::Connection(fault)
    }
}

#[derive(Debug)]
pub(crate) struct Peer {
    hub: Arc<Hub>,
    key: SasKey,
    access: Access,
    /// Notified when a queue that we have a link to gains a message.
    wake: Arc<Notify>,
    sessions: BTreeMap<u16, Session>,
    /// Channels of sessions that we ended and the peer has not yet: what is underway on them counts for nothing.
    ended: BTreeSet<u16>,
    open: Option<Open>,
    closed: bool,
    next_serial: u64,
    work: Vec<Work>,
    waiting: VecDeque<(Ticket, Vec<Answer>)>,
    waiting_answers: usize,
    waiting_bytes: usize,
    scratch: Vec<u8>,
}

impl Peer {
    pub(crate) fn new(hub: Arc<Hub>, key: SasKey, access: Access, wake: Arc<Notify>) -> Self {
        Self {
            hub,
            key,
            access,
            wake,
            sessions: BTreeMap::new(),
            ended: BTreeSet::new(),
            open: None,
            closed: false,
            next_serial: 0,
            work: Vec::new(),
            waiting: VecDeque::new(),
            waiting_answers: 0,
            waiting_bytes: 0,
            scratch: Vec::new(),
        }
    }

    /// Takes in every whole frame of the input, then makes the calls that they ask for.
    ///
    /// # Errors
    /// The fault to close the connection with.
    pub(crate) fn turn(&mut self, input: &mut BytesMut, out: &mut BytesMut) -> Result<(), Fault> {
        while let Some(frame) = frame::first(input)? {
            let size = frame.size;
            self.take_in(&frame, out)?;
            input.advance(size);
        }
        self.run_work();
        Ok(())
    }

    fn take_in(&mut self, frame: &Frame<'_>, out: &mut BytesMut) -> Result<(), Fault> {
        if frame.kind != Kind::Amqp as u8 {
            return Err(Fault::FRAMING);
        }
        if frame.body.is_empty() {
            return Ok(());
        }
        let channel = frame.channel;
        match self.converse(channel, Performative::decode(frame.body)?, out) {
            Ok(()) => Ok(()),
            Err(Refusal::Connection(fault)) => Err(fault),
            Err(Refusal::Session(fault)) => {
                self.sessions.remove(&channel);
                self.ended.insert(channel);
                outgoing::end(out, channel, Some(fault));
                Ok(())
            }
            Err(Refusal::Link(handle, fault)) => {
                self.session(channel)?.remove_link(handle);
                outgoing::detach(out, channel, handle, true, Some(fault));
                Ok(())
            }
        }
    }

    fn converse(&mut self, channel: u16, said: Performative<'_>, out: &mut BytesMut) -> Result<(), Refusal> {
        match said {
            Performative::Open(open) => self.on_open(open, out)?,
            _ if self.open.is_none() => return Err(Fault::ILLEGAL_STATE.into()),
            Performative::Begin(begin) => {
                if channel > CHANNEL_MAX
                    || self.sessions.contains_key(&channel)
                    || self.ended.contains(&channel)
                {
                    return Err(Fault::ILLEGAL_STATE.into());
                }
                self.next_serial += 1;
                self.sessions.insert(channel, Session::new(self.next_serial, channel, begin));
                outgoing::begin(out, channel, FIRST_OUTGOING_ID, WINDOW, HANDLE_MAX);
            }
            Performative::End => {
                if !self.ended.remove(&channel) && self.sessions.remove(&channel).is_some() {
                    outgoing::end(out, channel, None);
                }
            }
            Performative::Close => self.closed = true,
            _ if self.ended.contains(&channel) => {}
            Performative::Attach(attach) => self.on_attach(channel, &attach, out)?,
            Performative::Flow(flow) => self.on_flow(channel, flow, out)?,
            Performative::Transfer(transfer) => self.on_transfer(channel, &transfer, out)?,
            Performative::Disposition(disposition) => self.on_disposition(channel, disposition)?,
            Performative::Detach { handle, closed } => {
                // A detach that answers ours finds no link: it needs no answer.
                if self.session(channel)?.remove_link(handle).is_some() {
                    outgoing::detach(out, channel, handle, closed, None);
                }
            }
        }
        Ok(())
    }

    fn on_open(&mut self, mut open: Open, out: &mut BytesMut) -> Result<(), Refusal> {
        if self.open.is_some() {
            return Err(Fault::ILLEGAL_STATE.into());
        }
        open.max_frame_size = open.max_frame_size.clamp(MIN_MAX_FRAME, MAX_FRAME);
        self.open = Some(open);
        outgoing::open(out, "usher-broker", MAX_FRAME, CHANNEL_MAX, IDLE_MILLIS);
        Ok(())
    }

    fn on_flow(&mut self, channel: u16, flow: Flow, out: &mut BytesMut) -> Result<(), Refusal> {
        let session = self.session(channel)?;
        session.open_window(&flow);
        let Some(handle) = flow.handle else {
            if flow.echo {
                session.write_flow(out, None);
            }
            return Ok(());
        };
        // One for a link that we detached may still be underway: it is no fault.
        let Some(link) = session.links.get_mut(&handle) else { return Ok(()) };
        let state = match link {
            Link::Outgoing(link) => {
                link.allow(flow.delivery_count.unwrap_or(0), flow.link_credit.unwrap_or(0), flow.drain);
                link.flow(handle, false)
            }
            Link::Incoming(link) => link.flow(handle),
        };
        if flow.echo {
            session.write_flow(out, Some(state));
        }
        Ok(())
    }

    /// What a receiver says of deliveries. What a sender says of its own needs no answer.
    fn on_disposition(&mut self, channel: u16, said: Disposition) -> Result<(), Refusal> {
        let session = self.session(channel)?;
        let Some(state) = said.state.filter(|_| said.by_receiver) else { return Ok(()) };
        let place = Place { channel, serial: session.serial };
        let settled = session.settle(said.first, said.last);
        if settled.is_empty() && said.first == said.last && !said.settled {
            let outcome = Outcome::Rejected(Some(Fault::LOCK_LOST));
            self.work.push(Work::Answer(Answer::Settled { place, id: said.first, outcome }));
        }
        let how = settlement_of(state);
        for (id, held) in settled {
            self.work.push(match how.clone() {
                Some(how) => {
                    let (queue, token) = (held.queue, held.token);
                    Work::Settle { place, id, queue, token, how, answer: !said.settled }
                }
                None => {
                    let outcome = Outcome::Rejected(Some(Fault::NOT_IMPLEMENTED));
                    Work::Answer(Answer::Settled { place, id, outcome })
                }
            });
        }
        Ok(())
    }

    fn session(&mut self, channel: u16) -> Result<&mut Session, Fault> {
        self.sessions.get_mut(&channel).ok_or(Fault::ILLEGAL_STATE)
    }

    /// Something to be done with the machine at the end of the turn.
    fn push(&mut self, work: Work) {
        if let Work::Send { sent, .. } = &work {
            self.waiting_bytes += sent.bytes;
        }
        self.work.push(work);
    }

    /// Detaches the links whose token has expired and was not replaced.
    pub(crate) fn enforce_access(&mut self, out: &mut BytesMut) {
        let now = self.hub.now();
        for (channel, session) in &mut self.sessions {
            let expired: Vec<_> = session
                .links
                .iter()
                .filter(|(_, link)| !attach::is_open_to_all(link.address()))
                .filter_map(|(handle, link)| {
                    self.access.check(link.address(), now).err().map(|fault| (*handle, fault))
                })
                .collect();
            for (handle, _) in expired {
                session.remove_link(handle);
                outgoing::detach(out, *channel, handle, true, Some(Fault::TOKEN_EXPIRED));
            }
        }
    }

    fn max_frame(&self) -> u32 {
        self.open.map_or(MIN_MAX_FRAME, |open| open.max_frame_size)
    }

    /// After how many milliseconds of silence on our side the peer gives up.
    pub(crate) fn patience(&self) -> Option<u32> {
        self.open.and_then(|open| open.idle_time_out).filter(|millis| *millis > 0)
    }

    /// Whether the peer has asked for the end.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether answers wait for the store.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether more may be read: a peer that sends faster than the disk writes, or doesn't read, has to wait.
    pub(crate) fn may_read(&self, unwritten: usize) -> bool {
        unwritten < READ_BELOW
            && self.waiting_answers < MOST_WAITING
            && self.waiting_bytes < MOST_WAITING_BYTES
    }
}
