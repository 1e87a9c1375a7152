//! The sides on which Usher meets the world, and which of them are real in a run.

use std::{collections::BTreeSet, fmt};

use clap::ValueEnum;

use super::table;
use crate::{consumers::Consumer, up::ledger::JUDGED};

/// A side on which Usher meets the world. What stands here of each is its help on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Edge {
    /// The tenant and whoever signs up in it. Takes ENTRA_TENANT_ID, ENTRA_CLIENT_ID; one of ENTRA_CLIENT_SECRET,
    /// ENTRA_CLIENT_SECRET_FILE, ENTRA_CLIENT_CERTIFICATE_PATH, ENTRA_KEYVAULT_CERTIFICATE, ENTRA_CREDENTIAL;
    /// SIGNUP_ACTORS, BIRTHRIGHTS_RULES, UPN_DOMAIN, and the attributes STRIPE_CUSTOMER_ID_ATTRIBUTE and
    /// MAILCHIMP_CONSENT_ATTRIBUTE; if set, EVENT_ATTRIBUTES, START_FROM and the rest of ENTRA_*, GRAPH_*, UPN_*
    Entra,
    /// The broker. Takes SERVICEBUS_CONNECTION_STRING (or .._FILE) or SERVICEBUS_NAMESPACE with the AZURE_* variables; if
    /// set, SERVICEBUS_TOPIC and SERVICEBUS_TRANSPORT
    Servicebus,
    /// Billing's. Takes STRIPE_SECRET_KEY (or .._FILE) or STRIPE_ACCOUNTS; if set, the rest of STRIPE_*, but for the
    /// attributes, which are entra's
    Stripe,
    /// Email's. Takes MAILCHIMP_API_KEY (or .._FILE), MAILCHIMP_LIST_ID, MAILCHIMP_WELCOME_TAG; if set, the rest of
    /// MAILCHIMP_*, but for the consent attribute, which is entra's
    Mailchimp,
    /// Crm's. Takes SALESFORCE_CLIENT_ID, SALESFORCE_USERNAME (or .._FILE), SALESFORCE_PRIVATE_KEY_FILE; if set, the rest of
    /// SALESFORCE_*
    Salesforce,
    /// The consumer sql's. Takes SQL_DATABASE_URL (or .._FILE); if set, the rest of SQL_*
    Sql,
    /// The webhook's receiver. Takes WEBHOOK_URL, WEBHOOK_SECRET (or .._FILE); if set, the rest of WEBHOOK_*
    Webhook,
}

impl fmt::Display for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Entra => "entra",
            Self::Servicebus => "servicebus",
            Self::Stripe => "stripe",
            Self::Mailchimp => "mailchimp",
            Self::Salesforce => "salesforce",
            Self::Sql => "sql",
            Self::Webhook => "webhook",
        })
    }
}

/// The edges that are real in a run: those that are named, and none unless one is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Edges(BTreeSet<Edge>);

impl FromIterator<Edge> for Edges {
    fn from_iter<I: IntoIterator<Item = Edge>>(edges: I) -> Self {
        Self(edges.into_iter().collect())
    }
}

impl Edges {
    pub(crate) fn contains(&self, edge: Edge) -> bool {
        self.0.contains(&edge)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Their names.
    pub(crate) fn names(&self) -> Vec<String> {
        self.0.iter().map(Edge::to_string).collect()
    }

    /// Whether those who sign up are: then nobody here knows them.
    pub(crate) fn people_are_real(&self) -> bool {
        self.contains(Edge::Entra)
    }

    /// Whether what a service does, or for whom, is out of the stand-ins' sight. Which broker brings a message changes
    /// nothing about that.
    pub(crate) fn hide(&self, service: &str) -> bool {
        table::of(service).any(|row| row.edge != Edge::Servicebus && self.contains(row.edge))
    }

    /// Whether the stand-ins can tell what has come of a consumer's work.
    pub(crate) fn can_judge(&self, consumer: Consumer) -> bool {
        JUDGED.contains(&consumer.name()) && !self.hide(consumer.name())
    }

    /// Whether a service works with a vendor that a stand-in takes the place of.
    pub(crate) fn leave_a_stand_in(&self, service: &str) -> bool {
        let is_vendor = |edge| !matches!(edge, Edge::Entra | Edge::Servicebus);
        table::of(service).any(|row| is_vendor(row.edge) && !self.contains(row.edge))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(edges: &[Edge]) -> Vec<&'static str> {
        let edges: Edges = edges.iter().copied().collect();
        let judged = Consumer::all().into_iter().filter(|consumer| edges.can_judge(*consumer));
        judged.map(Consumer::name).collect()
    }

    #[test]
    fn stand_ins_judge_what_they_can_see() {
        assert_eq!(judged(&[]), JUDGED);
        assert_eq!(judged(&[Edge::Servicebus]), JUDGED);
        assert_eq!(judged(&[Edge::Stripe, Edge::Sql]), ["email", "birthrights", "upn", "crm", "webhook"]);
        assert!(judged(&[Edge::Entra]).is_empty(), "nobody here knows the people");
    }

    #[test]
    fn names_on_the_command_line_are_those_that_are_shown() {
        for edge in Edge::value_variants() {
            assert_eq!(edge.to_possible_value().unwrap().get_name(), edge.to_string());
        }
    }
}
