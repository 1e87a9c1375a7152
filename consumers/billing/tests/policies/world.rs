//! A tenant and two Stripe accounts in process, and billing on them.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use time::{OffsetDateTime, macros::datetime};
use tokio::time::{sleep, timeout};
use usher_billing::{Billing, BillingSettings, Existing, StripeAccounts};
use usher_clock::Clock;
use usher_entra::{CredentialSettings, EntraSettings};
use usher_event::{Audit, Event, UserSignedUp};
use usher_http::HttpClient;
use usher_sandbox::{
    AuditLatency, CLIENT_ID, CLIENT_SECRET, FaultKind, GRAPH_URL, LOGIN_URL, NewSignUp, STRIPE_KEY,
    STRIPE_KEY_EU, STRIPE_URL, Sandbox, SandboxSettings, TENANT_ID, Target, company_type_attribute,
    stripe_customer_id_attribute,
};
use usher_subscriber::{Consumer, Down, Handler, Outcome, Ports};
use uuid::Uuid;

const START: OffsetDateTime = datetime!(2026-03-01 09:00 UTC);
/// How long a delivery is given before its process dies: longer than all that is answered.
const DIES_AFTER: Duration = Duration::from_secs(5);
/// How often a delivery is tried, a little apart, before it counts as one that never ends.
const ATTEMPTS: usize = 40;
pub(crate) const EMAIL: &str = "ada@example.com";
pub(crate) const EXTENSION: &str = "com.example.usher";

/// A tenant, two accounts, and how billing is set.
pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    pub(crate) settings: BillingSettings,
    http: HttpClient,
    clock: Clock,
}

/// Ada, who buys for herself and signs in with an address that the tenant has verified.
pub(crate) fn ada() -> NewSignUp {
    NewSignUp { email: Some(EMAIL.into()), company_type: Some("private".into()), ..NewSignUp::default() }
}

/// Somebody for whom Google vouches, with Ada's address.
pub(crate) fn by_google() -> NewSignUp {
    NewSignUp { identity_provider: Some("google.com".into()), ..ada() }
}

impl World {
    /// One in which calls take a moment, so that what happens at once does.
    pub(crate) fn new(existing: Existing) -> Self {
        let mut settings = SandboxSettings::default();
        settings.audit.latency = AuditLatency::NONE;
        settings.replication_lag = Duration::ZERO..=Duration::ZERO;
        settings.read_lag = Duration::ZERO..=Duration::ZERO;
        settings.write_moment = Duration::ZERO;
        settings.answer_time = Duration::from_millis(10)..=Duration::from_millis(10);
        settings.stripe.open_extension = Some(EXTENSION.to_owned());
        let clock = Clock::starting_at(START);
        let sandbox = Sandbox::new(settings, clock);
        let http = HttpClient::new(sandbox.service());
        Self { sandbox, settings: billing(existing), http, clock }
    }

    /// The same with these accounts in place of the one.
    pub(crate) fn with_accounts(mut self, accounts: &str) -> Self {
        let key = |name: &str| match name {
            "KEY_EU" => Some(STRIPE_KEY_EU.to_owned()),
            "KEY_REST" => Some(STRIPE_KEY.to_owned()),
            "KEY_WRONG" => Some("sk_test_wrong".to_owned()),
            _ => None,
        };
        self.settings.stripe_secret_key = None;
        self.settings.stripe_accounts = Some(StripeAccounts::parse(accounts, key).unwrap());
        self
    }

    /// A process of billing.
    pub(crate) fn billing(&self) -> Billing {
        let ports = Ports { http: self.http.clone(), clock: self.clock };
        Billing::new(self.settings.clone(), ports).unwrap()
    }

    pub(crate) async fn probe(&self) -> Result<(), Down> {
        self.billing().probe().await
    }

    /// Somebody signs up; how they sign in follows from what is ordered, and not from chance.
    pub(crate) async fn sign_up(&self, who: NewSignUp) -> Event {
        let (email, federated) = (who.email.clone(), who.identity_provider.is_some());
        let user_id = loop {
            let user = self.sandbox.sign_up(who.clone());
            let is_local = self.user(user).await["identities"][0]["signInType"] == "emailAddress";
            if federated || is_local {
                break user;
            }
        };
        Event::new(UserSignedUp {
            tenant_id: TENANT_ID,
            user_id,
            display_name: None,
            given_name: None,
            surname: None,
            email,
            email_verified: !federated,
            identity_providers: Vec::new(),
            signed_up_at: self.clock.now(),
            app_id: None,
            attributes: BTreeMap::new(),
            audit: Audit { id: "Directory_1".to_owned(), correlation_id: None },
        })
    }

    /// Delivers until it is neither retried nor waits for a destination.
    pub(crate) async fn deliver(&self, event: &Event) -> Outcome {
        self.deliver_to(&self.billing(), event).await
    }

    pub(crate) async fn deliver_to(&self, billing: &Billing, event: &Event) -> Outcome {
        for _ in 0..ATTEMPTS {
            match billing.handle(event).await {
                Outcome::Retry(_) => sleep(Duration::from_secs(10)).await,
                outcome => return outcome,
            }
        }
        panic!("it is retried for ever");
    }

    /// Delivers to a process that dies while it waits for the answer to this call, which takes effect or not.
    pub(crate) async fn deliver_and_die(&self, event: &Event, call: &str, kind: FaultKind) {
        self.fail_next(call, kind);
        let ended = timeout(DIES_AFTER, self.billing().handle(event)).await;
        assert!(ended.is_err(), "{call} was never called: {ended:?}");
    }

    pub(crate) fn fail_next(&self, call: &str, kind: FaultKind) {
        self.sandbox.faults().next(Target::try_from(call.to_owned()).unwrap(), 1, kind);
    }

    /// How often this was called.
    pub(crate) fn calls(&self, call: &str) -> u64 {
        self.sandbox.effects().totals.calls.get(call).copied().unwrap_or_default()
    }

    /// A customer made by hand or by a shop, with this in its metadata.
    pub(crate) async fn customer(&self, key: &str, metadata: &[(&str, &str)]) -> String {
        let metadata = metadata.iter().map(|(name, value)| (format!("metadata[{name}]"), *value));
        let fields =
            [("email".to_owned(), EMAIL), ("name".to_owned(), "Countess")].into_iter().chain(metadata);
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let made = self.stripe(key, Method::POST, "/v1/customers", form).await;
        made["id"].as_str().unwrap().to_owned()
    }

    /// All customers in the account of this key, the newest first.
    pub(crate) async fn customers(&self, key: &str) -> Vec<Value> {
        let listed = self.stripe(key, Method::GET, "/v1/customers?limit=100", String::new()).await;
        listed["data"].as_array().unwrap().clone()
    }

    async fn stripe(&self, key: &str, method: Method, path: &str, body: String) -> Value {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{STRIPE_URL}{path}"))
            .header("authorization", format!("Bearer {key}"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Bytes::from(body));
        let answer = self.http.send(request.unwrap()).await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        serde_json::from_slice(answer.body()).unwrap()
    }

    async fn user(&self, user: Uuid) -> Value {
        let graph = self.settings.entra.graph(self.http.clone(), self.clock).unwrap();
        let attribute = stripe_customer_id_attribute();
        let user = graph.user(user, &["identities", &attribute]).await.unwrap();
        json!({ "identities": user.get("identities"), "customer": user.get(&attribute) })
    }

    /// The customer's id on the user.
    pub(crate) async fn on_user(&self, event: &Event) -> Option<String> {
        self.user(event.data.user_id).await["customer"].as_str().map(str::to_owned)
    }

    /// Writes something on the user, as an administrator or an intruder would.
    pub(crate) async fn write(&self, event: &Event, attribute: &str, value: &str) {
        let graph = self.settings.entra.graph(self.http.clone(), self.clock).unwrap();
        graph.patch_user(event.data.user_id, &json!({ attribute: value })).await.unwrap();
    }

    /// The user says that they buy for this.
    pub(crate) async fn moves_to(&self, event: &Event, company_type: &str) {
        self.write(event, &company_type_attribute(), company_type).await;
    }
}

/// The event's user and tenant, as a customer's metadata name them.
pub(crate) fn names(customer: &Value, event: &Event) -> bool {
    customer["metadata"]["usher_user_id"] == event.data.user_id.to_string()
        && customer["metadata"]["usher_tenant_id"] == TENANT_ID.to_string()
}

/// The code that a dead letter would have.
pub(crate) fn rejected(outcome: &Outcome) -> &str {
    let Outcome::Reject(rejection) = outcome else { panic!("{outcome:?}") };
    assert_eq!(rejection.reason, "StripeRejected");
    &rejection.detail
}

fn billing(existing: Existing) -> BillingSettings {
    BillingSettings {
        entra: EntraSettings {
            tenant_id: TENANT_ID,
            client_id: CLIENT_ID,
            credential: CredentialSettings::client_secret(CLIENT_SECRET),
            authority_host: LOGIN_URL.parse().unwrap(),
            graph_endpoint: GRAPH_URL.parse().unwrap(),
            graph_writes_per_second: 18.try_into().unwrap(),
        },
        stripe_secret_key: Some(STRIPE_KEY.parse().unwrap()),
        stripe_accounts: None,
        stripe_mode: None,
        stripe_api_base: STRIPE_URL.parse().unwrap(),
        stripe_calls_per_second: None,
        stripe_customer_id_attribute: stripe_customer_id_attribute(),
        stripe_existing: existing,
        stripe_open_extension: None,
    }
}
