//! What the sandbox is told: who the tenant is, who may call, and how slow, late and strict everything is.

use std::{ops::RangeInclusive, time::Duration};

use secrecy::SecretString;
use uuid::{Uuid, uuid};

use crate::AuditLatency;

/// The customers' tenant.
pub const TENANT_ID: Uuid = uuid!("7e2a0000-0000-4000-8000-000000000001");
/// Its first domain.
pub const TENANT_DOMAIN: &str = "seats.onmicrosoft.com";
/// The app registration that Usher calls with.
pub const CLIENT_ID: Uuid = uuid!("c11e0000-0000-4000-8000-000000000001");
/// Its secret. It opens nothing but a sandbox.
pub const CLIENT_SECRET: &str = "sandbox~client-secret";
/// The app that makes a user when somebody signs up: what `SIGNUP_ACTORS` must name.
pub const SIGN_UP_APP_ID: Uuid = uuid!("0000000a-0000-4000-8000-000000000001");
/// The app registration that owns the tenant's custom attributes.
pub const B2C_EXTENSIONS_APP_ID: Uuid = uuid!("b2ce0000-0000-4000-8000-000000000001");
/// The key of the Stripe account. It opens nothing but a sandbox.
pub const STRIPE_KEY: &str = "sk_test_sandbox";

/// The user attribute that holds the Stripe customer's id.
pub fn stripe_customer_id_attribute() -> String {
    extension_attribute("StripeCustomerId")
}

/// The user attribute that says whether somebody wants our mail.
pub fn marketing_consent_attribute() -> String {
    extension_attribute("MarketingConsent")
}

/// The full name of a custom attribute, as Graph wants it.
pub(crate) fn extension_attribute(name: &str) -> String {
    format!("extension_{}_{name}", B2C_EXTENSIONS_APP_ID.simple())
}

/// Settings of a [`crate::Sandbox`]. The default is a tenant on a usual day, with vendors in good health.
#[derive(Clone, Debug)]
pub struct SandboxSettings {
    /// Everything that is left to chance follows from it and from the order of calls.
    pub seed: u64,
    /// The tenant's id.
    pub tenant_id: Uuid,
    /// App registrations that get tokens, each with its own request quotas.
    pub clients: Vec<AppClient>,
    /// The app that makes users when somebody signs up.
    pub sign_up_app_id: Uuid,
    /// Custom attributes of users, by full name, beside the Stripe id and the consent.
    pub text_attributes: Vec<String>,
    /// The audit log.
    pub audit: AuditSettings,
    /// For how long a new user is still 404.
    pub replication_lag: RangeInclusive<Duration>,
    /// Graph's writes to the directory for each app: at most so many in such a time.
    pub directory_writes: (u32, Duration),
    /// Stripe.
    pub stripe: StripeSettings,
    /// How long any call takes.
    pub answer_time: RangeInclusive<Duration>,
}

impl Default for SandboxSettings {
    fn default() -> Self {
        Self {
            seed: 1,
            tenant_id: TENANT_ID,
            clients: vec![AppClient { id: CLIENT_ID, secret: CLIENT_SECRET.into() }],
            sign_up_app_id: SIGN_UP_APP_ID,
            text_attributes: Vec::new(),
            audit: AuditSettings::default(),
            replication_lag: Duration::ZERO..=Duration::from_secs(20),
            directory_writes: (3_000, Duration::from_secs(150)),
            stripe: StripeSettings::default(),
            answer_time: Duration::from_millis(2)..=Duration::from_millis(30),
        }
    }
}

/// An app registration.
#[derive(Clone, Debug)]
pub struct AppClient {
    /// Its client id.
    pub id: Uuid,
    /// Its secret.
    pub secret: SecretString,
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

/// How Stripe behaves.
#[derive(Clone, Debug)]
pub struct StripeSettings {
    /// The accepted secret keys, all of one account.
    pub keys: Vec<SecretString>,
    /// How far search is behind. A minute, in an outage an hour.
    pub search_lag: Duration,
    /// Reads, and as many writes, a second: 25 in real test mode, 100 live.
    pub per_second: u32,
    /// Whether a refusal of the parameters is stored under the idempotency key. Stripe's documentation says
    /// that it is not; which checks it means, it does not say.
    pub stores_refusals: bool,
}

impl Default for StripeSettings {
    fn default() -> Self {
        Self {
            keys: vec![STRIPE_KEY.into()],
            search_lag: Duration::from_secs(60),
            per_second: 100,
            stores_refusals: false,
        }
    }
}
