//! What the stand-ins can be told to do to a vendor, and the orders that say so.

use std::time::Duration;

use clap::ValueEnum;
use serde_json::{Value, json};

/// How long a call to a slow vendor takes at most: noticed, and within every bound of ours.
const SLOW: Duration = Duration::from_secs(5);
/// As good as for ever.
const ALL_CALLS: u32 = u32::MAX;

/// A vendor that can be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Edge {
    /// Tokens and Graph: the audit log, users, groups
    Entra,
    /// Billing's
    Stripe,
    /// E-mail's
    Mailchimp,
    /// Crm's
    Salesforce,
    /// Whoever receives the webhook
    Webhook,
}

/// How it is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum How {
    /// Nobody listens
    Down,
    /// Every call is answered with a 500
    #[value(name = "500")]
    Failing,
    /// Every call is answered with a 429
    #[value(name = "429")]
    Throttling,
    /// Every call takes up to five seconds
    Slow,
}

impl Edge {
    /// All of them.
    pub(super) const ALL: [Self; 5] =
        [Self::Entra, Self::Stripe, Self::Mailchimp, Self::Salesforce, Self::Webhook];

    /// As it is named on the command line.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Entra => "entra",
            Self::Stripe => "stripe",
            Self::Mailchimp => "mailchimp",
            Self::Salesforce => "salesforce",
            Self::Webhook => "webhook",
        }
    }

    /// The stand-ins that make it up.
    fn vendors(self) -> &'static [&'static str] {
        match self {
            Self::Entra => &["login", "graph"],
            Self::Stripe => &["stripe"],
            Self::Mailchimp => &["mailchimp"],
            Self::Salesforce => &["salesforce"],
            Self::Webhook => &["webhook"],
        }
    }

    /// What is ordered to break it, in place of whatever was ordered for it before.
    pub(super) fn broken(self, how: How) -> Vec<Value> {
        let order = |vendor: &&str| match how {
            How::Down => json!({ "heal": vendor, "outage": { "vendor": vendor, "on": true } }),
            How::Failing => json!({ "heal": vendor, "fault": answering(500, vendor) }),
            How::Throttling => json!({ "heal": vendor, "fault": answering(429, vendor) }),
            How::Slow => {
                let millis = SLOW.as_millis() as u64;
                json!({ "heal": vendor, "slow": { "vendor": vendor, "answer_time_ms": millis } })
            }
        };
        self.vendors().iter().map(order).collect()
    }

    /// What is ordered to repair it.
    pub(super) fn repaired(self) -> Vec<Value> {
        self.vendors().iter().map(|vendor| json!({ "heal": vendor })).collect()
    }
}

impl How {
    /// What it does to a vendor, as the rest of a sentence about that.
    pub(super) fn said(self) -> &'static str {
        match self {
            Self::Down => "can't be reached",
            Self::Failing => "answers every call with a 500",
            Self::Throttling => "answers every call with a 429",
            Self::Slow => "takes up to five seconds for a call",
        }
    }
}

fn answering(status: u16, vendor: &str) -> Value {
    json!({ "to": vendor, "calls": ALL_CALLS, "kind": { "status": status } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vendor_is_healed_of_what_it_had_before_it_is_broken_in_another_way() {
        for edge in Edge::ALL {
            for how in How::value_variants() {
                let orders = edge.broken(*how);
                let healed: Vec<_> = orders.iter().map(|order| &order["heal"]).collect();
                assert_eq!(healed, edge.repaired().iter().map(|order| &order["heal"]).collect::<Vec<_>>());
                assert!(orders.iter().all(|order| order.as_object().unwrap().len() == 2), "{edge:?} {how:?}");
            }
        }
        assert_eq!(Edge::Entra.repaired().len(), 2, "tokens and Graph");
    }

    #[test]
    fn names_on_the_command_line_are_those_that_are_shown() {
        for edge in Edge::ALL {
            assert_eq!(edge.to_possible_value().unwrap().get_name(), edge.name());
        }
        assert_eq!(Edge::value_variants(), Edge::ALL);
        assert!(How::value_variants().iter().any(|how| how.to_possible_value().unwrap().get_name() == "500"));
    }
}
