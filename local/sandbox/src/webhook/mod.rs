//! The stand-in for whoever receives the webhook: it checks the signature as Standard Webhooks says, and remembers which
//! ids it has seen, and of whom.

mod inbox;
mod signature;

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::{options, post},
};
use serde_json::Value;
use time::OffsetDateTime;

use crate::{Answer, Call, Misuse, Sandbox, WEBHOOK_PATH, gate::gated, world::World};
pub(crate) use inbox::Inbox;

pub(crate) fn router(sandbox: &Sandbox) -> Router {
    let probed = gated(sandbox, Call::ProbeWebhook, options(probe));
    let endpoint = gated(sandbox, Call::Deliver, post(deliver)).merge(probed);
    Router::new().route(WEBHOOK_PATH, endpoint).with_state(sandbox.clone())
}

/// A refusal that was asked for. Receivers say what they like: this one says nothing.
pub(crate) fn ordered(status: StatusCode) -> Answer {
    Answer { status, headers: Vec::new(), body: None }
}

async fn deliver(State(sandbox): State<Sandbox>, headers: HeaderMap, body: Bytes) -> Answer {
    sandbox.with(|world, now| {
        let id = match signed_id(world, &headers, &body, now) {
            Ok(id) => id,
            Err(refused) => return refused,
        };
        let event: Value = serde_json::from_slice(&body).unwrap_or_default();
        match event["data"]["userId"].as_str() {
            // Its id is that of the event, or a repeat could not be told from another event.
            Some(user) if event["id"].as_str() == Some(id.as_str()) => {
                world.webhook.take(id, user);
                Answer::no_content()
            }
            _ => ordered(StatusCode::BAD_REQUEST),
        }
    })
}

/// Most receivers know nothing but `POST`. This one looks who asks.
async fn probe(State(sandbox): State<Sandbox>, headers: HeaderMap) -> Answer {
    sandbox.with(|world, now| {
        signed_id(world, &headers, &[], now).map_or_else(|refused| refused, |_| Answer::no_content())
    })
}

/// The id of a request that was signed as it should be.
fn signed_id(
    world: &mut World,
    headers: &HeaderMap,
    body: &[u8],
    now: OffsetDateTime,
) -> Result<String, Answer> {
    signature::verified(headers, body, now).map_err(|()| {
        *world.misuses.entry(Misuse::BadSignature).or_default() += 1;
        ordered(StatusCode::UNAUTHORIZED)
    })
}
