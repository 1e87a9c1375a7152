//! `usher-upn preview`: what the users that are there already would get. Changes nothing.
//!
//! All users are read before the first line is shown: whether a name is free depends on every other user.

mod forecast;
mod report;

use std::{io::Write, num::NonZeroUsize, time::Duration};

use backon::{ExponentialBuilder, Retryable};
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use usher_entra::{Graph, GraphError, UsersPage};
use usher_http::{Failure, FailureClass};

use self::forecast::{Forecast, Seen};
use crate::naming::{FIELDS, Naming, UPN};

/// When somebody signed up.
const SINCE: &str = "createdDateTime";
/// How often a page is asked for again before the preview gives up.
const RETRIES: usize = 5;
/// The first wait before a page is asked for again; each doubles. Graph says how long it wants where it throttles.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// What this consumer can do beside its work.
#[derive(Clone, Debug, Subcommand)]
pub enum UpnCommand {
    /// Show what the users that are there already would get; changes nothing
    ///
    /// One line for each user who would be changed, oldest first: object id, userPrincipalName now, the new one, and
    /// whether a display name is set. Names that collide within the tenant get their suffix as they would.
    Preview(Preview),
}

/// How much is previewed, and how it is shown.
#[derive(Args, Clone, Debug, Default)]
pub struct Preview {
    /// One JSON object a line, the summary last
    #[arg(long)]
    json: bool,
    /// Read no more than this many users; collisions with the others are not seen
    #[arg(long, value_name = "N")]
    limit: Option<NonZeroUsize>,
}

impl Preview {
    /// Reads the users and writes what would become of them.
    pub(crate) async fn run(
        &self,
        graph: &Graph,
        naming: &Naming,
        out: &mut (impl Write + Send),
    ) -> Result<(), usher_service::Failure> {
        let seen = self.read(graph, naming).await.map_err(failure)?;
        // A reader that has gone away, such as `head`, has seen enough.
        let _ = report::write(&Forecast::of(seen), self.json, out);
        Ok(())
    }

    async fn read(&self, graph: &Graph, naming: &Naming) -> Result<Vec<Seen>, GraphError> {
        let limit = self.limit.map_or(usize::MAX, NonZeroUsize::get);
        let progress = progress();
        let mut seen = Vec::new();
        let mut next = None;
        loop {
            let UsersPage { users, next: following } = page(graph, next.as_ref()).await?;
            seen.extend(users.iter().take(limit - seen.len()).map(|user| Seen::of(user, naming)));
            progress.set_position(seen.len() as u64);
            next = following;
            if next.is_none() || seen.len() == limit {
                return Ok(seen);
            }
        }
    }
}

async fn page(graph: &Graph, link: Option<&usher_entra::UsersLink>) -> Result<UsersPage, GraphError> {
    let select = [&FIELDS[..], &[SINCE]].concat();
    let policy = ExponentialBuilder::new().with_min_delay(FIRST_WAIT).with_max_times(RETRIES).with_jitter();
    (|| graph.users_page(link, &select))
        .retry(policy)
        .when(GraphError::is_transient)
        .adjust(|error, wait| wait.map(|wait| Failure::from(error.clone()).retry_after.unwrap_or(wait)))
        .await
}

/// On standard error, and only if that is a terminal; gone when dropped.
fn progress() -> ProgressBar {
    let style = ProgressStyle::with_template("{pos} users read").expect("the template is valid");
    ProgressBar::no_length().with_style(style)
}

fn failure(error: GraphError) -> usher_service::Failure {
    match Failure::from(error.clone()).class {
        FailureClass::Unauthorized => {
            usher_service::Failure::setting(error.credential_setting(), format!("Entra refuses it: {error}"))
        }
        _ => usher_service::Failure::Unavailable(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
