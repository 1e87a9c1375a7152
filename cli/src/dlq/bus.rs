//! The way to a dead-letter queue: on the broker that the settings name, or on that of the last run here.

use std::{path::Path, sync::Arc};

use clap::{Args, Parser};
use usher_bus::{Bus, BusError, BusSettings, Entity, Publisher, Receiver, ServiceBus};
use usher_service::{Failure, Shutdown};
use usher_subscriber::dead_letters::Pages;

use super::{Whose, failure, letter::Letter};
use crate::{
    child::Child,
    consumers::Consumer,
    local::{self, Folder, Run, Variables, variables_of},
};

pub(crate) const CONNECTION_STRING: &str = "SERVICEBUS_CONNECTION_STRING";
/// The topic of a run on this machine.
const TOPIC: &str = "user-signups";

/// An open dead-letter queue.
pub(crate) struct DeadLetters {
    bus: ServiceBus,
    receiver: Arc<dyn Receiver>,
    settings: BusSettings,
    subscription: String,
    /// The broker that was started to look into what a run left.
    broker: Option<(Child, Folder)>,
}

impl DeadLetters {
    /// Opens it.
    ///
    /// # Errors
    /// No broker is named and no run was made here; the broker can't be reached or refuses us.
    pub(crate) async fn open(whose: &Whose, shutdown: &Shutdown) -> Result<Self, Failure> {
        let (settings, broker) = match &whose.bus {
            Some(settings) => (settings.clone(), None),
            None => local_broker(whose).await?,
        };
        let subscription = whose.subscription.clone().unwrap_or_else(|| whose.consumer.name().to_owned());
        let dead_letters = Entity::subscription(settings.topic(), &*subscription).dead_letters();
        let opened = tokio::select! {
            () = shutdown.requested() => Err(Failure::Negative("stopped".to_owned())),
            opened = open(&settings, whose.extra_ca_file.as_deref(), &dead_letters) => opened,
        };
        match opened {
            Ok((bus, receiver)) => Ok(Self { bus, receiver, settings, subscription, broker }),
            Err(failure) => {
                stop(broker).await;
                Err(failure)
            }
        }
    }

    pub(crate) fn receiver(&self) -> Arc<dyn Receiver> {
        self.receiver.clone()
    }

    /// The subscription whose dead letters these are.
    pub(crate) fn subscription(&self) -> &str {
        &self.subscription
    }

    /// The way back onto the topic.
    ///
    /// # Errors
    /// The broker can't be reached, or we may only listen.
    pub(crate) async fn publisher(&self) -> Result<Arc<dyn Publisher>, Failure> {
        self.bus.publisher(self.settings.topic()).await.map_err(|error| match error {
            BusError::Unauthorized { .. } => Failure::setting(
                self.settings.credential_setting(),
                format!("to resubmit takes the right to send to the topic, beside that to listen: {error}"),
            ),
            other => failure(other),
        })
    }

    pub(crate) async fn close(self) {
        self.receiver.close().await;
        self.bus.close().await;
        stop(self.broker).await;
    }
}

/// All that lies in a queue of a broker that runs here, what is locked included: for runs of which that fits on a
/// screen.
pub(crate) async fn letters(connection_string: &str, queue: &Entity) -> Result<Vec<Letter>, Failure> {
    let settings = settings(connection_string);
    let (bus, receiver) = open(&settings, None, queue).await?;
    let mut pages = Pages::new(receiver.clone(), 0);
    let mut letters = Vec::new();
    let read = loop {
        match pages.next().await {
            Ok(page) if page.is_empty() => break Ok(letters),
            Ok(page) => letters.extend(page.iter().map(Letter::of)),
            Err(error) => break Err(failure(error)),
        }
    };
    receiver.close().await;
    bus.close().await;
    read
}

/// A consumer's subscription on a broker that runs here.
pub(crate) fn queue(consumer: Consumer) -> Entity {
    Entity::subscription(TOPIC, consumer.name())
}

async fn open(
    settings: &BusSettings,
    extra_ca: Option<&Path>,
    queue: &Entity,
) -> Result<(ServiceBus, Arc<dyn Receiver>), Failure> {
    let bus = ServiceBus::connect(settings, extra_ca).map_err(|e| Failure::setting(e.setting(), e))?;
    let receiver = bus.receiver(queue).await.map_err(|error| match error {
        BusError::Unauthorized { .. } => Failure::setting(settings.credential_setting(), error),
        other => failure(other),
    })?;
    Ok((bus, receiver))
}

async fn local_broker(whose: &Whose) -> Result<(BusSettings, Option<(Child, Folder)>), Failure> {
    match local::find(&whose.data)? {
        Run::None => Err(Failure::setting(
            CONNECTION_STRING,
            format!("is not set, and no run was made in {}: `usher up` makes one", whose.data.display()),
        )),
        Run::GoesOn => {
            let variables = running(whose)?;
            let string = variables.get(CONNECTION_STRING).unwrap_or_default();
            Ok((settings(string), None))
        }
        Run::Ended(folder) => {
            let (child, address) = local::start_broker(&folder).await?;
            Ok((settings(&address.connection_string()), Some((child, folder))))
        }
    }
}

/// The settings of the consumer in a run that goes on.
pub(super) fn running(whose: &Whose) -> Result<Variables, Failure> {
    // Absent while the run is starting or stopping, and while another `usher dlq` looks into one that has ended.
    Variables::read(&variables_of(&whose.data, whose.consumer)).map_err(|_| local::in_use(&whose.data))
}

fn settings(connection_string: &str) -> BusSettings {
    #[derive(Parser)]
    struct Only<T: Args> {
        #[command(flatten)]
        settings: T,
    }
    let text = format!("--servicebus-connection-string={connection_string}");
    let topic = format!("--servicebus-topic={TOPIC}");
    // What the environment says of another broker is overruled.
    let all = ["usher", &text, "--servicebus-namespace=", &topic, "--servicebus-transport=amqp"];
    Only::parse_from(all).settings
}

async fn stop(broker: Option<(Child, Folder)>) {
    if let Some((mut child, _folder)) = broker {
        child.stop().await;
    }
}
