//! What a peer asked of the machine in one turn, and what it is to be answered.
//!
//! The calls of a turn are made under one lock and answered together, once what they changed is on disk.
//! Answers that follow each other and say the same are sent as one disposition over a range.

use bytes::{Bytes, BytesMut};
use usher_bus::{LockToken, Settlement};

use super::{
    codec::{
        fault::Fault,
        incoming::State,
        outgoing::{self, Outcome},
    },
    management::Request,
};
use crate::machine::{Machine, Millis, NewMessage, QueueId, SendError, SettleError, Target};

/// A session, as long as it lives: another may come to stand on the same channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) channel: u16,
    pub(crate) serial: u64,
}

/// One call.
#[derive(Debug)]
pub(crate) enum Work {
    Send {
        sent: Sent,
        to: Target,
        messages: Result<Vec<NewMessage<Bytes>>, Fault>,
    },
    Settle {
        place: Place,
        id: u32,
        queue: QueueId,
        token: LockToken,
        how: Settlement,
        answer: bool,
    },
    Manage {
        place: Place,
        handle: u32,
        request: Request,
    },
    /// Something that is decided already, in its turn among the rest.
    Answer(Answer),
}

/// A delivery from the peer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) place: Place,
    pub(crate) handle: u32,
    pub(crate) id: u32,
    /// It wants no answer.
    pub(crate) settled: bool,
    pub(crate) bytes: usize,
}

/// What the peer is told.
#[derive(Debug)]
pub(crate) enum Answer {
    Sent(Sent, Outcome),
    Settled {
        place: Place,
        id: u32,
        outcome: Outcome,
    },
    Reply {
        place: Place,
        handle: u32,
        message: Vec<u8>,
    },
    /// It asked for nothing to be said.
    Silence,
}

impl Work {
    /// Makes the call.
    pub(crate) fn run(self, machine: &mut Machine<Bytes>, now: Millis) -> Answer {
        match self {
            Self::Send { sent, to, messages } => {
                let outcome = match messages
                    .and_then(|messages| machine.send(to, messages, now).map_err(Fault::from))
                {
                    Ok(()) => Outcome::Accepted,
                    Err(fault) => Outcome::Rejected(Some(fault)),
                };
                Answer::Sent(sent, outcome)
            }
            Self::Settle { place, id, queue, token, how, answer } => {
                let done = outcome_of(&how);
                let settled = machine.settle(queue, token, how, now);
                let outcome = settled.map_or_else(|e| Outcome::Rejected(Some(e.into())), |()| done);
                if answer { Answer::Settled { place, id, outcome } } else { Answer::Silence }
            }
            Self::Manage { place, handle, request } => {
                Answer::Reply { place, handle, message: request.run(machine, now) }
            }
            Self::Answer(answer) => answer,
        }
    }
}

/// The answer says what was done. A dead-lettering that was done is a rejection without an error: with one, the
/// SDKs would take it for a failure.
fn outcome_of(how: &Settlement) -> Outcome {
    match how {
        Settlement::Complete => Outcome::Accepted,
        Settlement::Release => Outcome::Released,
        Settlement::Abandon => Outcome::Modified,
        Settlement::DeadLetter { .. } => Outcome::Rejected(None),
    }
}

/// What the machine is to do about a delivery in this state; `None` for what it can't do, such as deferring.
pub(crate) fn settlement_of(state: State) -> Option<Settlement> {
    match state {
        State::Accepted => Some(Settlement::Complete),
        State::Released => Some(Settlement::Release),
        State::Modified { undeliverable_here: false } => Some(Settlement::Abandon),
        State::Rejected { reason, description } => Some(Settlement::DeadLetter { reason, description }),
        State::Modified { undeliverable_here: true } | State::Other => None,
    }
}

impl From<SendError> for Fault {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Full => Self::FULL,
            SendError::TooLarge => Self::TOO_LARGE,
            SendError::NotSendable => Self::NOT_ALLOWED,
        }
    }
}

impl From<SettleError> for Fault {
    fn from(error: SettleError) -> Self {
        match error {
            SettleError::LockLost(_) => Self::LOCK_LOST,
            SettleError::AlreadyDead => Self::NOT_ALLOWED,
        }
    }
}

/// Dispositions on their way out, as long as the next one only lengthens the range.
#[derive(Debug, Default)]
pub(crate) struct Ranges(Option<Range>);

#[derive(Clone, Copy, Debug)]
struct Range {
    channel: u16,
    as_receiver: bool,
    first: u32,
    last: u32,
    outcome: Outcome,
}

impl Ranges {
    /// Says that a delivery on this channel ended so. `as_receiver`: it was sent to us.
    pub(crate) fn add(
        &mut self,
        out: &mut BytesMut,
        channel: u16,
        as_receiver: bool,
        id: u32,
        outcome: Outcome,
    ) {
        if let Some(range) = &mut self.0
            && (range.channel, range.as_receiver, range.outcome) == (channel, as_receiver, outcome)
            && range.last.wrapping_add(1) == id
        {
            range.last = id;
            return;
        }
        self.write(out);
        self.0 = Some(Range { channel, as_receiver, first: id, last: id, outcome });
    }

    /// Writes what has not been written yet.
    pub(crate) fn write(&mut self, out: &mut BytesMut) {
        if let Some(Range { channel, as_receiver, first, last, outcome }) = self.0.take() {
            outgoing::disposition(out, channel, as_receiver, (first, last), outcome);
        }
    }
}
