//! Entity addresses, as the SDKs write them.

/// The canonical name of a subscription.
pub(super) fn subscription(topic: &str, name: &str) -> String {
    format!("{topic}/Subscriptions/{name}")
}

/// The canonical name of a queue's dead-letter queue.
pub(super) fn dead_letters(queue: &str) -> String {
    format!("{queue}/$DeadLetterQueue")
}

/// What two spellings of one address have in common. Some SDKs put `amqp://host/` in front.
pub(crate) fn key(address: &str) -> String {
    let path = match address.split_once("://") {
        Some((_, rest)) => rest.split_once('/').map_or("", |(_host, path)| path),
        None => address,
    };
    path.trim_matches('/').to_lowercase()
}
