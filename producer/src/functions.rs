//! `usher-producer functions`: the producer on a timer of Azure Functions, as its custom handler.
//!
//! The Functions host starts us, waits until we answer on the port that it chose, and posts to `/{function}` whenever the
//! timer fires. It takes any answer of 200 for a call that succeeded, and shows what stands under `Logs`; any other answer
//! is a call that failed. <https://learn.microsoft.com/azure/azure-functions/functions-custom-handlers>
//!
//! The server takes calls and gives answers; the polls are made one after another by whoever serves, under the lease that
//! any producer needs, since a host may run several of us.

mod calls;
mod timer;

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use clap::Args;
use serde_json::json;
use tokio::{
    net::TcpListener,
    select,
    sync::mpsc,
    time::{sleep, timeout},
};
use usher_service::{Failure, Health, Shutdown};

use crate::{DRAIN, Settings};
use calls::Call;
use timer::Timer;

const PORT: &str = "FUNCTIONS_CUSTOMHANDLER_PORT";
/// A poll ends before the host would end it, and us with it: `functionTimeout` in `infra/functions/host.json` is a minute
/// longer.
const POLL_WITHIN: Duration = Duration::from_secs(240);
/// How long a poll that was told to stop may take: to come to an end of its own, and to give the lease back.
const STOP_WITHIN: Duration = DRAIN.saturating_add(Duration::from_secs(1));
/// How long the answer to the last call may take to leave.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// What the Functions host tells its custom handler.
#[derive(Args, Clone, Debug)]
pub struct FunctionsArgs {
    /// Port on which the Functions host calls us; it sets it by itself
    #[arg(long, env = PORT, value_name = "PORT")]
    pub port: u16,
}

/// Serves the host until told to stop.
///
/// # Errors
/// If a setting is wrong that can be looked at before the first call, or the port can't be used.
pub(crate) async fn serve(
    settings: Settings,
    args: FunctionsArgs,
    shutdown: Shutdown,
) -> Result<(), Failure> {
    let health = Health::measured();
    let served = match settings.health_addr {
        Some(address) => Some(health.serve(address, shutdown.clone()).await?),
        None => None,
    };
    let mut timer = Timer::new(settings, health)?;
    let (listener, address) = listen(args.port).await?;
    let (sender, mut called) = mpsc::channel(1);
    let stopped = Shutdown::new();
    let mut server = tokio::spawn(calls::serve(listener, sender, stopped.clone()));
    let bound = served.as_ref().map(|(bound, _)| *bound);
    usher_service::announce(&json!({ "service": "producer", "functions": address, "health": bound }));
    loop {
        let call = select! {
            biased;
            () = shutdown.requested() => break,
            call = called.recv() => call,
        };
        // Without a server nobody calls any more.
        let Some(Call { answer }) = call else { break };
        // Whoever called may be gone: the work is done all the same.
        let _ = answer.send(poll(&mut timer, &shutdown).await);
    }
    drop(called);
    stopped.request();
    if timeout(ANSWER_WITHIN, &mut server).await.is_err() {
        server.abort();
    }
    timer.close().await;
    if let Some((_, serving)) = served {
        // It only answers questions: that it ended badly changes nothing.
        let _ = serving.await;
    }
    Ok(())
}

/// One poll, which is told to stop when we are, or when it takes too long.
async fn poll(timer: &mut Timer, shutdown: &Shutdown) -> Result<String, String> {
    let stop = Shutdown::new();
    let mut polled = Box::pin(timer.fires(&stop));
    select! {
        biased;
        answer = &mut polled => return answer,
        () = shutdown.requested() => {}
        () = sleep(POLL_WITHIN) => {}
    }
    stop.request();
    timeout(STOP_WITHIN, polled).await.unwrap_or_else(|_| Err("stopped".to_owned()))
}

async fn listen(port: u16) -> Result<(TcpListener, SocketAddr), Failure> {
    let unusable = |error: std::io::Error| Failure::setting(PORT, format!("{port} can't be used: {error}"));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(unusable)?;
    let address = listener.local_addr().map_err(unusable)?;
    Ok((listener, address))
}
