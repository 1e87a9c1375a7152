//! What is wrong with an operator's file, and where.

use std::{fmt, ops::Range};

use thiserror::Error;

/// What is wrong with a file, in one line: `rules.toml:12:8: what`. It may name what stands in the file: whoever reads a
/// file in which a secret could stand by mistake takes that out of the [`Problem`] first.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub struct FileError {
    file: Option<String>,
    /// Line and column, from 1.
    place: Option<(usize, usize)>,
    problem: String,
}

/// What is wrong, and where in the text, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where; `None`: it is the whole.
    pub at: Option<Range<usize>>,
    /// What.
    pub text: String,
}

impl Problem {
    /// What is wrong at this place.
    pub fn at(at: Range<usize>, text: impl Into<String>) -> Self {
        Self { at: Some(at), text: text.into() }
    }

    /// What is wrong with the whole.
    pub fn whole(text: impl Into<String>) -> Self {
        Self { at: None, text: text.into() }
    }

    /// The same, as a person finds it in the text.
    pub fn in_text(self, text: &str) -> FileError {
        let place = self.at.map(|at| {
            let before = text.get(..at.start).unwrap_or(text);
            let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
            (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
        });
        // A key in quotes can hold anything, a line break too.
        let problem = self.text.replace(char::is_control, " ");
        FileError { file: None, place, problem }
    }
}

/// The decoder's own text without its picture of the place: one line.
impl From<toml::de::Error> for Problem {
    fn from(error: toml::de::Error) -> Self {
        Self { at: error.span(), text: error.message().to_owned() }
    }
}

impl FileError {
    /// A file that can't be read.
    pub(crate) fn unreadable(file: &str, why: impl fmt::Display) -> Self {
        Self { file: Some(file.to_owned()), place: None, problem: format!("can't be read: {why}") }
    }

    /// The same, in this file.
    #[must_use]
    pub fn in_file(self, file: &str) -> Self {
        Self { file: Some(file.to_owned()), ..self }
    }
}

impl fmt::Display for FileError {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_told_in_lines_and_characters() {
        let text = "# Zoë\nname = \"Zoë\" = 1\n";
        let at = text.rfind('=').unwrap();
        let error = Problem::at(at..at + 1, "what").in_text(text);
        assert_eq!(error.to_string(), "2:14: what");
        assert_eq!(error.in_file("a.toml").to_string(), "a.toml:2:14: what");
        assert_eq!(Problem::whole("what").in_text(text).to_string(), "what");
        assert_eq!(Problem::whole("a\nb").in_text(text).in_file("a.toml").to_string(), "a.toml: a b");
    }
}
