//! What every binary of Usher does around its work: read its settings, log, stop when told, say how it is.
//!
//! The work itself is a future. [`run`] gives it its settings and a [`Shutdown`] that is cancelled on SIGTERM
//! or SIGINT, waits until it has drained, and turns how it ended into an exit code that a supervisor can act
//! on: 64 means "mend the settings, restarting won't help", 69 "what I depend on isn't there".

mod exit;
mod health;
mod healthcheck;
mod metrics;
mod run;
mod secret_files;
mod shutdown;
mod wrong_setting;

pub use exit::Failure;
pub use health::{Health, Status};
pub use metrics::{ConsumerMetrics, Ended, Metrics, ProducerMetrics};
pub use run::{announce, run, run_command};
pub use shutdown::Shutdown;
