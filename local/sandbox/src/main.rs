//! The stand-ins as a process: starts, makes people sign up, says where it listens, serves until told to stop.

mod flags;

use std::process::ExitCode;

use flags::Flags;
use usher_sandbox::{Sandbox, ServeError};
use usher_service::{Failure, Shutdown};

fn main() -> ExitCode {
    usher_service::run("usher-sandbox", serve)
}

async fn serve(flags: Flags, shutdown: Shutdown) -> Result<(), Failure> {
    let sandbox = Sandbox::new(flags.settings()?, usher_clock::Clock::system());
    let serving = sandbox.serve(&flags.addresses()).await.map_err(unusable)?;
    let announcement = serde_json::to_value(serving.endpoints()).map_err(anyhow::Error::from)?;
    sandbox.generate(&flags.crowd()?);
    usher_service::announce(&announcement);
    shutdown.requested().await;
    serving.stop().await;
    Ok(())
}

fn unusable(error: ServeError) -> Failure {
    match error {
        ServeError::Listen { .. } => Failure::setting("--listen", error),
        ServeError::CaFile { .. } => Failure::setting("--ca-file", error),
        ServeError::Certificate(_) => Failure::Other(error.into()),
    }
}
