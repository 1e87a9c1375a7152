//! What a customer typed into the sign-up form, made fit to be shown to others.

/// What External ID writes where the form did not ask for a display name.
const UNKNOWN: &str = "unknown";

/// Whether there is a name at all: not empty, and not the word for none.
pub fn is_known(name: &str) -> bool {
    let name = name.trim();
    !name.is_empty() && !name.eq_ignore_ascii_case(UNKNOWN)
}

/// The text on one line that shows as it reads: what can't be seen is left out, and so is what turns the text around it.
pub fn presentable(text: &str) -> String {
    let words =
        text.split_whitespace().map(|word| word.chars().filter(|c| !is_hidden(*c)).collect::<String>());
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Control characters; marks and overrides of the direction of writing (Unicode's `Bidi_Control`); what has no width.
/// The joiners U+200C and U+200D stay: Persian and Hindi spell with them.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || matches!(c, '\u{00ad}' | '\u{200b}' | '\u{2060}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_shows_as_it_reads_on_one_line() {
        for (typed, shown) in [
            ("Zoë\r\nBcc: x", "Zoë Bcc: x"),
            ("\u{202e}adA\u{2069}", "adA"),
            ("\u{200f}נועה\u{200f} בן־דוד", "נועה בן־דוד"),
            (" Robert'); DROP TABLE members;-- ", "Robert'); DROP TABLE members;--"),
            ("King\0", "King"),
            ("\u{200f} \t", ""),
        ] {
            assert_eq!(presentable(typed), shown, "{typed:?}");
        }
    }

    #[test]
    fn the_word_for_no_name_is_none() {
        assert!(is_known("Ada") && is_known("Unknown Soldier"));
        for none in ["", " ", "unknown", "Unknown "] {
            assert!(!is_known(none), "{none:?}");
        }
    }
}
