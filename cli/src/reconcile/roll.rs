//! Who signed up: what `usher-producer roll` reads out.

use std::process::Stdio;

use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout},
};
use usher_event::Event;
use usher_service::Failure;

use super::program::{self, ended, lost};
use crate::local::Variables;

const PROGRAM: &str = "usher-producer";
/// Where its settings may be.
const FLAG: &str = "--producer-env";

/// A roll that is being read.
pub(super) struct Roll {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

/// Some of it.
pub(super) struct Read {
    pub(super) events: Vec<Event>,
    /// Who is not on it; told at its end.
    pub(super) left_out: Option<LeftOut>,
}

/// Who is not on the roll, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LeftOut {
    /// Users who did not sign up.
    pub(super) others: u64,
    /// Users who are so new that their events may be under way.
    pub(super) settling: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct LastLine {
    left_out: LeftOut,
}

impl Roll {
    /// # Errors
    /// As [`program::start`].
    pub(super) fn start(settings: &Variables, since: &str, settle: &str) -> Result<Self, Failure> {
        let args = ["roll", "--since", since, "--settle", settle];
        let mut process = program::start(PROGRAM, &args, settings, Stdio::null())?;
        let output = process.stdout.take().expect("it was asked for at the start");
        Ok(Self { process, lines: BufReader::new(output).lines() })
    }

    /// The next `most` of it, or what there is up to its end.
    ///
    /// # Errors
    /// It ends too early, or writes what is no event.
    pub(super) async fn read(&mut self, most: usize) -> Result<Read, Failure> {
        let mut read = Read { events: Vec::new(), left_out: None };
        while read.events.len() < most && read.left_out.is_none() {
            match self.lines.next_line().await.map_err(|error| lost(PROGRAM, &error))? {
                Some(line) => read.take(&line)?,
                None => {
                    self.finish().await?;
                    return Err(Failure::Negative(format!("{PROGRAM} ended before the end of its roll")));
                }
            }
        }
        Ok(read)
    }

    /// Waits for its end, which has come once all was read.
    ///
    /// # Errors
    /// It did not end well.
    pub(super) async fn finish(&mut self) -> Result<(), Failure> {
        let status = self.process.wait().await.map_err(|error| lost(PROGRAM, &error))?;
        ended(PROGRAM, FLAG, status)
    }
}

impl Read {
    fn take(&mut self, line: &str) -> Result<(), Failure> {
        match serde_json::from_str::<LastLine>(line) {
            Ok(LastLine { left_out }) => self.left_out = Some(left_out),
            Err(_) => self.events.push(Event::from_json(line.as_bytes()).map_err(|error| {
                Failure::Other(anyhow::anyhow!("{PROGRAM} is of another version than this program: {error}"))
            })?),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_counts_who_is_not_on_it() {
        let mut read = Read { events: Vec::new(), left_out: None };
        read.take(include_str!("../../../schemas/samples/full.json").replace('\n', "").as_str()).unwrap();
        read.take(r#"{"leftOut":{"others":3,"settling":1}}"#).unwrap();
        assert_eq!((read.events.len(), read.left_out), (1, Some(LeftOut { others: 3, settling: 1 })));
        let strange = read.take("ada@example.com").unwrap_err().to_string();
        assert!(strange.contains("another version") && !strange.contains("ada"), "{strange}");
    }
}
