//! Test and live: two worlds at Stripe that know nothing of each other, told apart by the key.
//!
//! A live customer in a test account, or the other way round, would be a mistake that nobody sees: so a key has to say
//! which it is, and what Stripe answers (`livemode`) has to agree. <https://docs.stripe.com/keys>

use std::{fmt, num::NonZeroU32, str::FromStr};

use clap::ValueEnum;
use secrecy::{ExposeSecret, SecretString};

/// How many calls a second Stripe gets from us: of the 100 that it allows in live mode and the 25 elsewhere, a fifth is
/// left to whatever else uses the account. <https://docs.stripe.com/rate-limits>
const LIVE_CALLS: NonZeroU32 = NonZeroU32::new(80).expect("not zero");
const TEST_CALLS: NonZeroU32 = NonZeroU32::new(20).expect("not zero");

/// Which of the two worlds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// No money moves.
    Test,
    /// It does.
    Live,
}

/// A secret or a restricted key. `Debug` does not show it.
#[derive(Clone, Debug)]
pub struct SecretKey {
    secret: SecretString,
    mode: Mode,
}

impl Mode {
    /// Secret keys begin with `sk_`, restricted ones with `rk_`.
    const PREFIXES: [(&str, Self); 4] = [
        ("sk_test_", Self::Test),
        ("rk_test_", Self::Test),
        ("sk_live_", Self::Live),
        ("rk_live_", Self::Live),
    ];

    pub(crate) fn is_live(self) -> bool {
        self == Self::Live
    }

    /// How many calls a second an account of this mode gets, unless a setting says otherwise.
    pub(crate) fn calls_per_second(self) -> NonZeroU32 {
        match self {
            Self::Live => LIVE_CALLS,
            Self::Test => TEST_CALLS,
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Test => "test",
            Self::Live => "live",
        })
    }
}

impl SecretKey {
    pub(crate) fn mode(&self) -> Mode {
        self.mode
    }

    /// What a request is made with.
    pub(crate) fn expose(&self) -> &str {
        self.secret.expose_secret()
    }
}

/// A key goes into a header: a line break, as files like to end with, has no place there.
impl FromStr for SecretKey {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let is_word = text.bytes().all(|b| b.is_ascii_graphic());
        let mode = Mode::PREFIXES
            .into_iter()
            .find(|(prefix, _)| text.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty()));
        match mode {
            Some((_, mode)) if is_word => Ok(Self { secret: text.into(), mode }),
            _ => Err("must be one word that begins with sk_test_, rk_test_, sk_live_ or rk_live_"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_says_which_world_it_is_of() {
        for (key, mode) in [
            ("sk_test_1", Mode::Test),
            ("rk_test_1", Mode::Test),
            ("sk_live_1", Mode::Live),
            ("rk_live_1", Mode::Live),
        ] {
            assert_eq!(key.parse::<SecretKey>().unwrap().mode(), mode, "{key}");
        }
    }

    #[test]
    fn what_can_be_no_key_is_refused_before_it_is_sent() {
        for wrong in
            ["", "hush", "sk_test_", "sk_1_live_", "pk_test_1", "SK_TEST_1", "sk_test_1\n", "sk_test_ 1"]
        {
            assert!(wrong.parse::<SecretKey>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_key_is_not_in_debug_output() {
        let key: SecretKey = "sk_test_hush".parse().unwrap();
        assert!(!format!("{key:?}").contains("hush"));
    }
}
