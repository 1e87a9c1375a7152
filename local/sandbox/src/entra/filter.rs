//! The `$filter` of audit entries: exactly what Microsoft's reference of `directoryAudit` says it supports.
//!
//! Conditions joined by `and`; `eq`, `ge` and `le` on the time; `eq` and, where the reference says so,
//! `startswith` on texts; `any` on the target resources. Category and result can't be filtered by.

use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339, macros::format_description};

use super::entries::AuditEntry;

/// What all entries must meet; none: every entry.
#[derive(Debug, Default)]
pub(super) struct Filter(Vec<Condition>);

#[derive(Debug)]
enum Condition {
    At(Comparison, OffsetDateTime),
    Text { pointer: &'static str, test: Test, text: String },
    AnyTarget { field: &'static str, test: Test, text: String },
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Comparison {
    Eq,
    Ge,
    Le,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Test {
    Eq,
    StartsWith,
}

/// A text that can be filtered by: its path in OData, its JSON pointer, whether `startswith` works on it.
const TEXTS: [(&str, &str, bool); 9] = [
    ("activityDisplayName", "/activityDisplayName", true),
    ("correlationId", "/correlationId", false),
    ("id", "/id", false),
    ("loggedByService", "/loggedByService", false),
    ("initiatedBy/user/id", "/initiatedBy/user/id", false),
    ("initiatedBy/user/displayName", "/initiatedBy/user/displayName", false),
    ("initiatedBy/user/userPrincipalName", "/initiatedBy/user/userPrincipalName", true),
    ("initiatedBy/app/appId", "/initiatedBy/app/appId", false),
    ("initiatedBy/app/displayName", "/initiatedBy/app/displayName", false),
];

/// The same for a target resource.
const TARGET_TEXTS: [(&str, bool); 2] = [("id", false), ("displayName", true)];

/// What is wrong with a filter, in the words of the answer.
pub(super) type Invalid = String;

impl Filter {
    pub(super) fn parse(text: &str) -> Result<Self, Invalid> {
        let mut parser = Parser { tokens: tokens(text)?, at: 0 };
        let mut conditions = Vec::new();
        parser.conjunction(&mut conditions)?;
        // Times first: they are the cheapest to compare, and in a long log they spare most entries the rest.
        conditions.sort_by_key(|condition| !matches!(condition, Condition::At(..)));
        match parser.next() {
            None => Ok(Self(conditions)),
            Some(token) => Err(format!("Syntax error at '{}' in the filter.", token.shown())),
        }
    }

    pub(super) fn matches(&self, entry: &AuditEntry) -> bool {
        self.0.iter().all(|condition| condition.holds(entry))
    }
}

impl Condition {
    fn holds(&self, entry: &AuditEntry) -> bool {
        match self {
            Self::At(Comparison::Eq, time) => entry.at == *time,
            Self::At(Comparison::Ge, time) => entry.at >= *time,
            Self::At(Comparison::Le, time) => entry.at <= *time,
            Self::Text { pointer, test, text } => test.holds(entry.json.pointer(pointer), text),
            Self::AnyTarget { field, test, text } => {
                let targets = entry.json["targetResources"].as_array();
                targets
                    .is_some_and(|targets| targets.iter().any(|target| test.holds(target.get(field), text)))
            }
        }
    }
}

impl Test {
    fn holds(self, value: Option<&Value>, text: &str) -> bool {
        let Some(value) = value.and_then(Value::as_str) else { return false };
        match self {
            Self::Eq => value == text,
            Self::StartsWith => value.starts_with(text),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Mark(char),
}

impl Token {
    fn shown(&self) -> String {
        match self {
            Self::Word(word) => word.clone(),
            Self::Text(text) => format!("'{text}'"),
            Self::Mark(mark) => mark.to_string(),
        }
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, Invalid> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '\'' => quoted(rest)?,
            '(' | ')' | ',' | ':' => (Token::Mark(first), 1),
            _ => word(rest)?,
        };
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

/// A text in single quotes; a quote inside is doubled.
fn quoted(rest: &str) -> Result<(Token, usize), Invalid> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c != '\'' {
            text.push(c);
        } else if chars.next_if(|&(_, next)| next == '\'').is_some() {
            text.push('\'');
        } else {
            return Ok((Token::Text(text), at + 1));
        }
    }
    Err("There is an unterminated string literal in the filter.".to_owned())
}

/// A path, an operator or a time; the colon belongs to it only in a time.
fn word(rest: &str) -> Result<(Token, usize), Invalid> {
    let is_time = rest.starts_with(|c: char| c.is_ascii_digit());
    let belongs = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c) || (is_time && c == ':');
    match rest.find(|c| !belongs(c)).unwrap_or(rest.len()) {
        0 => Err("Syntax error: a character is not valid in the filter.".to_owned()),
        length => Ok((Token::Word(rest[..length].to_owned()), length)),
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

impl Parser {
    fn next(&mut self) -> Option<Token> {
        self.at += 1;
        self.tokens.get(self.at - 1).cloned()
    }

    fn conjunction(&mut self, into: &mut Vec<Condition>) -> Result<(), Invalid> {
        self.condition(into)?;
        while self.tokens.get(self.at) == Some(&Token::Word("and".to_owned())) {
            self.at += 1;
            self.condition(into)?;
        }
        Ok(())
    }

    fn condition(&mut self, into: &mut Vec<Condition>) -> Result<(), Invalid> {
        match self.next() {
            Some(Token::Mark('(')) => {
                self.conjunction(into)?;
                self.mark(')')
            }
            Some(Token::Word(word)) => {
                into.push(self.simple(&word)?);
                Ok(())
            }
            _ => Err("Syntax error: a condition is missing in the filter.".to_owned()),
        }
    }

    fn simple(&mut self, word: &str) -> Result<Condition, Invalid> {
        match word {
            "targetResources/any" => self.any_target(),
            "activityDateTime" => self.time(),
            "startswith" => {
                let (path, text) = self.startswith()?;
                text_condition(&path, Test::StartsWith, text)
            }
            path => {
                self.eq(path)?;
                text_condition(path, Test::Eq, self.text()?)
            }
        }
    }

    fn time(&mut self) -> Result<Condition, Invalid> {
        let comparison = match self.word()?.as_str() {
            "eq" => Comparison::Eq,
            "ge" => Comparison::Ge,
            "le" => Comparison::Le,
            other => return Err(format!("Operator '{other}' is not supported on 'activityDateTime'.")),
        };
        let literal = self.word()?;
        let time =
            parse_time(&literal).ok_or_else(|| format!("'{literal}' is not a valid DateTimeOffset."))?;
        Ok(Condition::At(comparison, time))
    }

    fn any_target(&mut self) -> Result<Condition, Invalid> {
        self.mark('(')?;
        let variable = self.word()?;
        self.mark(':')?;
        let first = self.word()?;
        let (path, test, text) = if first == "startswith" {
            let (path, text) = self.startswith()?;
            (path, Test::StartsWith, text)
        } else {
            self.eq(&first)?;
            (first, Test::Eq, self.text()?)
        };
        self.mark(')')?;
        let name = path.strip_prefix(&variable).and_then(|rest| rest.strip_prefix('/')).unwrap_or(&path);
        let known =
            TARGET_TEXTS.iter().find(|(field, prefix)| *field == name && (test == Test::Eq || *prefix));
        let (field, _) = known.ok_or_else(|| unsupported(&path))?;
        Ok(Condition::AnyTarget { field, test, text })
    }

    fn startswith(&mut self) -> Result<(String, String), Invalid> {
        self.mark('(')?;
        let path = self.word()?;
        self.mark(',')?;
        let text = self.text()?;
        self.mark(')')?;
        Ok((path, text))
    }

    fn eq(&mut self, path: &str) -> Result<(), Invalid> {
        match self.word()?.as_str() {
            "eq" => Ok(()),
            other => Err(format!("Operator '{other}' is not supported on '{path}'.")),
        }
    }

    fn word(&mut self) -> Result<String, Invalid> {
        match self.next() {
            Some(Token::Word(word)) => Ok(word),
            _ => Err("Syntax error in the filter.".to_owned()),
        }
    }

    fn text(&mut self) -> Result<String, Invalid> {
        match self.next() {
            Some(Token::Text(text)) => Ok(text),
            _ => Err("Syntax error: a string literal is expected in the filter.".to_owned()),
        }
    }

    fn mark(&mut self, mark: char) -> Result<(), Invalid> {
        match self.next() {
            Some(Token::Mark(found)) if found == mark => Ok(()),
            _ => Err(format!("Syntax error: '{mark}' is expected in the filter.")),
        }
    }
}

fn text_condition(path: &str, test: Test, text: String) -> Result<Condition, Invalid> {
    let known = TEXTS.iter().find(|(name, _, prefix)| *name == path && (test == Test::Eq || *prefix));
    let (_, pointer, _) = known.ok_or_else(|| unsupported(path))?;
    Ok(Condition::Text { pointer, test, text })
}

fn unsupported(path: &str) -> Invalid {
    format!("Invalid filter clause: '{path}' can't be filtered by in this way.")
}

/// A moment, or a day as its midnight.
fn parse_time(literal: &str) -> Option<OffsetDateTime> {
    let day = format_description!("[year]-[month]-[day]");
    let midnight = || time::Date::parse(literal, day).ok().map(|day| day.midnight().assume_utc());
    OffsetDateTime::parse(literal, &Rfc3339).ok().or_else(midnight)
}

#[cfg(test)]
mod tests;
