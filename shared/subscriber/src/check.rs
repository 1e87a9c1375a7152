//! `usher-{NAME} check`: whether the effects of sign-ups show at the destination. Asks, and changes nothing.
//!
//! The sign-ups come in as events on standard input, one a line, and the answers go out on standard output, one a line in
//! the same order. It needs no broker: `usher reconcile` stands between the tenant, this and the topic, so that each
//! vendor's address and secrets stay with the consumer that has them anyway.

use std::{
    fmt,
    io::{self, BufRead, Write},
    num::NonZeroU32,
    time::Duration,
};

use backon::{ExponentialBuilder, Retryable};
use clap::Args;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use usher_clock::Clock;
use usher_event::Event;
use usher_http::{Failure, FailureClass};

use crate::{Consumer, Handler};

/// How many lines are read ahead of the answers.
const READ_AHEAD: usize = 64;
/// How often a destination that does not answer well is asked again: half a minute with the waits below.
const RETRIES: usize = 5;
/// The first wait before it is; each doubles.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// Whether the effect of a sign-up shows at its destination; the words say why, for lists and counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It does.
    Present,
    /// It should, and does not.
    Missing(&'static str),
    /// It does not, as it should be.
    NotExpected(&'static str),
    /// The destination does not tell.
    Unknown(&'static str),
}

/// How the answers are found.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct CheckArgs {
    /// How many sign-ups are asked for at once
    #[arg(long, env = "CONCURRENCY", value_name = "N", default_value = "8")]
    pub(crate) concurrency: NonZeroU32,
    /// Events older than this are not acted on, and so not missed; the consumer's own default unless set
    #[arg(long, env = "MAX_EVENT_AGE", value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(crate) max_event_age: Option<Duration>,
}

/// Answers for each event on standard input.
///
/// # Errors
/// A line that is no event of this tenant; a destination that can't be asked.
pub(crate) async fn check<C: Consumer>(
    consumer: &C,
    args: CheckArgs,
    clock: Clock,
) -> Result<(), usher_service::Failure> {
    let asked = Asked { handler: consumer, max_age: args.max_event_age.or(C::MAX_EVENT_AGE), clock };
    let at_once = args.concurrency.get() as usize;
    asked.answer_all(lines(|| io::stdin().lock()), at_once, io::stdout()).await
}

/// Lines as they come, read on a thread of their own: there is no telling what standard input is.
fn lines<R: BufRead>(open: impl FnOnce() -> R + Send + 'static) -> impl Stream<Item = io::Result<String>> {
    let (send, receive) = mpsc::channel(READ_AHEAD);
    tokio::task::spawn_blocking(move || {
        for line in open().lines() {
            if send.blocking_send(line).is_err() {
                return;
            }
        }
    });
    stream::unfold(receive, |mut receive| async move {
        let line = receive.recv().await?;
        Some((line, receive))
    })
}

/// A handler, and what the runtime would let it see.
struct Asked<'a, H> {
    handler: &'a H,
    max_age: Option<Duration>,
    clock: Clock,
}

impl<H: Handler> Asked<'_, H> {
    async fn answer_all(
        &self,
        lines: impl Stream<Item = io::Result<String>>,
        at_once: usize,
        mut out: impl Write,
    ) -> Result<(), usher_service::Failure> {
        let answers = lines.map(|line| self.answer_line(line)).buffered(at_once);
        let mut answers = std::pin::pin!(answers);
        while let Some(answer) = answers.try_next().await? {
            // Nobody listens any more: nothing is left to be told.
            if writeln!(out, "{answer}").and_then(|()| out.flush()).is_err() {
                break;
            }
        }
        Ok(())
    }

    async fn answer_line(&self, line: io::Result<String>) -> Result<Value, usher_service::Failure> {
        let line =
            line.map_err(|error| no(format_args!("standard input can't be read: {}", error.kind())))?;
        let event =
            Event::from_json(line.as_bytes()).map_err(|error| no(format_args!("no event: {error}")))?;
        if event.data.tenant_id != self.handler.tenant_id() {
            return Err(no(format_args!("event {} is of another tenant", event.id)));
        }
        let (presence, why) = match self.presence(&event).await {
            Ok(presence) => presence.words(),
            // What is refused of one user says nothing of the others.
            Err(failure) if failure.class == FailureClass::Refused => ("unknown", failure.to_string()),
            Err(failure) => {
                let problem = format!("the destination can't be asked: {failure}");
                return Err(usher_service::Failure::Unavailable(problem));
            }
        };
        Ok(json!({ "eventId": event.id, "userId": event.data.user_id, "presence": presence, "why": why }))
    }

    async fn presence(&self, event: &Event) -> Result<Presence, Failure> {
        if let Some(why) = self.handler.passes_over(event) {
            return Ok(Presence::NotExpected(why));
        }
        let policy =
            ExponentialBuilder::new().with_min_delay(FIRST_WAIT).with_max_times(RETRIES).with_jitter();
        let presence = (|| self.handler.presence(event))
            .retry(policy)
            .when(|failure: &Failure| is_passing(failure.class))
            .adjust(|failure, wait| wait.map(|wait| failure.retry_after.unwrap_or(wait)))
            .await?;
        let is_too_old = self.max_age.is_some_and(|most| self.clock.since(event.data.signed_up_at) > most);
        Ok(match presence {
            Presence::Missing(_) if is_too_old => Presence::NotExpected("too-old"),
            presence => presence,
        })
    }
}

impl Presence {
    /// As the answer says it.
    fn words(self) -> (&'static str, String) {
        let (presence, why) = match self {
            Self::Present => ("present", ""),
            Self::Missing(why) => ("missing", why),
            Self::NotExpected(why) => ("not-expected", why),
            Self::Unknown(why) => ("unknown", why),
        };
        (presence, why.to_owned())
    }
}

fn is_passing(class: FailureClass) -> bool {
    matches!(class, FailureClass::Transient | FailureClass::Unreachable)
}

fn no(problem: impl fmt::Display) -> usher_service::Failure {
    usher_service::Failure::Negative(problem.to_string())
}

#[cfg(test)]
mod tests;
