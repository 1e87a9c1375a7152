//! The stand-in for a Key Vault with one certificate, whose private key never leaves it: it tells the certificate and
//! signs digests. <https://learn.microsoft.com/rest/api/keyvault/>
//!
//! Only the platform's own identity may call it. Stricter than Key Vault in one thing: a signature by "the newest version,
//! whichever that is" can't be had, since after a rotation it would no longer be the certificate's that was asked for.

mod refusal;
mod signature;

use std::ops::Range;

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, Uri, header},
    routing::{get, post},
};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use serde::Deserialize;
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::{
    Answer, Call, IDENTITY_CLIENT_ID, Sandbox, VAULT_CERTIFICATE,
    entra::token,
    gate::gated,
    identity::{Certificate, IdentityError, keys},
    own_url,
    world::World,
};
use refusal::Refusal;
use signature::{HASH, Signer};

/// One version of the vault's certificate, and of its key, which has the same name.
pub(crate) struct Version {
    id: String,
    pub(crate) certificate: Certificate,
    signer: Signer,
}

impl Version {
    /// The version with this number.
    pub(crate) fn new(number: u64, valid: Range<OffsetDateTime>) -> Result<Self, IdentityError> {
        let certificate = Certificate::new(keys::of(keys::VAULT, number), number, valid)?;
        let signer = Signer::from_pkcs8(certificate.key_der()).ok_or(IdentityError::Key)?;
        Ok(Self { id: format!("{number:032x}"), certificate, signer })
    }
}

pub(crate) fn router(sandbox: &Sandbox) -> Router {
    let sign = gated(sandbox, Call::SignDigest, post(sign));
    Router::new()
        .route("/certificates/{name}", gated(sandbox, Call::GetCertificate, get(newest)))
        .route("/certificates/{name}/", gated(sandbox, Call::GetCertificate, get(newest)))
        .route("/certificates/{name}/{version}", gated(sandbox, Call::GetCertificate, get(of_version)))
        .route("/keys/{name}/{version}/sign", sign)
        .with_state(sandbox.clone())
}

/// A status that was ordered as a fault.
pub(crate) fn ordered(status: StatusCode) -> Answer {
    let code = match status.as_u16() {
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "CertificateNotFound",
        429 => "Throttled",
        400..500 => "BadParameter",
        _ => "InternalServerError",
    };
    // Without a challenge: whoever asked has a token that is good, and would get no better one.
    Answer::new(status, json!({"error": {"code": code, "message": "This was ordered."}}))
}

async fn newest(
    State(sandbox): State<Sandbox>,
    Path(name): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Answer {
    tell(&sandbox, &Asked { name, version: None, uri, headers })
}

async fn of_version(
    State(sandbox): State<Sandbox>,
    Path((name, version)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Answer {
    tell(&sandbox, &Asked { name, version: Some(version), uri, headers })
}

async fn sign(
    State(sandbox): State<Sandbox>,
    Path((name, version)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let asked = Asked { name, version: Some(version), uri, headers };
    sandbox.with(|world, now| {
        let mut salt = [0; HASH];
        world.chance.fill(&mut salt);
        let signed = asked.version(world, now, "KeyNotFound").and_then(|version| {
            let value = BASE64_URL_SAFE_NO_PAD.encode(version.signer.sign(&to_sign(&body)?, &salt));
            Ok(Answer::ok(json!({"kid": asked.id("keys", version), "value": value})))
        });
        signed.unwrap_or_else(|refusal| refusal.answer(&asked.challenge(world)))
    })
}

/// The answer to somebody who asks for the certificate.
fn tell(sandbox: &Sandbox, asked: &Asked) -> Answer {
    sandbox.with(|world, now| match asked.version(world, now, "CertificateNotFound") {
        Ok(version) => Answer::ok(asked.bundle(version)),
        Err(refusal) => refusal.answer(&asked.challenge(world)),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ToSign {
    alg: String,
    value: String,
}

/// The digest that is to be signed.
fn to_sign(body: &[u8]) -> Result<[u8; HASH], Refusal> {
    let asked: ToSign = serde_json::from_slice(body)
        .map_err(|_| Refusal::bad_parameter("The JSON body is missing or can't be parsed."))?;
    if asked.alg != "PS256" {
        return Err(Refusal::bad_parameter("Key and signing algorithm are incompatible."));
    }
    let digest = BASE64_URL_SAFE_NO_PAD.decode(asked.value.trim_end_matches('=')).ok();
    let digest = digest.and_then(|digest| digest.try_into().ok());
    digest.ok_or_else(|| Refusal::bad_parameter("Invalid length of digest for algorithm PS256."))
}

/// Who asks, for what.
struct Asked {
    name: String,
    version: Option<String>,
    uri: Uri,
    headers: HeaderMap,
}

impl Asked {
    /// The version that is asked for, by somebody who may.
    fn version<'w>(
        &self,
        world: &'w World,
        now: OffsetDateTime,
        missing: &'static str,
    ) -> Result<&'w Version, Refusal> {
        self.admit(world, now)?;
        let query = self.uri.query().unwrap_or_default();
        if !query.split('&').any(|pair| pair.starts_with("api-version=")) {
            return Err(Refusal::bad_parameter("The request URI must have an api-version parameter."));
        }
        let versions = world.identities.iter().flat_map(|identities| &identities.vault);
        let mut versions = versions.filter(|_| self.name == VAULT_CERTIFICATE);
        let found = match &self.version {
            Some(id) => versions.find(|version| version.id == *id),
            None => versions.next_back(),
        };
        found.ok_or_else(|| Refusal::not_found(missing, &self.name))
    }

    /// Before anything else is said: a first call comes without a token, to learn for what to get one.
    fn admit(&self, world: &World, now: OffsetDateTime) -> Result<(), Refusal> {
        let value = self.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let bearer = value.and_then(|value| value.strip_prefix("Bearer "));
        let missing = "AKV10000: Request is missing a Bearer or PoP token.";
        let bearer = bearer.ok_or_else(|| Refusal::unauthorized(missing))?;
        match world.tenant.holder(bearer, token::VAULT, now) {
            Some(client) if client == IDENTITY_CLIENT_ID => Ok(()),
            Some(_) => Err(Refusal::forbidden()),
            None => {
                Err(Refusal::unauthorized("Error validating token: unknown, not for vaults, or expired."))
            }
        }
    }

    fn challenge(&self, world: &World) -> String {
        let authority = format!("{}/{}", self.base(), world.settings.tenant_id);
        format!(r#"Bearer authorization="{authority}", resource="{}""#, token::VAULT)
    }

    fn base(&self) -> String {
        own_url::base(&self.uri, &self.headers)
    }

    fn id(&self, collection: &str, version: &Version) -> String {
        format!("{}/{collection}/{VAULT_CERTIFICATE}/{}", self.base(), version.id)
    }

    /// A certificate as the vault tells it.
    fn bundle(&self, version: &Version) -> Value {
        let der = version.certificate.der();
        let valid = version.certificate.valid();
        json!({
            "id": self.id("certificates", version),
            "kid": self.id("keys", version),
            "sid": self.id("secrets", version),
            "x5t": BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, der)),
            "cer": BASE64_STANDARD.encode(der),
            "attributes": {
                "enabled": true,
                "nbf": valid.start.unix_timestamp(),
                "exp": valid.end.unix_timestamp(),
                "created": valid.start.unix_timestamp(),
                "updated": valid.start.unix_timestamp(),
                "recoveryLevel": "Recoverable+Purgeable",
            },
        })
    }
}
