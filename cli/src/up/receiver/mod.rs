//! What `usher up` keeps of what its services send: a receiver of OTLP over HTTP, on this machine only.
//!
//! Spans go into a file of the run's folder, from which `usher trace` draws, the newest values of the metrics into another,
//! which `usher status` reads.

mod decode;
mod http;
mod newest;
mod record;
#[cfg(test)]
mod tests;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    net::TcpListener,
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_util::task::AbortOnDropHandle;
use usher_service::{Failure, Shutdown};

use self::{newest::Newest, record::Record};
use crate::{local::Variables, status::Point, trace::span::Span};

/// How often the newest values are written, at most.
const WRITE_EVERY: Duration = Duration::from_secs(1);
/// How long a request that is under way at the end may take: those who send have ended by then.
const LAST_WORDS: Duration = Duration::from_secs(2);

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
/// So that what services do is seen soon, in milliseconds: who watches a run waits no five seconds for a span, nor a
/// minute for a metric. What the operator has set stands.
const SOON: [(&str, &str); 2] = [("OTEL_BSP_SCHEDULE_DELAY", "500"), ("OTEL_METRIC_EXPORT_INTERVAL", "1000")];

/// The receiver of a run.
pub(crate) struct Receiver {
    address: SocketAddr,
    received: Arc<Received>,
    stop: Shutdown,
    serving: AbortOnDropHandle<io::Result<()>>,
    writing: AbortOnDropHandle<()>,
}

impl Receiver {
    /// A receiver that keeps what it gets in this folder; on a free port unless one is asked for.
    ///
    /// # Errors
    /// [`Failure::Setting`] if the port can't be had, [`Failure::Unavailable`] if the folder can't be written.
    pub(crate) async fn start(folder: &Path, port: Option<u16>) -> Result<Self, Failure> {
        let received = Arc::new(Received::in_folder(folder)?);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.unwrap_or(0)));
        let taken =
            |e: io::Error| Failure::setting("--otlp-port", format!("{address} can't be listened on: {e}"));
        let listener = TcpListener::bind(address).await.map_err(taken)?;
        let address = listener.local_addr().map_err(taken)?;
        let stop = Shutdown::new();
        let asked = stop.clone();
        let serve = axum::serve(listener, http::router(received.clone()))
            .with_graceful_shutdown(async move { asked.requested().await });
        let serving = AbortOnDropHandle::new(tokio::spawn(async move { serve.await }));
        let writing = AbortOnDropHandle::new(tokio::spawn(write_now_and_then(received.clone())));
        Ok(Self { address, received, stop, serving, writing })
    }

    /// What services are told so that they send here.
    pub(crate) fn variables(&self) -> Variables {
        let endpoint = format!("http://{}", self.address);
        let soon = SOON.into_iter().filter(|(name, _)| is_unset(std::env::var(name).ok()));
        Variables::default().and([(ENDPOINT, &*endpoint)]).and(soon)
    }

    /// A sign-up whose trace has come in, by the id that `usher trace` takes; none if there was none yet.
    pub(crate) fn example(&self) -> Option<String> {
        self.received.record().example()
    }

    /// Whether the oldest traces had to make room, and how many bytes of the newest are kept.
    pub(crate) fn forgot(&self) -> Option<u64> {
        self.received.record().forgot()
    }

    /// Ends, once those who send have ended; what has come in is then in the folder.
    pub(crate) async fn stop(mut self) {
        self.stop.request();
        if timeout(LAST_WORDS, &mut self.serving).await.is_err() {
            tracing::warn!("a sender of traces did not come to an end and is cut off");
            self.serving.abort();
        }
        self.writing.abort();
        self.received.write();
    }
}

/// The setting by which somebody has ordered the traces elsewhere, or none at all; `set` stands for the environment.
pub(crate) fn ordered_elsewhere(set: impl Fn(&str) -> Option<String>) -> Option<&'static str> {
    let is_set = |name: &&'static str| !is_unset(set(name));
    let off = [("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none")];
    let off = off.into_iter().find(|(name, off)| set(name).is_some_and(|it| it.eq_ignore_ascii_case(off)));
    [ENDPOINT, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"].into_iter().find(is_set).or(off.map(|(name, _)| name))
}

/// Empty is as good as unset, as OpenTelemetry has it.
fn is_unset(value: Option<String>) -> bool {
    value.is_none_or(|value| value.is_empty())
}

/// What has come in.
struct Received {
    folder: PathBuf,
    record: Mutex<Record>,
    newest: Mutex<Newest>,
}

impl Received {
    fn in_folder(folder: &Path) -> Result<Self, Failure> {
        let record = Record::in_folder(folder).map_err(|e| {
            Failure::Unavailable(format!("traces can't be written to {}: {e}", folder.display()))
        })?;
        Ok(Self { folder: folder.to_owned(), record: record.into(), newest: Mutex::default() })
    }

    fn spans(&self, spans: Vec<Span>) {
        self.record().add(spans);
    }

    fn points(&self, points: Vec<Point>) {
        self.newest().add(points);
    }

    /// The newest values into their file.
    fn write(&self) {
        self.newest().write(&self.folder);
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        // Whatever a panic has left there is worth as much as before.
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn newest(&self) -> MutexGuard<'_, Newest> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn write_now_and_then(received: Arc<Received>) {
    let mut every = interval(WRITE_EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        received.write();
    }
}
