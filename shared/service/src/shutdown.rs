//! When to stop: SIGTERM, SIGINT, or the end of whoever started us.

use std::{future::Future, os::fd::AsFd};

use tokio::{io::AsyncReadExt, net::unix::pipe, signal::unix::SignalKind};
use tokio_util::sync::CancellationToken;

/// Set in a child's environment by `usher up`: the child then stops when its standard input closes, which
/// happens however its parent ends, SIGKILL included.
const STOP_WITH_PARENT: &str = "USHER_STOP_WITH_PARENT";

/// A request to stop. Cheap to clone; once made it stays.
#[derive(Clone, Debug, Default)]
pub struct Shutdown(CancellationToken);

impl Shutdown {
    /// A shutdown that nobody has asked for yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for it.
    pub fn request(&self) {
        self.0.cancel();
    }

    /// Whether it has been asked for.
    pub fn is_requested(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits until it is asked for.
    pub fn requested(&self) -> impl Future<Output = ()> + Send + '_ {
        self.0.cancelled()
    }

    /// Asks for it when a signal arrives, or when the parent that wants us gone with it is gone.
    pub(crate) async fn on_signal(self) -> std::io::Result<()> {
        let mut terminate = tokio::signal::unix::signal(SignalKind::terminate())?;
        let mut interrupt = tokio::signal::unix::signal(SignalKind::interrupt())?;
        tokio::select! {
            _ = terminate.recv() => tracing::info!(signal = "SIGTERM", "stopping"),
            _ = interrupt.recv() => tracing::info!(signal = "SIGINT", "stopping"),
            () = parent_gone() => tracing::info!("stopping with the parent process"),
        }
        self.request();
        Ok(())
    }
}

/// Returns when the other end of our standard input is closed; never if nobody asked for that.
async fn parent_gone() {
    if std::env::var_os(STOP_WITH_PARENT).is_none() {
        return std::future::pending().await;
    }
    let mut parent = match standard_input() {
        Ok(parent) => parent,
        Err(error) => {
            tracing::warn!(%error, setting = STOP_WITH_PARENT, "standard input is no pipe to watch");
            return std::future::pending().await;
        }
    };
    let mut ignored = [0; 64];
    while matches!(parent.read(&mut ignored).await, Ok(read) if read > 0) {}
}

/// Standard input, if it is a pipe: the reactor watches it. `tokio::io::stdin` would keep a thread in a read that
/// nothing can interrupt.
fn standard_input() -> std::io::Result<pipe::Receiver> {
    pipe::Receiver::from_owned_fd(std::io::stdin().as_fd().try_clone_to_owned()?)
}
