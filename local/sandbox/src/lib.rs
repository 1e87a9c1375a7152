//! Stand-ins for the systems at Usher's edges: Entra (token endpoint and Graph) and Stripe.
//!
//! They behave as the vendors do, faults included, because Usher is judged against them: strict about what
//! they take, late and out of order where the vendors are, throttled like them. Everything follows from a
//! clock and a seed; nothing runs in the background, so a simulation under paused time sees the very same
//! stand-ins in process that the binary serves over sockets.
//!
//! What a test holds is a [`Sandbox`]: it makes people sign up, orders faults and outages, and reads the
//! [`Effects`], the ledger of what came of each sign-up.

mod answer;
mod call;
mod control;
mod entra;
mod faults;
mod gate;
mod in_process;
mod latency;
mod ledger;
mod people;
mod sandbox;
mod serve;
mod settings;
mod sign_up;
mod stripe;
mod throttle;
mod world;

pub(crate) use answer::Answer;
pub use call::{Call, Target, Vendor};
pub use faults::{FaultKind, FaultPlan, Faults};
pub use in_process::{CONTROL_URL, GRAPH_URL, InProcess, LOGIN_URL, STRIPE_URL};
pub use latency::AuditLatency;
pub use ledger::{Effect, Effects, Expected, Totals, Verdict};
pub use people::{Identity, Person};
pub use sandbox::Sandbox;
pub use serve::{Addresses, Endpoints, ServeError, Serving};
pub use settings::{
    AppClient, AuditSettings, B2C_EXTENSIONS_APP_ID, CLIENT_ID, CLIENT_SECRET, SIGN_UP_APP_ID, STRIPE_KEY,
    SandboxSettings, StripeSettings, TENANT_DOMAIN, TENANT_ID, marketing_consent_attribute,
    stripe_customer_id_attribute,
};
pub use sign_up::{Crowd, Kind, NewSignUp};
