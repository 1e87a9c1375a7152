//! Stripe's search query language, as far as customers go.
//!
//! Clauses joined by `AND` or by `OR`, never both; a leading `-` negates. `metadata['k']:'v'` is exact,
//! `email`, `name` and `phone` match exactly with `:` and as a substring with `~`. Both kinds of quotes.

use super::account::Version;

/// A parsed query.
#[derive(Debug, PartialEq)]
pub(super) struct Query {
    clauses: Vec<Clause>,
    any: bool,
}

#[derive(Debug, PartialEq)]
struct Clause {
    negated: bool,
    field: Field,
    substring: bool,
    value: String,
}

#[derive(Debug, PartialEq)]
enum Field {
    Metadata(String),
    Text(&'static str),
}

const TEXTS: [&str; 3] = ["email", "name", "phone"];
/// The least that a substring must have, in characters.
const SUBSTRING: usize = 3;

/// The query is not of this language.
#[derive(Debug, PartialEq)]
pub(super) struct Unparsable;

impl Query {
    pub(super) fn parse(text: &str) -> Result<Self, Unparsable> {
        let (first, mut rest) = clause(text.trim())?;
        let mut clauses = vec![first];
        let mut joints = Vec::new();
        while !rest.is_empty() {
            let any = rest.starts_with("OR ");
            let next = rest.strip_prefix("AND ").or_else(|| rest.strip_prefix("OR ")).ok_or(Unparsable)?;
            let (clause, after) = clause(next.trim_start())?;
            clauses.push(clause);
            joints.push(any);
            rest = after;
        }
        match joints.iter().all(|any| *any == joints[0]) {
            true => Ok(Self { clauses, any: joints.first().copied().unwrap_or(false) }),
            false => Err(Unparsable),
        }
    }

    pub(super) fn matches(&self, customer: &Version) -> bool {
        let holds = |clause: &Clause| clause.holds(customer);
        if self.any { self.clauses.iter().any(holds) } else { self.clauses.iter().all(holds) }
    }
}

impl Clause {
    fn holds(&self, customer: &Version) -> bool {
        let value = match &self.field {
            Field::Metadata(key) => customer.metadata.get(key),
            Field::Text(name) => customer.texts.get(name),
        };
        let matches = value.is_some_and(|value| match (&self.field, self.substring) {
            (Field::Metadata(_), _) => *value == self.value,
            (Field::Text(_), false) => value.to_lowercase() == self.value.to_lowercase(),
            (Field::Text(_), true) => value.to_lowercase().contains(&self.value.to_lowercase()),
        });
        matches != self.negated
    }
}

fn clause(text: &str) -> Result<(Clause, &str), Unparsable> {
    let negated = text.starts_with('-');
    let (field, rest) = field(text.trim_start_matches('-'))?;
    let substring = rest.starts_with('~');
    if substring && matches!(field, Field::Metadata(_)) {
        return Err(Unparsable);
    }
    let rest = rest.strip_prefix([':', '~']).ok_or(Unparsable)?;
    let (value, rest) = quoted(rest)?;
    if substring && value.chars().count() < SUBSTRING {
        return Err(Unparsable);
    }
    Ok((Clause { negated, field, substring, value }, rest.trim_start()))
}

fn field(text: &str) -> Result<(Field, &str), Unparsable> {
    if let Some(rest) = text.strip_prefix("metadata[") {
        let (key, rest) = quoted(rest)?;
        return Ok((Field::Metadata(key), rest.strip_prefix(']').ok_or(Unparsable)?));
    }
    let known =
        TEXTS.into_iter().find_map(|name| text.strip_prefix(name).map(|rest| (Field::Text(name), rest)));
    known.ok_or(Unparsable)
}

/// A text in single or double quotes; a backslash takes the next character as it is.
fn quoted(text: &str) -> Result<(String, &str), Unparsable> {
    let mut chars = text.char_indices();
    let quote = chars.next().map(|(_, c)| c).filter(|c| matches!(c, '\'' | '"')).ok_or(Unparsable)?;
    let mut value = String::new();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => value.push(chars.next().ok_or(Unparsable)?.1),
            c if c == quote => return Ok((value, &text[at + 1..])),
            c => value.push(c),
        }
    }
    Err(Unparsable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn customer() -> Version {
        let metadata = [("user", "u-1"), ("it's", "a \"b\"")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        Version { texts: [("email", "Ada@example.com".to_owned())].into(), metadata: metadata.into() }
    }

    #[test]
    fn a_query_finds_by_metadata_exactly_and_by_text_whatever_its_case() {
        for (query, found) in [
            ("metadata['user']:'u-1'", true),
            (r#"metadata["user"]:"u-1""#, true),
            ("metadata['user']:'U-1'", false),
            (r#"metadata['it\'s']:'a "b"'"#, true),
            ("email:'ada@example.com'", true),
            ("email~'example'", true),
            ("-email:'ada@example.com'", false),
            ("metadata['user']:'u-1' AND email:'else@example.com'", false),
            ("metadata['user']:'u-2' OR email:'ada@example.com'", true),
        ] {
            assert_eq!(Query::parse(query).map(|query| query.matches(&customer())), Ok(found), "{query}");
        }
    }

    #[test]
    fn what_is_not_of_the_language_is_refused() {
        for query in [
            "",
            "metadata[user]:'u-1'",
            "metadata['user']='u-1'",
            "metadata['user']~'u-1'",
            "metadata['user']:'u-1",
            "metadata['user']:'a' and email:'b'",
            "email:'a' AND name:'b' OR name:'c'",
            "email~'ab'",
            "nickname:'a'",
        ] {
            assert_eq!(Query::parse(query), Err(Unparsable), "{query}");
        }
    }
}
