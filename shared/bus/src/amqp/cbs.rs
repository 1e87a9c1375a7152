//! Claims-based security: tokens put to `$cbs`, one per entity, renewed for as long as the connection lasts.

use std::{sync::Arc, time::Duration};

use fe2o3_amqp_types::primitives::{SimpleValue, Timestamp, Value};
use secrecy::ExposeSecret;
use tokio::time::sleep;

use super::{
    errors::by_condition,
    namespace::Namespace,
    rpc::{Answer, Rpc},
};
use crate::BusError;

pub(super) const NODE: &str = "$cbs";

/// A token is renewed when this share of its life is over: the rest is time to try again in.
const RENEW_AFTER: f64 = 0.75;
/// The shortest wait before a renewal, in case a credential hands out tokens that are nearly over.
const SHORTEST_WAIT: Duration = Duration::from_secs(10);
/// The wait after a renewal that failed.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(30);

/// The right to use one entity on one connection.
pub(super) struct Claim {
    rpc: Rpc,
    namespace: Arc<Namespace>,
    entity: String,
}

impl Claim {
    pub(super) fn new(rpc: Rpc, namespace: Arc<Namespace>, entity: &str) -> Self {
        Self { rpc, namespace, entity: entity.to_owned() }
    }

    /// Puts a token and says when to do so again.
    ///
    /// # Errors
    /// [`BusError::Unauthorized`] if the broker or the credential refuses, [`BusError::NotFound`] if it knows no
    /// such entity.
    pub(super) async fn put(&mut self) -> Result<Duration, BusError> {
        let token = self.namespace.token(&self.entity).await?;
        let properties = vec![
            ("operation", SimpleValue::String("put-token".to_owned())),
            ("type", SimpleValue::String(token.kind.to_owned())),
            ("name", SimpleValue::String(self.namespace.audience(&self.entity))),
            (
                "expiration",
                SimpleValue::Timestamp(Timestamp::from_milliseconds(token.expires.unix_timestamp() * 1000)),
            ),
        ];
        let answer = self.rpc.ask(properties, Value::String(token.text.expose_secret().to_owned())).await?;
        self.check(&answer)?;
        Ok(renew_after(self.namespace.clock.until(token.expires)))
    }

    /// Renews the token for ever. A failure is only logged: if it lasts, the broker ends the link, and whoever then
    /// reconnects learns why.
    pub(super) async fn keep(mut self, mut wait: Duration) {
        loop {
            sleep(wait).await;
            wait = self.put().await.unwrap_or_else(|error| {
                tracing::warn!(entity = self.entity, %error, "the token could not be renewed");
                TRY_AGAIN_AFTER
            });
        }
    }

    fn check(&self, answer: &Answer) -> Result<(), BusError> {
        let condition = answer.condition.clone().unwrap_or_else(|| format!("status {}", answer.status));
        match answer.status {
            200..=299 => Ok(()),
            401 | 403 => Err(BusError::Unauthorized { entity: self.entity.clone(), condition }),
            404 => Err(BusError::NotFound { entity: self.entity.clone() }),
            500.. => Err(BusError::Unavailable(condition)),
            _ => Err(by_condition(&self.entity, &condition)),
        }
    }
}

/// When to renew a token that is valid for this much longer.
fn renew_after(validity: Duration) -> Duration {
    validity.mul_f64(RENEW_AFTER).max(SHORTEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_renewed_well_before_it_runs_out_but_never_in_a_hurry() {
        assert_eq!(renew_after(Duration::from_secs(3600)), Duration::from_secs(2700));
        assert_eq!(renew_after(Duration::ZERO), SHORTEST_WAIT);
    }
}
