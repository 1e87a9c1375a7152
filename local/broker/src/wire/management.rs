//! The `$management` node of an entity: locks renewed, messages settled and peeked at, rules told, by request and
//! answer.

use bytes::Bytes;
use usher_bus::{LockToken, Settlement};
use uuid::Uuid;

use super::{
    codec::{
        fault::Fault,
        items::Items,
        message::{Sections, Stamp, deliver},
        reader::{Malformed, Reader, Value},
        write,
    },
    reply, rules,
};
use crate::machine::{LockLost, Machine, Millis, QueueId, Seen, SettleError, Target};

/// The most messages, and bytes of them, in one answer. A client asks on from the last one that it got.
const MOST_PEEKED: usize = 1000;
const MOST_PEEKED_BYTES: usize = 1 << 20;

/// A request, decoded.
#[derive(Debug)]
pub(crate) struct Request {
    /// MessageId as it was encoded: the answer's CorrelationId.
    pub(crate) id: Vec<u8>,
    queue: Option<QueueId>,
    operation: Result<Operation, Fault>,
}

#[derive(Debug, PartialEq)]
enum Operation {
    Renew(Vec<LockToken>),
    Settle(Vec<LockToken>, Settlement),
    Peek { from: i64, most: usize },
    Rules,
}

/// Where an answer goes: the address in `reply-to`.
pub(crate) fn reply_to<'a>(sections: &Sections<'a>) -> Result<Option<&'a str>, Malformed> {
    let mut fields = sections.properties()?;
    let _id_user_to_subject = (fields.field()?, fields.field()?, fields.field()?, fields.field()?);
    Ok(fields.field()?.text())
}

/// A request's MessageId, as it is encoded.
pub(crate) fn request_id(sections: &Sections<'_>) -> Result<Vec<u8>, Malformed> {
    Ok(sections.properties()?.encoded()?.to_vec())
}

/// The text in one of a request's application properties.
pub(crate) fn property<'a>(sections: &Sections<'a>, name: &str) -> Result<Option<&'a str>, Malformed> {
    find(sections.application_properties()?, name).map(|value| value.and_then(Value::text))
}

/// The text that is the request's whole body: a token.
pub(crate) fn token<'a>(sections: &Sections<'a>) -> Result<Option<&'a str>, Malformed> {
    let (_descriptor, value) = Reader::new(sections.body).described()?;
    Ok(Reader::new(value).value()?.text())
}

impl Request {
    /// Decodes a request. One that asks for something we can't do is answered so.
    ///
    /// # Errors
    /// If it isn't a message that could be answered at all.
    pub(crate) fn decode(sections: &Sections<'_>, node: Target) -> Result<Self, Malformed> {
        let queue = match node {
            Target::Queue(queue) => Some(queue),
            Target::Topic(_) => None,
        };
        let operation = property(sections, "operation")?.unwrap_or_default();
        Ok(Self { id: request_id(sections)?, queue, operation: Operation::decode(operation, sections) })
    }

    /// Does it, and encodes the answer.
    pub(crate) fn run(self, machine: &mut Machine<Bytes>, now: Millis) -> Vec<u8> {
        let done = match (self.queue, self.operation) {
            (Some(queue), Ok(operation)) => operation.run(machine, queue, now),
            (None, Ok(_)) => Err(Fault::NOT_ALLOWED),
            (_, Err(fault)) => Err(fault),
        };
        match done {
            Ok(Some(body)) => reply::management(&self.id, 200, Ok("OK"), &body),
            Ok(None) => reply::management(&self.id, 204, Ok("No Content"), reply::NULL),
            Err(fault) => reply::management(&self.id, status(fault), Err(fault), reply::NULL),
        }
    }
}

/// The status code that Service Bus gives with a condition.
fn status(fault: Fault) -> i32 {
    match fault {
        Fault::LOCK_LOST => 410,
        Fault::NOT_IMPLEMENTED => 501,
        Fault::NOT_FOUND => 404,
        _ => 400,
    }
}

impl Operation {
    fn decode(name: &str, sections: &Sections<'_>) -> Result<Self, Fault> {
        let arguments = arguments(sections)?;
        match name {
            "com.microsoft:renew-lock" => Ok(Self::Renew(lock_tokens(arguments)?)),
            "com.microsoft:update-disposition" => {
                Ok(Self::Settle(lock_tokens(arguments)?, settlement(arguments)?))
            }
            "com.microsoft:peek-message" => {
                let number = |name| Ok::<_, Malformed>(find(arguments, name)?.and_then(Value::integer));
                let most = number("message-count")?.and_then(|most| usize::try_from(most).ok()).unwrap_or(1);
                Ok(Self::Peek {
                    from: number("from-sequence-number")?.unwrap_or(1),
                    most: most.min(MOST_PEEKED),
                })
            }
            // They are few: all of them, whatever `top` and `skip` say.
            "com.microsoft:enumerate-rules" => Ok(Self::Rules),
            _ => Err(Fault::NOT_IMPLEMENTED),
        }
    }

    /// The body of the answer; `None` if there is nothing to show.
    fn run(
        self,
        machine: &mut Machine<Bytes>,
        queue: QueueId,
        now: Millis,
    ) -> Result<Option<Vec<u8>>, Fault> {
        match self {
            Self::Renew(tokens) => renew(machine, queue, &tokens, now).map(Some),
            Self::Settle(tokens, how) => settle(machine, queue, &tokens, &how, now).map(Some),
            Self::Peek { from, most } => peek(&machine.peek(queue, from, most, now)),
            Self::Rules => Ok(Some(rules::told(machine.rules(queue)))),
        }
    }
}

/// Renews every lock that still holds; one that doesn't makes the answer an error.
fn renew(
    machine: &mut Machine<Bytes>,
    queue: QueueId,
    tokens: &[LockToken],
    now: Millis,
) -> Result<Vec<u8>, Fault> {
    let renewed: Vec<_> = tokens.iter().map(|token| machine.renew(queue, *token, now)).collect();
    let until: Vec<i64> =
        renewed.into_iter().map(|until| until.map(|until| until.0)).collect::<Result<_, _>>()?;
    let mut body = Vec::new();
    write::map(&mut body, 2, |body| {
        write::text(body, "expirations");
        write::timestamps(body, &until);
    });
    Ok(body)
}

impl From<LockLost> for Fault {
    fn from(lost: LockLost) -> Self {
        SettleError::from(lost).into()
    }
}

fn settle(
    machine: &mut Machine<Bytes>,
    queue: QueueId,
    tokens: &[LockToken],
    how: &Settlement,
    now: Millis,
) -> Result<Vec<u8>, Fault> {
    let settled: Vec<_> =
        tokens.iter().map(|token| machine.settle(queue, *token, how.clone(), now)).collect();
    settled.into_iter().collect::<Result<(), _>>()?;
    Ok(reply::NULL.to_vec())
}

fn peek(seen: &[Seen<Bytes>]) -> Result<Option<Vec<u8>>, Fault> {
    let (mut messages, mut count) = (Vec::new(), 0);
    for message in seen {
        if messages.len() > MOST_PEEKED_BYTES {
            break;
        }
        let mut encoded = Vec::new();
        deliver(&mut encoded, &message.payload, &Stamp::from(message))?;
        write::map(&mut messages, 2, |messages| {
            write::text(messages, "message");
            write::binary(messages, &encoded);
        });
        count += 1;
    }
    if count == 0 {
        return Ok(None);
    }
    let mut body = Vec::new();
    write::map(&mut body, 2, |body| {
        write::text(body, "messages");
        write::list(body, count, |body| body.extend_from_slice(&messages));
    });
    Ok(Some(body))
}

/// The map in the request's body.
fn arguments<'a>(sections: &Sections<'a>) -> Result<Items<'a>, Malformed> {
    let (_descriptor, value) = Reader::new(sections.body).described()?;
    match Reader::new(value).value()? {
        Value::Map(arguments) => Ok(arguments),
        _ => Ok(Items::none()),
    }
}

fn find<'a>(mut entries: Items<'a>, name: &str) -> Result<Option<Value<'a>>, Malformed> {
    while let Some(entry) = entries.entry() {
        let (key, value) = entry?;
        if key == name {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

/// Tokens come as UUIDs in network order, other than the delivery tags that they were first seen as.
fn lock_tokens(arguments: Items<'_>) -> Result<Vec<LockToken>, Fault> {
    let Some(Value::Array(tokens) | Value::List(tokens)) = find(arguments, "lock-tokens")? else {
        return Err(Fault::INVALID_FIELD);
    };
    tokens
        .map(|token| match token? {
            Value::Uuid(token) => Ok(LockToken(token)),
            Value::Binary(token) => Uuid::from_slice(token).map(LockToken).map_err(|_| Fault::INVALID_FIELD),
            _ => Err(Fault::INVALID_FIELD),
        })
        .collect()
}

fn settlement(arguments: Items<'_>) -> Result<Settlement, Fault> {
    let text = |name| {
        Ok::<_, Malformed>(find(arguments, name)?.and_then(Value::text).unwrap_or_default().to_owned())
    };
    match text("disposition-status")?.as_str() {
        "completed" => Ok(Settlement::Complete),
        "abandoned" => Ok(Settlement::Abandon),
        "suspended" => Ok(Settlement::DeadLetter {
            reason: text("deadletter-reason")?,
            description: text("deadletter-description")?,
        }),
        _ => Err(Fault::NOT_IMPLEMENTED),
    }
}
