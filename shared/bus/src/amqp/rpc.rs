//! Questions and answers over AMQP: a pair of links to a node, as `$cbs` and `$management` are spoken to.

use std::{sync::Arc, time::Duration};

use fe2o3_amqp::{Delivery, Receiver, Sender, session::SessionHandle};
use fe2o3_amqp_types::{
    messaging::{ApplicationProperties, Body, Message, MessageId, Outcome, Properties, Target},
    primitives::{OrderedMap, SimpleValue, Symbol, Value},
};
use tokio::time::timeout;

use super::{
    convert::{WireBody, WireMessage},
    errors::{attach_receiver_error, attach_sender_error, link_error, send_error},
    tap::Answers,
};
use crate::BusError;

/// How long an answer may take. Service Bus itself gives up on a request after this, since we tell it so.
const DEADLINE: Duration = Duration::from_secs(10);

/// A pair of links to one node.
pub(super) struct Rpc {
    node: String,
    sender: Sender,
    receiver: Receiver,
    answers: Arc<Answers>,
    reply_to: String,
    asked: u64,
}

/// What the node answered.
pub(super) struct Answer {
    /// As in HTTP: 200 and its kin are good.
    pub(super) status: i32,
    /// What kind of failure it was, where the node says.
    pub(super) condition: Option<String>,
    pub(super) body: WireBody,
}

impl Rpc {
    pub(super) async fn open(
        session: &mut SessionHandle<()>,
        node: &str,
        answers: &Arc<Answers>,
    ) -> Result<Self, BusError> {
        let reply_to = format!("usher-{}", uuid::Uuid::new_v4());
        let sender = Sender::attach(session, format!("{reply_to}-ask"), node)
            .await
            .map_err(|error| attach_sender_error(node, &error))?;
        let receiver = Receiver::builder()
            .name(reply_to.clone())
            .source(node)
            .target(Target::builder().address(reply_to.clone()).build())
            .auto_accept(true)
            .attach(session)
            .await
            .map_err(|error| attach_receiver_error(node, &error))?;
        Ok(Self { node: node.to_owned(), sender, receiver, answers: answers.clone(), reply_to, asked: 0 })
    }

    /// Asks one question and waits for its answer.
    ///
    /// # Errors
    /// If there is no answer; an answer of any status is not an error.
    pub(super) async fn ask(
        &mut self,
        properties: Vec<(&str, SimpleValue)>,
        body: Value,
    ) -> Result<Answer, BusError> {
        let late = BusError::Unavailable(format!("no answer from {} in time", self.node));
        let answers = self.answers.clone();
        let exchange = answers.while_connected(self.exchange(properties, body));
        timeout(DEADLINE, exchange).await.unwrap_or(Err(late))
    }

    async fn exchange(
        &mut self,
        properties: Vec<(&str, SimpleValue)>,
        body: Value,
    ) -> Result<Answer, BusError> {
        self.asked += 1;
        let id = MessageId::Ulong(self.asked);
        self.send(id.clone(), properties, body).await?;
        loop {
            let answer = self.receive().await?;
            // An answer to an earlier question, whose asker gave up, is passed over.
            if answer.properties.as_ref().and_then(|properties| properties.correlation_id.as_ref())
                == Some(&id)
            {
                return Ok(read(answer));
            }
        }
    }

    async fn send(
        &mut self,
        id: MessageId,
        properties: Vec<(&str, SimpleValue)>,
        body: Value,
    ) -> Result<(), BusError> {
        let properties = properties.into_iter().map(|(name, value)| (name.to_owned(), value));
        let message = Message::builder()
            .properties(Properties::builder().message_id(id).reply_to(self.reply_to.clone()).build())
            .application_properties(ApplicationProperties(properties.collect::<OrderedMap<_, _>>()))
            .value(body)
            .build();
        let outcome = self.sender.send(message).await.map_err(|error| send_error(&self.node, &error))?;
        match outcome {
            Outcome::Accepted(_) => Ok(()),
            _ => Err(BusError::Refused(format!("{} does not take the request", self.node))),
        }
    }

    async fn receive(&mut self) -> Result<WireMessage, BusError> {
        let delivery: Delivery<WireBody> = self.receiver.recv().await.map_err(|error| match error {
            fe2o3_amqp::link::RecvError::LinkStateError(error) => link_error(&self.node, &error),
            _ => BusError::Unavailable(format!("an answer from {} that can't be read", self.node)),
        })?;
        Ok(delivery.into_message())
    }
}

/// How long the service may take, in the form in which it wants to be told.
pub(super) fn server_timeout() -> SimpleValue {
    SimpleValue::Uint(u32::try_from(DEADLINE.as_millis()).unwrap_or(u32::MAX))
}

/// `$cbs` writes `status-code`, `$management` writes `statusCode`.
fn read(answer: WireMessage) -> Answer {
    let properties = answer.application_properties.unwrap_or_default().0;
    let find = |names: [&str; 2]| names.iter().find_map(|name| properties.get(*name));
    let status = match find(["statusCode", "status-code"]) {
        Some(SimpleValue::Int(status)) => *status,
        _ => 0,
    };
    let condition = match find(["errorCondition", "error-condition"]) {
        Some(SimpleValue::Symbol(Symbol(condition)) | SimpleValue::String(condition)) => {
            Some(condition.clone())
        }
        _ => None,
    };
    Answer { status, condition, body: answer.body }
}

impl Answer {
    /// The value under `key` in the map that the body is.
    pub(super) fn entry(&self, key: &str) -> Option<&Value> {
        let Body::Value(body) = &self.body else { return None };
        let Value::Map(map) = &body.0 else { return None };
        map.get(&Value::String(key.to_owned()))
    }
}
