//! A Graph and an Entra of canned answers.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use secrecy::SecretString;
use serde_json::{Value, json};
use time::{OffsetDateTime, macros::datetime};
use usher_clock::Clock;
use usher_http::{HttpClient, Request, Response};
use uuid::{Uuid, uuid};

use crate::{ClientCredentials, Graph};

pub(crate) const TENANT: Uuid = uuid!("0f4d3b5e-8a53-4f0e-9c5b-1d2f6a7b8c9d");
pub(crate) const USER: Uuid = uuid!("a1b2c3d4-e5f6-4a7b-8c9d-0e1f2a3b4c5d");
pub(crate) const NOON: OffsetDateTime = datetime!(2026-01-01 12:00 UTC);

/// What was asked, other than for tokens.
#[derive(Clone, Default)]
pub(crate) struct Asked(Arc<Mutex<Vec<Request>>>);

impl Asked {
    pub(crate) fn all(&self) -> Vec<Request> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn urls(&self) -> Vec<String> {
        self.all().iter().map(|request| request.uri().to_string()).collect()
    }

    pub(crate) fn tokens(&self) -> Vec<String> {
        let bearer = |request: &Request| request.headers()["authorization"].to_str().unwrap().to_owned();
        self.all().iter().map(bearer).collect()
    }

    fn note(&self, request: Request) -> usize {
        let mut all = self.0.lock().unwrap();
        all.push(request);
        all.len()
    }
}

/// Graph whose n-th call (from 1) is answered by `answer(n)`. Its tokens are `token-1`, `token-2`, ...
pub(crate) fn graph(answer: impl Fn(usize) -> Response + Clone + Send + Sync + 'static) -> (Graph, Asked) {
    let asked = Asked::default();
    let (noted, granted) = (asked.clone(), Arc::new(Mutex::new(0)));
    let http = HttpClient::new(tower::service_fn(move |request: Request| {
        let answer = if request.uri().path().ends_with("/token") {
            token(&mut granted.lock().unwrap())
        } else {
            answer(noted.note(request))
        };
        async move { Ok(answer) }
    }));
    let clock = Clock::starting_at(NOON);
    let authority = "https://login.microsoftonline.com".parse().unwrap();
    let secret = SecretString::from("hush");
    let credential = ClientCredentials::with_secret(http.clone(), &authority, TENANT, USER, secret, clock);
    let endpoint = "https://graph.microsoft.com".parse().unwrap();
    (Graph::new(http, endpoint, Arc::new(credential), clock), asked)
}

fn token(granted: &mut usize) -> Response {
    *granted += 1;
    answer(
        200,
        &json!({ "token_type": "Bearer", "expires_in": 3599, "access_token": format!("token-{granted}") }),
    )
}

pub(crate) fn answer(status: u16, body: &Value) -> Response {
    http::Response::builder().status(status).body(Bytes::from(body.to_string())).unwrap()
}

/// An answer that asks to come back in so many seconds.
pub(crate) fn throttled(retry_after: Option<u64>) -> Response {
    let mut answer = answer(429, &json!({ "error": { "code": "TooManyRequests" } }));
    if let Some(seconds) = retry_after {
        answer.headers_mut().insert("retry-after", seconds.into());
    }
    answer
}
