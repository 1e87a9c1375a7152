//! What each child is told, and nothing else: its settings by the names that an operator would use.

use serde::Deserialize;

use crate::{consumers::Consumer, local::Variables};

/// How often the producer looks: the audit log allows 5 requests in 10 s, and a look may take two pages.
const POLL_INTERVAL: &str = "3s";
/// How far before its own start the producer begins to look: the sign-ups begin with the stand-ins' start.
const START_FROM: &str = "5m";

/// The stand-in tenant and its keys, as `usher-sandbox` has them. They open nothing else.
const TENANT_ID: &str = "7e2a0000-0000-4000-8000-000000000001";
const CLIENT_ID: &str = "c11e0000-0000-4000-8000-000000000001";
const CLIENT_SECRET: &str = "sandbox~client-secret";
const SIGN_UP_APP_ID: &str = "0000000a-0000-4000-8000-000000000001";
const STRIPE_KEY: &str = "sk_test_sandbox";
const STRIPE_CUSTOMER_ID_ATTRIBUTE: &str = "extension_b2ce0000000040008000000000000001_StripeCustomerId";
const CONSENT_ATTRIBUTE: &str = "extension_b2ce0000000040008000000000000001_MarketingConsent";

/// Where the stand-ins listen.
#[derive(Debug, Deserialize)]
pub(crate) struct SandboxAddress {
    graph: String,
    login: String,
    stripe: String,
    /// Where faults are ordered and the ledger is read.
    pub(crate) control: String,
    /// The certificate authority of the token endpoint.
    ca_file: String,
}

/// The settings of all services of a run.
pub(crate) struct Environment {
    pub(crate) sandbox: SandboxAddress,
    pub(crate) bus: String,
}

impl Environment {
    /// What the producer is told; `checkpoint` is the path of its file.
    pub(crate) fn producer(&self, checkpoint: &str) -> Variables {
        let own = [
            ("POLL_INTERVAL", POLL_INTERVAL),
            ("CHECKPOINT", checkpoint),
            ("START_FROM", START_FROM),
            ("SIGNUP_ACTORS", SIGN_UP_APP_ID),
            ("EVENT_ATTRIBUTES", CONSENT_ATTRIBUTE),
        ];
        self.shared().and(own)
    }

    /// What a consumer is told.
    pub(crate) fn consumer(&self, consumer: Consumer) -> Variables {
        match consumer {
            Consumer::Billing => self.shared().and([
                ("STRIPE_SECRET_KEY", STRIPE_KEY),
                ("STRIPE_API_BASE", &self.sandbox.stripe),
                ("STRIPE_CUSTOMER_ID_ATTRIBUTE", STRIPE_CUSTOMER_ID_ATTRIBUTE),
            ]),
        }
    }

    fn shared(&self) -> Variables {
        Variables::default().and([
            ("SERVICEBUS_CONNECTION_STRING", &*self.bus),
            ("ENTRA_TENANT_ID", TENANT_ID),
            ("ENTRA_CLIENT_ID", CLIENT_ID),
            ("ENTRA_CLIENT_SECRET", CLIENT_SECRET),
            ("ENTRA_AUTHORITY_HOST", &self.sandbox.login),
            ("GRAPH_ENDPOINT", &self.sandbox.graph),
            ("USHER_EXTRA_CA_FILE", &self.sandbox.ca_file),
        ])
    }
}
