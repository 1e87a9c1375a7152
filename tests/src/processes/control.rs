//! The stand-in vendors' control: sign-ups, faults, and the ledger.

use bytes::Bytes;
use serde_json::{Value, json};
use usher_http::{HttpClient, HttpSettings};
use usher_sandbox::Effects;
use uuid::Uuid;

/// A hold on the stand-ins, over HTTP.
#[derive(Clone)]
pub struct Control {
    http: HttpClient,
    url: String,
}

impl Control {
    pub(crate) fn new(url: &str) -> Self {
        let http = HttpSettings::default().client().expect("the machine's own certificates are usable");
        Self { http, url: url.to_owned() }
    }

    /// Gives an order; returns the ids of the users it made.
    ///
    /// # Panics
    /// If the order is refused.
    pub async fn order(&self, order: Value) -> Vec<Uuid> {
        let (status, answer) = self.ask("POST", &format!("{}/_control", self.url), order.to_string()).await;
        assert_eq!(status, 200, "{answer}");
        let answer: Value = serde_json::from_str(&answer).expect("the control answers in JSON");
        serde_json::from_value(answer["user_ids"].clone()).expect("ids")
    }

    /// Somebody signs up; returns their id.
    pub async fn sign_up(&self) -> Uuid {
        self.order(json!({ "sign_up": {} })).await[0]
    }

    /// An administrator replaces certificates and the like, and the files with them: nobody has to start anew.
    pub async fn rotate_identities(&self) {
        self.post("/identities/rotate").await;
    }

    /// An administrator takes them away, without notice.
    pub async fn revoke_identities(&self) {
        self.post("/identities/revoke").await;
    }

    /// The next call of this kind, such as `stripe.create_customer`, fails in this way.
    pub async fn fail_next(&self, call: &str, kind: Value) {
        self.order(json!({ "fault": { "to": call, "calls": 1, "kind": kind } })).await;
    }

    /// The ledger.
    pub async fn effects(&self) -> Effects {
        self.get_json(&format!("{}/_effects", self.url)).await
    }

    /// The ledger with what is personal in it, such as what has been made of somebody's name.
    pub async fn effects_revealed(&self) -> Effects {
        self.get_json(&format!("{}/_effects?reveal=true", self.url)).await
    }

    /// All personal data that went in.
    pub async fn people(&self) -> Vec<Value> {
        self.get_json(&format!("{}/_control/people", self.url)).await
    }

    /// Whether each effect shows exactly once, and as many did as was asked for.
    pub async fn shows_each_effect_once(&self, sign_ups: usize) -> bool {
        let effects = self.effects().await;
        assert_eq!(effects.wrong().count(), 0, "{:#?}", effects.wrong().collect::<Vec<_>>());
        effects.sign_ups.len() == sign_ups && effects.all_exact()
    }

    /// The status and the body of an answer, from any service of the test.
    pub async fn get(&self, url: &str) -> (u16, String) {
        self.ask("GET", url, String::new()).await
    }

    /// An answer in JSON, from any service of the test.
    ///
    /// # Panics
    /// If it is not what was expected.
    pub async fn get_json<T: serde::de::DeserializeOwned>(&self, url: &str) -> T {
        let (_, body) = self.get(url).await;
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    async fn post(&self, path: &str) {
        let (status, answer) = self.ask("POST", &format!("{}{path}", self.url), String::new()).await;
        assert_eq!(status, 200, "{path}: {answer}");
    }

    async fn ask(&self, method: &str, url: &str, body: String) -> (u16, String) {
        let request = http::Request::builder().method(method).uri(url).body(Bytes::from(body));
        let answer = self.http.send(request.expect("a URL of ours")).await;
        let answer = answer.unwrap_or_else(|error| panic!("{url}: {error}"));
        (answer.status().as_u16(), String::from_utf8_lossy(answer.body()).into_owned())
    }
}
