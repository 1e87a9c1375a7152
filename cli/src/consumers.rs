//! The consumers that this build knows: the one table of their names.

use clap::ValueEnum;

/// A consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Consumer {
    /// A Stripe customer for each sign-up
    Billing,
}

impl Consumer {
    /// All of them, in the order in which they are shown.
    pub(crate) const ALL: [Self; 1] = [Self::Billing];

    /// The name of its subscription.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Billing => "billing",
        }
    }

    /// The name of its binary.
    pub(crate) fn program(self) -> String {
        format!("usher-{}", self.name())
    }
}
