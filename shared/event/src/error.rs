//! Why a message's body is not an event we can act on.

use serde_json::error::Category;
use thiserror::Error;

/// What is wrong with a body. Names places, never values: decoders quote what they choke on, so their own
/// texts are not passed on.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum EventError {
    /// Not JSON at all.
    #[error("the body is not JSON (line {line}, column {column})")]
    NotJson {
        /// Line of the first offence, from 1.
        line: usize,
        /// Column of the first offence, from 1.
        column: usize,
    },
    /// JSON of another shape.
    #[error("the event is invalid at {path}")]
    Invalid {
        /// JSON path of the first offence.
        path: String,
    },
    /// The envelope and the data contradict each other: somebody else made this.
    #[error("the event's {field} does not match its data")]
    Inconsistent {
        /// The envelope's field.
        field: &'static str,
    },
    /// An event of some other type.
    #[error("the event's type is not one of ours")]
    UnknownType,
    /// A later contract, which this build can't know how to act on.
    #[error("major version {0} of the event is unknown to this build")]
    UnknownMajorVersion(u32),
}

impl EventError {
    pub(crate) fn from_json(error: &serde_path_to_error::Error<serde_json::Error>) -> Self {
        let json = error.inner();
        match json.classify() {
            Category::Data => Self::Invalid { path: error.path().to_string() },
            Category::Syntax | Category::Eof | Category::Io => {
                Self::NotJson { line: json.line(), column: json.column() }
            }
        }
    }
}
