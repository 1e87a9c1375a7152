//! Sending to a topic: pipelined, and repeated until the broker has accepted every message.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use fe2o3_amqp::{
    Sender,
    link::{SendError, delivery::DeliveryFut},
};
use fe2o3_amqp_types::{definitions::SenderSettleMode, messaging::Outcome};
use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep, timeout_at},
};
use tokio_util::sync::CancellationToken;

use crate::{
    BusError, Message, Publisher,
    amqp::{
        Connection, Namespace, WireSendable, attach_sender_error, backoff, send_error, to_wire, wire_error,
    },
};

/// How long `publish` tries before it gives up: longer than a broker takes to fail over.
const PUBLISH_DEADLINE: Duration = Duration::from_secs(60);
/// How many messages are under way at once: enough to fill the wire, few enough to repeat quickly.
const IN_FLIGHT: usize = 512;

/// A publisher on Service Bus.
pub(crate) struct ServiceBusPublisher {
    namespace: Arc<Namespace>,
    topic: String,
    /// Held while messages are handed to the link, not while their outcomes are awaited.
    line: Mutex<Option<Line>>,
    closed: CancellationToken,
}

/// One connection of a publisher.
struct Line {
    id: uuid::Uuid,
    sender: Sender,
    connection: Connection,
}

/// A message, and whether the broker has accepted it.
struct Item {
    message: WireSendable,
    accepted: bool,
}

impl ServiceBusPublisher {
    /// Connects, once.
    pub(crate) async fn open(namespace: &Arc<Namespace>, topic: &str) -> Result<Self, BusError> {
        let line = Line::open(namespace, topic).await?;
        Ok(Self {
            namespace: namespace.clone(),
            topic: topic.to_owned(),
            line: Mutex::new(Some(line)),
            closed: CancellationToken::new(),
        })
    }

    pub(crate) async fn close(&self) {
        self.closed.cancel();
        if let Some(line) = self.line.lock().await.take() {
            line.connection.close().await;
        }
    }

    /// Sends until all is accepted, waiting a little longer after each failure.
    async fn persist(&self, mut items: Vec<Item>) -> Result<(), BusError> {
        let deadline = Instant::now() + PUBLISH_DEADLINE;
        let mut last = BusError::Unavailable("nothing was acknowledged in time".to_owned());
        for wait in backoff() {
            match timeout_at(deadline, self.attempt(&mut items)).await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(error @ BusError::Unavailable(_))) => last = error,
                Ok(Err(error)) => return Err(error),
                Err(_elapsed) => {
                    self.line.lock().await.take(); // a connection that hangs is no use to the next call either
                    return Err(last);
                }
            }
            if Instant::now() + wait > deadline {
                break;
            }
            tracing::debug!(topic = self.topic, error = %last, "publishing again");
            sleep(wait).await;
        }
        Err(last)
    }

    /// Sends once whatever is not accepted yet. After an error the connection is given up.
    async fn attempt(&self, items: &mut [Item]) -> Result<(), BusError> {
        let mut guard = self.line.lock().await;
        let line = match &mut *guard {
            Some(line) => line,
            none => none.insert(Line::open(&self.namespace, &self.topic).await?),
        };
        let (id, answers) = (line.id, line.connection.answers().clone());
        let mut flight = Flight { topic: &self.topic, outcomes: FuturesUnordered::new() };
        let sent = answers.while_connected(flight.send(&mut line.sender, items)).await;
        drop(guard);
        let landed = answers.while_connected(flight.land(items)).await;
        let outcome = sent.and(landed);
        if outcome.as_ref().is_err_and(BusError::is_transient) {
            self.line.lock().await.take_if(|line| line.id == id);
        }
        outcome
    }
}

/// Messages under way on one link.
struct Flight<'a> {
    topic: &'a str,
    outcomes: FuturesUnordered<Awaited>,
}

type Awaited = std::pin::Pin<Box<dyn Future<Output = (usize, Result<Outcome, SendError>)> + Send>>;

impl Flight<'_> {
    async fn send(&mut self, sender: &mut Sender, items: &mut [Item]) -> Result<(), BusError> {
        for index in 0..items.len() {
            if items[index].accepted {
                continue;
            }
            if self.outcomes.len() >= IN_FLIGHT {
                self.land_one(items).await?;
            }
            let sent = sender.send_batchable_ref(&items[index].message).await;
            let outcome: DeliveryFut<_> = sent.map_err(|error| send_error(self.topic, &error))?;
            self.outcomes.push(Box::pin(async move { (index, outcome.await) }));
        }
        Ok(())
    }

    /// Waits for all that is under way: what was accepted before an error need not be sent again.
    async fn land(&mut self, items: &mut [Item]) -> Result<(), BusError> {
        let mut worst = Ok(());
        while !self.outcomes.is_empty() {
            let landed = self.land_one(items).await;
            let graver = worst.is_ok() || worst.as_ref().is_err_and(BusError::is_transient);
            if landed.is_err() && graver {
                worst = landed;
            }
        }
        worst
    }

    async fn land_one(&mut self, items: &mut [Item]) -> Result<(), BusError> {
        let Some((index, outcome)) = self.outcomes.next().await else { return Ok(()) };
        match outcome.map_err(|error| send_error(self.topic, &error))? {
            Outcome::Accepted(_) => items[index].accepted = true,
            Outcome::Rejected(rejected) => {
                let unnamed = || BusError::Refused("rejected".to_owned());
                return Err(rejected.error.map_or_else(unnamed, |error| wire_error(self.topic, &error)));
            }
            _ => return Err(BusError::Unavailable("the broker gave a message back".to_owned())),
        }
        Ok(())
    }
}

impl Line {
    async fn open(namespace: &Arc<Namespace>, topic: &str) -> Result<Self, BusError> {
        let mut connection = Connection::open(namespace, topic).await?;
        let id = uuid::Uuid::new_v4();
        let sender = Sender::builder()
            .name(format!("usher-{id}"))
            .target(topic)
            .sender_settle_mode(SenderSettleMode::Unsettled)
            .attach(connection.session())
            .await
            .map_err(|error| attach_sender_error(topic, &error))?;
        Ok(Self { id, sender, connection })
    }
}

#[async_trait]
impl Publisher for ServiceBusPublisher {
    async fn publish(&self, messages: Vec<Message>) -> Result<(), BusError> {
        let items =
            messages.into_iter().map(|message| Item { message: to_wire(message), accepted: false }).collect();
        tokio::select! {
            biased;
            () = self.closed.cancelled() => Err(BusError::Closed),
            published = self.persist(items) => published,
        }
    }

    fn topic(&self) -> Option<&str> {
        Some(&self.topic)
    }
}
