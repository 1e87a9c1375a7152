//! A span of sequence numbers, as it is typed: `7`, `7..90`, `7..`, `..90`.

use std::{fmt, str::FromStr};

/// Sequence numbers from one to another, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The lowest.
    pub first: i64,
    /// The highest.
    pub last: i64,
}

impl Default for Span {
    fn default() -> Self {
        Self { first: 0, last: i64::MAX }
    }
}

impl FromStr for Span {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let all = Self::default();
        let number = |text: &str, open: i64| match text.trim() {
            "" => Ok(open),
            digits => digits.parse::<i64>().ok().filter(|number| *number >= 0).ok_or(WRONG),
        };
        let span = match text.split_once("..") {
            Some((first, last)) => Self { first: number(first, all.first)?, last: number(last, all.last)? },
            None => {
                let one = number(text, -1)?;
                Self { first: one, last: one }
            }
        };
        if span == all || span.first < 0 || span.first > span.last { Err(WRONG) } else { Ok(span) }
    }
}

const WRONG: &str = "must be a sequence number or a span of them: 7, 7..90, 7.. or ..90";

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            return write!(f, "{}", self.first);
        }
        let (first, last) = (self.first, self.last);
        match (first > 0, last < i64::MAX) {
            (true, true) => write!(f, "{first}..{last}"),
            (true, false) => write!(f, "{first}.."),
            (false, _) => write!(f, "..{last}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_read_as_it_is_written() {
        for (text, first, last) in
            [("7", 7, 7), ("7..90", 7, 90), ("7..", 7, i64::MAX), ("..90", 0, 90), ("7..7", 7, 7)]
        {
            let span: Span = text.parse().unwrap();
            assert_eq!(span, Span { first, last }, "{text}");
            assert_eq!(span.to_string().parse(), Ok(span), "{text}");
        }
        for wrong in ["", "..", "seven", "9..7", "-1", "-3..4", "1...4"] {
            assert!(wrong.parse::<Span>().is_err(), "{wrong}");
        }
    }
}
