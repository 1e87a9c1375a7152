//! Receiving under peek-lock: the port's side of it. One task per receiver does the work; calls send it commands.

mod inbox;
mod line;
mod worker;

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep, timeout, timeout_at},
};
use tokio_util::task::AbortOnDropHandle;

use self::{
    inbox::Inbox,
    line::{Line, Settle},
    worker::{Command, Worker},
};
use crate::{
    BusError, Delivery, Entity, LockToken, Peeked, Receiver, Renewal, Settlement,
    amqp::{Management, Namespace, backoff, verdict},
};

/// How long the broker may take to answer a settlement.
const SETTLE_DEADLINE: Duration = Duration::from_secs(10);
/// How long a question to `$management` may take, reconnections included.
const ASK_DEADLINE: Duration = Duration::from_secs(30);
/// The wait before a question is put again whose connection broke.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(100);
/// How long the task may take to say goodbye.
const CLOSE_DEADLINE: Duration = Duration::from_secs(3);

/// A receiver on Service Bus.
pub(crate) struct ServiceBusReceiver {
    entity: Entity,
    address: String,
    commands: mpsc::UnboundedSender<Command>,
    inbox: Arc<Inbox>,
    management: watch::Receiver<Option<Arc<Management>>>,
    task: Mutex<Option<AbortOnDropHandle<()>>>,
}

impl ServiceBusReceiver {
    /// Connects, once.
    pub(crate) async fn open(namespace: &Arc<Namespace>, entity: &Entity) -> Result<Self, BusError> {
        let address = entity.to_string();
        let line = Line::open(namespace, &address).await?;
        let (commands, obeyed) = mpsc::unbounded_channel();
        let (offered, management) = watch::channel(None);
        let inbox = Arc::<Inbox>::default();
        let worker = Worker {
            namespace: namespace.clone(),
            entity: address.clone(),
            dead_letters: entity.dead_letter,
            commands: obeyed,
            inbox: inbox.clone(),
            management: offered,
            outstanding: 0,
            waits: backoff(),
        };
        let task = Mutex::new(Some(AbortOnDropHandle::new(tokio::spawn(worker.run(line)))));
        Ok(Self { entity: entity.clone(), address, commands, inbox, management, task })
    }

    fn tell(&self, command: Command) -> Result<(), BusError> {
        self.commands.send(command).map_err(|_| self.inbox.why_ended())
    }

    /// Puts a question to `$management` until it is answered, over as many connections as that takes.
    async fn ask<T, F>(&self, question: impl Fn(Arc<Management>) -> F) -> Result<T, BusError>
    where
        F: Future<Output = Result<T, BusError>>,
    {
        let deadline = Instant::now() + ASK_DEADLINE;
        loop {
            match question(self.management(deadline).await?).await {
                Err(BusError::Unavailable(_)) if Instant::now() < deadline => sleep(ASK_AGAIN_AFTER).await,
                answer => return answer,
            }
        }
    }

    async fn management(&self, deadline: Instant) -> Result<Arc<Management>, BusError> {
        let mut offered = self.management.clone();
        let offered = timeout_at(deadline, offered.wait_for(Option::is_some)).await;
        let late = |_| BusError::Unavailable("no connection in time".to_owned());
        offered
            .map_err(late)?
            .ok()
            .and_then(|management| management.clone())
            .ok_or_else(|| self.inbox.why_ended())
    }
}

#[async_trait]
impl Receiver for ServiceBusReceiver {
    fn add_credit(&self, more: u32) {
        let _ended = self.tell(Command::Grant(more)); // and `next` says why
    }

    async fn next(&self) -> Result<Delivery, BusError> {
        self.inbox.next().await
    }

    async fn withdraw_credit(&self) -> Result<Vec<Delivery>, BusError> {
        let (done, withdrawn) = oneshot::channel();
        self.tell(Command::Withdraw(done))?;
        withdrawn.await.map_err(|_| self.inbox.why_ended())?;
        Ok(self.inbox.take_all())
    }

    /// If the connection breaks before the broker's answer arrives, the settlement is repeated through
    /// `$management`. Where it had taken effect already, the lock is then found lost.
    async fn settle(&self, lock: LockToken, settlement: Settlement) -> Result<(), BusError> {
        let (answer, answered) = oneshot::channel();
        self.tell(Command::Settle(Settle { lock, settlement: settlement.clone(), answer }))?;
        match timeout(SETTLE_DEADLINE, answered).await {
            Ok(Ok(state)) => verdict(&self.address, &settlement, &state),
            Ok(Err(_unanswered)) => {
                let settlement = &settlement;
                // Boxed, since it is large and rare: every settlement would carry its size.
                Box::pin(self.ask(|management| async move { management.settle(lock, settlement).await }))
                    .await
            }
            Err(_elapsed) => Err(BusError::Unavailable("no answer to a settlement in time".to_owned())),
        }
    }

    async fn renew(&self, locks: &[LockToken]) -> Result<Vec<Renewal>, BusError> {
        self.ask(|management| async move { management.renew(locks).await }).await
    }

    async fn peek(&self, from: i64, most: u32) -> Result<Vec<Peeked>, BusError> {
        self.ask(|management| async move { management.peek(from, most).await }).await
    }

    async fn close(&self) {
        let _ended = self.tell(Command::Close);
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            let _aborted = timeout(CLOSE_DEADLINE, task).await; // dropped at the deadline, which aborts it
        }
        self.inbox.end(BusError::Closed);
        self.inbox.take_all();
    }

    fn entity(&self) -> Option<&Entity> {
        Some(&self.entity)
    }
}
