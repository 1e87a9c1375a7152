//! What an entity's `$management` node can be asked: to renew locks, to settle without the link that a delivery
//! came on, to show messages, to tell a subscription's rules. The requests are those of
//! <https://learn.microsoft.com/azure/service-bus-messaging/service-bus-amqp-request-response>.

use std::{iter, ops::Range};

use fe2o3_amqp_types::{
    messaging::message::__private::Deserializable,
    primitives::{Array, OrderedMap, SimpleValue, Value},
};
use tokio::sync::Mutex;
use usher_clock::Clock;

use super::{
    connection::Connection,
    convert::{WireMessage, instant, lock_duration, peeked},
    errors::by_condition,
    rpc::{Answer, Rpc, server_timeout},
};
use crate::{BusError, LockToken, Peeked, Renewal, Rule, Settlement, rules::rule};

/// The status with which a lost lock is answered.
const GONE: i32 = 410;
/// How many rules are asked for: ours have one.
const MOST_RULES: i32 = 100;

/// The management node of one entity.
pub(crate) struct Management {
    entity: String,
    clock: Clock,
    /// One question at a time.
    rpc: Mutex<Rpc>,
}

impl Management {
    pub(crate) async fn open(
        connection: &mut Connection,
        entity: &str,
        clock: Clock,
    ) -> Result<Self, BusError> {
        let answers = connection.answers().clone();
        let rpc = Rpc::open(connection.session(), &format!("{entity}/$management"), &answers).await?;
        Ok(Self { entity: entity.to_owned(), clock, rpc: Mutex::new(rpc) })
    }

    /// Renews locks, all in one request. The node then renews all or none: where one is lost, halves are asked for
    /// until it stands alone.
    pub(crate) async fn renew(&self, locks: &[LockToken]) -> Result<Vec<Renewal>, BusError> {
        let mut renewals = vec![Renewal::Lost; locks.len()];
        let mut open: Vec<Range<usize>> = iter::once(0..locks.len()).collect();
        while let Some(range) = open.pop().filter(|range| !range.is_empty()) {
            match self.renew_together(&locks[range.clone()]).await {
                Ok(held) => renewals[range].copy_from_slice(&held),
                Err(BusError::LockLost) if range.len() > 1 => {
                    let middle = range.start + range.len() / 2;
                    open.extend([range.start..middle, middle..range.end]);
                }
                Err(BusError::LockLost) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(renewals)
    }

    async fn renew_together(&self, locks: &[LockToken]) -> Result<Vec<Renewal>, BusError> {
        let answer = self.ask("com.microsoft:renew-lock", vec![("lock-tokens", tokens(locks))]).await?;
        let expirations = answer.entry("expirations").map(elements).unwrap_or_default();
        let until = |index: usize| match expirations.get(index) {
            Some(Value::Timestamp(time)) => instant(time.milliseconds()),
            _ => None,
        };
        Ok((0..locks.len()).map(|index| Renewal::Held(lock_duration(until(index), self.clock))).collect())
    }

    /// Settles a delivery by its lock alone. The node knows no `released`: giving a message back this way costs it a
    /// delivery, as abandoning it does.
    pub(crate) async fn settle(&self, lock: LockToken, settlement: &Settlement) -> Result<(), BusError> {
        let text = |text: &str| Value::String(text.to_owned());
        let mut body = vec![("lock-tokens", tokens(&[lock]))];
        match settlement {
            Settlement::Complete => body.push(("disposition-status", text("completed"))),
            Settlement::Abandon | Settlement::Release => body.push(("disposition-status", text("abandoned"))),
            Settlement::DeadLetter { reason, description } => body.extend([
                ("disposition-status", text("suspended")),
                ("deadletter-reason", text(reason)),
                ("deadletter-description", text(description)),
            ]),
        }
        self.ask("com.microsoft:update-disposition", body).await.map(drop)
    }

    /// Up to `most` messages from sequence number `from` on.
    pub(crate) async fn peek(&self, from: i64, most: u32) -> Result<Vec<Peeked>, BusError> {
        let most = i32::try_from(most).unwrap_or(i32::MAX);
        let body = vec![("from-sequence-number", Value::Long(from)), ("message-count", Value::Int(most))];
        let answer = self.ask("com.microsoft:peek-message", body).await?;
        let messages = answer.entry("messages").map(elements).unwrap_or_default();
        messages.iter().map(|message| self.read_peeked(message)).collect()
    }

    fn read_peeked(&self, message: &Value) -> Result<Peeked, BusError> {
        let unreadable = || BusError::Refused("a message that can't be read".to_owned());
        let Value::Map(map) = message else { return Err(unreadable()) };
        let Some(Value::Binary(bytes)) = map.get(&Value::String("message".to_owned())) else {
            return Err(unreadable());
        };
        let message: Deserializable<WireMessage> = serde_amqp::from_slice(bytes).map_err(|_| unreadable())?;
        Ok(peeked(message.0, self.clock))
    }

    /// The rules of the subscription, which whoever may listen may see.
    pub(crate) async fn rules(&self) -> Result<Vec<Rule>, BusError> {
        let body = vec![("top", Value::Int(MOST_RULES)), ("skip", Value::Int(0))];
        let answer = self.ask("com.microsoft:enumerate-rules", body).await?;
        let told = answer.entry("rules").map(elements).unwrap_or_default();
        told.iter().map(read_rule).collect()
    }

    async fn ask(&self, operation: &str, body: Vec<(&str, Value)>) -> Result<Answer, BusError> {
        let properties = vec![
            ("operation", SimpleValue::String(operation.to_owned())),
            ("com.microsoft:server-timeout", server_timeout()),
        ];
        let body = body.into_iter().map(|(key, value)| (Value::String(key.to_owned()), value));
        let answer =
            self.rpc.lock().await.ask(properties, Value::Map(body.collect::<OrderedMap<_, _>>())).await?;
        self.check(answer)
    }

    fn check(&self, answer: Answer) -> Result<Answer, BusError> {
        let condition = answer.condition.clone().unwrap_or_else(|| format!("status {}", answer.status));
        match answer.status {
            200..=299 => Ok(answer),
            GONE => Err(BusError::LockLost),
            401 | 403 => Err(BusError::Unauthorized { entity: self.entity.clone(), condition }),
            404 if condition == "com.microsoft:message-not-found" => Ok(answer), // nothing left to peek at
            404 => Err(BusError::NotFound { entity: self.entity.clone() }),
            500.. => Err(BusError::Unavailable(condition)),
            _ => Err(by_condition(&self.entity, &condition)),
        }
    }
}

fn read_rule(told: &Value) -> Result<Rule, BusError> {
    let description = match told {
        Value::Map(map) => map.get(&Value::String("rule-description".to_owned())),
        _ => None,
    };
    description.and_then(rule).ok_or_else(|| BusError::Refused("a rule that can't be read".to_owned()))
}

/// Lock tokens are AMQP UUIDs here, big-endian, unlike in delivery tags.
fn tokens(locks: &[LockToken]) -> Value {
    Value::Array(Array(locks.iter().map(|LockToken(token)| Value::Uuid((*token).into())).collect()))
}

/// The elements of a list or of an array: answers use either.
fn elements(value: &Value) -> &[Value] {
    match value {
        Value::List(elements) => elements,
        Value::Array(array) => &array.0,
        _ => &[],
    }
}
