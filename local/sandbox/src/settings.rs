//! What the sandbox is told: who the tenant is, who may call, and how slow, late and strict everything is.

use std::{collections::BTreeSet, ops::RangeInclusive, path::PathBuf, time::Duration};

use secrecy::SecretString;
use uuid::Uuid;

use crate::{
    App, AuditLatency, CUSTOM_DOMAIN, Judged, MAILCHIMP_KEY, MAILCHIMP_LIST_ID, MAILCHIMP_PERMISSION_ID,
    MAILCHIMP_WELCOME_TAG, SIGN_UP_APP_ID, SalesforceSettings, StripeSettings, TENANT_DOMAIN, TENANT_ID,
    apps,
};

/// Settings of a [`crate::Sandbox`]. The default is a tenant on a usual day, with vendors in good health.
#[derive(Clone, Debug)]
pub struct SandboxSettings {
    /// Everything that is left to chance follows from it and from the order of calls.
    pub seed: u64,
    /// The consumers that run: whose effects the ledger judges. Billing alone unless told.
    pub consumers: BTreeSet<Judged>,
    /// The tenant's id.
    pub tenant_id: Uuid,
    /// The domains in which a user principal name may be.
    pub verified_domains: Vec<String>,
    /// App registrations that get tokens, each with its own permissions and request quotas.
    pub apps: Vec<App>,
    /// The app that makes users when somebody signs up.
    pub sign_up_app_id: Uuid,
    /// Custom attributes of users, by full name, beside the Stripe id, the consent and the company type.
    pub text_attributes: Vec<String>,
    /// The audit log.
    pub audit: AuditSettings,
    /// For how long a new user is still 404.
    pub replication_lag: RangeInclusive<Duration>,
    /// For how long after a write some replicas still show a user as it was before.
    pub read_lag: RangeInclusive<Duration>,
    /// For how long a write to a user makes another request's write to the same user fail, at most.
    pub write_moment: Duration,
    /// The most users on a page, whatever `$top` asks for. Small, so that paging happens.
    pub user_page_size: usize,
    /// Graph's writes to the directory for each app: so many at once, and in such a time as many again.
    pub directory_writes: (u32, Duration),
    /// Stripe.
    pub stripe: StripeSettings,
    /// Mailchimp.
    pub mailchimp: MailchimpSettings,
    /// Salesforce.
    pub salesforce: SalesforceSettings,
    /// The SQLite file that the consumer writes to, if it is one. Else the rows are those that came over HTTP.
    pub sql_database: Option<PathBuf>,
    /// How long any call takes.
    pub answer_time: RangeInclusive<Duration>,
}

impl Default for SandboxSettings {
    fn default() -> Self {
        Self {
            seed: 1,
            consumers: BTreeSet::from([Judged::Billing]),
            tenant_id: TENANT_ID,
            verified_domains: vec![TENANT_DOMAIN.to_owned(), CUSTOM_DOMAIN.to_owned()],
            apps: apps::usual(),
            sign_up_app_id: SIGN_UP_APP_ID,
            text_attributes: Vec::new(),
            audit: AuditSettings::default(),
            replication_lag: Duration::ZERO..=Duration::from_secs(20),
            read_lag: Duration::ZERO..=Duration::from_secs(5),
            write_moment: Duration::from_millis(100),
            user_page_size: 50,
            directory_writes: (3_000, Duration::from_secs(150)),
            stripe: StripeSettings::default(),
            mailchimp: MailchimpSettings::default(),
            salesforce: SalesforceSettings::default(),
            sql_database: None,
            answer_time: Duration::from_millis(2)..=Duration::from_millis(30),
        }
    }
}

/// How the audit log behaves.
#[derive(Clone, Debug)]
pub struct AuditSettings {
    /// How late an entry shows.
    pub latency: AuditLatency,
    /// The most entries on a page, whatever `$top` asks for. Small, so that paging happens.
    pub page_size: usize,
    /// Requests for each app: at most so many in such a time.
    pub requests: (u32, Duration),
    /// For how long entries are kept.
    pub retention: Duration,
}

impl Default for AuditSettings {
    fn default() -> Self {
        Self {
            latency: AuditLatency::default(),
            page_size: 50,
            requests: (5, Duration::from_secs(10)),
            retention: Duration::from_secs(30 * 24 * 3600),
        }
    }
}

/// What the Mailchimp account has, and how it behaves.
#[derive(Clone, Debug)]
pub struct MailchimpSettings {
    /// The accepted keys, all of one account.
    pub keys: Vec<SecretString>,
    /// The account's one list.
    pub list_id: String,
    /// The list's merge fields: the tag, and whether a member must have it.
    pub merge_fields: Vec<(String, bool)>,
    /// The ids of the list's marketing permissions.
    pub marketing_permissions: Vec<String>,
    /// The tag on which the welcome journey starts.
    pub welcome_tag: String,
    /// How many calls may be open at once.
    pub connections: usize,
}

impl Default for MailchimpSettings {
    fn default() -> Self {
        let optional = |tag: &str| (tag.to_owned(), false);
        Self {
            keys: vec![MAILCHIMP_KEY.into()],
            list_id: MAILCHIMP_LIST_ID.to_owned(),
            merge_fields: ["FNAME", "LNAME", "COMPANY"].map(optional).into(),
            marketing_permissions: vec![MAILCHIMP_PERMISSION_ID.to_owned()],
            welcome_tag: MAILCHIMP_WELCOME_TAG.to_owned(),
            connections: 10,
        }
    }
}
