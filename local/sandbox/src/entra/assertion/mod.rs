//! Client assertions: what a client signs, or has somebody sign whom the app registration trusts, to show who it is
//! without sending a secret. <https://learn.microsoft.com/entra/identity-platform/certificate-credentials>

mod certificate;
mod federated;
mod jwt;

use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::denied::{Denied, timestamp};
use crate::world::World;
use jwt::{Claims, Jwt};

/// What an assertion must say that it is.
pub(super) const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// By so much may the client's clock be ahead of ours. Two processes read one machine's clock at different times.
const LEEWAY: Duration = Duration::seconds(5);

/// Whether the assertion shows that it comes from `app`. `endpoint` is our own URL, as it was called.
pub(super) fn check(
    world: &mut World,
    assertion: &str,
    app: Uuid,
    endpoint: &str,
    now: OffsetDateTime,
) -> Result<(), Denied> {
    let jwt = Jwt::read(assertion)?;
    match &jwt.head.thumbprint {
        Some(thumbprint) => certificate::check(world, &jwt, thumbprint, app, endpoint, now),
        None => federated::check(world, &jwt, app, now),
    }
}

/// Whether it may be used now.
fn check_times(claims: &Claims, now: OffsetDateTime) -> Result<(), Denied> {
    let begun = [claims.nbf, claims.iat].into_iter().flatten().max().unwrap_or_default();
    if begun <= (now + LEEWAY).unix_timestamp() && claims.exp > now.unix_timestamp() {
        return Ok(());
    }
    Err(out_of_time(claims, now))
}

fn out_of_time(claims: &Claims, now: OffsetDateTime) -> Denied {
    let time = |unix: i64| OffsetDateTime::from_unix_timestamp(unix).map(timestamp).unwrap_or_default();
    let (from, until) = (time(claims.nbf.unwrap_or_default()), time(claims.exp));
    let message = format!(
        "Client assertion is not within its valid time range. Current time: {}, assertion valid from {from}, expiry time of assertion {until}.",
        timestamp(now)
    );
    Denied::client(700_024, message)
}
