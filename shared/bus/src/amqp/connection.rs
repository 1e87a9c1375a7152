//! One connection with one session, for one entity, with the right to use it.
//!
//! Every publisher and every receiver has its own: what breaks one leaves the others alone, and the delivery id
//! alone tells whose answer is whose.

use std::{fmt::Display, sync::Arc, time::Duration};

use fe2o3_amqp::{
    Connection as AmqpConnection, Session,
    connection::{ConnectionHandle, OpenError},
    sasl_profile::SaslProfile,
    session::SessionHandle,
};
use tokio::time::timeout;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::AbortOnDropHandle,
};

use super::{
    cbs::{self, Claim},
    errors::wire_error,
    namespace::Namespace,
    rpc::Rpc,
    tap::{Answers, Tap},
};
use crate::BusError;

/// How long it may take to connect, from the first packet to the accepted token.
const CONNECT_DEADLINE: Duration = Duration::from_secs(30);
/// How long the goodbye may take.
const CLOSE_DEADLINE: Duration = Duration::from_secs(2);
/// A peer that has been silent for this long is gone: some networks drop a connection and tell nobody.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// The largest frame, in bytes; larger messages travel in several.
const FRAME_SIZE: u32 = 64 * 1024;
/// How many transfers may be under way in either direction; links are bounded by their credit.
const WINDOW: u32 = i32::MAX.unsigned_abs();
/// How many frames may queue between a link and the session before the link waits.
const QUEUE: usize = 4096;

/// An open connection. Dropping it cuts it, and with it everything that the library runs for it.
pub(crate) struct Connection {
    handle: ConnectionHandle<()>,
    session: SessionHandle<()>,
    answers: Arc<Answers>,
    _renewal: AbortOnDropHandle<()>,
    _cut: DropGuard,
}

impl Connection {
    /// Connects and proves that we may use `entity`.
    ///
    /// # Errors
    /// [`BusError::Unavailable`] if the broker can't be reached, otherwise what the broker says.
    pub(crate) async fn open(namespace: &Arc<Namespace>, entity: &str) -> Result<Self, BusError> {
        let late = || unreachable(namespace, &"no connection in time");
        timeout(CONNECT_DEADLINE, Self::establish(namespace, entity)).await.unwrap_or_else(|_| Err(late()))
    }

    async fn establish(namespace: &Arc<Namespace>, entity: &str) -> Result<Self, BusError> {
        let stream = namespace.dialer.dial().await.map_err(|error| unreachable(namespace, &error))?;
        let answers = Arc::<Answers>::default();
        let cut = CancellationToken::new();
        let tap = Tap::new(stream, answers.clone(), cut.clone().cancelled_owned());
        let cut = cut.drop_guard();

        let mut handle =
            open_amqp(namespace.dialer.host(), tap).await.map_err(|error| open_error(entity, &error))?;
        let mut session = begin(&mut handle).await?;
        let mut claim =
            Claim::new(Rpc::open(&mut session, cbs::NODE, &answers).await?, namespace.clone(), entity);
        let wait = claim.put().await?;
        let renewal = AbortOnDropHandle::new(tokio::spawn(claim.keep(wait)));
        Ok(Self { handle, session, answers, _renewal: renewal, _cut: cut })
    }

    /// The session that links are attached to.
    pub(crate) fn session(&mut self) -> &mut SessionHandle<()> {
        &mut self.session
    }

    /// Who waits for which answer on this connection.
    pub(crate) fn answers(&self) -> &Arc<Answers> {
        &self.answers
    }

    /// Says goodbye, and waits for the broker's.
    pub(crate) async fn close(mut self) {
        let _rude = timeout(CLOSE_DEADLINE, self.handle.close()).await; // we leave whatever the broker says
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.answers.end();
    }
}

fn unreachable(namespace: &Namespace, why: &dyn Display) -> BusError {
    BusError::Unavailable(format!("{}: {why}", namespace.dialer.address()))
}

async fn open_amqp(host: &str, tap: Tap) -> Result<ConnectionHandle<()>, OpenError> {
    AmqpConnection::builder()
        .container_id(format!("usher-{}", uuid::Uuid::new_v4()))
        .scheme("amqp") // whatever encryption there is, lies below
        .hostname(host)
        .sasl_profile(SaslProfile::Anonymous) // the token comes after, by way of $cbs
        .max_frame_size(FRAME_SIZE)
        .idle_time_out(u32::try_from(IDLE_TIMEOUT.as_millis()).unwrap_or(u32::MAX))
        .open_with_stream(tap)
        .await
}

async fn begin(handle: &mut ConnectionHandle<()>) -> Result<SessionHandle<()>, BusError> {
    let session = Session::builder().incoming_window(WINDOW).outgoing_window(WINDOW).buffer_size(QUEUE);
    session.begin(handle).await.map_err(|_| BusError::Unavailable("the session was not begun".to_owned()))
}

fn open_error(entity: &str, error: &OpenError) -> BusError {
    match error {
        OpenError::RemoteClosedWithError(error) => wire_error(entity, error),
        OpenError::SaslError { code, .. } => {
            BusError::Unauthorized { entity: entity.to_owned(), condition: format!("SASL {code:?}") }
        }
        _ => BusError::Unavailable("the other side does not speak AMQP, or hung up".to_owned()),
    }
}
