//! What a peer's frame says (AMQP 1.0, part 2.7). Only fields that the broker looks at are decoded.

use super::{
    items::Items,
    reader::{Malformed, Reader, Value},
};

/// The descriptors of performatives.
pub(crate) mod code {
    pub(crate) const OPEN: u8 = 0x10;
    pub(crate) const BEGIN: u8 = 0x11;
    pub(crate) const ATTACH: u8 = 0x12;
    pub(crate) const FLOW: u8 = 0x13;
    pub(crate) const TRANSFER: u8 = 0x14;
    pub(crate) const DISPOSITION: u8 = 0x15;
    pub(crate) const DETACH: u8 = 0x16;
    pub(crate) const END: u8 = 0x17;
    pub(crate) const CLOSE: u8 = 0x18;
    pub(crate) const ERROR: u8 = 0x1d;
    pub(crate) const ACCEPTED: u8 = 0x24;
    pub(crate) const REJECTED: u8 = 0x25;
    pub(crate) const RELEASED: u8 = 0x26;
    pub(crate) const MODIFIED: u8 = 0x27;
    pub(crate) const SASL_MECHANISMS: u8 = 0x40;
    pub(crate) const SASL_INIT: u8 = 0x41;
    pub(crate) const SASL_OUTCOME: u8 = 0x44;
}

/// A performative, and what it carries.
#[derive(Clone, Debug)]
pub(crate) enum Performative<'a> {
    Open(Open),
    Begin(Begin),
    Attach(Attach<'a>),
    Flow(Flow),
    Transfer(Transfer<'a>),
    Disposition(Disposition),
    Detach { handle: u32, closed: bool },
    End,
    Close,
}

/// How the peer wants to be spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Open {
    /// The largest frame that it takes, in bytes.
    pub(crate) max_frame_size: u32,
    /// After how many milliseconds of silence it gives up.
    pub(crate) idle_time_out: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Begin {
    pub(crate) next_outgoing_id: u32,
    pub(crate) incoming_window: u32,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Attach<'a> {
    pub(crate) name: &'a str,
    pub(crate) handle: u32,
    /// The peer is to receive.
    pub(crate) peer_receives: bool,
    /// 1: the sender settles everything as it sends it.
    pub(crate) snd_settle_mode: u32,
    pub(crate) rcv_settle_mode: u32,
    pub(crate) source: Terminus<'a>,
    pub(crate) target: Terminus<'a>,
    pub(crate) initial_delivery_count: u32,
}

/// A source or target: its address, and all of it as it was sent, to be sent back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terminus<'a> {
    pub(crate) address: Option<&'a str>,
    pub(crate) encoded: &'a [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flow {
    /// Missing until the peer has seen our `begin`.
    pub(crate) next_incoming_id: Option<u32>,
    pub(crate) incoming_window: u32,
    pub(crate) handle: Option<u32>,
    pub(crate) delivery_count: Option<u32>,
    pub(crate) link_credit: Option<u32>,
    pub(crate) drain: bool,
    pub(crate) echo: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Transfer<'a> {
    pub(crate) handle: u32,
    /// Missing in all but the first frame of a delivery, as are format and `settled`.
    pub(crate) delivery_id: Option<u32>,
    pub(crate) message_format: Option<u32>,
    pub(crate) settled: Option<bool>,
    pub(crate) more: bool,
    pub(crate) aborted: bool,
    pub(crate) payload: &'a [u8],
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Disposition {
    /// The peer speaks as the receiver of the deliveries.
    pub(crate) by_receiver: bool,
    pub(crate) first: u32,
    pub(crate) last: u32,
    pub(crate) settled: bool,
    pub(crate) state: Option<State>,
}

/// What a receiver makes of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Accepted,
    Released,
    Modified {
        /// It doesn't want it again from this link: Service Bus reads that as "defer".
        undeliverable_here: bool,
    },
    Rejected {
        reason: String,
        description: String,
    },
    /// A transaction's, or one that nobody knows.
    Other,
}

impl<'a> Performative<'a> {
    /// Decodes the body of a frame.
    pub(crate) fn decode(body: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(body);
        let (descriptor, list) = reader.described()?;
        let fields = Reader::new(list).list()?;
        match u8::try_from(descriptor).unwrap_or(u8::MAX) {
            code::OPEN => Open::decode(fields).map(Self::Open),
            code::BEGIN => Begin::decode(fields).map(Self::Begin),
            code::ATTACH => Attach::decode(fields).map(Self::Attach),
            code::FLOW => Flow::decode(fields).map(Self::Flow),
            code::TRANSFER => Transfer::decode(fields, reader.rest()).map(Self::Transfer),
            code::DISPOSITION => Disposition::decode(fields).map(Self::Disposition),
            code::DETACH => detach(fields),
            code::END => Ok(Self::End),
            code::CLOSE => Ok(Self::Close),
            _ => Err(Malformed("a performative is unknown")),
        }
    }
}

impl Open {
    fn decode(mut fields: Items<'_>) -> Result<Self, Malformed> {
        let _container_and_host = (fields.field()?, fields.field()?);
        let max_frame_size = fields.field()?.number()?.unwrap_or(u32::MAX);
        let _channel_max = fields.field()?;
        Ok(Self { max_frame_size, idle_time_out: fields.field()?.number()? })
    }
}

impl Begin {
    fn decode(mut fields: Items<'_>) -> Result<Self, Malformed> {
        let _remote_channel = fields.field()?;
        Ok(Self { next_outgoing_id: required(&mut fields)?, incoming_window: required(&mut fields)? })
    }
}

impl<'a> Attach<'a> {
    fn decode(mut fields: Items<'a>) -> Result<Self, Malformed> {
        let name = fields.field()?.text().ok_or(Malformed("a link has no name"))?;
        let handle = required(&mut fields)?;
        let peer_receives = fields.field()?.flag()?.ok_or(Malformed("a role is missing"))?;
        let snd_settle_mode = fields.field()?.number()?.unwrap_or(MIXED);
        let rcv_settle_mode = fields.field()?.number()?.unwrap_or(0);
        let source = Terminus::decode(fields.encoded()?)?;
        let target = Terminus::decode(fields.encoded()?)?;
        let _unsettled = (fields.field()?, fields.field()?);
        let initial_delivery_count = fields.field()?.number()?.unwrap_or(0);
        Ok(Self {
            name,
            handle,
            peer_receives,
            snd_settle_mode,
            rcv_settle_mode,
            source,
            target,
            initial_delivery_count,
        })
    }
}

/// The sender settle mode that holds if none is given: each delivery says for itself.
const MIXED: u32 = 2;

impl<'a> Terminus<'a> {
    fn decode(encoded: &'a [u8]) -> Result<Self, Malformed> {
        let address = match Reader::new(encoded).value()? {
            Value::Described { mut value, .. } => value.list()?.field()?.text(),
            _ => None,
        };
        Ok(Self { address, encoded })
    }
}

impl Flow {
    fn decode(mut fields: Items<'_>) -> Result<Self, Malformed> {
        let next_incoming_id = fields.field()?.number()?;
        let incoming_window = required(&mut fields)?;
        let _outgoing = (fields.field()?, fields.field()?);
        let handle = fields.field()?.number()?;
        let delivery_count = fields.field()?.number()?;
        let link_credit = fields.field()?.number()?;
        let _available = fields.field()?;
        let drain = fields.field()?.flag()?.unwrap_or(false);
        let echo = fields.field()?.flag()?.unwrap_or(false);
        Ok(Self { next_incoming_id, incoming_window, handle, delivery_count, link_credit, drain, echo })
    }
}

impl<'a> Transfer<'a> {
    fn decode(mut fields: Items<'a>, payload: &'a [u8]) -> Result<Self, Malformed> {
        let handle = required(&mut fields)?;
        let delivery_id = fields.field()?.number()?;
        let _delivery_tag = fields.field()?;
        let message_format = fields.field()?.number()?;
        let settled = fields.field()?.flag()?;
        let more = fields.field()?.flag()?.unwrap_or(false);
        let _settle_mode_state_resume = (fields.field()?, fields.field()?, fields.field()?);
        let aborted = fields.field()?.flag()?.unwrap_or(false);
        Ok(Self { handle, delivery_id, message_format, settled, more, aborted, payload })
    }
}

impl Disposition {
    fn decode(mut fields: Items<'_>) -> Result<Self, Malformed> {
        let by_receiver = fields.field()?.flag()?.ok_or(Malformed("a role is missing"))?;
        let first = required(&mut fields)?;
        let last = fields.field()?.number()?.unwrap_or(first);
        let settled = fields.field()?.flag()?.unwrap_or(false);
        let state = match fields.field()? {
            Value::Described { descriptor, mut value } => Some(State::decode(descriptor, value.list()?)?),
            _ => None,
        };
        Ok(Self { by_receiver, first, last, settled, state })
    }
}

impl State {
    fn decode(descriptor: u64, mut fields: Items<'_>) -> Result<Self, Malformed> {
        Ok(match u8::try_from(descriptor).unwrap_or(u8::MAX) {
            code::ACCEPTED => Self::Accepted,
            code::RELEASED => Self::Released,
            code::MODIFIED => {
                let _delivery_failed = fields.field()?;
                Self::Modified { undeliverable_here: fields.field()?.flag()?.unwrap_or(false) }
            }
            code::REJECTED => Self::rejected(fields.field()?)?,
            _ => Self::Other,
        })
    }

    /// The reasons stand in the error's info; its keys are symbols from some SDKs and strings from others.
    /// Without an info its description serves, as it does at Service Bus.
    fn rejected(error: Value<'_>) -> Result<Self, Malformed> {
        let (mut reason, mut description) = (String::new(), String::new());
        if let Value::Described { mut value, .. } = error {
            let mut fields = value.list()?;
            let _condition = fields.field()?;
            description = fields.field()?.text().unwrap_or_default().to_owned();
            if let Value::Map(mut info) = fields.field()? {
                while let Some(entry) = info.entry() {
                    match entry? {
                        (crate::machine::DEAD_LETTER_REASON, value) => reason = owned(value),
                        (crate::machine::DEAD_LETTER_DESCRIPTION, value) => description = owned(value),
                        _ => {}
                    }
                }
            }
        }
        Ok(Self::Rejected { reason, description })
    }
}

fn owned(value: Value<'_>) -> String {
    value.text().unwrap_or_default().to_owned()
}

fn detach(mut fields: Items<'_>) -> Result<Performative<'_>, Malformed> {
    let handle = required(&mut fields)?;
    Ok(Performative::Detach { handle, closed: fields.field()?.flag()?.unwrap_or(false) })
}

fn required(fields: &mut Items<'_>) -> Result<u32, Malformed> {
    fields.field()?.number()?.ok_or(Malformed("a field is missing"))
}
