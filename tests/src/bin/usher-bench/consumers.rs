//! The consumers that are measured together, each with settings that hold nothing back.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use usher_sandbox::{
    BILLING_CLIENT_ID, BILLING_CLIENT_SECRET, BIRTHRIGHTS_CLIENT_ID, BIRTHRIGHTS_CLIENT_SECRET,
    CUSTOM_DOMAIN, MAILCHIMP_KEY, MAILCHIMP_LIST_ID, MAILCHIMP_WELCOME_TAG, PRODUCER_CLIENT_ID,
    PRODUCER_CLIENT_SECRET, RULES, SALESFORCE_CLIENT_ID, SALESFORCE_PRIVATE_KEY, SALESFORCE_USERNAME,
    STRIPE_KEY, UPN_CLIENT_ID, UPN_CLIENT_SECRET, WEBHOOK_SECRET, company_type_attribute,
    marketing_consent_attribute, stripe_customer_id_attribute,
};
use uuid::Uuid;

use crate::sign_ups::Sandbox;

/// How many sign-ups a consumer works on at once.
pub(crate) const CONCURRENCY: &str = "64";
/// A pace that nothing reaches.
const UNBOUNDED: &str = "1000000";

/// An app registration: its id and a secret.
pub(crate) type App = (Uuid, &'static str);

/// The producer's.
pub(crate) const PRODUCER: App = (PRODUCER_CLIENT_ID, PRODUCER_CLIENT_SECRET);

/// A consumer: its program, who it is to Graph, and its settings.
pub(crate) struct Consumer {
    pub(crate) program: &'static str,
    pub(crate) app: App,
    pub(crate) settings: Vec<(&'static str, String)>,
}

/// The custom attributes that the consumers look for in the event.
pub(crate) fn event_attributes() -> String {
    [marketing_consent_attribute(), company_type_attribute()].join(",")
}

/// Where the consumer sql writes, in `folder`, and the ledger reads.
pub(crate) fn sql_database(folder: &Path) -> PathBuf {
    folder.join("signups.db")
}

/// All of them.
///
/// # Errors
/// What they read can't be written into `folder`.
pub(crate) fn all(sandbox: &Sandbox, folder: &Path) -> anyhow::Result<Vec<Consumer>> {
    let rules = folder.join("rules.toml");
    fs::write(&rules, RULES).context("the rules can't be written")?;
    let key = folder.join("salesforce-key.pem");
    fs::write(&key, SALESFORCE_PRIVATE_KEY).context("the key can't be written")?;
    let consumer = |program, app, own: Vec<(&'static str, String)>| Consumer {
        program,
        app,
        settings: [("CONCURRENCY", CONCURRENCY), ("GRAPH_WRITES_PER_SECOND", UNBOUNDED)]
            .map(|(name, value)| (name, value.to_owned()))
            .into_iter()
            .chain(own)
            .collect(),
    };
    Ok(vec![
        consumer("usher-billing", (BILLING_CLIENT_ID, BILLING_CLIENT_SECRET), billing(sandbox)),
        consumer("usher-email", PRODUCER, email(sandbox)),
        consumer(
            "usher-birthrights",
            (BIRTHRIGHTS_CLIENT_ID, BIRTHRIGHTS_CLIENT_SECRET),
            vec![("BIRTHRIGHTS_RULES", rules.display().to_string())],
        ),
        consumer(
            "usher-upn",
            (UPN_CLIENT_ID, UPN_CLIENT_SECRET),
            vec![("UPN_DOMAIN", CUSTOM_DOMAIN.to_owned())],
        ),
        consumer("usher-crm", PRODUCER, crm(sandbox, &key)),
        consumer(
            "usher-sql",
            PRODUCER,
            vec![("SQL_DATABASE_URL", format!("sqlite://{}", sql_database(folder).display()))],
        ),
        consumer("usher-webhook", PRODUCER, webhook(sandbox)),
    ])
}

fn billing(sandbox: &Sandbox) -> Vec<(&'static str, String)> {
    vec![
        ("STRIPE_SECRET_KEY", STRIPE_KEY.to_owned()),
        ("STRIPE_API_BASE", sandbox.stripe.clone()),
        ("STRIPE_CALLS_PER_SECOND", UNBOUNDED.to_owned()),
        ("STRIPE_CUSTOMER_ID_ATTRIBUTE", stripe_customer_id_attribute()),
    ]
}

fn email(sandbox: &Sandbox) -> Vec<(&'static str, String)> {
    vec![
        ("MAILCHIMP_API_KEY", MAILCHIMP_KEY.to_owned()),
        ("MAILCHIMP_API_BASE", sandbox.mailchimp.clone()),
        ("MAILCHIMP_LIST_ID", MAILCHIMP_LIST_ID.to_owned()),
        ("MAILCHIMP_CONSENT_ATTRIBUTE", marketing_consent_attribute()),
        ("MAILCHIMP_WELCOME_TAG", MAILCHIMP_WELCOME_TAG.to_owned()),
        ("MAILCHIMP_CONNECTIONS", CONCURRENCY.to_owned()),
    ]
}

fn crm(sandbox: &Sandbox, key: &Path) -> Vec<(&'static str, String)> {
    vec![
        ("SALESFORCE_LOGIN_URL", sandbox.salesforce.clone()),
        ("SALESFORCE_CLIENT_ID", SALESFORCE_CLIENT_ID.to_owned()),
        ("SALESFORCE_USERNAME", SALESFORCE_USERNAME.to_owned()),
        ("SALESFORCE_PRIVATE_KEY_FILE", key.display().to_string()),
        ("SALESFORCE_CALLS_PER_SECOND", UNBOUNDED.to_owned()),
    ]
}

fn webhook(sandbox: &Sandbox) -> Vec<(&'static str, String)> {
    vec![
        ("WEBHOOK_URL", sandbox.webhook.clone()),
        ("WEBHOOK_SECRET", WEBHOOK_SECRET.to_owned()),
        ("WEBHOOK_ALLOW_PRIVATE", "127.0.0.0/8".to_owned()),
        ("WEBHOOK_CALLS_PER_SECOND", UNBOUNDED.to_owned()),
    ]
}
