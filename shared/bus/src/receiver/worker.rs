//! The task that owns a receiver's connection: it alone speaks to the library, and it reconnects.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep, timeout},
};

use super::{
    inbox::Inbox,
    line::{Arrival, Line, Settle},
};
use crate::{
    BusError,
    amqp::{Backoff, Management, Namespace, backoff},
};

/// How many commands are carried out together: what is settled together shares frames.
const AT_ONCE: usize = 256;
/// How long the broker may take to use up the credit that we withdraw. If it takes longer, we drop the connection,
/// which withdraws it too.
const DRAIN_DEADLINE: Duration = Duration::from_secs(5);
/// A connection that lasted this long was a good one: the next wait is short again.
const STABLE: Duration = Duration::from_secs(30);
/// So many refusals in a row (unknown entity, refused key) over some seconds are no passing trouble, such as an
/// entity that is being replaced or a token that ran out at a bad moment.
const REFUSALS: u32 = 6;

/// What the task is asked to do.
pub(super) enum Command {
    Grant(u32),
    Settle(Settle),
    /// Answered once no credit is outstanding and all that had arrived is in the inbox.
    Withdraw(oneshot::Sender<()>),
    Close,
}

pub(super) struct Worker {
    pub(super) namespace: Arc<Namespace>,
    pub(super) entity: String,
    pub(super) dead_letters: bool,
    pub(super) commands: mpsc::UnboundedReceiver<Command>,
    pub(super) inbox: Arc<Inbox>,
    /// Where questions can be asked at the moment.
    pub(super) management: watch::Sender<Option<Arc<Management>>>,
    /// Deliveries allowed and not yet arrived: what a new connection has to be granted.
    pub(super) outstanding: u32,
    pub(super) waits: Backoff,
}

impl Worker {
    /// Receives until it is told to stop or until the broker refuses for good.
    pub(super) async fn run(mut self, first: Line) {
        let why = self.receive(first).await;
        self.inbox.end(why);
    }

    async fn receive(&mut self, first: Line) -> BusError {
        let mut line = first;
        loop {
            match self.serve(line).await {
                Ok(()) => return BusError::Closed,
                Err(error) => {
                    tracing::warn!(entity = self.entity, %error, "receiving was interrupted: reconnecting")
                }
            }
            match self.reconnect().await {
                Ok(again) => line = again,
                Err(error) => return error,
            }
            tracing::info!(entity = self.entity, "receiving again");
        }
    }

    /// Works on one connection. `Ok` if told to stop, `Err` if it broke.
    async fn serve(&mut self, mut line: Line) -> Result<(), BusError> {
        let since = Instant::now();
        self.management.send_replace(Some(line.management()));
        let end = self.work(&mut line).await;
        self.management.send_replace(None); // before the line goes: whoever it leaves unanswered looks here
        if end.is_ok() {
            line.close().await;
        }
        if since.elapsed() > STABLE {
            self.waits = backoff();
        }
        end
    }

    async fn work(&mut self, line: &mut Line) -> Result<(), BusError> {
        if self.outstanding > 0 {
            line.grant(self.outstanding).await?;
        }
        let mut commands = Vec::with_capacity(AT_ONCE);
        loop {
            tokio::select! {
                biased;
                count = self.commands.recv_many(&mut commands, AT_ONCE) => {
                    if count == 0 || !self.obey(line, &mut commands).await? {
                        return Ok(());
                    }
                }
                arrival = line.receive() => {
                    if !self.deliver(line, arrival?).await? {
                        line.grant(1).await?; // what was used up for nothing
                    }
                }
            }
        }
    }

    /// Carries out commands; `false` if one of them was to stop.
    async fn obey(&mut self, line: &mut Line, commands: &mut Vec<Command>) -> Result<bool, BusError> {
        let (mut more, mut settlements, mut withdrawals, mut go_on) = (0_u32, Vec::new(), Vec::new(), true);
        for command in commands.drain(..) {
            match command {
                Command::Grant(credit) => more = more.saturating_add(credit),
                Command::Settle(settle) => settlements.push(settle),
                Command::Withdraw(done) => withdrawals.push(done),
                Command::Close => go_on = false,
            }
        }
        // What was allowed stays allowed even if the connection breaks in the next line.
        self.outstanding = self.outstanding.saturating_add(more);
        let carried_out = self.carry_out(line, settlements, more, !withdrawals.is_empty()).await;
        if !withdrawals.is_empty() {
            self.outstanding = 0;
            answer(withdrawals);
        }
        if go_on { carried_out.map(|()| true) } else { Ok(false) }
    }

    async fn carry_out(
        &mut self,
        line: &mut Line,
        settlements: Vec<Settle>,
        more: u32,
        withdraw: bool,
    ) -> Result<(), BusError> {
        line.settle(settlements).await?;
        if more > 0 {
            line.grant(more).await?;
        }
        if withdraw { self.withdraw(line).await } else { Ok(()) }
    }

    /// Hands on what arrived; `false` if there is nothing to hand on.
    async fn deliver(&mut self, line: &mut Line, arrival: Arrival) -> Result<bool, BusError> {
        match arrival {
            Arrival::Delivery(delivery) => {
                self.outstanding = self.outstanding.saturating_sub(1);
                self.inbox.push(delivery);
                Ok(true)
            }
            Arrival::Undecodable(info) => line.refuse(info, self.dead_letters).await.map(|()| false),
        }
    }

    async fn withdraw(&mut self, line: &mut Line) -> Result<(), BusError> {
        if self.outstanding == 0 {
            return Ok(());
        }
        line.drain().await?;
        let too_long = |_| BusError::Unavailable("credit could not be withdrawn in time".to_owned());
        timeout(DRAIN_DEADLINE, self.deliver_until_drained(line)).await.map_err(too_long)??;
        for arrival in line.succeed().await? {
            self.deliver(line, arrival).await?;
        }
        Ok(())
    }

    async fn deliver_until_drained(&mut self, line: &mut Line) -> Result<(), BusError> {
        let answers = line.answers();
        loop {
            tokio::select! {
                biased;
                () = answers.drained() => return Ok(()),
                arrival = line.receive() => self.deliver(line, arrival?).await?,
            };
        }
    }

    async fn reconnect(&mut self) -> Result<Line, BusError> {
        let mut refusals = 0;
        loop {
            let wait = self.waits.next().unwrap_or(STABLE);
            let (namespace, entity) = (self.namespace.clone(), self.entity.clone());
            let attempt = Box::pin(async move {
                sleep(wait).await;
                Line::open(&namespace, &entity).await
            });
            match self.meanwhile(attempt).await? {
                Ok(line) => return Ok(line),
                Err(error @ (BusError::NotFound { .. } | BusError::Unauthorized { .. })) => {
                    refusals += 1;
                    if refusals == REFUSALS {
                        return Err(error);
                    }
                }
                Err(error) => {
                    refusals = 0;
                    tracing::debug!(entity = self.entity, %error, "no connection yet");
                }
            }
        }
    }

    /// Waits for an attempt to connect, obeying what can be obeyed without a connection.
    async fn meanwhile<T>(&mut self, mut attempt: impl Future<Output = T> + Unpin) -> Result<T, BusError> {
        loop {
            tokio::select! {
                biased;
                command = self.commands.recv() => match command {
                    Some(Command::Grant(credit)) => self.outstanding = self.outstanding.saturating_add(credit),
                    Some(Command::Withdraw(done)) => {
                        self.outstanding = 0;
                        answer(vec![done]);
                    }
                    Some(Command::Settle(_)) => {} // unanswered: goes through management once there is some
                    Some(Command::Close) | None => return Err(BusError::Closed),
                },
                outcome = &mut attempt => return Ok(outcome),
            }
        }
    }
}

fn answer(withdrawals: Vec<oneshot::Sender<()>>) {
    for done in withdrawals {
        let _gone = done.send(()); // what arrived stays in the inbox for whoever calls next
    }
}
