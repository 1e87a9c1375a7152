//! The token endpoint, for client credentials with a secret.
//!
//! Error codes are those of the Microsoft identity platform's list (AADSTS...). Unlike the real endpoint it
//! refuses fields that it doesn't know: nothing that we send should go unnoticed.

use std::time::Duration;

use axum::{
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use time::{OffsetDateTime, macros::format_description};
use url::form_urlencoded;
use uuid::Uuid;

use crate::{
    Answer, Permission, Sandbox, TENANT_DOMAIN,
    world::{World, random_uuid},
};

/// For how long a token is good. Entra says 3599 seconds, one less than the hour.
const LIFETIME: Duration = Duration::from_secs(3599);
/// The only scope there is for client credentials: everything that was granted on Graph.
const SCOPE: &str = "https://graph.microsoft.com/.default";
const FIELDS: [&str; 4] = ["client_id", "client_secret", "grant_type", "scope"];

/// A token that was handed out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) client: Uuid,
    pub(crate) expires_at: OffsetDateTime,
}

/// An error of the token endpoint.
struct Denied {
    status: StatusCode,
    error: &'static str,
    code: u32,
    message: String,
}

impl Denied {
    fn new(status: u16, error: &'static str, code: u32, message: impl Into<String>) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        Self { status, error, code, message: message.into() }
    }

    fn missing(field: &str) -> Self {
        let message = format!("The request body must contain the following parameter: '{field}'.");
        Self::new(400, "invalid_request", 900_144, message)
    }

    fn answer(self, chance: &mut fastrand::Rng, now: OffsetDateTime) -> Answer {
        let (trace, correlation) = (random_uuid(chance), random_uuid(chance));
        let timestamp = timestamp(now);
        let description = format!(
            "AADSTS{}: {} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {timestamp}",
            self.code, self.message
        );
        let body = json!({
            "error": self.error,
            "error_description": description,
            "error_codes": [self.code],
            "timestamp": timestamp,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": format!("https://login.microsoftonline.com/error?code={}", self.code),
        });
        Answer::new(self.status, body)
    }
}

pub(crate) async fn issue(
    State(sandbox): State<Sandbox>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    sandbox.with(|world, now| {
        let form = read_form(&headers, &body).and_then(|form| grant(world, &tenant, &form));
        match form {
            Ok(client) => hand_out(world, client, now),
            Err(denied) => denied.answer(&mut world.chance, now),
        }
    })
}

/// A status that was ordered as a fault.
pub(crate) fn ordered(world: &mut World, status: StatusCode, now: OffsetDateTime) -> Answer {
    let denied = match status.as_u16() {
        400 => Denied::new(400, "invalid_request", 90_100, "The request is not valid."),
        401 => Denied::new(401, "invalid_client", 7_000_222, "The provided client secret keys are expired."),
        429 => Denied::new(429, "temporarily_unavailable", 90_055, "Too many requests have come in at once."),
        other => Denied::new(other, "temporarily_unavailable", 90_033, "A transient error has occurred."),
    };
    denied.answer(&mut world.chance, now)
}

type Form = Vec<(String, String)>;

fn read_form(headers: &HeaderMap, body: &[u8]) -> Result<Form, Denied> {
    let content_type = headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !content_type.starts_with("application/x-www-form-urlencoded") {
        return Err(Denied::missing("grant_type"));
    }
    let form: Form = form_urlencoded::parse(body).into_owned().collect();
    for (i, (name, _)) in form.iter().enumerate() {
        if !FIELDS.contains(&name.as_str()) {
            return Err(Denied::new(
                400,
                "invalid_request",
                90_100,
                format!("Parameter '{name}' is not valid."),
            ));
        }
        if form[..i].iter().any(|(earlier, _)| earlier == name) {
            let message =
                format!("The request is not properly formatted. The parameter '{name}' is duplicated.");
            return Err(Denied::new(400, "invalid_request", 9_000_411, message));
        }
    }
    Ok(form)
}

fn field<'f>(form: &'f Form, name: &str) -> Result<&'f str, Denied> {
    let value = form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    value.filter(|value| !value.is_empty()).ok_or_else(|| Denied::missing(name))
}

fn grant(world: &World, tenant: &str, form: &Form) -> Result<Uuid, Denied> {
    check_tenant(world, tenant)?;
    check_grant_type(field(form, "grant_type")?)?;
    let id = field(form, "client_id")?;
    let app = world.settings.apps.iter().find(|app| app.id.to_string() == id.to_lowercase());
    let app = app.ok_or_else(|| {
        let message = format!("Application with identifier '{id}' was not found in the directory.");
        Denied::new(400, "unauthorized_client", 700_016, message)
    })?;
    check_scope(field(form, "scope")?)?;
    let secret = field(form, "client_secret").map_err(|_| {
        let message =
            "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
        Denied::new(401, "invalid_client", 7_000_218, message)
    })?;
    if secret != app.secret.expose_secret() {
        let message = format!(
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{id}'."
        );
        return Err(Denied::new(401, "invalid_client", 7_000_215, message));
    }
    Ok(app.id)
}

fn check_tenant(world: &World, tenant: &str) -> Result<(), Denied> {
    if tenant.eq_ignore_ascii_case(&world.settings.tenant_id.to_string()) || tenant == TENANT_DOMAIN {
        return Ok(());
    }
    Err(Denied::new(400, "invalid_request", 90_002, format!("Tenant '{tenant}' not found.")))
}

fn check_grant_type(grant_type: &str) -> Result<(), Denied> {
    if grant_type == "client_credentials" {
        return Ok(());
    }
    let message = format!("The app requested an unsupported grant type '{grant_type}'.");
    Err(Denied::new(400, "unsupported_grant_type", 70_003, message))
}

fn check_scope(scope: &str) -> Result<(), Denied> {
    if scope == SCOPE {
        return Ok(());
    }
    let message = format!(
        "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI)."
    );
    Err(Denied::new(400, "invalid_scope", 1_002_012, message))
}

fn hand_out(world: &mut World, client: Uuid, now: OffsetDateTime) -> Answer {
    let signature = format!("{:032x}{:032x}", world.chance.u128(..), world.chance.u128(..));
    let token = format!(
        "{}.{}.{signature}",
        part(&json!({"typ": "JWT", "alg": "RS256"})),
        claims(world, client, now)
    );
    world.tenant.tokens.retain(|_, token| token.expires_at > now);
    world.tenant.tokens.insert(token.clone(), Token { client, expires_at: now + LIFETIME });
    Answer::ok(json!({
        "token_type": "Bearer",
        "expires_in": LIFETIME.as_secs(),
        "ext_expires_in": LIFETIME.as_secs(),
        "access_token": token,
    }))
    .with("cache-control", "no-store, no-cache")
}

/// What the token says of itself: to Graph a matter of trust, to the app the only place where it can read its rights.
fn claims(world: &World, client: Uuid, now: OffsetDateTime) -> String {
    let app = world.settings.apps.iter().find(|app| app.id == client);
    let roles: Vec<_> = app.iter().flat_map(|app| &app.permissions).map(|held| role(*held)).collect();
    part(&json!({
        "aud": "https://graph.microsoft.com",
        "iss": format!("https://sts.windows.net/{}/", world.settings.tenant_id),
        "exp": (now + LIFETIME).unix_timestamp(),
        "appid": client,
        "idtyp": "app",
        "roles": roles,
        "tid": world.settings.tenant_id,
    }))
}

fn part(json: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(json.to_string())
}

/// A permission as tokens name it.
const fn role(permission: Permission) -> &'static str {
    match permission {
        Permission::AuditLogRead => "AuditLog.Read.All",
        Permission::UserRead => "User.Read.All",
        Permission::UserReadWrite => "User.ReadWrite.All",
        Permission::GroupMemberRead => "GroupMember.Read.All",
        Permission::GroupMemberReadWrite => "GroupMember.ReadWrite.All",
        Permission::ApplicationRead => "Application.Read.All",
        Permission::AppRoleAssignmentReadWrite => "AppRoleAssignment.ReadWrite.All",
        Permission::RoleManagementReadWrite => "RoleManagement.ReadWrite.Directory",
    }
}

fn timestamp(now: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]Z");
    now.format(format).unwrap_or_default()
}
