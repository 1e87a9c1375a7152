//! The token endpoint, for client credentials: a secret, or an assertion that an app registration takes for one.
//!
//! Unlike the real endpoint it refuses fields that it doesn't know: nothing that we send should go unnoticed.

use std::time::Duration;

use axum::{
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, Uri},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use time::OffsetDateTime;
use url::form_urlencoded;
use uuid::Uuid;

use super::{assertion, denied::Denied};
use crate::{
    Answer, App, IDENTITY_CLIENT_ID, IDENTITY_PRINCIPAL_ID, Permission, Sandbox, TENANT_DOMAIN,
    identity::{EXCHANGE, entra},
    own_url,
    world::World,
};

/// For how long a token is good. Entra says 3599 seconds, one less than the hour.
pub(crate) const LIFETIME: Duration = Duration::from_secs(3599);
/// What the tokens for Graph are for.
pub(crate) const GRAPH: &str = "https://graph.microsoft.com";
/// What the tokens for key vaults are for.
pub(crate) const VAULT: &str = "https://vault.azure.net";
/// Whatever there are tokens for: the scope is one of these with `/.default` behind it, all that was granted there.
const RESOURCES: [&str; 5] =
    [GRAPH, VAULT, "https://servicebus.azure.net", "https://storage.azure.com", EXCHANGE];
const FIELDS: [&str; 6] =
    ["client_assertion", "client_assertion_type", "client_id", "client_secret", "grant_type", "scope"];

/// A token that was handed out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) client: Uuid,
    pub(crate) resource: &'static str,
    pub(crate) expires_at: OffsetDateTime,
}

pub(crate) async fn issue(
    State(sandbox): State<Sandbox>,
    Path(tenant): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let endpoint = format!("{}{}", own_url::base(&uri, &headers), uri.path());
    sandbox.with(|world, now| {
        let form = read_form(&headers, &body);
        let granted = form.and_then(|form| grant(world, &tenant, &form, &endpoint, now));
        match granted.and_then(|(client, resource)| give(world, client, resource, now)) {
            Ok(token) => granted_answer(&token),
            Err(denied) => denied.answer(&mut world.chance, now),
        }
    })
}

/// The resource of this name, if there are tokens for it.
pub(crate) fn resource(name: &str) -> Option<&'static str> {
    RESOURCES.into_iter().find(|resource| *resource == name)
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

/// Which app it is, and for what it gets a token.
fn grant(
    world: &mut World,
    tenant: &str,
    form: &Form,
    endpoint: &str,
    now: OffsetDateTime,
) -> Result<(Uuid, &'static str), Denied> {
    check_tenant(world, tenant)?;
    check_grant_type(field(form, "grant_type")?)?;
    let id = field(form, "client_id")?;
    let app = world.settings.apps.iter().find(|app| app.id.to_string() == id.to_lowercase());
    let app = app.cloned().ok_or_else(|| {
        let message = format!("Application with identifier '{id}' was not found in the directory.");
        Denied::new(400, "unauthorized_client", 700_016, message)
    })?;
    let resource = check_scope(field(form, "scope")?)?;
    match field(form, "client_assertion") {
        Ok(assertion) => {
            check_assertion_type(field(form, "client_assertion_type")?)?;
            assertion::check(world, assertion, app.id, endpoint, now)?;
        }
        Err(_) => check_secret(world, &app, form)?,
    }
    Ok((app.id, resource))
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

fn check_scope(scope: &str) -> Result<&'static str, Denied> {
    scope.strip_suffix("/.default").and_then(resource).ok_or_else(|| {
        let message = format!(
            "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI)."
        );
        Denied::new(400, "invalid_scope", 1_002_012, message)
    })
}

fn check_assertion_type(found: &str) -> Result<(), Denied> {
    if found == assertion::TYPE {
        return Ok(());
    }
    let message = format!("Parameter 'client_assertion_type' is not valid: '{found}'.");
    Err(Denied::new(400, "invalid_request", 90_100, message))
}

fn check_secret(world: &World, app: &App, form: &Form) -> Result<(), Denied> {
    let secret = field(form, "client_secret").map_err(|_| {
        let message =
            "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
        Denied::client(7_000_218, message)
    })?;
    let in_a_file = world.identities.as_ref().is_some_and(|it| it.has_secret(secret));
    if in_a_file || secret == app.secret.expose_secret() {
        return Ok(());
    }
    let message = format!(
        "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{}'.",
        app.id
    );
    Err(Denied::client(7_000_215, message))
}

/// A token with which `client` may call `resource`. One for the exchange is really signed: it is shown to us again.
pub(crate) fn give(
    world: &mut World,
    client: Uuid,
    resource: &'static str,
    now: OffsetDateTime,
) -> Result<String, Denied> {
    if resource == EXCHANGE {
        return vouch(world, client, now);
    }
    let signature = format!("{:032x}{:032x}", world.chance.u128(..), world.chance.u128(..));
    let head = part(&json!({"typ": "JWT", "alg": "RS256"}));
    let token = format!("{head}.{}.{signature}", claims(world, client, resource, now));
    world.tenant.tokens.retain(|_, token| token.expires_at > now);
    world.tenant.tokens.insert(token.clone(), Token { client, resource, expires_at: now + LIFETIME });
    Ok(token)
}

/// Entra's word on who a client is, for the token endpoint of another tenant or of the same.
fn vouch(world: &World, client: Uuid, now: OffsetDateTime) -> Result<String, Denied> {
    let subject = if client == IDENTITY_CLIENT_ID { IDENTITY_PRINCIPAL_ID } else { client };
    let issuer = entra(world.settings.tenant_id);
    let signed = world
        .identities
        .as_ref()
        .and_then(|it| it.issuer.token(&issuer, &subject.to_string(), now, LIFETIME).ok());
    signed.ok_or_else(|| {
        let message = format!("The resource principal named {EXCHANGE} was not found in the tenant.");
        Denied::new(400, "invalid_resource", 500_011, message)
    })
}

fn granted_answer(token: &str) -> Answer {
    Answer::ok(json!({
        "token_type": "Bearer",
        "expires_in": LIFETIME.as_secs(),
        "ext_expires_in": LIFETIME.as_secs(),
        "access_token": token,
    }))
    .with("cache-control", "no-store, no-cache")
}

/// What the token says of itself: to Graph a matter of trust, to the app the only place where it can read its rights.
fn claims(world: &World, client: Uuid, resource: &str, now: OffsetDateTime) -> String {
    let app = world.settings.apps.iter().find(|app| app.id == client);
    let held = app.iter().filter(|_| resource == GRAPH).flat_map(|app| &app.permissions);
    let roles: Vec<_> = held.map(|held| role(*held)).collect();
    part(&json!({
        "aud": resource,
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
