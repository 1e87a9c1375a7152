//! Messages, and waiting for them.

use std::{future::Future, time::Duration};

use usher_bus::{Delivery, Message, Receiver};

/// Long enough for a busy machine; what takes longer does not happen.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long we look on before we say that something does not happen.
const QUIET: Duration = Duration::from_millis(300);

/// What `future` comes to, within reason.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it should have happened by now")
}

/// A message of which only the id matters.
pub(crate) fn message(id: &str) -> Message {
    Message::new(id, format!("body of {id}"))
}

/// So many of them, with ids that tell their order.
pub(crate) fn messages(count: usize) -> Vec<Message> {
    (0..count).map(|number| message(&format!("m-{number:05}"))).collect()
}

/// Allows one delivery and waits for it.
pub(crate) async fn receive(receiver: &dyn Receiver) -> Delivery {
    receiver.add_credit(1);
    next(receiver).await
}

/// The next delivery under credit given before.
pub(crate) async fn next(receiver: &dyn Receiver) -> Delivery {
    within(receiver.next()).await.expect("a delivery")
}

/// Whether nothing is delivered for a while.
pub(crate) async fn is_quiet(receiver: &dyn Receiver) -> bool {
    tokio::time::timeout(QUIET, receiver.next()).await.is_err()
}
