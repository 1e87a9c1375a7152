//! An assertion that the client has signed itself, with the key of a certificate that its app registration has.

use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::{Claims, Denied, Jwt, LEEWAY, check_times, out_of_time, timestamp};
use crate::{identity::Registered, world::World};

/// No assertion is good for longer. Entra takes more and recommends five to ten minutes.
const LONGEST: Duration = Duration::minutes(10);

pub(super) fn check(
    world: &mut World,
    jwt: &Jwt<'_>,
    thumbprint: &str,
    app: Uuid,
    endpoint: &str,
    now: OffsetDateTime,
) -> Result<(), Denied> {
    jwt.must_be_signed_by("PS256")?;
    let registered = world.identities.as_ref().and_then(|it| it.registered(thumbprint));
    let registered = registered.ok_or_else(|| not_registered(thumbprint))?;
    check_signature(registered, jwt, now)?;
    check_claims(&jwt.claims, app, endpoint)?;
    check_times(&jwt.claims, now)?;
    if jwt.claims.exp > (now + LONGEST + LEEWAY).unix_timestamp() {
        return Err(out_of_time(&jwt.claims, now));
    }
    use_up(world, &jwt.claims, app, now)
}

fn not_registered(thumbprint: &str) -> Denied {
    let message = format!(
        "The certificate with identifier used to sign the client assertion is not registered on application. [Reason - The key was not found., Thumbprint of key used by client: '{thumbprint}']"
    );
    Denied::client(700_027, message)
}

fn check_signature(registered: &Registered, jwt: &Jwt<'_>, now: OffsetDateTime) -> Result<(), Denied> {
    let Registered { thumbprint, valid, .. } = registered;
    if !registered.signed(jwt.message, &jwt.signature) {
        let message = format!(
            "Client assertion contains an invalid signature. [Reason - The key was found, but use of the key to verify the signature failed., Thumbprint of key used by client: '{thumbprint}']"
        );
        return Err(Denied::client(700_027, message));
    }
    if !valid.contains(&now) {
        let message = format!(
            "The certificate with identifier used to sign the client assertion is expired on application. [Reason - The key used is expired., Thumbprint of key used by client: '{thumbprint}', Found key 'Start={}, End={}']",
            timestamp(valid.start),
            timestamp(valid.end)
        );
        return Err(Denied::client(700_027, message));
    }
    Ok(())
}

fn check_claims(claims: &Claims, app: Uuid, endpoint: &str) -> Result<(), Denied> {
    let app = app.to_string();
    if claims.iss != app || claims.sub != app {
        let message = "Client assertion application identifier doesn't match 'client_id' parameter.";
        return Err(Denied::client(700_021, message));
    }
    if claims.aud != endpoint {
        let message = "Client assertion audience claim does not match Realm issuer.";
        return Err(Denied::client(700_023, message));
    }
    Ok(())
}

/// Each assertion is good once. Entra's list has no number of its own for one that comes again.
fn use_up(world: &mut World, claims: &Claims, app: Uuid, now: OffsetDateTime) -> Result<(), Denied> {
    let Some(id) = &claims.jti else {
        return Err(Denied::client(50_027, "JWT token is invalid or malformed: it has no jti."));
    };
    let used = &mut world.tenant.assertions;
    used.retain(|_, until| *until > now.unix_timestamp());
    match used.insert((app, id.clone()), claims.exp) {
        None => Ok(()),
        Some(_) => {
            Err(Denied::client(50_027, "JWT token is invalid: an assertion with its jti was used before."))
        }
    }
}
