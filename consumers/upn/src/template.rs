//! The template that a name is made by: `{given}.{surname}|{display}|customer`.
//!
//! There is no placeholder for the e-mail address, on purpose: a UPN is shown to other users and stands in tokens
//! and logs, where an address has no business.

use std::str::FromStr;

use thiserror::Error;

use crate::{
    local_part,
    names::{Name, Names},
};

/// Alternatives, tried from left to right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Vec<Piece>>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Name(Name),
}

/// Why a text is no template. The text itself is not repeated.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("alternative {number}: {problem}")]
pub struct TemplateError {
    /// Which of the alternatives, from 1.
    number: usize,
    problem: Problem,
}

#[derive(Debug, Error, PartialEq, Eq)]
enum Problem {
    #[error("it names nothing; put a placeholder or a word there")]
    Empty,
    #[error("a {{ is not closed")]
    Unclosed,
    #[error(
        "there is no placeholder for the e-mail: others see a UPN, so it is made of names, never the e-mail"
    )]
    Email,
    #[error("the placeholders are {{given}}, {{surname}} and {{display}}")]
    UnknownPlaceholder,
    #[error("text may hold a-z, 0-9 and . - _ only")]
    IllegalText,
}

/// What a template made of somebody's names: the part before the @, or the beginning of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Filled {
    /// Legal but for its length.
    pub(crate) text: String,
    /// Whether it is made of the user's own names, and not of the template's text alone.
    pub(crate) is_own: bool,
}

impl Template {
    /// The first alternative whose placeholders all yield something.
    pub(crate) fn fill(&self, names: &Names<'_>) -> Option<Filled> {
        self.0.iter().find_map(|pieces| fill(pieces, names))
    }
}

fn fill(pieces: &[Piece], names: &Names<'_>) -> Option<Filled> {
    let mut text = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(literal) => text.push_str(literal),
            Piece::Name(name) => text.push_str(&local_part::of_name(names.get(*name)?)?),
        }
    }
    let is_own = pieces.iter().any(|piece| matches!(piece, Piece::Name(_)));
    Some(Filled { text: local_part::tidy(&text), is_own })
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        let alternatives = text.split('|').enumerate();
        let parsed = alternatives.map(|(place, alternative)| {
            pieces(alternative).map_err(|problem| TemplateError { number: place + 1, problem })
        });
        parsed.collect::<Result<_, _>>().map(Self)
    }
}

fn pieces(mut rest: &str) -> Result<Vec<Piece>, Problem> {
    if !rest.contains(|c: char| c.is_ascii_alphanumeric() || c == '{') {
        return Err(if rest.chars().all(local_part::is_separator) {
            Problem::Empty
        } else {
            Problem::IllegalText
        });
    }
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let piece = match rest.strip_prefix('{') {
            Some(inside) => {
                let (name, after) = inside.split_once('}').ok_or(Problem::Unclosed)?;
                rest = after;
                Piece::Name(placeholder(name)?)
            }
            None => {
                let (text, after) = rest.split_at(rest.find('{').unwrap_or(rest.len()));
                rest = after;
                Piece::Text(literal(text)?)
            }
        };
        pieces.push(piece);
    }
    Ok(pieces)
}

fn placeholder(name: &str) -> Result<Name, Problem> {
    match name {
        "given" => Ok(Name::Given),
        "surname" => Ok(Name::Surname),
        "display" => Ok(Name::Display),
        "email" | "e-mail" | "mail" | "address" => Err(Problem::Email),
        _ => Err(Problem::UnknownPlaceholder),
    }
}

fn literal(text: &str) -> Result<String, Problem> {
    if text.chars().all(local_part::is_legal) { Ok(text.to_owned()) } else { Err(Problem::IllegalText) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(template: &str, given: &str, surname: &str, display: &str) -> Option<(String, bool)> {
        let names = Names::new(Some(given), Some(surname), Some(display));
        let filled = template.parse::<Template>().unwrap().fill(&names);
        filled.map(|Filled { text, is_own }| (text, is_own))
    }

    #[test]
    fn the_first_alternative_counts_whose_placeholders_all_yield_something() {
        let template = "{given}.{surname}|{surname}|{display}|customer";
        let own = |text: &str| Some((text.to_owned(), true));
        assert_eq!(filled(template, "Łukasz", "Żółć", "Ł"), own("lukasz.zolc"));
        assert_eq!(filled(template, "🎭", "Żółć", "Ł"), own("zolc"), "an emoji is no name");
        assert_eq!(filled(template, "", "", "Ł"), own("l"));
        assert_eq!(filled(template, "", "", "unknown"), Some(("customer".to_owned(), false)));
        assert_eq!(filled("{given}|{surname}", "", "", "Ada"), None);
    }

    #[test]
    fn text_and_placeholders_mix_and_stay_tidy() {
        let ada = |template| filled(template, "Ada", "King", "Ada").unwrap().0;
        assert_eq!(ada("c-{given}{surname}_1"), "c-adaking_1");
        assert_eq!(ada(".{given}..{surname}."), "ada.king");
        assert_eq!(ada("{given}{given}"), "adaada");
    }

    #[test]
    fn what_is_no_template_says_where_and_why() {
        for (wrong, number, problem) in [
            ("", 1, Problem::Empty),
            ("{given}|", 2, Problem::Empty),
            ("{given}||{surname}", 2, Problem::Empty),
            ("{given}|.-_", 2, Problem::Empty),
            ("{given", 1, Problem::Unclosed),
            ("{given}|{{surname}}", 2, Problem::UnknownPlaceholder),
            ("{given}.{surname}|{email}", 2, Problem::Email),
            ("{mail}", 1, Problem::Email),
            ("{Given}", 1, Problem::UnknownPlaceholder),
            ("{}", 1, Problem::UnknownPlaceholder),
            ("{given} {surname}", 1, Problem::IllegalText),
            ("{given}@contoso.com", 1, Problem::IllegalText),
            ("Customer", 1, Problem::IllegalText),
            ("given}", 1, Problem::IllegalText),
            ("@", 1, Problem::IllegalText),
            ("klänge", 1, Problem::IllegalText),
        ] {
            assert_eq!(wrong.parse::<Template>(), Err(TemplateError { number, problem }), "{wrong}");
        }
    }

    #[test]
    fn the_error_about_an_e_mail_says_why_there_is_none() {
        let said = "{given}|{mail}".parse::<Template>().unwrap_err().to_string();
        assert!(said.starts_with("alternative 2: ") && said.ends_with("never the e-mail"), "{said}");
        assert!("{surnam}".parse::<Template>().unwrap_err().to_string().contains("{surname}"));
    }
}
