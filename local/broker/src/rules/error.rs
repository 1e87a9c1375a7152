//! What can be wrong with a SQL filter.

use thiserror::Error;

use super::parser::{MAX_CHARACTERS, MAX_DEPTH};

/// What is wrong with a SQL filter. Positions count characters from 1.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SqlError {
    /// It is longer than Service Bus allows.
    #[error("the expression is longer than {MAX_CHARACTERS} characters")]
    TooLong,
    /// It is nested too deeply.
    #[error("more than {MAX_DEPTH} levels of nesting at character {at}")]
    TooDeep {
        /// Where.
        at: usize,
    },
    /// A character that is no part of the language.
    #[error("'{character}' at character {at} is not part of the language")]
    Character {
        /// Which.
        character: char,
        /// Where.
        at: usize,
    },
    /// A text or a quoted name without an end.
    #[error("no closing {close} to what begins at character {at}")]
    Unclosed {
        /// The mark that is missing.
        close: char,
        /// Where it begins.
        at: usize,
    },
    /// A number that is malformed or out of range.
    #[error("not a number at character {at}")]
    Number {
        /// Where.
        at: usize,
    },
    /// Something else should stand here.
    #[error("expected {wanted} at character {at}")]
    Expected {
        /// What should.
        wanted: &'static str,
        /// Where.
        at: usize,
    },
    /// A system property that Service Bus does not define, or that is not known when rules are evaluated.
    #[error("sys.{name} at character {at} is not a system property that a rule can look at")]
    SystemProperty {
        /// Its name.
        name: String,
        /// Where.
        at: usize,
    },
    /// A LIKE pattern that ends in its escape character.
    #[error("the pattern at character {at} ends in its escape character")]
    Pattern {
        /// Where.
        at: usize,
    },
    /// Service Bus has it, this broker doesn't.
    #[error("{what} at character {at} is not supported")]
    Unsupported {
        /// What.
        what: String,
        /// Where.
        at: usize,
    },
}
