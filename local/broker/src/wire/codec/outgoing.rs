//! The frames that we send (AMQP 1.0, part 2.7).

use bytes::{BufMut, BytesMut};

use super::{
    fault::Fault,
    frame::{self, Kind},
    incoming::{Attach, code},
    write,
};

/// What a transfer frame needs beside its payload, at most: frame header, performative, a tag of 16 bytes.
const TRANSFER_OVERHEAD: usize = 64;
/// A delivery tag: the lock token as a little-endian GUID.
pub(crate) type Tag = [u8; 16];

/// How a delivery ended, in the words of AMQP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Accepted,
    Released,
    Modified,
    /// Without a fault it is the answer to a dead-lettering that was done.
    Rejected(Option<Fault>),
}

/// The state of a session's windows, and of a link's credit where one is meant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flow {
    pub(crate) next_incoming_id: u32,
    pub(crate) incoming_window: u32,
    pub(crate) next_outgoing_id: u32,
    pub(crate) outgoing_window: u32,
    pub(crate) link: Option<LinkFlow>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct LinkFlow {
    pub(crate) handle: u32,
    pub(crate) delivery_count: u32,
    pub(crate) credit: u32,
    pub(crate) drain: bool,
}

/// The head of a delivery.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delivery {
    pub(crate) channel: u16,
    pub(crate) handle: u32,
    pub(crate) id: u32,
    pub(crate) tag: Tag,
    pub(crate) settled: bool,
}

/// Writes a performative of which `fields` writes the first `count` fields. All that the specification knows are
/// sent, null where we have nothing to say: the Python SDK up to 7.14 takes none for left out.
fn performative(out: &mut BytesMut, channel: u16, code: u8, count: u32, fields: impl FnOnce(&mut BytesMut)) {
    performative_with(out, channel, code, count, fields, &[]);
}

/// A performative with a payload behind it.
fn performative_with(
    out: &mut BytesMut,
    channel: u16,
    code: u8,
    count: u32,
    fields: impl FnOnce(&mut BytesMut),
    payload: &[u8],
) {
    let all = match code {
        code::OPEN => 10,
        code::BEGIN => 8,
        code::ATTACH => 14,
        code::FLOW | code::TRANSFER => 11,
        code::DISPOSITION => 6,
        _ => count,
    };
    frame::write(out, Kind::Amqp, channel, |out| {
        write::composite(out, code, all, |out| {
            fields(out);
            (count..all).for_each(|_| write::null(out));
        });
        out.put_slice(payload);
    });
}

pub(crate) fn sasl_mechanisms(out: &mut BytesMut, mechanisms: &[&str]) {
    frame::write(out, Kind::Sasl, 0, |out| {
        write::composite(out, code::SASL_MECHANISMS, 1, |out| write::symbols(out, mechanisms));
    });
}

/// `ok`: code 0; otherwise 1, an authentication error.
pub(crate) fn sasl_outcome(out: &mut BytesMut, ok: bool) {
    frame::write(out, Kind::Sasl, 0, |out| {
        write::composite(out, code::SASL_OUTCOME, 1, |out| out.put_slice(&[0x50, u8::from(!ok)]));
    });
}

pub(crate) fn open(out: &mut BytesMut, container: &str, max_frame: u32, channel_max: u16, idle_millis: u32) {
    performative(out, 0, code::OPEN, 5, |out| {
        write::text(out, container);
        write::null(out);
        write::uint(out, max_frame);
        write::ushort(out, channel_max);
        write::uint(out, idle_millis);
    });
}

/// Our half of a session has the number of the peer's half.
pub(crate) fn begin(out: &mut BytesMut, channel: u16, next_outgoing_id: u32, window: u32, handle_max: u32) {
    performative(out, channel, code::BEGIN, 5, |out| {
        write::ushort(out, channel);
        [next_outgoing_id, window, window, handle_max].into_iter().for_each(|field| write::uint(out, field));
    });
}

/// Answers an attach with its mirror image. A refused one gets null where the peer named our side, as the
/// specification asks (2.6.3), and a detach with the reason after it.
pub(crate) fn attach(out: &mut BytesMut, channel: u16, asked: &Attach<'_>, max_message: u64, refused: bool) {
    performative(out, channel, code::ATTACH, 11, |out| {
        write::text(out, asked.name);
        write::uint(out, asked.handle);
        write::boolean(out, !asked.peer_receives);
        out.put_slice(&[
            0x50,
            asked.snd_settle_mode.to_be_bytes()[3],
            0x50,
            asked.rcv_settle_mode.to_be_bytes()[3],
        ]);
        terminus(out, asked.source.encoded, refused && asked.peer_receives);
        terminus(out, asked.target.encoded, refused && !asked.peer_receives);
        write::null(out);
        write::null(out);
        if asked.peer_receives {
            write::uint(out, 0)
        } else {
            write::null(out)
        }
        write::ulong(out, max_message);
    });
}

fn terminus(out: &mut BytesMut, encoded: &[u8], refused: bool) {
    if refused { write::null(out) } else { out.put_slice(encoded) }
}

pub(crate) fn flow(out: &mut BytesMut, channel: u16, flow: &Flow) {
    performative(out, channel, code::FLOW, if flow.link.is_some() { 9 } else { 4 }, |out| {
        write::uint(out, flow.next_incoming_id);
        write::uint(out, flow.incoming_window);
        write::uint(out, flow.next_outgoing_id);
        write::uint(out, flow.outgoing_window);
        if let Some(link) = flow.link {
            write::uint(out, link.handle);
            write::uint(out, link.delivery_count);
            write::uint(out, link.credit);
            write::null(out);
            write::boolean(out, link.drain);
        }
    });
}

/// One frame's share of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part<'a> {
    first: bool,
    more: bool,
    payload: &'a [u8],
}

/// Cuts a message into as many parts as frames of `max_frame` bytes make of it.
pub(crate) fn parts(message: &[u8], max_frame: u32) -> impl Iterator<Item = Part<'_>> {
    let room = max_frame as usize - TRANSFER_OVERHEAD;
    let (mut rest, mut first, mut done) = (message, true, false);
    std::iter::from_fn(move || {
        if done {
            return None;
        }
        let (payload, after) = rest.split_at(room.min(rest.len()));
        let part = Part { first, more: !after.is_empty(), payload };
        (rest, first, done) = (after, false, after.is_empty());
        Some(part)
    })
}

/// Sends one part of a message.
pub(crate) fn transfer(out: &mut BytesMut, delivery: &Delivery, part: Part<'_>) {
    let fields = |out: &mut BytesMut| {
        write::uint(out, delivery.handle);
        if part.first {
            write::uint(out, delivery.id);
            write::binary(out, &delivery.tag);
            write::uint(out, 0);
        } else {
            (0..3).for_each(|_| write::null(out));
        }
        write::boolean(out, delivery.settled);
        write::boolean(out, part.more);
    };
    performative_with(out, delivery.channel, code::TRANSFER, 6, fields, part.payload);
}

/// Settles deliveries `first` to `last`. `as_receiver`: they were sent to us.
pub(crate) fn disposition(
    out: &mut BytesMut,
    channel: u16,
    as_receiver: bool,
    (first, last): (u32, u32),
    how: Outcome,
) {
    performative(out, channel, code::DISPOSITION, 5, |out| {
        write::boolean(out, as_receiver);
        write::uint(out, first);
        write::uint(out, last);
        write::boolean(out, true);
        outcome(out, how);
    });
}

fn outcome(out: &mut BytesMut, how: Outcome) {
    let empty = |out: &mut BytesMut, code| out.put_slice(&[0x00, 0x53, code, 0x45]);
    match how {
        Outcome::Accepted => empty(out, code::ACCEPTED),
        Outcome::Released => empty(out, code::RELEASED),
        Outcome::Modified => empty(out, code::MODIFIED),
        Outcome::Rejected(None) => empty(out, code::REJECTED),
        Outcome::Rejected(Some(fault)) => {
            write::composite(out, code::REJECTED, 1, |out| error(out, Some(fault)))
        }
    }
}

pub(crate) fn detach(out: &mut BytesMut, channel: u16, handle: u32, closed: bool, fault: Option<Fault>) {
    performative(out, channel, code::DETACH, 3, |out| {
        write::uint(out, handle);
        write::boolean(out, closed);
        error(out, fault);
    });
}

pub(crate) fn end(out: &mut BytesMut, channel: u16, fault: Option<Fault>) {
    performative(out, channel, code::END, 1, |out| error(out, fault));
}

pub(crate) fn close(out: &mut BytesMut, fault: Option<Fault>) {
    performative(out, 0, code::CLOSE, 1, |out| error(out, fault));
}

/// The Python SDK takes an error for granted to have all three fields: the info is written though it is null.
fn error(out: &mut BytesMut, fault: Option<Fault>) {
    let Some(fault) = fault else { return write::null(out) };
    write::composite(out, code::ERROR, 3, |out| {
        write::symbol(out, fault.condition);
        write::text(out, fault.description);
        write::null(out);
    });
}
