//! Whether effects show: what the consumer's own `check` answers.

use std::process::Stdio;

use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout},
};
use usher_event::Event;
use usher_service::Failure;

use super::program::{self, ended, lost};
use crate::{consumers::Consumer, local::Variables};

/// Where its settings may be.
const FLAG: &str = "--consumer-env";

/// The consumer, asked.
pub(super) struct Checker {
    program: String,
    process: Child,
    /// Open for as long as there is something to ask.
    questions: Option<ChildStdin>,
    answers: Lines<BufReader<ChildStdout>>,
}

/// What it says of one sign-up.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer {
    event_id: String,
    pub(super) presence: Presence,
    pub(super) why: String,
}

/// Whether an effect shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Presence {
    Present,
    Missing,
    NotExpected,
    Unknown,
}

impl Answer {
    #[cfg(test)]
    pub(super) fn new(presence: Presence, why: &str) -> Self {
        Self { event_id: String::new(), presence, why: why.to_owned() }
    }
}

impl Checker {
    /// # Errors
    /// As [`program::start`].
    pub(super) fn start(consumer: Consumer, settings: &Variables) -> Result<Self, Failure> {
        let program = consumer.program();
        let mut process = program::start(&program, &["check"], settings, Stdio::piped())?;
        let questions = process.stdin.take();
        let output = process.stdout.take().expect("it was asked for at the start");
        Ok(Self { program, process, questions, answers: BufReader::new(output).lines() })
    }

    /// Its answers for these, in their order.
    ///
    /// # Errors
    /// It ends, or does not answer to what it was asked.
    pub(super) async fn ask(&mut self, events: &[Event]) -> Result<Vec<Answer>, Failure> {
        let Self { program, questions, answers, .. } = self;
        let asking = async {
            for event in events {
                put(questions.as_mut(), event).await?;
            }
            Ok::<_, std::io::Error>(())
        };
        let listening = async {
            let mut heard = Vec::with_capacity(events.len());
            while heard.len() < events.len() {
                match answers.next_line().await.map_err(|error| lost(program, &error))? {
                    Some(line) => heard.push(line),
                    None => break,
                }
            }
            Ok::<_, Failure>(heard)
        };
        // A question that can't be put is one that is not answered: what counts is what was heard.
        let (_, heard) = tokio::join!(asking, listening);
        let heard = heard?;
        if heard.len() < events.len() {
            self.finish().await?;
            return Err(Failure::Negative(format!("{} ended before it had answered", self.program)));
        }
        heard.iter().zip(events).map(|(line, event)| self.answer(line, event)).collect()
    }

    fn answer(&self, line: &str, event: &Event) -> Result<Answer, Failure> {
        let answer = serde_json::from_str(line).ok();
        let answer = answer.filter(|answer: &Answer| answer.event_id == event.id.to_string());
        answer.ok_or_else(|| {
            Failure::Other(anyhow::anyhow!("{} is of another version than this program", self.program))
        })
    }

    /// Nothing more is asked; waits for its end.
    ///
    /// # Errors
    /// It does not end well.
    pub(super) async fn finish(&mut self) -> Result<(), Failure> {
        drop(self.questions.take());
        let status = self.process.wait().await.map_err(|error| lost(&self.program, &error))?;
        ended(&self.program, FLAG, status)
    }
}

async fn put(questions: Option<&mut ChildStdin>, event: &Event) -> std::io::Result<()> {
    let Some(questions) = questions else { return Ok(()) };
    let mut line = event.to_json();
    line.push(b'\n');
    questions.write_all(&line).await
}
