//! One connection of a receiver: the link that deliveries come on, those that they came on before, and what is held.
//!
//! A link that was drained is never given credit again: the library counts a drained link's deliveries wrongly where
//! some were still under way. A successor takes its place, and the drained link stays until all that it delivered is
//! settled, since only `released` on the link itself gives a message back without costing it a delivery.

use std::{
    collections::{BTreeMap, HashMap},
    mem,
    sync::Arc,
};

use fe2o3_amqp::{
    Receiver as AmqpReceiver,
    link::{
        CreditMode, IllegalLinkStateError, LinkStateError, RecvError, delivery::DeliveryInfo,
        receiver::TerminalDeliveryState,
    },
};
use fe2o3_amqp_types::{
    definitions::{self, ErrorCondition, Fields, ReceiverSettleMode, SenderSettleMode},
    messaging::{Accepted, DeliveryState, Modified, Rejected, Released},
    primitives::Value,
};
use futures_util::FutureExt;
use tokio::{sync::oneshot, task::unconstrained};

use crate::{
    BusError, Delivery, LockToken, Settlement,
    amqp::{
        Answers, Connection, DEAD_LETTER, Management, Namespace, WireBody, attach_receiver_error, delivery,
        link_error,
    },
    message::{DEAD_LETTER_DESCRIPTION, DEAD_LETTER_REASON},
};

/// The reason under which a message is dead-lettered whose sections can't be decoded at all.
const UNDECODABLE: &str = "Undecodable";

/// A settlement that somebody waits for the answer to.
pub(super) struct Settle {
    pub(super) lock: LockToken,
    pub(super) settlement: Settlement,
    /// Dropped without an answer if the link that the delivery came on is gone.
    pub(super) answer: oneshot::Sender<DeliveryState>,
}

/// What came in on the link.
pub(super) enum Arrival {
    Delivery(Delivery),
    Undecodable(DeliveryInfo),
}

pub(super) struct Line {
    entity: String,
    namespace: Arc<Namespace>,
    current: AmqpReceiver,
    /// Goes up with each successor.
    generation: u32,
    drained: BTreeMap<u32, AmqpReceiver>,
    held: HashMap<LockToken, Held>,
    management: Arc<Management>,
    connection: Connection, // last, so that links are dropped before it
}

/// A delivery that is not settled yet, and the link that it came on.
struct Held {
    info: DeliveryInfo,
    generation: u32,
}

impl Line {
    pub(super) async fn open(namespace: &Arc<Namespace>, entity: &str) -> Result<Self, BusError> {
        let mut connection = Connection::open(namespace, entity).await?;
        let current = attach(&mut connection, entity).await?;
        let management = Management::open(&mut connection, entity, namespace.clock).await?;
        Ok(Self {
            entity: entity.to_owned(),
            namespace: namespace.clone(),
            current,
            generation: 0,
            drained: BTreeMap::new(),
            held: HashMap::new(),
            management: Arc::new(management),
            connection,
        })
    }

    pub(super) fn management(&self) -> Arc<Management> {
        self.management.clone()
    }

    pub(super) fn answers(&self) -> Arc<Answers> {
        self.connection.answers().clone()
    }

    /// Allows so many deliveries beyond those already allowed.
    pub(super) async fn grant(&mut self, more: u32) -> Result<(), BusError> {
        let credit = self.current.credit().saturating_add(more);
        self.current.set_credit(credit).await.map_err(|error| broken(&self.entity, error))
    }

    /// The next thing to arrive. Cancel-safe.
    pub(super) async fn receive(&mut self) -> Result<Arrival, BusError> {
        let received = self.current.recv::<WireBody>().await;
        self.take(received)
    }

    fn take(
        &mut self,
        received: Result<fe2o3_amqp::Delivery<WireBody>, RecvError>,
    ) -> Result<Arrival, BusError> {
        match received {
            Ok(received) => {
                let (info, message) = received.into_parts();
                let delivery = delivery(info.delivery_tag(), message, self.namespace.clock);
                self.held.insert(delivery.lock, Held { info, generation: self.generation });
                Ok(Arrival::Delivery(delivery))
            }
            Err(RecvError::MessageDecode(error)) => Ok(Arrival::Undecodable(error.info)),
            Err(RecvError::LinkStateError(error)) => Err(link_error(&self.entity, &error)),
            Err(_) => Err(BusError::Unavailable("the link broke".to_owned())),
        }
    }

    /// Sends the settlements on their way. Those of deliveries that this line never saw are left unanswered.
    pub(super) async fn settle(&mut self, settlements: Vec<Settle>) -> Result<(), BusError> {
        let mut completed = Vec::new();
        for Settle { lock, settlement, answer } in settlements {
            let Some(Held { info, generation }) = self.held.remove(&lock) else { continue };
            self.connection.answers().expect(info.delivery_id(), answer);
            match settlement {
                Settlement::Complete if generation == self.generation => completed.push(info),
                settlement => self.dispose(generation, info, outcome(settlement)).await?,
            }
        }
        if completed.is_empty() {
            return Ok(());
        }
        // Neighbours share a frame.
        self.current.accept_all(completed).await.map_err(|error| broken(&self.entity, error))
    }

    async fn dispose(
        &mut self,
        generation: u32,
        info: DeliveryInfo,
        outcome: TerminalDeliveryState,
    ) -> Result<(), BusError> {
        let link = self.drained.get(&generation).unwrap_or(&self.current);
        link.dispose(info, outcome).await.map_err(|error| broken(&self.entity, error))?;
        if generation != self.generation && !self.holds_any_of(generation) {
            self.drained.remove(&generation);
        }
        Ok(())
    }

    fn holds_any_of(&self, generation: u32) -> bool {
        self.held.values().any(|held| held.generation == generation)
    }

    /// Dead-letters a message of which nothing could be read; in a dead-letter queue, where that is impossible, its
    /// lock is left to run out.
    pub(super) async fn refuse(&mut self, info: DeliveryInfo, in_dead_letters: bool) -> Result<(), BusError> {
        tracing::warn!(entity = self.entity, "a message arrived whose sections can't be decoded");
        if in_dead_letters {
            return Ok(());
        }
        let description = "the message is not a well-formed AMQP message".to_owned();
        let settlement = Settlement::DeadLetter { reason: UNDECODABLE.to_owned(), description };
        self.current.dispose(info, outcome(settlement)).await.map_err(|error| broken(&self.entity, error))
    }

    /// Asks the broker to use up the credit: with what it has, and else with nothing.
    pub(super) async fn drain(&mut self) -> Result<(), BusError> {
        self.current.drain().await.map_err(|error| broken(&self.entity, error))
    }

    /// Puts a fresh link, without credit, in the place of one that is drained, and returns what was still under way.
    /// The library hands on frames in order: once the successor is attached, nothing is.
    pub(super) async fn succeed(&mut self) -> Result<Vec<Arrival>, BusError> {
        let successor = attach(&mut self.connection, &self.entity).await?;
        let mut arrivals = Vec::new();
        while let Some(received) = unconstrained(self.current.recv::<WireBody>()).now_or_never() {
            arrivals.push(self.take(received)?);
        }
        let drained = mem::replace(&mut self.current, successor);
        if self.holds_any_of(self.generation) {
            self.drained.insert(self.generation, drained);
        }
        self.generation += 1;
        Ok(arrivals)
    }

    pub(super) async fn close(self) {
        self.connection.close().await;
    }
}

async fn attach(connection: &mut Connection, entity: &str) -> Result<AmqpReceiver, BusError> {
    AmqpReceiver::builder()
        .name(format!("usher-{}", uuid::Uuid::new_v4()))
        .source(entity)
        .sender_settle_mode(SenderSettleMode::Unsettled)
        .receiver_settle_mode(ReceiverSettleMode::Second) // the broker answers each settlement
        .credit_mode(CreditMode::Manual)
        .auto_accept(false)
        .attach(connection.session())
        .await
        .map_err(|error| attach_receiver_error(entity, &error))
}

fn outcome(settlement: Settlement) -> TerminalDeliveryState {
    match settlement {
        Settlement::Complete => TerminalDeliveryState::Accepted(Accepted {}),
        Settlement::Release => TerminalDeliveryState::Released(Released {}),
        Settlement::Abandon => TerminalDeliveryState::Modified(Modified {
            delivery_failed: Some(true),
            undeliverable_here: None,
            message_annotations: None,
        }),
        Settlement::DeadLetter { reason, description } => {
            let mut info = Fields::new();
            info.insert(DEAD_LETTER_REASON.into(), Value::String(reason));
            info.insert(DEAD_LETTER_DESCRIPTION.into(), Value::String(description));
            let condition = ErrorCondition::Custom(DEAD_LETTER.into());
            let error = definitions::Error::new(condition, None, Some(info));
            TerminalDeliveryState::Rejected(Rejected { error: Some(error) })
        }
    }
}

fn broken(entity: &str, error: IllegalLinkStateError) -> BusError {
    link_error(entity, &LinkStateError::from(error))
}
