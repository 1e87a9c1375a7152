//! What is wrong with a rules file, and where.

use std::{fmt, ops::Range};

use thiserror::Error;

/// What is wrong with the rules, in one line: `rules.toml:12:8: what`. It may name what stands in the file, which is
/// the operator's own and holds no secret.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub struct RulesError {
    file: Option<String>,
    /// Line and column, from 1.
    place: Option<(usize, usize)>,
    problem: String,
}

/// What is wrong, and where in the text, in bytes.
pub(super) struct Problem {
    pub(super) at: Option<Range<usize>>,
    pub(super) text: String,
}

impl Problem {
    pub(super) fn at(at: Range<usize>, text: impl Into<String>) -> Self {
        Self { at: Some(at), text: text.into() }
    }

    /// The same, as a person finds it in the text.
    pub(super) fn in_text(self, text: &str) -> RulesError {
        let place = self.at.map(|at| {
            let before = text.get(..at.start).unwrap_or(text);
            let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
            (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
        });
        // A key in quotes can hold anything, a line break too.
        let problem = self.text.replace(char::is_control, " ");
        RulesError { file: None, place, problem }
    }
}

/// The decoder's own text without its picture of the place: one line.
impl From<toml::de::Error> for Problem {
    fn from(error: toml::de::Error) -> Self {
        Self { at: error.span(), text: error.message().to_owned() }
    }
}

impl RulesError {
    /// A file that can't be read.
    pub(super) fn unreadable(file: &str, why: impl fmt::Display) -> Self {
        Self { file: Some(file.to_owned()), place: None, problem: format!("can't be read: {why}") }
    }

    /// The same, in this file.
    pub(super) fn in_file(self, file: &str) -> Self {
        Self { file: Some(file.to_owned()), ..self }
    }
}

impl fmt::Display for RulesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}:")?;
        }
        if let Some((line, column)) = self.place {
            write!(f, "{line}:{column}:")?;
        }
        if self.file.is_some() || self.place.is_some() {
            f.write_str(" ")?;
        }
        f.write_str(&self.problem)
    }
}
