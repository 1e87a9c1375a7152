//! Reasons as attributes: few words, whatever a handler says.
//!
//! Each further value of an attribute is a series of its own, kept for as long as the process lives. Reasons are words
//! that programs choose, and a program can be wrong.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use opentelemetry::Value;

/// As many different ones are kept. A consumer has ten or so.
const MOST: usize = 32;
/// In bytes.
const LONGEST: usize = 48;
/// What stands for all others.
const OTHER: &str = "other";

/// The words seen so far.
#[derive(Default)]
pub(super) struct Words(Mutex<BTreeSet<Arc<str>>>);

impl Words {
    /// The word itself, if it is one and not one too many.
    pub(super) fn word(&self, text: &str) -> Value {
        let mut words = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = words.get(text) {
            return known.clone().into();
        }
        if words.len() >= MOST || !is_word(text) {
            return OTHER.into();
        }
        let word: Arc<str> = text.into();
        words.insert(word.clone());
        word.into()
    }
}

fn is_word(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=LONGEST).contains(&text.len()) && text.bytes().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(words: &Words, text: &str) -> String {
        words.word(text).to_string()
    }

    #[test]
    fn what_is_no_word_is_other() {
        let words = Words::default();
        for kept in ["StripeRejected", "no-consent", "lock_lost", "429"] {
            assert_eq!(word(&words, kept), kept);
        }
        for no_word in ["", "ada@example.com", "two words", "Ünïcode", &"x".repeat(LONGEST + 1)] {
            assert_eq!(word(&words, no_word), OTHER, "{no_word}");
        }
    }

    #[test]
    fn after_so_many_words_a_new_one_is_other_and_the_old_ones_stay() {
        let words = Words::default();
        for n in 0..MOST {
            assert_eq!(word(&words, &format!("reason-{n}")), format!("reason-{n}"));
        }
        assert_eq!(word(&words, "one-too-many"), OTHER);
        assert_eq!(word(&words, "reason-7"), "reason-7");
    }
}
