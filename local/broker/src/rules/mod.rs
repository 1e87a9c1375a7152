//! Subscription rules: which messages of a topic a subscription wants.
//!
//! The three kinds of Service Bus: everything or nothing, a correlation filter (equality), and a SQL filter.
//! Rule actions, which change the copy that a subscription gets, are not among them.

mod correlation;
mod error;
mod expression;
mod lexer;
mod like;
mod parser;
mod property;
#[cfg(test)]
mod tests;
mod value;

pub use correlation::CorrelationFilter;
pub use error::SqlError;

use crate::machine::Facets;
use expression::Expression;

/// The condition of one rule.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// Matches every message, as the rule `$Default` does.
    Everything,
    /// Matches none.
    Nothing,
    /// Compares properties for equality.
    Correlation(CorrelationFilter),
    /// Evaluates an expression.
    Sql(SqlFilter),
}

/// An expression in Service Bus's subset of SQL-92, parsed.
#[derive(Clone, Debug, PartialEq)]
pub struct SqlFilter {
    expression: Expression,
    text: String,
}

impl SqlFilter {
    /// The expression as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl Filter {
    /// Parses a SQL filter.
    ///
    /// # Errors
    /// [`SqlError`] says what is wrong and at which character.
    pub fn sql(text: &str) -> Result<Self, SqlError> {
        let expression = parser::parse(text)?;
        Ok(Self::Sql(SqlFilter { expression, text: text.to_owned() }))
    }

    /// Whether the message is wanted. An expression that comes out as unknown does not match.
    pub fn matches(&self, message: &Facets) -> bool {
        match self {
            Self::Everything => true,
            Self::Nothing => false,
            Self::Correlation(filter) => filter.matches(message),
            Self::Sql(SqlFilter { expression, .. }) => expression.truth(message) == Some(true),
        }
    }
}
