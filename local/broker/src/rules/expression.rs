//! An expression and its evaluation in three-valued logic: true, false, and unknown (`None`).

use std::cmp::Ordering;

use super::{like::Pattern, property::Property, value::Value};
use crate::machine::Facets;

/// A parsed expression. Conditions and operands are one type, as in the language: a property may be either.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expression {
    Literal(Literal),
    Property(Property),
    Not(Box<Expression>),
    /// Flat, so that a long chain is not a deep tree.
    All(Vec<Expression>),
    Any(Vec<Expression>),
    Compare(Box<Expression>, Comparison, Box<Expression>),
    IsNull(Box<Expression>),
    In(Box<Expression>, Vec<Expression>),
    Like(Box<Expression>, Pattern),
    Exists(Property),
    Negative(Box<Expression>),
    Arithmetic(Box<Expression>, Operator, Box<Expression>),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    Null,
    Text(String),
    Integer(i64),
    Decimal(f64),
    Boolean(bool),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Plus,
    Minus,
    Times,
    Divide,
    Remainder,
}

impl Expression {
    /// The expression as a condition.
    pub(super) fn truth(&self, message: &Facets) -> Option<bool> {
        match self {
            Self::Not(condition) => condition.truth(message).map(|truth| !truth),
            Self::All(conditions) => all(conditions.iter().map(|condition| condition.truth(message))),
            Self::Any(conditions) => any(conditions.iter().map(|condition| condition.truth(message))),
            Self::Compare(left, comparison, right) => {
                comparison.holds(left.value(message), right.value(message))
            }
            Self::IsNull(operand) => Some(operand.value(message).is_unknown()),
            Self::In(operand, list) => {
                let operand = operand.value(message);
                any(list.iter().map(|one| operand.equals(one.value(message))))
            }
            Self::Like(operand, pattern) => match operand.value(message) {
                Value::Text(text) => Some(pattern.matches(text)),
                _ => None,
            },
            Self::Exists(property) => Some(!property.of(message).is_unknown()),
            Self::Literal(_) | Self::Property(_) | Self::Negative(_) | Self::Arithmetic(..) => {
                self.value(message).truth()
            }
        }
    }

    /// The expression as an operand.
    fn value<'m>(&'m self, message: &'m Facets) -> Value<'m> {
        match self {
            Self::Literal(literal) => literal.value(),
            Self::Property(property) => property.of(message),
            Self::Negative(operand) => negative(operand.value(message)),
            Self::Arithmetic(left, operator, right) => {
                operator.apply(left.value(message), right.value(message))
            }
            _ => self.truth(message).map_or(Value::Unknown, Value::Boolean),
        }
    }
}

impl Literal {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Unknown,
            Self::Text(text) => Value::Text(text),
            Self::Integer(number) => Value::Integer(*number),
            Self::Decimal(number) => Value::Decimal(*number),
            Self::Boolean(truth) => Value::Boolean(*truth),
        }
    }
}

impl Comparison {
    fn holds(self, left: Value<'_>, right: Value<'_>) -> Option<bool> {
        match self {
            Self::Equal => left.equals(right),
            Self::NotEqual => left.equals(right).map(|equal| !equal),
            Self::Less => left.order(right).map(Ordering::is_lt),
            Self::LessOrEqual => left.order(right).map(Ordering::is_le),
            Self::Greater => left.order(right).map(Ordering::is_gt),
            Self::GreaterOrEqual => left.order(right).map(Ordering::is_ge),
        }
    }
}

impl Operator {
    /// Whole numbers stay whole, as in C#, whose rules Service Bus names as its own. Overflow and division by
    /// zero are unknown.
    fn apply<'m>(self, left: Value<'m>, right: Value<'m>) -> Value<'m> {
        if let (Value::Integer(left), Value::Integer(right)) = (left, right) {
            return self.whole(left, right).map_or(Value::Unknown, Value::Integer);
        }
        let decimal = |(left, right)| self.decimal(left, right);
        left.number().zip(right.number()).and_then(decimal).map_or(Value::Unknown, Value::Decimal)
    }

    fn whole(self, left: i64, right: i64) -> Option<i64> {
        match self {
            Self::Plus => left.checked_add(right),
            Self::Minus => left.checked_sub(right),
            Self::Times => left.checked_mul(right),
            Self::Divide => left.checked_div(right),
            Self::Remainder => left.checked_rem(right),
        }
    }

    fn decimal(self, left: f64, right: f64) -> Option<f64> {
        let result = match self {
            Self::Plus => left + right,
            Self::Minus => left - right,
            Self::Times => left * right,
            Self::Divide => left / right,
            Self::Remainder => left % right,
        };
        result.is_finite().then_some(result)
    }
}

fn negative(value: Value<'_>) -> Value<'_> {
    match value {
        Value::Integer(number) => number.checked_neg().map_or(Value::Unknown, Value::Integer),
        Value::Decimal(number) => Value::Decimal(-number),
        _ => Value::Unknown,
    }
}

/// AND: false if any is false, else unknown if any is.
fn all(mut truths: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let not_false = truths.try_fold(Some(true), |so_far, truth| match truth {
        Some(false) => None,
        Some(true) => Some(so_far),
        None => Some(None),
    });
    not_false.unwrap_or(Some(false))
}

/// OR: true if any is true, else unknown if any is.
fn any(truths: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    all(truths.map(|truth| truth.map(|truth| !truth))).map(|truth| !truth)
}
