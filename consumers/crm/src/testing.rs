//! A sign-up, settings, and a Salesforce of canned answers.

use std::{
    collections::BTreeMap,
    num::NonZeroU32,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use serde_json::{Value, json};
use time::{OffsetDateTime, macros::datetime};
use usher_clock::Clock;
use usher_event::{Audit, IdentityProvider, UserSignedUp};
use usher_http::{HttpClient, Request, Response, TransportError};
use usher_sandbox::{SALESFORCE_PRIVATE_KEY, TENANT_ID};
use usher_subscriber::{Consumer, Ports};
use uuid::{Uuid, uuid};

use crate::{Crm, CrmSettings};

pub(crate) const NOON: OffsetDateTime = datetime!(2026-03-01 12:00 UTC);
pub(crate) const USER: Uuid = uuid!("a1b2c3d4-e5f6-4a7b-8c9d-0e1f2a3b4c5d");
pub(crate) const COMPANY_TYPE: &str = "extension_0123456789abcdef0123456789abcdef_CompanyType";

pub(crate) fn settings() -> CrmSettings {
    CrmSettings {
        tenant_id: TENANT_ID,
        salesforce_client_id: usher_sandbox::SALESFORCE_CLIENT_ID.to_owned(),
        salesforce_username: usher_sandbox::SALESFORCE_USERNAME.into(),
        salesforce_private_key_file: SALESFORCE_PRIVATE_KEY.parse().unwrap(),
        salesforce_login_url: "https://login.salesforce.com".parse().unwrap(),
        salesforce_api_version: "v64.0".to_owned(),
        salesforce_mapping: None,
        salesforce_calls_per_second: NonZeroU32::new(10).unwrap(),
        salesforce_limit_reserve: 5,
    }
}

pub(crate) fn ada() -> UserSignedUp {
    UserSignedUp {
        tenant_id: TENANT_ID,
        user_id: USER,
        display_name: Some("Ada L.".to_owned()),
        given_name: Some("Ada".to_owned()),
        surname: Some("Lovelace".to_owned()),
        email: Some("ada@example.com".to_owned()),
        email_verified: true,
        identity_providers: vec![
            IdentityProvider {
                sign_in_type: "userPrincipalName".to_owned(),
                issuer: Some("seats".to_owned()),
            },
            IdentityProvider { sign_in_type: "federated".to_owned(), issuer: Some("google.com".to_owned()) },
        ],
        signed_up_at: datetime!(2026-03-01 10:30:00.1234567 +01:00),
        app_id: Some("0000000a-0000-4000-8000-000000000001".to_owned()),
        attributes: BTreeMap::from([(COMPANY_TYPE.to_owned(), json!("business"))]),
        audit: Audit { id: "Directory_8f_XQ2ZT_81234".to_owned(), correlation_id: None },
    }
}

pub(crate) fn response(status: u16, body: &Value) -> Response {
    http::Response::builder().status(status).body(Bytes::from(body.to_string())).unwrap()
}

pub(crate) fn error(status: u16, code: &str) -> Response {
    // Messages quote what was sent.
    let message = "Last Name: data value too large: ada@example.com Lovelace";
    response(status, &json!([{ "message": message, "errorCode": code, "fields": [] }]))
}

/// What a token request is answered: the n-th token.
pub(crate) fn token(n: usize) -> Response {
    let body =
        json!({ "access_token": format!("token-{n}"), "instance_url": "https://seats.my.salesforce.com" });
    response(200, &body)
}

/// What was asked, in order.
#[derive(Clone, Default)]
pub(crate) struct Asked(Arc<Mutex<Vec<Request>>>);

impl Asked {
    pub(crate) fn all(&self) -> Vec<Request> {
        self.0.lock().unwrap().clone()
    }

    /// Method and path of each.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.all().iter().map(|request| format!("{} {}", request.method(), request.uri().path())).collect()
    }

    /// The tokens that were shown, other than to get one.
    pub(crate) fn tokens(&self) -> Vec<String> {
        let shown =
            |request: &Request| Some(request.headers().get("authorization")?.to_str().ok()?.to_owned());
        self.all().iter().filter_map(shown).collect()
    }

    /// How often a token was asked for.
    pub(crate) fn logins(&self) -> usize {
        self.all().iter().filter(|request| is_login(request)).count()
    }
}

pub(crate) fn is_login(request: &Request) -> bool {
    request.uri().path() == "/services/oauth2/token"
}

/// A client whose requests for tokens are granted, and whose other n-th request (from 1) is answered as told.
pub(crate) fn client(
    answer: impl Fn(usize, &Request) -> Response + Clone + Send + Sync + 'static,
) -> (HttpClient, Asked) {
    let asked = Asked::default();
    let noted = asked.clone();
    let http = HttpClient::new(tower::service_fn(move |request: Request| {
        noted.0.lock().unwrap().push(request.clone());
        let (logins, calls) = (noted.logins(), noted.tokens().len());
        let response = if is_login(&request) { token(logins) } else { answer(calls, &request) };
        async move { Ok::<_, TransportError>(response) }
    }));
    (http, asked)
}

pub(crate) fn crm_over(settings: CrmSettings, http: HttpClient) -> Crm {
    Crm::new(settings, Ports { http, clock: Clock::starting_at(NOON) }).unwrap()
}

/// A handler whose Salesforce answers as told.
pub(crate) fn crm(
    answer: impl Fn(usize, &Request) -> Response + Clone + Send + Sync + 'static,
) -> (Crm, Asked) {
    let (http, asked) = client(answer);
    (crm_over(settings(), http), asked)
}
