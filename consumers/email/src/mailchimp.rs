//! Mailchimp's API, as far as e-mail speaks it, and what its answers mean.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{Method, header};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;
use usher_clock::Clock;
use usher_http::{BaseUrl, Failure, FailureClass, HttpClient, QuotaUse, Request, Response, retry_after};
use usher_subscriber::Ports;

use crate::{EmailSettings, member::Member};

/// How long a call may take: as long as Mailchimp itself works on one. A shorter wait would leave the call running
/// there, and with it one of the few connections that an account has.
const CALL: Duration = Duration::from_secs(120);

/// A client of one list's members.
pub(crate) struct Mailchimp {
    http: HttpClient,
    /// For the probe: calls that hang must not keep it from telling whether Mailchimp is there.
    probing: HttpClient,
    base: BaseUrl,
    key: SecretString,
    list_id: String,
    clock: Clock,
}

/// A list or a member; that it has an id shows that it is Mailchimp who answers.
#[derive(Deserialize)]
struct Resource {
    #[serde(rename = "id")]
    _id: String,
}

/// A member, as far as a check looks at one.
#[derive(Deserialize)]
pub(crate) struct Found {
    #[serde(rename = "id")]
    _id: String,
    status: String,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
struct Tag {
    name: String,
}

impl Found {
    /// Whether an administrator has put the member away.
    pub(crate) fn is_archived(&self) -> bool {
        self.status == "archived"
    }

    pub(crate) fn has_tag(&self, name: &str) -> bool {
        self.tags.iter().any(|tag| tag.name == name)
    }
}

/// An error, RFC 7807. `detail` and `errors` are left out: they quote the address.
#[derive(Deserialize)]
struct Problem {
    title: Option<String>,
}

impl Mailchimp {
    pub(crate) fn new(settings: &EmailSettings, ports: Ports) -> Result<Self, usher_service::Failure> {
        let one = ports.http.named("mailchimp").with_timeout(CALL).with_connections(1);
        let http = match settings.mailchimp_connections.get() {
            1 => one.clone(),
            more => one.clone().with_connections(more - 1),
        };
        Ok(Self {
            http,
            probing: one,
            base: settings.api_base()?,
            key: settings.mailchimp_api_key.clone(),
            list_id: settings.mailchimp_list_id.clone(),
            clock: ports.clock,
        })
    }

    /// How many of our connections are in use.
    pub(crate) fn quota(&self) -> QuotaUse {
        self.http.quota("mailchimp")
    }

    /// Asks for the list's id: shows that Mailchimp is there, takes our key and has the list.
    pub(crate) async fn probe(&self) -> Result<(), Failure> {
        let request = self.request(Method::GET, "", &[("fields", "id")], Bytes::new());
        self.resource(&self.probing.send_with_retries(request).await?)
    }

    /// Looks for the member; `None` if there is none.
    pub(crate) async fn find(&self, member: &Member<'_>) -> Result<Option<Found>, Failure> {
        let path = format!("/members/{}", member.id());
        let request = self.request(Method::GET, &path, &[("fields", "id,status,tags")], Bytes::new());
        let response = self.http.send_with_retries(request).await?;
        match self.check(&response) {
            Err(Failure { status: Some(404), .. }) => Ok(None),
            answered => answered.and_then(|()| read(&response)).map(Some),
        }
    }

    /// Adds the member, or fills in one who is there.
    pub(crate) async fn put(&self, member: &Member<'_>) -> Result<(), Failure> {
        let body = serde_json::to_vec(member).expect("texts under text keys always serialise");
        let path = format!("/members/{}", member.id());
        self.resource(&self.http.send(self.request(Method::PUT, &path, member.options(), body.into())).await?)
    }

    /// Adds a tag. A member who is not found has gone since the put, and the next put makes it again or says why not.
    /// Without `is_syncing`, which would keep the journeys from starting.
    pub(crate) async fn tag(&self, member: &Member<'_>, tag: &str) -> Result<(), Failure> {
        let body = json!({ "tags": [{ "name": tag, "status": "active" }] }).to_string();
        let path = format!("/members/{}/tags", member.id());
        let response = self.http.send(self.request(Method::POST, &path, &[], body.into())).await?;
        self.check(&response).map_err(|failure| match failure.status {
            Some(404) => Failure { class: FailureClass::Transient, ..failure },
            _ => failure,
        })
    }

    /// A request about the list. `path` goes on from the list's own.
    fn request(&self, method: Method, path: &str, query: &[(&str, &str)], body: Bytes) -> Request {
        let url = self.base.join(&format!("/3.0/lists/{}{path}", self.list_id), query.iter().copied());
        // Any user name will do. https://mailchimp.com/developer/marketing/docs/fundamentals/
        let credentials = BASE64_STANDARD.encode(format!("usher:{}", self.key.expose_secret()));
        http::Request::builder()
            .method(method)
            .uri(url.as_str())
            .header(header::AUTHORIZATION, format!("Basic {credentials}"))
            .header(header::CONTENT_TYPE, "application/json")
            .body(body)
            .expect("a URL, base64 and a media type are valid in a request")
    }

    /// Success with something to show for it.
    fn resource(&self, response: &Response) -> Result<(), Failure> {
        self.check(response)?;
        read::<Resource>(response).map(drop)
    }

    fn check(&self, response: &Response) -> Result<(), Failure> {
        if response.status().is_success() {
            return Ok(());
        }
        let status = response.status().as_u16();
        let problem = serde_json::from_slice(response.body()).ok();
        let (class, code) = meaning(status, problem.as_ref());
        // Mailchimp itself names no time to wait; what stands in front of it may.
        let wait = retry_after(response.headers(), self.clock.now());
        Err(Failure::status(class, status).with_code(code).with_retry_after(wait))
    }
}

/// Reads an answer. One that was cut short, or is somebody else's page: the next attempt changes nothing that is there
/// already.
fn read<T: DeserializeOwned>(response: &Response) -> Result<T, Failure> {
    let unreadable = |_| Failure::named(FailureClass::Transient, "unreadable answer");
    serde_json::from_slice(response.body()).map_err(unreadable)
}

/// What each of Mailchimp's errors means, and its code on a dead letter: ours for those that an operator will meet,
/// Mailchimp's title for the others. <https://mailchimp.com/developer/marketing/docs/errors/>
fn meaning(status: u16, problem: Option<&Problem>) -> (FailureClass, Option<&str>) {
    use FailureClass::{Refused, Transient, Unauthorized};
    let title = problem.and_then(|problem| problem.title.as_deref());
    match (status, problem, title) {
        // Too many connections. The 403 comes from what stands in front of the API, and is no JSON.
        (429, ..) | (403, None, _) => (Transient, Some("throttled")),
        (500..=599, ..) => (Transient, title),
        (401 | 403, ..) => (Unauthorized, title),
        (404, ..) => (Refused, Some("not-found")),
        // Has unsubscribed, bounced or complained: only they themselves can come back.
        (_, _, Some("Member In Compliance State")) => (Refused, Some("compliance-state")),
        // Was deleted for good, as is everybody's right.
        (_, _, Some("Forgotten Email Not Subscribed")) => (Refused, Some("forgotten-email")),
        // No address that Mailchimp writes to, a merge field that the list wants and has not got, or an address that
        // has joined a lot of lists of late.
        (_, _, Some("Invalid Resource")) => (Refused, Some("invalid-resource")),
        _ => (Refused, title),
    }
}

#[cfg(test)]
mod tests;
