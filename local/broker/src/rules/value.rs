//! What an expression can come to, and how two such values compare.

use std::cmp::Ordering;

use time::OffsetDateTime;
use usher_bus::PropertyValue;
use uuid::Uuid;

/// A value during evaluation. What is missing, NULL or makes no sense (text plus a number, a division by zero)
/// is unknown, and stays so in whatever it is used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Unknown,
    Text(&'a str),
    Integer(i64),
    Decimal(f64),
    Boolean(bool),
    Uuid(Uuid),
    Time(OffsetDateTime),
}

impl<'a> From<&'a PropertyValue> for Value<'a> {
    fn from(value: &'a PropertyValue) -> Self {
        match value {
            PropertyValue::Text(text) => Self::Text(text),
            PropertyValue::Integer(number) => Self::Integer(*number),
            PropertyValue::Float(number) => Self::Decimal(*number),
            PropertyValue::Boolean(truth) => Self::Boolean(*truth),
            PropertyValue::Uuid(id) => Self::Uuid(*id),
            PropertyValue::Time(moment) => Self::Time(*moment),
        }
    }
}

impl Value<'_> {
    pub(super) fn is_unknown(self) -> bool {
        self == Self::Unknown
    }

    /// As a condition: only a truth value is one.
    pub(super) fn truth(self) -> Option<bool> {
        match self {
            Self::Boolean(truth) => Some(truth),
            _ => None,
        }
    }

    /// Equality, within one type or between numbers; text compares exactly, case included.
    pub(super) fn equals(self, other: Self) -> Option<bool> {
        match (self, other) {
            (Self::Boolean(left), Self::Boolean(right)) => Some(left == right),
            (Self::Uuid(left), Self::Uuid(right)) => Some(left == right),
            _ => self.order(other).map(Ordering::is_eq),
        }
    }

    /// Order, for the types that have one.
    pub(super) fn order(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Text(left), Self::Text(right)) => Some(left.cmp(right)),
            (Self::Time(left), Self::Time(right)) => Some(left.cmp(&right)),
            (Self::Integer(left), Self::Integer(right)) => Some(left.cmp(&right)),
            _ => self.number()?.partial_cmp(&other.number()?),
        }
    }

    /// As a floating-point number, if it is a number.
    pub(super) fn number(self) -> Option<f64> {
        match self {
            Self::Integer(number) => Some(number as f64),
            Self::Decimal(number) => Some(number),
            _ => None,
        }
    }
}
