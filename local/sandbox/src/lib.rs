//! Stand-ins for the systems at Usher's edges: Entra (token endpoint and Graph), a key vault and the platform's managed
//! identities, Stripe, Mailchimp, Salesforce, a database and whoever receives a webhook.
//!
//! They behave as the vendors do, faults included, because Usher is judged against them: strict about what
//! they take, late and out of order where the vendors are, throttled like them. Everything follows from a
//! clock and a seed; nothing runs in the background, so a simulation under paused time sees the very same
//! stand-ins in process that the binary serves over sockets.
//!
//! What a test holds is a [`Sandbox`]: it makes people sign up, orders faults and outages, and reads the
//! [`Effects`], the ledger of what came of each sign-up.

mod address;
mod answer;
mod apps;
mod call;
mod constants;
mod control;
mod database;
mod entra;
mod faults;
mod gate;
mod identity;
mod in_process;
mod latency;
mod ledger;
mod mailchimp;
mod own_url;
mod people;
mod role;
mod salesforce;
mod sandbox;
mod serve;
mod settings;
mod sign_up;
mod stripe;
mod throttle;
mod vault;
mod webhook;
mod world;

pub(crate) use answer::Answer;
pub use apps::{App, Permission};
pub use call::{Call, Target, Vendor};
pub(crate) use constants::IDENTITY_PRINCIPAL_ID;
pub use constants::{
    ADMINS_GROUP_ID, B2C_EXTENSIONS_APP_ID, BILLING_CLIENT_ID, BILLING_CLIENT_SECRET, BIRTHRIGHTS_CLIENT_ID,
    BIRTHRIGHTS_CLIENT_SECRET, BUSINESS_GROUP_ID, CLIENT_ID, CLIENT_SECRET, CUSTOM_DOMAIN, DYNAMIC_GROUP_ID,
    GOOGLE_GROUP_ID, IDENTITY_CLIENT_ID, IDENTITY_CLIENT_SECRET, IDENTITY_HEADER, MAILCHIMP_KEY,
    MAILCHIMP_LIST_ID, MAILCHIMP_PERMISSION_ID, MAILCHIMP_WELCOME_TAG, MEMBERS_GROUP_ID, PKCS12_PASSWORD,
    PORTAL_RESOURCE_ID, PORTAL_ROLE_ID, PRODUCER_CLIENT_ID, PRODUCER_CLIENT_SECRET, RULES,
    SALESFORCE_CLIENT_ID, SALESFORCE_EXTERNAL_ID, SALESFORCE_USERNAME, SIGN_UP_APP_ID, STRIPE_KEY,
    STRIPE_KEY_EU, TENANT_DOMAIN, TENANT_ID, UPN_CLIENT_ID, UPN_CLIENT_SECRET, VAULT_CERTIFICATE,
    WEBHOOK_PATH, WEBHOOK_SECRET, company_type_attribute, marketing_consent_attribute,
    stripe_customer_id_attribute,
};
pub use faults::{FaultKind, FaultPlan, Faults};
pub use identity::IdentityError;
pub use in_process::{
    CONTROL_URL, DATABASE_URL, GRAPH_URL, InProcess, LOGIN_URL, MAILCHIMP_URL, SALESFORCE_URL, STRIPE_URL,
    WEBHOOK_URL,
};
pub use latency::AuditLatency;
pub use ledger::{
    AppRole, BirthrightsEffect, CrmEffect, CrmExpected, Effect, Effects, EmailEffect, EmailExpected,
    Expected, Grants, Judged, Misuse, SqlEffect, SqlExpected, Totals, UpnEffect, UpnExpected, Verdict,
    WebhookEffect, WebhookExpected,
};
pub use mailchimp::{MemberStatus, Past};
pub use people::{Identity, Person};
pub use salesforce::{SALESFORCE_PRIVATE_KEY, SalesforcePast, SalesforceSettings};
pub use sandbox::Sandbox;
pub use serve::{Addresses, Endpoints, ServeError, Serving};
pub use settings::{AuditSettings, MailchimpSettings, SandboxSettings};
pub use sign_up::{Crowd, Kind, NewSignUp};
pub use stripe::{STRIPE_ACCOUNTS, StripeFlags, StripePast, StripePolicy, StripeSettings};
