//! Calls to Graph: with a token, once more with a fresh one after a 401, and with what the answer means.

use std::{num::NonZeroU32, sync::Arc};

use bytes::Bytes;
use http::{
    HeaderValue, Method, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;
use serde_json::Value;
use usher_clock::Clock;
use usher_http::{BaseUrl, HttpClient, Pace, QuotaUse, Request, Response, Url, retry_after};
use uuid::Uuid;

use crate::{AccessToken, Credential, CredentialError, Expiry, GraphError, User, tokens::Tokens, user};

/// How many writes a second Graph gets from one client unless it is told otherwise. A tenant takes 3,000 in 150
/// seconds from one app registration, which is 20 a second: this leaves a little to whoever else uses the app.
/// <https://learn.microsoft.com/graph/throttling-limits#identity-and-access-service-limits>
pub(crate) const WRITES_PER_SECOND: NonZeroU32 = NonZeroU32::new(18).expect("18 is not zero");

/// Microsoft Graph. Cheap to clone; clones share the token and the pace of writes.
#[derive(Clone)]
pub struct Graph {
    http: HttpClient,
    endpoint: BaseUrl,
    tokens: Arc<Tokens>,
    writes: Pace,
    pub(crate) clock: Clock,
}

impl Graph {
    /// Graph at `endpoint`, asked as whom the credential says.
    pub fn new(http: HttpClient, endpoint: BaseUrl, credential: Arc<dyn Credential>, clock: Clock) -> Self {
        let tokens = Tokens::new(credential, format!("{}/.default", name_of(&endpoint)), clock);
        let (http, writes) = (http.named("graph"), Pace::per_second(WRITES_PER_SECOND));
        Self { http, endpoint, tokens: Arc::new(tokens), writes, clock }
    }

    /// The same Graph with another pace: at most so many writes a second. Reads are not held back.
    pub fn with_writes_per_second(mut self, writes: NonZeroU32) -> Self {
        self.writes = Pace::per_second(writes);
        self
    }

    /// How much of the pace of writes is used.
    pub fn writes_quota(&self) -> QuotaUse {
        self.writes.quota("graph-writes")
    }

    /// When what we prove ourselves with to Entra expires; `None` where that can't be seen, or not yet: a vault's
    /// certificate is read with the first token.
    pub fn credential_expiry(&self) -> Option<Expiry> {
        self.tokens.expiry()
    }

    /// Tells `watcher` when that is, from now on and again whenever a token has been asked for. One watcher is heard.
    pub fn watch_credential(&self, watcher: impl Fn(Expiry) + Send + Sync + 'static) {
        self.tokens.watch_expiry(watcher);
    }

    /// Tries whether Entra gives us a token at all.
    ///
    /// # Errors
    /// [`CredentialError`] if it does not.
    pub async fn check_token(&self) -> Result<(), CredentialError> {
        self.tokens.get().await.map(drop)
    }

    /// Asks Graph for a user that no tenant has: "not found" shows that Graph is there, that our token is taken,
    /// and that we may read users, without touching one.
    ///
    /// # Errors
    /// [`GraphError`], any but [`GraphError::NotFound`].
    pub async fn probe(&self) -> Result<(), GraphError> {
        self.probe_reading(&["id"]).await
    }

    /// As [`Graph::probe`], and shows that users have the properties that are to be `select`ed.
    ///
    /// # Errors
    /// [`GraphError::Refused`] if they have not; others as for [`Graph::probe`].
    pub async fn probe_reading(&self, select: &[&str]) -> Result<(), GraphError> {
        match self.user(Uuid::nil(), select).await {
            Ok(_) | Err(GraphError::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Reads the `select`ed properties of a user.
    ///
    /// # Errors
    /// [`GraphError::NotFound`] if there is no such user, or not yet; others as they say.
    pub async fn user(&self, id: Uuid, select: &[&str]) -> Result<User, GraphError> {
        let url = self.url(&user::path(id), &[("$select", &user::select(select))]);
        let answer = self.call(&request(Method::GET, &url, Bytes::new())).await?;
        User::new(id, json(answer.body())?)
    }

    /// Changes properties of a user; those not named in `changes` stay. Repeating it changes nothing more.
    ///
    /// # Errors
    /// [`GraphError::NotFound`] if there is no such user, or not yet; others as they say.
    /// [`GraphError::Conflict`] if a value must be one user's alone and is another's.
    pub async fn patch_user(&self, id: Uuid, changes: &Value) -> Result<(), GraphError> {
        self.writes_admitted(1).await;
        let url = self.url(&user::path(id), &[]);
        self.call(&request(Method::PATCH, &url, changes.to_string())).await.map(drop)
    }

    /// The URL of a path of Graph's version 1.0.
    pub(crate) fn url(&self, path: &str, query: &[(&str, &str)]) -> Url {
        self.endpoint.join(&format!("/v1.0{path}"), query.iter().copied())
    }

    /// The address of a link that Graph gave us, if our token may be sent there.
    pub(crate) fn follow(&self, link: &str) -> Result<Url, GraphError> {
        let url = Url::parse(link).ok().filter(|url| self.endpoint.is_origin_of(url));
        url.ok_or(GraphError::ForeignLink)
    }

    /// A user as other objects refer to it: by an address of Graph's own, whichever way we reach it.
    pub(crate) fn reference(&self, user: Uuid) -> String {
        format!("{}/v1.0/directoryObjects/{user}", name_of(&self.endpoint))
    }

    /// Waits until so many writes may be sent: no longer than those take that are waiting already, and how many
    /// those are is bounded by how much our caller does at once.
    pub(crate) async fn writes_admitted(&self, writes: usize) {
        let writes = u32::try_from(writes).unwrap_or(u32::MAX);
        if let Some(writes) = NonZeroU32::new(writes) {
            self.writes.turns(writes).await;
        }
    }

    /// Sends a request and returns its answer if it is a success.
    pub(crate) async fn call(&self, request: &Request) -> Result<Response, GraphError> {
        let answer = self.answer(request).await?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let after = retry_after(answer.headers(), self.clock.now());
        Err(GraphError::answered(answer.status(), answer.body(), after))
    }

    /// Sends a request and returns its answer, whatever it says.
    pub(crate) async fn answer(&self, request: &Request) -> Result<Response, GraphError> {
        let token = self.tokens.get().await?;
        let answer = self.attempt(request, &token).await?;
        if answer.status() != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        // Revoked before its time, or the signing keys were rolled over: a fresh one may do.
        self.tokens.discard(&token).await;
        self.attempt(request, &*self.tokens.get().await?).await
    }

    /// The token that calls are made with.
    pub(crate) async fn token(&self) -> Result<Arc<AccessToken>, CredentialError> {
        self.tokens.get().await
    }

    async fn attempt(&self, request: &Request, token: &AccessToken) -> Result<Response, GraphError> {
        let bearer = format!("Bearer {}", token.secret.expose_secret());
        let mut bearer = HeaderValue::try_from(bearer).map_err(|_| CredentialError::Unreadable)?;
        bearer.set_sensitive(true);
        let mut request = request.clone();
        request.headers_mut().insert(AUTHORIZATION, bearer);
        Ok(self.http.send_with_retries(request).await?)
    }
}

/// National clouds have a Graph of their own.
/// <https://learn.microsoft.com/graph/deployments>
const NATIONAL_GRAPHS: [&str; 3] = [
    "https://graph.microsoft.us",
    "https://dod-graph.microsoft.us",
    "https://microsoftgraph.chinacloudapi.cn",
];

/// What this Graph calls itself, in tokens and in references. Any endpoint but a national one takes the place of
/// the world's, name and all: a stand-in, or a gateway in front of it.
fn name_of(endpoint: &BaseUrl) -> &'static str {
    let origin = endpoint.origin();
    let national = NATIONAL_GRAPHS.into_iter().find(|graph| *graph == origin);
    national.unwrap_or("https://graph.microsoft.com")
}

/// A request with a JSON body, or with none.
pub(crate) fn request(method: Method, url: &Url, body: impl Into<Bytes>) -> Request {
    let mut request = http::Request::new(body.into());
    *request.method_mut() = method;
    *request.uri_mut() = url.as_str().parse().expect("a URL with a host is a valid address");
    if !request.body().is_empty() {
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    request
}

/// Reads JSON; where it can't, says where, and never what stands there.
pub(crate) fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, GraphError> {
    let mut json = serde_json::Deserializer::from_slice(body);
    serde_path_to_error::deserialize(&mut json).map_err(|error| GraphError::unreadable(&error))
}

#[cfg(test)]
mod tests;
