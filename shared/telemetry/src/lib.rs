//! Logs, traces and metrics of every binary.
//!
//! Logs go to standard error: compact for a person at a terminal, one JSON object a line for anything else,
//! and each line names the trace it belongs to. Traces always have ids, so that one sign-up can be followed
//! from the audit log to the last consumer; they are exported over OTLP only when an endpoint is set. So are metrics, which
//! Prometheus can ask for besides. What is sent is written down in `docs/instrumentation.md`.
//!
//! Without a subscriber (in the simulations) everything here does nothing.

mod context;
mod detail;
mod export;
mod json;
mod metrics;
mod past;
mod settings;
mod sign_up;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

use std::{
    io::{IsTerminal, stderr},
    time::{Duration, Instant},
};

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use thiserror::Error;
use tracing::Dispatch;
use tracing_subscriber::{
    Layer, Registry,
    filter::{LevelFilter, Targets},
    fmt::MakeWriter,
    layer::SubscriberExt,
};

pub use context::{
    SpanReference, current_trace_context, current_trace_id, link, reference_to, set_parent, trace_id_of,
};
pub use detail::{DETAIL, attribute, failed, traces_are_collected};
use export::Traces;
pub use metrics::Meters;
pub use opentelemetry::Value;
use settings::Settings;
pub use sign_up::{Part, SignUpTrace, Told, trace_id_of_event};

/// How long the end of a run may take to send its last traces and metrics: a supervisor that stops us waits a few
/// seconds, and they are worth less than a clean end.
const FLUSH_BOUND: Duration = Duration::from_secs(3);

/// What the crates of this project start their names with; only their spans are traced, since those of the
/// HTTP stack would trace the exporter itself.
const OURS: &str = "usher";

/// A telemetry setting that can't be used.
#[derive(Debug, Error)]
#[error("{problem}")]
pub struct TelemetryError {
    setting: &'static str,
    problem: String,
}

impl TelemetryError {
    pub(crate) fn new(setting: &'static str, problem: impl Into<String>) -> Self {
        Self { setting, problem: problem.into() }
    }

    /// The setting at fault.
    pub fn setting(&self) -> &'static str {
        self.setting
    }
}

/// Keeps the exporters; flushed when the service ends.
pub struct Telemetry {
    traces: SdkTracerProvider,
    metrics: Meters,
}

impl Telemetry {
    /// Sends the traces not yet sent and the metrics once more, for three seconds at most. Blocks: call it outside the
    /// runtime.
    pub fn flush(self) {
        let began = Instant::now();
        let metrics = self.metrics.shut_down();
        // A failure has been logged by the exporter, and nothing is left to do about it.
        let _ = self.traces.shutdown_with_timeout(FLUSH_BOUND);
        let _ = metrics.recv_timeout(FLUSH_BOUND.saturating_sub(began.elapsed()));
    }
}

/// Starts telemetry for a service; inside or outside a runtime. An exporter to https needs rustls' default
/// crypto provider to be installed before.
///
/// # Errors
/// A setting that can't be used.
pub fn init(service: &'static str) -> Result<Telemetry, TelemetryError> {
    let settings = Settings::read(|name| std::env::var(name).ok())?;
    let look = if stderr().is_terminal() { Look::Person } else { Look::Machine };
    let (dispatch, telemetry) = assemble(service, &settings, look, stderr)?;
    // An error means that this process has a subscriber already, which then stays.
    let _ = tracing::dispatcher::set_global_default(dispatch);
    telemetry.metrics.install();
    std::panic::set_hook(Box::new(|panic| log_panic(panic.location())));
    Ok(telemetry)
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Look {
    /// Compact and coloured.
    Person,
    /// JSON lines.
    Machine,
}

fn assemble<W>(
    service: &'static str,
    settings: &Settings,
    look: Look,
    writer: W,
) -> Result<(Dispatch, Telemetry), TelemetryError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let traces = Traces::of(service, settings)?;
    let provider = traces.provider.clone();
    let metrics = Meters::of(service, settings)?;
    let dispatch = dispatch(service, traces, settings, look, writer);
    Ok((dispatch, Telemetry { traces: provider, metrics }))
}

/// Spans and log lines, each to where they go.
fn dispatch<W>(service: &'static str, traces: Traces, settings: &Settings, look: Look, writer: W) -> Dispatch
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let detail = if traces.past.is_collected() { LevelFilter::INFO } else { LevelFilter::OFF };
    // The plainest spans: where in the code and on which thread they ran is in nobody's interest.
    let spans = tracing_opentelemetry::layer()
        .with_tracer(traces.provider.tracer(OURS))
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false)
        .with_filter(Targets::new().with_target(OURS, LevelFilter::INFO).with_target(DETAIL, detail));
    let past = traces.past.with_filter(LevelFilter::OFF);
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let lines = match look {
        Look::Person => lines.compact().boxed(),
        Look::Machine => json::lines(lines, service).boxed(),
    };
    let lines = lines.with_filter(settings.filter.clone().with_target(DETAIL, LevelFilter::OFF));
    Dispatch::new(Registry::default().with(spans).with(past).with(lines))
}

/// One line with the place only: what a panic says may quote the data that it tripped over.
fn log_panic(location: Option<&std::panic::Location<'_>>) {
    let thread = std::thread::current();
    let place = location.map(ToString::to_string).unwrap_or_default();
    tracing::error!(place, thread = thread.name().unwrap_or_default(), "panicked");
}

#[cfg(test)]
mod tests;
