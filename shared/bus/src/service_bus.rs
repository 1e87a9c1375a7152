//! Azure Service Bus behind the port.

use std::{
    future::Future,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::join_all;
use tokio::time::{Instant, sleep, timeout_at};

use crate::{
    Bus, BusError, BusSettings, BusSettingsError, Entity, Publisher, Receiver, Rule,
    amqp::{Namespace, backoff},
    publisher::ServiceBusPublisher,
    receiver::ServiceBusReceiver,
    rules,
};

/// How long a first connection is tried for: a broker that starts together with us is given time, and one that can't
/// be reached is reported while whoever started us still looks.
const FIRST_CONNECTION: Duration = Duration::from_secs(10);

/// Azure Service Bus, or a broker that speaks as it does. Each publisher and each receiver has a connection of its
/// own; dropping them, or this, ends all that runs for them.
pub struct ServiceBus {
    namespace: Arc<Namespace>,
    opened: Mutex<Option<Opened>>,
}

/// What was handed out and may still be in use.
#[derive(Default)]
struct Opened {
    publishers: Vec<Weak<ServiceBusPublisher>>,
    receivers: Vec<Weak<ServiceBusReceiver>>,
}

impl ServiceBus {
    /// Checks the settings. Connections are made as publishers and receivers are asked for.
    ///
    /// # Errors
    /// If a setting is missing or wrong, or `extra_ca` (a PEM file with certificates to trust besides the machine's)
    /// can't be used.
    pub fn connect(settings: &BusSettings, extra_ca: Option<&Path>) -> Result<Self, BusSettingsError> {
        let namespace = Arc::new(Namespace::new(settings.check()?, extra_ca)?);
        Ok(Self { namespace, opened: Mutex::new(Some(Opened::default())) })
    }

    /// The rules of a subscription: what it takes of all that is published. Asked once, and not again if that fails.
    ///
    /// # Errors
    /// As for [`Bus::receiver`]; [`BusError::Refused`] if this broker does not tell.
    pub async fn rules(&self, subscription: &Entity) -> Result<Vec<Rule>, BusError> {
        self.is_open()?;
        rules::read(&self.namespace, &subscription.to_string()).await
    }

    /// Remembers what was opened, for `close`; refuses if that has been called in the meantime.
    fn remember(&self, add: impl FnOnce(&mut Opened)) -> Result<(), BusError> {
        let mut opened = self.opened();
        let opened = opened.as_mut().ok_or(BusError::Closed)?;
        opened.publishers.retain(|publisher| publisher.strong_count() > 0);
        opened.receivers.retain(|receiver| receiver.strong_count() > 0);
        add(opened);
        Ok(())
    }

    fn opened(&self) -> MutexGuard<'_, Option<Opened>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_open(&self) -> Result<(), BusError> {
        if self.opened().is_some() { Ok(()) } else { Err(BusError::Closed) }
    }
}

#[async_trait]
impl Bus for ServiceBus {
    async fn publisher(&self, topic: &str) -> Result<Arc<dyn Publisher>, BusError> {
        self.is_open()?;
        let publisher = Arc::new(first(|| ServiceBusPublisher::open(&self.namespace, topic)).await?);
        self.remember(|opened| opened.publishers.push(Arc::downgrade(&publisher)))?;
        Ok(publisher)
    }

    async fn receiver(&self, entity: &Entity) -> Result<Arc<dyn Receiver>, BusError> {
        self.is_open()?;
        let receiver = Arc::new(first(|| ServiceBusReceiver::open(&self.namespace, entity)).await?);
        self.remember(|opened| opened.receivers.push(Arc::downgrade(&receiver)))?;
        Ok(receiver)
    }

    async fn close(&self) {
        let Some(opened) = self.opened().take() else { return };
        let publishers: Vec<_> = opened.publishers.iter().filter_map(Weak::upgrade).collect();
        let receivers: Vec<_> = opened.receivers.iter().filter_map(Weak::upgrade).collect();
        join_all(publishers.iter().map(|publisher| publisher.close())).await;
        join_all(receivers.iter().map(|receiver| receiver.close())).await;
    }
}

/// Opens something for the first time: again and again while the broker can't be reached, but not for long.
async fn first<T, F>(open: impl Fn() -> F) -> Result<T, BusError>
where
    F: Future<Output = Result<T, BusError>>,
{
    let deadline = Instant::now() + FIRST_CONNECTION;
    let mut last = BusError::Unavailable("no connection in time".to_owned());
    for wait in backoff() {
        match timeout_at(deadline, open()).await {
            Ok(Err(error @ BusError::Unavailable(_))) => last = error,
            Ok(outcome) => return outcome,
            Err(_elapsed) => break,
        }
        if timeout_at(deadline, sleep(wait)).await.is_err() {
            break;
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_broker_that_never_comes_is_reported_in_time_with_the_reason() {
        let since = Instant::now();
        let refused = || async { Err::<(), _>(BusError::Unavailable("refused".into())) };
        assert_eq!(first(refused).await, Err(BusError::Unavailable("refused".into())));
        assert_eq!(since.elapsed(), FIRST_CONNECTION);
    }

    #[tokio::test(start_paused = true)]
    async fn a_broker_that_hangs_is_reported_in_time() {
        let since = Instant::now();
        assert!(first(std::future::pending::<Result<(), BusError>>).await.is_err());
        assert_eq!(since.elapsed(), FIRST_CONNECTION);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_reported_at_once() {
        let since = Instant::now();
        let unknown = || async { Err::<(), _>(BusError::NotFound { entity: "e".into() }) };
        assert!(matches!(first(unknown).await, Err(BusError::NotFound { .. })));
        assert_eq!(since.elapsed(), Duration::ZERO);
    }
}
