//! Stand-ins for the systems at Usher's edges: Entra (token endpoint and Graph), Stripe and Mailchimp.
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
mod entra;
mod faults;
mod gate;
mod in_process;
mod latency;
mod ledger;
mod mailchimp;
mod people;
mod role;
mod sandbox;
mod serve;
mod settings;
mod sign_up;
mod stripe;
mod throttle;
mod world;

pub(crate) use answer::Answer;
pub use apps::{App, Permission};
pub use call::{Call, Target, Vendor};
pub use constants::{
    ADMINS_GROUP_ID, B2C_EXTENSIONS_APP_ID, BILLING_CLIENT_ID, BILLING_CLIENT_SECRET, BIRTHRIGHTS_CLIENT_ID,
    BIRTHRIGHTS_CLIENT_SECRET, BUSINESS_GROUP_ID, CLIENT_ID, CLIENT_SECRET, CUSTOM_DOMAIN, DYNAMIC_GROUP_ID,
    GOOGLE_GROUP_ID, MAILCHIMP_KEY, MAILCHIMP_LIST_ID, MAILCHIMP_PERMISSION_ID, MAILCHIMP_WELCOME_TAG,
    MEMBERS_GROUP_ID, PORTAL_RESOURCE_ID, PORTAL_ROLE_ID, PRODUCER_CLIENT_ID, PRODUCER_CLIENT_SECRET, RULES,
    SIGN_UP_APP_ID, STRIPE_KEY, TENANT_DOMAIN, TENANT_ID, UPN_CLIENT_ID, UPN_CLIENT_SECRET,
    company_type_attribute, marketing_consent_attribute, stripe_customer_id_attribute,
};
pub use faults::{FaultKind, FaultPlan, Faults};
pub use in_process::{CONTROL_URL, GRAPH_URL, InProcess, LOGIN_URL, MAILCHIMP_URL, STRIPE_URL};
pub use latency::AuditLatency;
pub use ledger::{
    AppRole, BirthrightsEffect, Effect, Effects, EmailEffect, EmailExpected, Expected, Grants, Judged,
    Misuse, Totals, UpnEffect, UpnExpected, Verdict,
};
pub use mailchimp::{MemberStatus, Past};
pub use people::{Identity, Person};
pub use sandbox::Sandbox;
pub use serve::{Addresses, Endpoints, ServeError, Serving};
pub use settings::{AuditSettings, MailchimpSettings, SandboxSettings, StripeSettings};
pub use sign_up::{Crowd, Kind, NewSignUp};
