//! An assertion by which somebody else vouches for the client: an issuer that the app registration trusts by a federated
//! credential. Unlike one of the client's own it is used again and again until it expires.
//! <https://learn.microsoft.com/entra/workload-id/workload-identity-federation>

use time::OffsetDateTime;
use uuid::Uuid;

use super::{Denied, Jwt, check_times};
use crate::{identity::EXCHANGE, world::World};

pub(super) fn check(world: &World, jwt: &Jwt<'_>, app: Uuid, now: OffsetDateTime) -> Result<(), Denied> {
    jwt.must_be_signed_by("RS256")?;
    let claims = &jwt.claims;
    let Some(identities) = &world.identities else { return Err(no_match(700_211, "issuer", &claims.iss)) };
    let credentials = identities.federated(app, world.settings.tenant_id);
    if !credentials.iter().any(|(issuer, _)| *issuer == claims.iss) {
        return Err(no_match(700_211, "issuer", &claims.iss));
    }
    if !identities.issuer.signed(jwt.message, &jwt.signature) {
        let message = "JWT token is invalid or malformed: its issuer has not signed it.";
        return Err(Denied::client(50_027, message));
    }
    if claims.aud != EXCHANGE {
        return Err(no_match(700_212, "audience", &claims.aud));
    }
    if !credentials.iter().any(|(issuer, subject)| *issuer == claims.iss && *subject == claims.sub) {
        return Err(no_match(700_213, "subject", &claims.sub));
    }
    check_times(claims, now)
}

fn no_match(code: u32, what: &str, found: &str) -> Denied {
    let message = format!(
        "No matching federated identity record found for presented assertion {what} '{found}'. Check your federated identity credential Subject, Audience and Issuer against the presented assertion."
    );
    Denied::client(code, message)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tempfile::TempDir;
    use time::macros::datetime;
    use usher_clock::Clock;

    use super::*;
    use crate::{
        IDENTITY_CLIENT_ID, IDENTITY_PRINCIPAL_ID, PRODUCER_CLIENT_ID, Sandbox, SandboxSettings, TENANT_ID,
        identity::{CLUSTER, SERVICE_ACCOUNT, entra},
    };

    const NOON: OffsetDateTime = datetime!(2026-01-01 12:00 UTC);

    /// A tenant that trusts, and the folder that holds what it trusts.
    async fn sandbox() -> (Sandbox, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let sandbox = Sandbox::new(SandboxSettings::default(), Clock::starting_at(NOON));
        sandbox.open_identities(folder.path()).await.unwrap();
        (sandbox, folder)
    }

    fn claims(issuer: &str, subject: &str) -> Value {
        json!({ "iss": issuer, "sub": subject, "aud": EXCHANGE, "exp": NOON.unix_timestamp() + 60 })
    }

    /// What becomes of a token that the issuer has signed, as an assertion of `app`.
    fn shown(sandbox: &Sandbox, app: Uuid, claims: &Value) -> Result<(), String> {
        sandbox.with(|world, _| {
            let token = world.identities.as_ref().unwrap().issuer.sign(claims).unwrap();
            check(world, &Jwt::read(&token).unwrap(), app, NOON).map_err(|denied| format!("{denied:?}"))
        })
    }

    #[tokio::test]
    async fn an_app_registration_takes_the_clusters_word_and_the_managed_identitys() {
        let (sandbox, _folder) = sandbox().await;
        let workload = claims(CLUSTER, SERVICE_ACCOUNT);
        let managed = claims(&entra(TENANT_ID), &IDENTITY_PRINCIPAL_ID.to_string());
        assert_eq!(shown(&sandbox, PRODUCER_CLIENT_ID, &workload), Ok(()));
        assert_eq!(shown(&sandbox, PRODUCER_CLIENT_ID, &workload), Ok(()), "again and again");
        assert_eq!(shown(&sandbox, PRODUCER_CLIENT_ID, &managed), Ok(()));
        assert_eq!(shown(&sandbox, IDENTITY_CLIENT_ID, &workload), Ok(()));
        shown(&sandbox, IDENTITY_CLIENT_ID, &managed).unwrap_err();
    }

    #[tokio::test]
    async fn each_thing_that_does_not_match_has_a_number_of_its_own() {
        let (sandbox, _folder) = sandbox().await;
        for (claim, value, code) in [
            ("iss", json!("https://elsewhere.example/"), 700_211),
            ("aud", json!("https://graph.microsoft.com"), 700_212),
            ("sub", json!("system:serviceaccount:usher:other"), 700_213),
            ("exp", json!(NOON.unix_timestamp()), 700_024),
            ("nbf", json!(NOON.unix_timestamp() + 60), 700_024),
        ] {
            let mut claims = claims(CLUSTER, SERVICE_ACCOUNT);
            claims[claim] = value;
            let denied = shown(&sandbox, PRODUCER_CLIENT_ID, &claims).unwrap_err();
            assert!(denied.contains(&format!("code: {code}")), "{claim}: {denied}");
        }
    }

    #[tokio::test]
    async fn what_was_revoked_is_taken_again_after_a_rotation() {
        let (sandbox, _folder) = sandbox().await;
        let workload = claims(CLUSTER, SERVICE_ACCOUNT);
        sandbox.revoke_identities().unwrap();
        let denied = shown(&sandbox, PRODUCER_CLIENT_ID, &workload).unwrap_err();
        assert!(denied.contains("code: 700211"), "{denied}");
        assert_eq!(shown(&sandbox, IDENTITY_CLIENT_ID, &workload), Ok(()), "the platform's own stays");
        sandbox.rotate_identities().await.unwrap();
        assert_eq!(shown(&sandbox, PRODUCER_CLIENT_ID, &workload), Ok(()));
    }
}
