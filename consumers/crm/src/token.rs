//! The token: JWT bearer, kept until it is refused or old, fetched by one call at a time.
//!
//! We sign a claim to be a user whom the app admits beforehand; there is no secret that goes over the wire.
//! <https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_jwt_flow.htm>

use std::{sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{StatusCode, header::CONTENT_TYPE};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use tokio::{sync::Mutex, time::Instant};
use url::form_urlencoded;
use usher_clock::Clock;
use usher_http::{BaseUrl, HttpClient, Request, Response, retry_after};

use crate::{
    CrmSettings, PrivateKey,
    fault::{Failed, Fault},
};

/// How long Salesforce may take: all calls wait for it meanwhile.
const TOKEN_BOUND: Duration = Duration::from_secs(10);
/// For how long a claim is good. Salesforce takes no claim beyond three minutes; a minute is for clocks that differ.
const CLAIM: Duration = Duration::from_secs(120);
/// How old a token may become. Salesforce does not say for how long one is good; an org's sessions may end after a
/// quarter of an hour, which shows by a 401.
const OLD: Duration = Duration::from_secs(3600);
const UNREADABLE: &str = "token answer unreadable";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Where we may speak, and by what token.
pub(crate) struct Session {
    pub(crate) token: SecretString,
    pub(crate) instance: BaseUrl,
    since: Instant,
}

/// Gets and keeps the session.
pub(crate) struct Tokens {
    http: HttpClient,
    login: BaseUrl,
    client_id: String,
    username: SecretString,
    key: PrivateKey,
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    held: Option<Arc<Session>>,
    /// When the last attempt failed, and how: those who waited for it share its failure.
    failed: Option<(Instant, Failed)>,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    instance_url: String,
}

/// An error of OAuth's. The description is one of a fixed list, and read only to find the setting.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Denied {
    error: Option<String>,
    error_description: Option<String>,
}

impl Tokens {
    pub(crate) fn new(settings: &CrmSettings, http: HttpClient, clock: Clock) -> Self {
        Self {
            http: http.with_timeout(TOKEN_BOUND),
            login: settings.salesforce_login_url.clone(),
            client_id: settings.salesforce_client_id.clone(),
            username: settings.salesforce_username.clone(),
            key: settings.salesforce_private_key_file.clone(),
            clock,
            state: Mutex::default(),
        }
    }

    /// A session that should hold.
    pub(crate) async fn get(&self) -> Result<Arc<Session>, Failed> {
        let asked_at = Instant::now();
        let mut state = self.state.lock().await;
        if let Some(session) = state.held.as_ref().filter(|session| session.since.elapsed() < OLD) {
            return Ok(session.clone());
        }
        if let Some((_, failed)) = state.failed.as_ref().filter(|(at, _)| asked_at < *at) {
            return Err(failed.clone());
        }
        match self.fetch().await {
            Ok(session) => {
                let session = Arc::new(session);
                *state = State { held: Some(session.clone()), failed: None };
                Ok(session)
            }
            Err(failed) => {
                *state = State { held: None, failed: Some((Instant::now(), failed.clone())) };
                Err(failed)
            }
        }
    }

    /// Salesforce refused this session: the next call gets another. Harmless if another is held already.
    pub(crate) async fn discard(&self, session: &Arc<Session>) {
        let mut state = self.state.lock().await;
        state.held.take_if(|held| Arc::ptr_eq(held, session));
    }

    async fn fetch(&self) -> Result<Session, Failed> {
        let answer = self.http.send(self.request()?).await?;
        if answer.status() == StatusCode::OK { self.granted(&answer) } else { Err(self.denied(&answer)) }
    }

    fn request(&self) -> Result<Request, Failed> {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", GRANT)
            .append_pair("assertion", &self.assertion()?)
            .finish();
        let endpoint = self.login.join("/services/oauth2/token", []);
        let request = http::Request::post(endpoint.as_str())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Bytes::from(form))
            .expect("a joined URL is a valid address");
        Ok(request)
    }

    /// The signed claim.
    fn assertion(&self) -> Result<String, Failed> {
        let expires = (self.clock.now() + CLAIM).unix_timestamp();
        let header = json!({ "alg": "RS256" });
        let claim = json!({
            "iss": self.client_id,
            "sub": self.username.expose_secret(),
            "aud": self.login.to_string(),
            "exp": expires,
        });
        let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let signed =
            format!("{}.{}", encode(header.to_string().as_bytes()), encode(claim.to_string().as_bytes()));
        let signature = self.key.sign(signed.as_bytes());
        let signature = signature.map_err(|_| Failed::named(Fault::Moment, "no random numbers"))?;
        Ok(format!("{signed}.{}", encode(&signature)))
    }

    fn granted(&self, answer: &Response) -> Result<Session, Failed> {
        let unreadable = |_| Failed::named(Fault::Moment, UNREADABLE);
        let granted: Granted = serde_json::from_slice(answer.body()).map_err(unreadable)?;
        let token = SecretString::from(granted.access_token);
        if !is_header_value(token.expose_secret()) {
            return Err(Failed::named(Fault::Moment, UNREADABLE));
        }
        Ok(Session { token, instance: self.trusted(&granted.instance_url)?, since: Instant::now() })
    }

    /// The token goes there: as safely as the claim went to where we log in, and no less.
    fn trusted(&self, instance_url: &str) -> Result<BaseUrl, Failed> {
        let instance = instance_url.parse::<BaseUrl>().ok();
        let is_safe = |instance: &BaseUrl| instance.is_https() || !self.login.is_https();
        let untrusted =
            || Failed::named(Fault::Credentials("SALESFORCE_LOGIN_URL"), "instance_url is not https");
        instance.filter(is_safe).ok_or_else(untrusted)
    }

    fn denied(&self, answer: &Response) -> Failed {
        let status = answer.status().as_u16();
        let Denied { error, error_description } = serde_json::from_slice(answer.body()).unwrap_or_default();
        let fault = meaning(status, error.as_deref(), error_description.as_deref().unwrap_or_default());
        let wait = retry_after(answer.headers(), self.clock.now());
        Failed::answer(fault, status, error.as_deref(), wait)
    }
}

/// It goes into one.
fn is_header_value(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic())
}

/// What each of the token endpoint's errors means: the moment's fault, or a setting's.
/// <https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_flow_errors.htm>
fn meaning(status: u16, error: Option<&str>, description: &str) -> Fault {
    match (status, error, description) {
        (408 | 429 | 500..=599, ..) => Fault::Moment,
        // "retry your request"
        (_, Some("unknown_error" | "server_error" | "temporarily_unavailable"), _) => Fault::Moment,
        (_, Some(_), "login rate exceeded") => Fault::Moment,
        (_, Some("invalid_grant"), text) if text.contains("audience") => {
            Fault::Credentials("SALESFORCE_LOGIN_URL")
        }
        (_, Some("invalid_grant"), text) if text.contains("assertion") => {
            Fault::Credentials("SALESFORCE_PRIVATE_KEY_FILE")
        }
        // Not there, not active, or not admitted by the app beforehand.
        (_, Some("invalid_grant" | "inactive_user"), _) => Fault::Credentials("SALESFORCE_USERNAME"),
        // The app isn't there, is blocked, or may not do this.
        (_, Some(_), _) => Fault::Credentials("SALESFORCE_CLIENT_ID"),
        // Whoever it is that answers there.
        (_, None, _) => Fault::Credentials("SALESFORCE_LOGIN_URL"),
    }
}

#[cfg(test)]
mod tests;
