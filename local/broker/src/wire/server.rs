//! The broker as a whole: opened over its data, listening, and run until it is told to stop.

use std::{fmt, io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use bytes::BytesMut;
use thiserror::Error;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use usher_clock::Clock;

use super::{
    connection::Connection,
    handshake,
    hub::{Hub, QueueCounts},
    sas::SasKey,
    transport,
};
use crate::{
    machine::{Machine, QueueId},
    store::{Store, StoreError},
    topology::Topology,
};

/// How many connections are served at once; a further one is closed as it comes.
const MOST_CONNECTIONS: usize = 4096;
/// How long a peer may take from the first byte to the AMQP header.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long all connections together may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(5);
/// After a failed accept (no file descriptor left): how long until the next, so as not to spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a broker is started with.
#[derive(Debug)]
pub struct Options {
    /// What it serves.
    pub topology: Topology,
    /// The directory of its store; made if it isn't there.
    pub data: PathBuf,
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The one key that it accepts.
    pub key: SasKey,
    /// Whom it says it is, where a peer asks for TLS. Without, TLS is not spoken.
    pub tls: Option<Arc<ServerConfig>>,
}

/// Why a broker could not be started.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The address can't be listened on.
    #[error("{address} can't be listened on: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The store can't be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a broker stopped without being told to.
#[derive(Debug, Error)]
pub enum RunError {
    /// Nothing more can be written down. What was not acknowledged until then may be lost.
    #[error("stopped, since nothing can be written any more: {0}")]
    Store(Arc<StoreError>),
    /// A defect of the broker.
    #[error("stopped, since a part of the broker failed: {0}")]
    Broken(tokio::task::JoinError),
}

/// A broker that listens.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    hub: Arc<Hub>,
    key: SasKey,
    tls: Option<TlsAcceptor>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

/// A view of what the queues hold. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Gauges(Arc<Hub>);

impl Gauges {
    /// What each queue and subscription holds now, in the order of the configuration.
    pub fn read(&self) -> Vec<QueueCounts> {
        self.0.counts()
    }
}

impl Server {
    /// Opens the store, brings back what it holds, and listens.
    ///
    /// # Errors
    /// As [`OpenError`] says; nothing is left running then.
    pub async fn open(options: Options, clock: Clock) -> Result<Self, OpenError> {
        let failed = |source| OpenError::Listen { address: options.listen, source };
        let listener = TcpListener::bind(options.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let hub = Arc::new(restore(&options, clock)?);
        Ok(Self { listener, address, hub, key: options.key, tls: options.tls.map(TlsAcceptor::from) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A view of what its queues hold.
    pub fn gauges(&self) -> Gauges {
        Gauges(Arc::clone(&self.hub))
    }

    /// Serves until `shutdown` resolves; then finishes the writes under way and closes every connection.
    ///
    /// # Errors
    /// As [`RunError`] says.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), RunError> {
        let stop = CancellationToken::new();
        let timekeeper = Arc::clone(&self.hub);
        let mut timekeeper =
            AbortOnDropHandle::new(tokio::spawn(async move { timekeeper.keep_time().await }));
        let mut connections = JoinSet::new();
        let ended = tokio::select! {
            () = shutdown => Ok(()),
            () = self.accept(&mut connections, &stop) => Ok(()),
            error = self.store_failed() => Err(RunError::Store(error)),
            Err(broken) = &mut timekeeper => Err(RunError::Broken(broken)),
        };
        drop(self.listener);
        stop.cancel();
        // Whoever has not said goodbye by then is cut off as the set is dropped.
        let _ = timeout(GOODBYE, connections.join_all()).await;
        // What nobody waits for any more is written all the same, if it can be.
        let _ = timeout(GOODBYE, self.hub.written()).await;
        ended
    }

    async fn accept(&self, connections: &mut JoinSet<()>, stop: &CancellationToken) {
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((tcp, _)) if connections.len() < MOST_CONNECTIONS => {
                        connections.spawn(self.serve(tcp, stop.clone()));
                    }
                    Ok(_) => tracing::warn!(limit = MOST_CONNECTIONS, "a connection over the limit was closed"),
                    Err(error) => {
                        tracing::warn!(%error, "a connection could not be accepted");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some(ended) = connections.join_next() => {
                    if let Err(error) = ended {
                        tracing::error!(%error, "a connection broke off by a defect of the broker");
                    }
                }
            }
        }
    }

    fn serve(&self, tcp: TcpStream, stop: CancellationToken) -> impl Future<Output = ()> + Send + 'static {
        let (hub, key, tls) = (Arc::clone(&self.hub), self.key.clone(), self.tls.clone());
        async move {
            let greeted = async {
                let mut input = BytesMut::new();
                let mut stream = transport::accept(tcp, tls.as_ref()).await?;
                let access = handshake::shake(&mut stream, &mut input, &key).await?;
                io::Result::Ok((stream, input, access))
            };
            match timeout(HANDSHAKE, greeted).await {
                Ok(Ok((stream, input, Some(access)))) => {
                    Connection::new(stream, input, hub, key, access, stop).run().await;
                }
                Ok(Ok((_, _, None))) => tracing::debug!("a peer was refused: wrong key or wrong protocol"),
                Ok(Err(error)) => tracing::debug!(%error, "a peer left before it had said what it wants"),
                Err(_) => tracing::debug!("a peer took too long to say what it wants"),
            }
        }
    }

    async fn store_failed(&self) -> Arc<StoreError> {
        let mut progress = self.hub.progress();
        loop {
            if let Some(error) = progress.borrow_and_update().failed.clone() {
                return error;
            }
            if progress.changed().await.is_err() {
                // The store lives as long as the hub.
                std::future::pending().await
            }
        }
    }
}

/// The machine as the store last knew it, over that store.
fn restore(options: &Options, clock: Clock) -> Result<Hub, StoreError> {
    // Nanoseconds since 1970 differ between any two lives, and fit into 64 bits until the year 2554.
    let boot = u64::try_from(clock.now().unix_timestamp_nanos()).unwrap_or(0);
    let mut machine = Machine::new(&options.topology, boot);
    let queues: Vec<(QueueId, String)> = machine.queues().map(|(id, name)| (id, name.to_owned())).collect();
    let (store, restored) = Store::open(&options.data, &queues, clock)?;
    machine.restore(restored);
    Ok(Hub::new(machine, store, clock))
}
