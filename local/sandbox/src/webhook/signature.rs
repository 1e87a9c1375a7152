//! How a receiver checks who sent something, written after the specification and not after our sender.
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>

use std::sync::LazyLock;

use axum::http::HeaderMap;
use base64::{Engine, prelude::BASE64_STANDARD};
use ring::hmac;
use time::{Duration, OffsetDateTime};

use crate::WEBHOOK_SECRET;

/// How far a sender's clock may be off, or a message be under way.
const TOLERANCE: Duration = Duration::minutes(5);

static KEY: LazyLock<hmac::Key> = LazyLock::new(|| {
    let encoded = WEBHOOK_SECRET.trim_start_matches("whsec_");
    let secret = BASE64_STANDARD.decode(encoded).expect("the sandbox's own secret is good");
    hmac::Key::new(hmac::HMAC_SHA256, &secret)
});

/// The id of a request that one of its signatures is good for.
pub(super) fn verified(headers: &HeaderMap, body: &[u8], now: OffsetDateTime) -> Result<String, ()> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).ok_or(());
    let (id, timestamp) = (text("webhook-id")?, text("webhook-timestamp")?);
    let seconds = timestamp.parse().map_err(drop)?;
    let sent = OffsetDateTime::from_unix_timestamp(seconds).map_err(drop)?;
    if (now - sent).abs() > TOLERANCE {
        return Err(());
    }
    let signed = [format!("{id}.{timestamp}.").as_bytes(), body].concat();
    let mut signatures = text("webhook-signature")?.split(' ').filter_map(|one| one.strip_prefix("v1,"));
    let is_good = signatures
        .any(|one| BASE64_STANDARD.decode(one).is_ok_and(|one| hmac::verify(&KEY, &signed, &one).is_ok()));
    is_good.then(|| id.to_owned()).ok_or(())
}
