//! What a service found out about itself: for `probe`, which prints it, and `usher doctor`, which collects it.
//!
//! A finding says what was looked at, how it is, and what mends it. It holds names of settings, codes and ids; never a
//! secret and nothing personal.

use std::{fmt, io::Write};

use serde::{Deserialize, Serialize};

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Ok,
    /// It can't be seen from here.
    Skipped,
    /// It works, and should be otherwise.
    Warning,
    /// It does not work.
    Wrong,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What was looked at.
    pub check: String,
    /// How it is.
    pub state: State,
    /// What was seen.
    pub what: String,
    /// What mends it, or shows what can't be seen from here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
}

impl Finding {
    /// Something that is as it should be.
    pub fn ok(check: impl Into<String>, what: impl Into<String>) -> Self {
        Self { check: check.into(), state: State::Ok, what: what.into(), mend: None }
    }

    /// Something that can't be seen from here, and what shows it.
    pub fn skipped(check: impl Into<String>, what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::with(check, State::Skipped, what, mend)
    }

    /// Something that works and should be otherwise.
    pub fn warning(check: impl Into<String>, what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::with(check, State::Warning, what, mend)
    }

    /// Something that does not work.
    pub fn wrong(check: impl Into<String>, what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::with(check, State::Wrong, what, mend)
    }

    fn with(
        check: impl Into<String>,
        state: State,
        what: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self { check: check.into(), state, what: what.into(), mend: Some(mend.into()) }
    }
}

/// As the doctor lists them.
impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Skipped => "skipped",
            Self::Warning => "warning",
            Self::Wrong => "wrong",
        })
    }
}

/// What `probe` prints: one line of JSON on standard output.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findings {
    /// All of them, in the order in which they were looked at.
    pub findings: Vec<Finding>,
}

impl Findings {
    /// Prints them. A reader that has gone away is nobody's trouble.
    pub fn print(&self) {
        let line = serde_json::to_string(self).expect("texts always serialise");
        let _ = writeln!(std::io::stdout(), "{line}");
    }

    /// Finds them in what a probe printed.
    pub fn read(printed: &str) -> Option<Self> {
        printed.lines().find_map(|line| serde_json::from_str(line).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_back_and_other_lines_are_passed_over() {
        let findings = vec![Finding::ok("settings", "read"), Finding::wrong("topic", "missing", "make it")];
        let findings = Findings { findings };
        let line = serde_json::to_string(&findings).unwrap();
        assert_eq!(Findings::read(&format!("hello\n{line}\n")), Some(findings));
        assert_eq!(Findings::read("hello"), None);
    }
}
