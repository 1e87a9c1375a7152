//! The consumers that this build knows: the one table of their names.

use clap::ValueEnum;

/// A consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Consumer {
    /// A Stripe customer for each sign-up
    Billing,
    /// A Mailchimp member for each sign-up that agreed to mail
    Email,
    /// The groups and app roles that the rules give
    Birthrights,
    /// A readable user principal name
    Upn,
}

impl Consumer {
    /// All of them, in the order in which they are shown.
    pub(crate) const ALL: [Self; 4] = [Self::Billing, Self::Email, Self::Birthrights, Self::Upn];

    /// The name of its subscription.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Billing => "billing",
            Self::Email => "email",
            Self::Birthrights => "birthrights",
            Self::Upn => "upn",
        }
    }

    /// The name of its binary.
    pub(crate) fn program(self) -> String {
        format!("usher-{}", self.name())
    }
}
