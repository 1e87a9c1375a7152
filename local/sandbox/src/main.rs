//! The stand-ins as a process: starts, makes people sign up, says where it listens, serves until told to stop.

mod flags;

use std::process::ExitCode;

use flags::Flags;
use usher_sandbox::{IdentityError, Sandbox, ServeError};
use usher_service::{Failure, Health, Shutdown};

fn main() -> ExitCode {
    usher_service::run("usher-sandbox", serve)
}

async fn serve(flags: Flags, shutdown: Shutdown) -> Result<(), Failure> {
    let sandbox = Sandbox::new(flags.settings()?, usher_clock::Clock::system());
    let serving = sandbox.serve(&flags.addresses()).await.map_err(unusable)?;
    if let Some(folder) = &flags.identity_dir {
        sandbox.open_identities(folder).await.map_err(no_identities)?;
    }
    let announcement = serde_json::to_value(serving.endpoints()).map_err(anyhow::Error::from)?;
    let health = match flags.health_addr {
        Some(address) => Some(Health::new().serve(address, shutdown.clone()).await?),
        None => None,
    };
    sandbox.generate(&flags.crowd()?);
    usher_service::announce(&announcement);
    shutdown.requested().await;
    serving.stop().await;
    if let Some((_, answers)) = health {
        // It only answers questions: that it ended badly changes nothing.
        let _ = answers.await;
    }
    Ok(())
}

fn no_identities(error: IdentityError) -> Failure {
    match error {
        IdentityError::Folder { .. } => Failure::setting("--identity-dir", error),
        error => Failure::Other(error.into()),
    }
}

fn unusable(error: ServeError) -> Failure {
    match error {
        ServeError::Listen { .. } => Failure::setting("--listen", error),
        ServeError::CaFile { .. } => Failure::setting("--ca-file", error),
        ServeError::Certificate(_) => Failure::Other(error.into()),
    }
}
