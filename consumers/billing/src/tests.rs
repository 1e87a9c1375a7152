//! What becomes of a creation whose idempotency key is spent: the race that no run of whole processes brings about
//! reliably.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use bytes::Bytes;
use http::Method;
use serde_json::Value;
use usher_entra::{CredentialSettings, EntraSettings};
use usher_event::{Audit, UserSignedUp};
use usher_http::{HttpClient, Request, Response, TransportError};
use uuid::uuid;

use super::*;

const TENANT: Uuid = uuid!("0f4d3b5e-8a53-4f0e-9c5b-1d2f6a7b8c9d");
const ADA: Uuid = uuid!("a1b2c3d4-e5f6-4a7b-8c9d-0e1f2a3b4c5d");
const ATTRIBUTE: &str = "extension_0123456789abcdef0123456789abcdef_StripeCustomerId";

/// Entra with one user, and Stripe, where a creation that had been given up was still running.
#[derive(Clone)]
struct Vendors(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    email: Option<&'static str>,
    /// Whether that creation makes the customer, just before it fails.
    has_an_effect: bool,
    /// How many keys hold its failure.
    spent: usize,
    /// The key of each creation.
    keys: Vec<String>,
    /// What was written on the user.
    written: Vec<Value>,
}

impl Vendors {
    fn that(state: State) -> Self {
        Self(Arc::new(Mutex::new(state)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    async fn bill(&self) -> Outcome {
        let vendors = self.clone();
        let http = HttpClient::new(tower::service_fn(move |request: Request| {
            let (status, body) = vendors.state().answer(&request);
            async move { Ok::<Response, TransportError>(response(status, &body)) }
        }));
        let ports = Ports { http, clock: Clock::system() };
        let event = signed_up(self.state().email);
        Billing::new(settings(), ports).unwrap().handle(&event).await
    }
}

impl State {
    fn answer(&mut self, request: &Request) -> (u16, Value) {
        let path = request.uri().path();
        match (request.method(), path) {
            (&Method::PATCH, _) => {
                self.written.push(serde_json::from_slice(request.body()).unwrap());
                (204, Value::Null)
            }
            (&Method::POST, "/v1/customers") => self.create(request),
            (&Method::GET, "/v1/customers/search") => (200, json!({ "data": [] })),
            (&Method::GET, "/v1/customers") if self.has_an_effect && !self.keys.is_empty() => {
                (200, json!({ "data": [customer("cus_early")] }))
            }
            (&Method::GET, "/v1/customers") => (200, json!({ "data": [] })),
            (&Method::GET, _) => (200, json!({ "id": ADA, "mail": self.email })),
            _ => (200, json!({ "token_type": "Bearer", "expires_in": 3599, "access_token": "token" })),
        }
    }

    fn create(&mut self, request: &Request) -> (u16, Value) {
        self.keys.push(request.headers()["idempotency-key"].to_str().unwrap().to_owned());
        if self.keys.len() <= self.spent {
            (500, json!({ "error": { "type": "api_error" } }))
        } else {
            (200, customer("cus_late"))
        }
    }
}

/// Every answer of 500 is one that Stripe had stored.
fn response(status: u16, body: &Value) -> Response {
    let response = http::Response::builder().status(status);
    let replayed = (status == 500).then_some(("idempotent-replayed", "true"));
    let response =
        replayed.into_iter().fold(response, |response, (name, value)| response.header(name, value));
    response.body(Bytes::from(body.to_string())).unwrap()
}

fn customer(id: &str) -> Value {
    json!({ "id": id, "metadata": { "usher_tenant_id": TENANT, "usher_user_id": ADA } })
}

fn settings() -> BillingSettings {
    BillingSettings {
        entra: EntraSettings {
            tenant_id: TENANT,
            client_id: ADA,
            credential: CredentialSettings::client_secret("hush"),
            authority_host: "https://login.microsoftonline.com".parse().unwrap(),
            graph_endpoint: "https://graph.microsoft.com".parse().unwrap(),
            graph_writes_per_second: 18.try_into().unwrap(),
        },
        stripe_secret_key: Some("sk_test_x".parse().unwrap()),
        stripe_accounts: None,
        stripe_mode: None,
        stripe_api_base: "https://api.stripe.com".parse().unwrap(),
        stripe_calls_per_second: None,
        stripe_customer_id_attribute: ATTRIBUTE.to_owned(),
        stripe_existing: Existing::Create,
        stripe_open_extension: None,
    }
}

fn signed_up(email: Option<&str>) -> Event {
    Event::new(UserSignedUp {
        tenant_id: TENANT,
        user_id: ADA,
        display_name: None,
        given_name: None,
        surname: None,
        email: email.map(str::to_owned),
        email_verified: true,
        identity_providers: Vec::new(),
        signed_up_at: Clock::system().now(),
        app_id: None,
        attributes: BTreeMap::new(),
        audit: Audit { id: "Directory_1".to_owned(), correlation_id: None },
    })
}

#[tokio::test(start_paused = true)]
async fn a_spent_key_whose_creation_had_an_effect_makes_no_second_customer() {
    let email = Some("ada@example.com");
    let vendors = Vendors::that(State { email, has_an_effect: true, spent: 1, ..State::default() });
    assert!(matches!(vendors.bill().await, Outcome::Done));
    assert_eq!(vendors.state().keys.len(), 1, "the customer is there already");
    assert_eq!(vendors.state().written, [json!({ ATTRIBUTE: "cus_early" })]);
}

#[tokio::test(start_paused = true)]
async fn a_spent_key_whose_creation_had_no_effect_gives_way_to_another() {
    let vendors = Vendors::that(State { email: Some("ada@example.com"), spent: 1, ..State::default() });
    assert!(matches!(vendors.bill().await, Outcome::Done));
    let keys = vendors.state().keys.clone();
    assert!(keys.len() == 2 && keys[1].starts_with(&format!("{}-", keys[0])), "{keys:?}");
    assert_eq!(vendors.state().written, [json!({ ATTRIBUTE: "cus_late" })]);
}

/// Or a creation that is late under one key would be doubled by one that comes first to another.
#[tokio::test(start_paused = true)]
async fn whoever_creates_and_whenever_comes_to_the_same_keys_in_the_same_order() {
    let with_spent = |spent| State { email: Some("ada@example.com"), spent, ..State::default() };
    let one = Vendors::that(with_spent(7));
    assert!(matches!(one.bill().await, Outcome::Done));
    tokio::time::advance(Duration::from_secs(3600)).await;
    let other = Vendors::that(with_spent(3));
    assert!(matches!(other.bill().await, Outcome::Done));
    let (one, other) = (one.state().keys.clone(), other.state().keys.clone());
    assert_eq!((one.len(), other.len()), (8, 4));
    assert_eq!(one[..4], other);
}

#[tokio::test(start_paused = true)]
async fn a_spent_key_is_waited_for_where_no_address_can_tell_whether_it_had_an_effect_or_all_are_spent() {
    for state in [
        State { email: None, has_an_effect: true, spent: 1, ..State::default() },
        State { email: Some("ada@example.com"), spent: usize::MAX, ..State::default() },
    ] {
        let vendors = Vendors::that(state);
        let outcome = vendors.bill().await;
        let Outcome::Retry(failure) = outcome else { panic!("{outcome:?}") };
        assert_eq!(failure.code.as_deref(), Some("idempotency key spent"));
        assert!(vendors.state().written.is_empty());
    }
}
