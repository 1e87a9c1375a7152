//! A user's names, as far as they are names.

use usher_entra::User;
use usher_event::typed::{is_known, presentable};

/// Graph's bound on a display name, in characters. <https://learn.microsoft.com/graph/api/resources/user>
const LONGEST_DISPLAY_NAME: usize = 256;

/// One of a user's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    Given,
    Surname,
    Display,
}

/// The names that a user typed. What is none, such as an e-mail address in the place of one, is left out.
pub(crate) struct Names<'a> {
    given: Option<&'a str>,
    surname: Option<&'a str>,
    display: Option<&'a str>,
    /// Whether anything at all is shown for the user today, an address included.
    is_shown: bool,
}

impl<'a> Names<'a> {
    /// Graph's names of what is read.
    pub(crate) const FIELDS: [&'static str; 3] = ["givenName", "surname", "displayName"];

    /// The names of a user of whom [`Names::FIELDS`] were selected.
    pub(crate) fn of(user: &'a User) -> Self {
        let [given, surname, display] = Self::FIELDS.map(|field| user.text(field));
        Self::new(given, surname, display)
    }

    pub(crate) fn new(given: Option<&'a str>, surname: Option<&'a str>, display: Option<&'a str>) -> Self {
        Self {
            given: given.filter(|name| is_name(name)),
            surname: surname.filter(|name| is_name(name)),
            display: display.filter(|name| is_name(name)),
            is_shown: display.is_some_and(is_known),
        }
    }

    pub(crate) fn get(&self, name: Name) -> Option<&'a str> {
        match name {
            Name::Given => self.given,
            Name::Surname => self.surname,
            Name::Display => self.display,
        }
    }

    /// The display name to set: none if one is there already, or if there is nothing to make it of.
    pub(crate) fn missing_display_name(&self) -> Option<String> {
        if self.is_shown {
            return None;
        }
        let parts = [self.given, self.surname].into_iter().flatten().map(presentable);
        let whole = parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
        let bounded: String = whole.chars().take(LONGEST_DISPLAY_NAME).collect();
        bounded.contains(char::is_alphanumeric).then(|| bounded.trim_end().to_owned())
    }
}

fn is_name(name: &str) -> bool {
    is_known(name) && !name.chars().any(is_at)
}

/// An @, also one of the wide and small ones that only look different.
fn is_at(c: char) -> bool {
    c == '@' || any_ascii::any_ascii_char(c).contains('@')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn display_name(given: &str, surname: &str, display: Option<&str>) -> Option<String> {
        Names::new(Some(given), Some(surname), display).missing_display_name()
    }

    #[test]
    fn a_display_name_is_made_only_where_there_is_none() {
        let ada = Some("Ada King".to_owned());
        for none in [None, Some(""), Some(" "), Some("unknown"), Some("Unknown")] {
            assert_eq!(display_name("Ada", "King", none), ada, "{none:?}");
        }
        assert_eq!(display_name("Ada", "King", Some("A.")), None);
        assert_eq!(display_name("Ada", "King", Some("ada@example.com")), None, "not ours to judge");
    }

    #[test]
    fn one_name_is_enough_and_none_is_not() {
        assert_eq!(display_name("", "佐藤", None), Some("佐藤".to_owned()));
        assert_eq!(display_name("Ada", "unknown", None), Some("Ada".to_owned()));
        assert_eq!(display_name("unknown", "", None), None);
        assert_eq!(display_name("\u{200f}", "\u{200d}", None), None);
    }

    #[test]
    fn a_display_name_is_one_line_that_shows_as_it_reads() {
        assert_eq!(display_name("Ada\r\nBcc: x", "\u{202e}King\0", None), Some("Ada Bcc: x King".to_owned()));
        assert_eq!(display_name("\u{200f}נועה\u{200f}", "בן־דוד", None), Some("נועה בן־דוד".to_owned()));
        let long = display_name(&"ż".repeat(10_000), "King", None).unwrap();
        assert_eq!(long.chars().count(), 256);
    }

    #[test]
    fn an_address_in_the_place_of_a_name_is_not_used() {
        for address in ["ada@example.com", "ada＠example.com", "ada﹫example.com", "Ada <ada@example.com>"]
        {
            assert_eq!(Names::new(Some(address), None, Some(address)).get(Name::Display), None, "{address}");
            assert_eq!(display_name(address, "King", None), Some("King".to_owned()), "{address}");
        }
    }
}
