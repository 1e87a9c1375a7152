//! What each child is told, and nothing else: its settings by the names that an operator would use.

use serde::Deserialize;

use super::{
    real::{EXTRA_CA, Real},
    services::PRODUCER,
};
use crate::{consumers::Consumer, local::Variables};

/// How often the producer looks: the audit log allows 5 requests in 10 s, and a look may take two pages.
const POLL_INTERVAL: &str = "3s";
/// How far before its own start the producer begins to look: the sign-ups begin with the stand-ins' start.
const START_FROM: &str = "5m";
/// The stand-in for Stripe takes as many calls a second as Stripe does in live mode. By the look of its key, billing
/// would keep to test mode.
const STRIPE_CALLS_PER_SECOND: &str = "80";

/// The stand-in tenant and its keys, as `usher-sandbox` has them. They open nothing else.
const TENANT_ID: &str = "7e2a0000-0000-4000-8000-000000000001";
const SIGN_UP_APP_ID: &str = "0000000a-0000-4000-8000-000000000001";
const UPN_DOMAIN: &str = "seats.example";
const CONSENT_ATTRIBUTE: &str = "extension_b2ce0000000040008000000000000001_MarketingConsent";
const STRIPE_KEY: &str = "sk_test_sandbox";
const STRIPE_CUSTOMER_ID_ATTRIBUTE: &str = "extension_b2ce0000000040008000000000000001_StripeCustomerId";
const MAILCHIMP_KEY: &str = "00000000000000000000000000000001-us1";
const MAILCHIMP_LIST_ID: &str = "5ea7500001";
const MAILCHIMP_WELCOME_TAG: &str = "usher-welcome";
const SALESFORCE_CLIENT_ID: &str = "3MVG9-usher-sandbox";
const SALESFORCE_USERNAME: &str = "usher@seats.example";
/// The private key that belongs to the certificate of the stand-in for Salesforce.
pub(crate) const SALESFORCE_PRIVATE_KEY: &str = include_str!("../../../local/sandbox/salesforce-key.pem");
const WEBHOOK_SECRET: &str = "whsec_dXNoZXItc2FuZGJveC13ZWJob29rLXNlY3JldC0wMzI=";
/// The webhook's receiver is a stand-in on this machine: the one network that webhook may call beside public ones.
const WEBHOOK_ALLOW_PRIVATE: &str = "127.0.0.0/8";
/// The rules that give the stand-in tenant's birthrights.
pub(crate) const RULES: &str = include_str!("../../../local/sandbox/rules.toml");

/// Who a service is to Graph: an app registration of its own, with a quota of its own and the least that it needs.
struct App {
    id: &'static str,
    secret: &'static str,
}

const PRODUCER_APP: App =
    App { id: "c11e0000-0000-4000-8000-000000000002", secret: "sandbox~producer-secret" };
const BILLING: App = App { id: "c11e0000-0000-4000-8000-000000000003", secret: "sandbox~billing-secret" };
const BIRTHRIGHTS: App =
    App { id: "c11e0000-0000-4000-8000-000000000004", secret: "sandbox~birthrights-secret" };
const UPN: App = App { id: "c11e0000-0000-4000-8000-000000000005", secret: "sandbox~upn-secret" };

/// Where the stand-ins listen.
#[derive(Debug, Deserialize)]
pub(crate) struct SandboxAddress {
    graph: String,
    login: String,
    stripe: String,
    mailchimp: String,
    salesforce: String,
    /// The whole address to deliver to.
    webhook: String,
    /// Where faults are ordered and the ledger is read.
    pub(crate) control: String,
    /// The certificate authority of the token endpoint.
    pub(crate) ca_file: String,
}

/// The settings of all services of a run.
pub(crate) struct Environment {
    pub(crate) sandbox: SandboxAddress,
    pub(crate) bus: String,
    /// Path of the producer's checkpoint.
    pub(crate) checkpoint: String,
    /// Path of the birthright rules.
    pub(crate) rules: String,
    /// Path of the key that crm signs with.
    pub(crate) salesforce_key: String,
    /// Path of the SQLite file that sql writes to.
    pub(crate) sql_database: String,
    /// Where traces and metrics go, and how soon; empty if the operator has said so himself.
    pub(crate) telemetry: Variables,
    /// The edges that are no stand-ins.
    pub(crate) real: Real,
    /// Path of the authorities that are trusted by whoever meets stand-ins and the world outside: the stand-ins' and the
    /// operator's own.
    pub(crate) authorities: String,
}

impl Environment {
    /// What the producer is told to do its work; where it tells its health comes on top.
    pub(crate) fn producer(&self) -> Variables {
        self.with_own(PRODUCER, self.producer_in_file())
    }

    /// The same without what is the operator's own, which lies in no file of a run's.
    pub(crate) fn producer_in_file(&self) -> Variables {
        let for_stand_ins = self.on_the_bus().and(self.graph(&PRODUCER_APP)).and([
            ("POLL_INTERVAL", POLL_INTERVAL),
            ("CHECKPOINT", &self.checkpoint),
            ("START_FROM", START_FROM),
            ("SIGNUP_ACTORS", SIGN_UP_APP_ID),
            ("EVENT_ATTRIBUTES", CONSENT_ATTRIBUTE),
        ]);
        self.in_file(PRODUCER, for_stand_ins)
    }

    /// What a consumer is told to do its work; where it tells its health comes on top.
    pub(crate) fn consumer(&self, consumer: Consumer) -> Variables {
        self.with_own(consumer.name(), self.consumer_in_file(consumer))
    }

    /// The same without what is the operator's own.
    pub(crate) fn consumer_in_file(&self, consumer: Consumer) -> Variables {
        self.in_file(consumer.name(), self.for_stand_ins(consumer))
    }

    fn in_file(&self, service: &str, for_stand_ins: Variables) -> Variables {
        let kept = self.real.kept(service, for_stand_ins);
        let trusts_both = kept.get(EXTRA_CA).is_some() && self.real.own(service).get(EXTRA_CA).is_some();
        if !trusts_both {
            return kept;
        }
        kept.without(|name| name == EXTRA_CA).and([(EXTRA_CA, &*self.authorities)])
    }

    fn with_own(&self, service: &str, in_file: Variables) -> Variables {
        let own = self.real.own(service).without(|name| in_file.get(name).is_some());
        in_file.and(own.iter())
    }

    fn for_stand_ins(&self, consumer: Consumer) -> Variables {
        let variables = self.on_the_bus();
        match consumer.name() {
            "billing" => variables.and(self.graph(&BILLING)).and([
                ("STRIPE_SECRET_KEY", STRIPE_KEY),
                ("STRIPE_API_BASE", &self.sandbox.stripe),
                ("STRIPE_CALLS_PER_SECOND", STRIPE_CALLS_PER_SECOND),
                ("STRIPE_CUSTOMER_ID_ATTRIBUTE", STRIPE_CUSTOMER_ID_ATTRIBUTE),
            ]),
            "email" => variables.and([
                ("MAILCHIMP_API_KEY", MAILCHIMP_KEY),
                ("MAILCHIMP_API_BASE", &self.sandbox.mailchimp),
                ("MAILCHIMP_LIST_ID", MAILCHIMP_LIST_ID),
                ("MAILCHIMP_CONSENT_ATTRIBUTE", CONSENT_ATTRIBUTE),
                ("MAILCHIMP_WELCOME_TAG", MAILCHIMP_WELCOME_TAG),
            ]),
            "birthrights" => {
                variables.and(self.graph(&BIRTHRIGHTS)).and([("BIRTHRIGHTS_RULES", &*self.rules)])
            }
            "upn" => variables.and(self.graph(&UPN)).and([("UPN_DOMAIN", UPN_DOMAIN)]),
            "crm" => variables.and([
                ("SALESFORCE_LOGIN_URL", &*self.sandbox.salesforce),
                ("SALESFORCE_CLIENT_ID", SALESFORCE_CLIENT_ID),
                ("SALESFORCE_USERNAME", SALESFORCE_USERNAME),
                ("SALESFORCE_PRIVATE_KEY_FILE", &self.salesforce_key),
            ]),
            "sql" => variables.and([("SQL_DATABASE_URL", &*format!("sqlite://{}", self.sql_database))]),
            "webhook" => variables.and([
                ("WEBHOOK_URL", &*self.sandbox.webhook),
                ("WEBHOOK_SECRET", WEBHOOK_SECRET),
                ("WEBHOOK_ALLOW_PRIVATE", WEBHOOK_ALLOW_PRIVATE),
            ]),
            // One that `usher new subscriber` has made: whatever else it needs has a default.
            _ => variables,
        }
    }

    fn on_the_bus(&self) -> Variables {
        Variables::default()
            .and([("SERVICEBUS_CONNECTION_STRING", &*self.bus), ("ENTRA_TENANT_ID", TENANT_ID)])
            .and(self.telemetry.iter())
    }

    fn graph<'a>(&'a self, app: &'a App) -> [(&'a str, &'a str); 5] {
        [
            ("ENTRA_CLIENT_ID", app.id),
            ("ENTRA_CLIENT_SECRET", app.secret),
            ("ENTRA_AUTHORITY_HOST", &self.sandbox.login),
            ("GRAPH_ENDPOINT", &self.sandbox.graph),
            (EXTRA_CA, &self.sandbox.ca_file),
        ]
    }
}

#[cfg(test)]
mod tests;
