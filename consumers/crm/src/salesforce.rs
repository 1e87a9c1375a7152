//! Salesforce's REST API, as far as CRM speaks it, and what its answers mean.

use std::{sync::Once, time::Duration};

use bytes::Bytes;
use http::{Method, header};
use secrecy::ExposeSecret;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Map, Value};
use usher_clock::Clock;
use usher_http::{HttpClient, Pace, QuotaUse, Request, Response, retry_after};
use usher_subscriber::Ports;
use uuid::Uuid;

use crate::{
    CrmSettings, Mapping,
    allowance::Allowance,
    describe::Description,
    fault::{Failed, Fault},
    token::{Session, Tokens},
};

/// How long after a call that was refused for its number the next is worth one.
const REFUSED_FOR_NUMBER: Duration = Duration::from_secs(60);
const UNREADABLE: &str = "unreadable answer";

/// A client of one object's records.
pub(crate) struct Salesforce {
    http: HttpClient,
    /// For the probe: it waits neither for a turn nor for calls that hang, or it could not tell in time.
    probing: HttpClient,
    pace: Pace,
    tokens: Tokens,
    allowance: Allowance,
    /// Where the API is, on any instance.
    api: String,
    object: String,
    external_id: String,
    /// What each call says beside what all say.
    headers: &'static [(&'static str, &'static str)],
    clock: Clock,
    not_unique: Once,
}

/// A call: its path goes on from the API's.
struct Call {
    method: Method,
    path: String,
    query: Option<String>,
    body: Bytes,
    is_probe: bool,
}

/// What came of an upsert; that there is an id shows that it is Salesforce who answers.
#[derive(Deserialize)]
struct Upserted {
    #[serde(rename = "id")]
    _id: String,
}

/// The records that a query finds.
#[derive(Deserialize)]
struct Found {
    records: Vec<IgnoredAny>,
}

/// An error. The message is left out: it quotes what was sent.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ErrorItem {
    error_code: String,
}

impl Salesforce {
    pub(crate) fn new(settings: &CrmSettings, mapping: &Mapping, ports: Ports) -> Self {
        let calls = settings.salesforce_calls_per_second;
        let at_once = usize::try_from(calls.get()).unwrap_or(usize::MAX);
        let http = ports.http.named("salesforce");
        Self {
            tokens: Tokens::new(settings, http.clone(), ports.clock),
            probing: http.clone(),
            http: http.with_connections(at_once),
            pace: Pace::per_second(calls),
            allowance: Allowance::new(settings.salesforce_limit_reserve),
            api: format!("/services/data/{}", settings.salesforce_api_version),
            object: mapping.object.clone(),
            external_id: mapping.external_id.clone(),
            headers: headers(&mapping.object),
            clock: ports.clock,
            not_unique: Once::new(),
        }
    }

    /// How much of the org's calls of a day is used, and how long our own pace makes one wait.
    pub(crate) fn quota(&self) -> QuotaUse {
        let pace = self.pace.quota("salesforce");
        self.allowance.quota().with_wait(move || pace.wait())
    }

    /// Makes the record of this user, or overwrites these fields of it. The external id stands in the path alone:
    /// Salesforce refuses it in the body.
    pub(crate) async fn upsert(&self, user_id: Uuid, fields: &Map<String, Value>) -> Result<(), Failed> {
        self.allowance.check()?;
        let body = serde_json::to_vec(fields).expect("values under text keys always serialise");
        let path = format!("/sobjects/{}/{}/{user_id}", self.object, self.external_id);
        let call = Call { method: Method::PATCH, path, query: None, body: body.into(), is_probe: false };
        let response = self.call(&call).await?;
        if response.status() == http::StatusCode::NO_CONTENT {
            return Ok(());
        }
        // Cut short, or somebody else's page: the next attempt writes the same once more.
        let unreadable = |_| Failed::named(Fault::Moment, UNREADABLE);
        serde_json::from_slice::<Upserted>(response.body()).map(drop).map_err(unreadable)
    }

    /// Whether this user has a record, or several. By a query: to a read by external id, a user without a record and an
    /// object without the field are the same 404.
    pub(crate) async fn has_record(&self, user_id: Uuid) -> Result<bool, Failed> {
        self.allowance.check()?;
        let Self { object, external_id, .. } = self;
        let soql = format!("SELECT {external_id} FROM {object} WHERE {external_id} IN ('{user_id}')");
        let response = self.call(&Call { query: Some(soql), ..get("/query".to_owned()) }).await?;
        let unreadable = |_| Failed::named(Fault::Moment, UNREADABLE);
        let found: Found = serde_json::from_slice(response.body()).map_err(unreadable)?;
        Ok(!found.records.is_empty())
    }

    /// Asks for the object's description: shows that Salesforce is there, admits us, and has what the mapping names.
    pub(crate) async fn probe(&self, mapping: &Mapping) -> Result<(), Failed> {
        self.allowance.check_for_probe()?;
        let describe = get(format!("/sobjects/{}/describe", self.object));
        let described = self.call(&Call { is_probe: true, ..describe }).await;
        let response = described.inspect_err(|failed| {
            if failed.fault == Fault::Allowance {
                self.allowance.refused();
            }
        })?;
        let unreadable = |_| Failed::named(Fault::Moment, UNREADABLE);
        let description: Description = serde_json::from_slice(response.body()).map_err(unreadable)?;
        description.check(mapping)?;
        if !description.is_unique(&mapping.external_id) {
            self.not_unique.call_once(|| {
                let field = &mapping.external_id;
                tracing::warn!(
                    field,
                    "the external id is not unique: two deliveries at once can make two records"
                );
            });
        }
        self.allowance.check()
    }

    /// One call, and a second with a new token if the first one's is refused.
    async fn call(&self, call: &Call) -> Result<Response, Failed> {
        let session = self.tokens.get().await?;
        match self.attempt(call, &session).await {
            Err(Failed { fault: Fault::Credentials(_), .. }) => {
                self.tokens.discard(&session).await;
                let session = self.tokens.get().await?;
                self.attempt(call, &session).await
            }
            answer => answer,
        }
    }

    async fn attempt(&self, call: &Call, session: &Session) -> Result<Response, Failed> {
        let request = self.request(call, session);
        let response = if call.is_probe {
            self.probing.send_with_retries(request).await?
        } else {
            self.pace.turn().await;
            self.http.send_with_retries(request).await?
        };
        self.allowance.note(response.headers());
        self.check(&response)?;
        Ok(response)
    }

    fn request(&self, call: &Call, session: &Session) -> Request {
        let query = call.query.as_deref().map(|soql| ("q", soql));
        let url = session.instance.join(&format!("{}{}", self.api, call.path), query);
        let request = http::Request::builder()
            .method(call.method.clone())
            .uri(url.as_str())
            .header(header::AUTHORIZATION, format!("Bearer {}", session.token.expose_secret()))
            .header(header::CONTENT_TYPE, "application/json");
        let request =
            self.headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request
            .body(call.body.clone())
            .expect("a URL, a checked token and a media type are valid in a request")
    }

    fn check(&self, response: &Response) -> Result<(), Failed> {
        if response.status().is_success() {
            return Ok(());
        }
        let status = response.status().as_u16();
        let errors: Vec<ErrorItem> = serde_json::from_slice(response.body()).unwrap_or_default();
        let (fault, code) = meaning(status, errors.first().map(|error| error.error_code.as_str()));
        let wait = retry_after(response.headers(), self.clock.now());
        let wait = wait.or((fault == Fault::Allowance).then_some(REFUSED_FOR_NUMBER));
        Err(Failed::answer(fault, status, code, wait))
    }
}

fn get(path: String) -> Call {
    Call { method: Method::GET, path, query: None, body: Bytes::new(), is_probe: false }
}

/// A lead is not to be handed to whomever the org's assignment rules name, and told by mail, each time it is written.
fn headers(object: &str) -> &'static [(&'static str, &'static str)] {
    if object.eq_ignore_ascii_case("Lead") { &[("sforce-auto-assign", "FALSE")] } else { &[] }
}

/// What each of Salesforce's errors means, and its code on a dead letter: Salesforce's own, but for the answer that has
/// none. <https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/errorcodes.htm>
fn meaning(status: u16, code: Option<&str>) -> (Fault, Option<&str>) {
    let fault = match (status, code) {
        // Several records have this external id; the body lists them. Somebody has to merge them.
        (300, _) => return (Fault::Record, Some("several-records")),
        // Refused, or the org has moved: the answer to a new claim says where it is now.
        (401 | 301..=308, _) => Fault::Credentials("SALESFORCE_USERNAME"),
        // The day's calls, or those that run at once.
        (_, Some("REQUEST_LIMIT_EXCEEDED")) => Fault::Allowance,
        // Somebody else is writing to the record, or to one that it belongs to.
        (_, Some("UNABLE_TO_LOCK_ROW")) => Fault::Moment,
        // Another delivery of the same sign-up has made the record meanwhile: the next attempt changes it.
        (_, Some("DUPLICATE_VALUE")) => Fault::Moment,
        (_, Some("SERVER_UNAVAILABLE" | "REQUEST_RUNNING_TOO_LONG" | "QUERY_TIMEOUT")) => Fault::Moment,
        (408 | 409 | 429 | 500..=599, _) => Fault::Moment,
        (403, _) => Fault::Rights,
        (_, Some("INSUFFICIENT_ACCESS" | "INSUFFICIENT_ACCESS_OR_READONLY" | "API_CURRENTLY_DISABLED")) => {
            Fault::Rights
        }
        (404, _) => Fault::Mapping,
        (_, Some("INVALID_FIELD" | "INVALID_FIELD_FOR_INSERT_UPDATE" | "INVALID_TYPE")) => Fault::Mapping,
        // REQUIRED_FIELD_MISSING, FIELD_CUSTOM_VALIDATION_EXCEPTION, DUPLICATES_DETECTED, INVALID_EMAIL_ADDRESS,
        // STRING_TOO_LONG, and whatever else an org's own rules refuse.
        _ => Fault::Record,
    };
    (fault, code)
}

#[cfg(test)]
mod tests;
