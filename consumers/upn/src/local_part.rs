//! The part of a UPN before the @.
//!
//! Entra allows `A-Za-z0-9'.-_!#^~` there, 64 characters, and no dot before the @
//! (<https://learn.microsoft.com/entra/identity/authentication/concept-sspr-policy#username-policies>). We keep to
//! lower-case letters, digits and single `.` `-` `_` between them: these survive being typed, read out and put into a URL.

use any_ascii::any_ascii_char;

/// The most characters before the @.
pub(crate) const LONGEST: usize = 64;
/// As much of a name as is looked at, in characters: Graph bounds names well below it.
const CONSIDERED: usize = 256;

/// A name in legal characters, transliterated: `Żółć` is `zolc`. `None` if nothing of it is left.
pub(crate) fn of_name(name: &str) -> Option<String> {
    let mut text = String::new();
    for c in name.chars().take(CONSIDERED) {
        push(&mut text, c);
    }
    Some(tidy(&text)).filter(|text| !text.is_empty())
}

/// Letters become letters, gaps a dot, hyphens stay. What is neither, such as an emoji, an accent or a mark of the
/// direction of writing, leaves nothing.
fn push(text: &mut String, c: char) {
    let latin = any_ascii_char(c);
    if c.is_alphanumeric() {
        text.extend(latin.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()));
    } else if c.is_whitespace() {
        text.push('.');
    } else if matches!(latin, "-" | "_") {
        text.push_str(latin);
    } else if is_gap(latin) {
        text.push('.');
    }
}

/// Whether it parts words, as a comma or a slash does. The apostrophe of O'Brien doesn't, nor does what any_ascii
/// gives a name to, as it does for emoji.
fn is_gap(latin: &str) -> bool {
    !latin.is_empty() && latin.bytes().all(|b| b.is_ascii_punctuation() && !matches!(b, b'\'' | b'`' | b'"'))
}

/// The text with each run of separators made one, and none at its ends.
pub(crate) fn tidy(text: &str) -> String {
    let mut tidy = String::with_capacity(text.len());
    let mut gap = None;
    for c in text.chars() {
        if is_separator(c) {
            gap = Some(if gap.is_some() { '.' } else { c });
        } else {
            let between = gap.take().filter(|_| !tidy.is_empty());
            tidy.extend(between);
            tidy.push(c);
        }
    }
    tidy
}

/// At most `most` characters of a legal text, which stays legal.
pub(crate) fn shorten(text: &str, most: usize) -> &str {
    text[..most.min(text.len())].trim_end_matches(is_separator)
}

pub(crate) fn is_separator(c: char) -> bool {
    matches!(c, '.' | '-' | '_')
}

pub(crate) fn is_legal(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || is_separator(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_separators_is_one_separator() {
        for (text, expected) in [
            ("a..b", "a.b"),
            ("a.-b", "a.b"),
            ("a--b", "a.b"),
            ("a-b", "a-b"),
            ("a_b", "a_b"),
            ("..a..", "a"),
            ("-_.", ""),
            ("", ""),
        ] {
            assert_eq!(tidy(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_cut_off_leaves_no_separator_at_the_end() {
        assert_eq!(shorten("ada.king", 4), "ada");
        assert_eq!(shorten("ada.king", 5), "ada.k");
        assert_eq!(shorten("ada", 64), "ada");
    }

    #[test]
    fn what_is_no_letter_leaves_a_gap_or_nothing() {
        for (name, expected) in [
            ("Jean-Luc", Some("jean-luc")),
            ("O'Brien", Some("obrien")),
            ("O’Brien", Some("obrien")),
            ("van der Meer", Some("van.der.meer")),
            ("Doe, Jane", Some("doe.jane")),
            ("Zoë✨Star", Some("zoestar")),
            ("Zoe\u{308}", Some("zoe")),
            ("\u{200f}נועה", Some("nvh")),
            ("a\u{200d}b", Some("ab")),
            ("🎭🎟️", None),
            ("\r\n\t", None),
            ("...", None),
            ("", None),
        ] {
            assert_eq!(of_name(name).as_deref(), expected, "{name:?}");
        }
    }
}
