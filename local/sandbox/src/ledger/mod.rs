//! The ledger: for each sign-up what should come of it and what did, at each destination.

mod billing;
mod birthrights;
mod crm;
mod email;
mod lines;
mod sql;
mod totals;
mod upn;
mod verdict;
mod webhook;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::Kind;
pub use billing::Expected;
pub use birthrights::{AppRole, BirthrightsEffect, Grants};
pub use crm::{CrmEffect, CrmExpected};
pub use email::{EmailEffect, EmailExpected};
pub(crate) use lines::effects;
pub use sql::{SqlEffect, SqlExpected};
pub use totals::Totals;
pub use upn::{UpnEffect, UpnExpected};
pub use verdict::{Misuse, Verdict};
pub use webhook::{WebhookEffect, WebhookExpected};

/// A consumer whose effects the ledger judges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Judged {
    /// Stripe's customer and its id on the user.
    Billing,
    /// Mailchimp's member and the welcome.
    Email,
    /// Groups and app roles.
    Birthrights,
    /// The user principal name and the name as shown.
    Upn,
    /// Salesforce's record.
    Crm,
    /// The row in the table.
    Sql,
    /// What the webhook's receiver has seen.
    Webhook,
}

impl Judged {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Billing, Self::Email, Self::Birthrights, Self::Upn, Self::Crm, Self::Sql, Self::Webhook];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Billing => "billing",
            Self::Email => "email",
            Self::Birthrights => "birthrights",
            Self::Upn => "upn",
            Self::Crm => "crm",
            Self::Sql => "sql",
            Self::Webhook => "webhook",
        }
    }
}

/// One line of the ledger. No personal data unless it was asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Effect {
    /// The user's object id.
    pub user_id: Uuid,
    /// How they became a user.
    pub kind: Kind,
    /// When, in UTC.
    #[serde(with = "time::serde::rfc3339")]
    pub signed_up_at: OffsetDateTime,
    /// When its `Add user` entry can first be read, in UTC.
    #[serde(with = "time::serde::rfc3339")]
    pub visible_at: OffsetDateTime,
    /// Whether the user has been deleted.
    pub deleted: bool,
    /// What should come of it at Stripe.
    pub expected: Expected,
    /// The Stripe customers that have the user's id in their metadata.
    pub customers: Vec<String>,
    /// The value of the Stripe attribute on the user.
    pub customer_id: Option<String>,
    /// How often a write changed that value.
    pub writes: u32,
    /// How all this compares.
    pub billing: Verdict,
    /// What came of it at Mailchimp.
    pub email: EmailEffect,
    /// What came of it in groups and app roles.
    pub birthrights: BirthrightsEffect,
    /// What came of it in the user principal name.
    pub upn: UpnEffect,
    /// What came of it in Salesforce.
    pub crm: CrmEffect,
    /// What came of it in the table.
    pub sql: SqlEffect,
    /// What came of it at the webhook's receiver.
    pub webhook: WebhookEffect,
    /// The worst verdict of the consumers that run.
    pub verdict: Verdict,
    /// The address, if personal data was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The name that they signed up with, if personal data was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The user principal name as it is now, if personal data was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_principal_name: Option<String>,
}

impl Effect {
    /// How one consumer did.
    pub fn verdict_of(&self, consumer: Judged) -> Verdict {
        match consumer {
            Judged::Billing => self.billing,
            Judged::Email => self.email.verdict,
            Judged::Birthrights => self.birthrights.verdict,
            Judged::Upn => self.upn.verdict,
            Judged::Crm => self.crm.verdict,
            Judged::Sql => self.sql.verdict,
            Judged::Webhook => self.webhook.verdict,
        }
    }
}

/// The ledger.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Effects {
    /// A line for everybody who became a user or tried to, in the order of time.
    pub sign_ups: Vec<Effect>,
    /// Sums over all lines, and what has no line.
    pub totals: Totals,
}

impl Effects {
    /// Whether everything is as it should be in the end.
    pub fn all_exact(&self) -> bool {
        self.totals.exact == self.sign_ups.len()
            && self.totals.of_nobody() == 0
            && self.totals.misuses.is_empty()
    }

    /// The lines that are wrong, and not merely unfinished.
    pub fn wrong(&self) -> impl Iterator<Item = &Effect> {
        self.sign_ups.iter().filter(|line| line.verdict > Verdict::Pending)
    }

    /// The line of one user.
    pub fn of(&self, user: Uuid) -> Option<&Effect> {
        self.sign_ups.iter().find(|line| line.user_id == user)
    }
}
