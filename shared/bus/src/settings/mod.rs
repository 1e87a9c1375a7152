//! Where the broker is and who we are: the settings, and what they come to once checked.

mod connection_string;

use clap::{Args, ValueEnum};
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use usher_identity::IdentityError;

use self::connection_string::ConnectionString;

const CONNECTION_STRING: &str = "SERVICEBUS_CONNECTION_STRING";
const NAMESPACE: &str = "SERVICEBUS_NAMESPACE";
const TOPIC: &str = "SERVICEBUS_TOPIC";

/// How to reach Azure Service Bus. Exactly one of the connection string and the namespace is given.
#[derive(Args, Clone, Debug)]
pub struct BusSettings {
    /// Connection string of the namespace, with a shared access key; add `UseDevelopmentEmulator=true` for a broker
    /// on this machine, which is then spoken to without TLS
    #[arg(long, env = CONNECTION_STRING, hide_env_values = true, value_name = "TEXT")]
    servicebus_connection_string: Option<SecretString>,

    /// Host name of the namespace, as in `contoso.servicebus.windows.net`; we are then who the `AZURE_*` variables say
    #[arg(long, env = NAMESPACE, value_name = "HOST")]
    servicebus_namespace: Option<String>,

    /// Topic that sign-ups are published on
    #[arg(long, env = TOPIC, default_value = "user-signups", value_name = "NAME")]
    servicebus_topic: String,

    /// How AMQP travels: on its own port, or inside WebSockets on 443 where a network allows nothing else
    #[arg(long, env = "SERVICEBUS_TRANSPORT", value_enum, default_value_t = BusTransport::Amqp)]
    servicebus_transport: BusTransport,
}

/// What AMQP is carried by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BusTransport {
    /// A connection of its own, on port 5671 unless told otherwise.
    Amqp,
    /// WebSockets, on port 443 unless told otherwise.
    Websockets,
}

/// A setting is missing or wrong. Never quotes a secret.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{problem}")]
pub struct BusSettingsError {
    setting: &'static str,
    problem: String,
}

impl BusSettingsError {
    pub(crate) fn new(setting: &'static str, problem: impl Into<String>) -> Self {
        Self { setting, problem: problem.into() }
    }

    /// The setting's name, as in the environment.
    pub fn setting(&self) -> &'static str {
        self.setting
    }
}

/// It was the namespace, given without a key, that asked for a credential.
impl From<IdentityError> for BusSettingsError {
    fn from(error: IdentityError) -> Self {
        Self::new(error.setting().unwrap_or(NAMESPACE), error.to_string())
    }
}

/// The broker's address and our proof of who we are, checked.
#[derive(Clone, Debug)]
pub(crate) struct Checked {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Without TLS: only ever to this machine.
    pub(crate) plain: bool,
    pub(crate) transport: BusTransport,
    pub(crate) identity: Identity,
}

/// How we prove who we are.
#[derive(Clone, Debug)]
pub(crate) enum Identity {
    /// By a shared access key.
    Key { name: String, key: SecretString },
    /// By a token of Entra ID, from whatever the environment offers.
    Ambient,
}

impl BusSettings {
    /// The topic that sign-ups are published on.
    pub fn topic(&self) -> &str {
        &self.servicebus_topic
    }

    /// The setting to mend if the broker refuses our credentials.
    pub fn credential_setting(&self) -> &'static str {
        if self.servicebus_namespace.as_deref().is_some_and(|name| !name.is_empty()) {
            NAMESPACE
        } else {
            CONNECTION_STRING
        }
    }

    pub(crate) fn check(&self) -> Result<Checked, BusSettingsError> {
        if self.servicebus_topic.trim().is_empty() {
            return Err(BusSettingsError::new(TOPIC, "is empty"));
        }
        let text = self.servicebus_connection_string.as_ref().filter(|text| !text.expose_secret().is_empty());
        let namespace = self.servicebus_namespace.as_deref().filter(|name| !name.is_empty());
        match (text, namespace) {
            (Some(text), None) => self.check_connection_string(text),
            (None, Some(namespace)) => self.check_namespace(namespace),
            (None, None) => Err(BusSettingsError::new(
                CONNECTION_STRING,
                "is missing (or give SERVICEBUS_NAMESPACE instead)",
            )),
            (Some(_), Some(_)) => Err(BusSettingsError::new(
                NAMESPACE,
                "can't be given together with SERVICEBUS_CONNECTION_STRING",
            )),
        }
    }

    fn check_connection_string(&self, text: &SecretString) -> Result<Checked, BusSettingsError> {
        let error = |problem: &str| BusSettingsError::new(CONNECTION_STRING, problem);
        let read = ConnectionString::parse(text).map_err(error)?;
        if read.emulator && !is_loopback(&read.host) {
            return Err(error(
                "UseDevelopmentEmulator=true is only for a broker on this machine: it means no TLS",
            ));
        }
        if let Some(path) = read.entity_path.filter(|path| !path.eq_ignore_ascii_case(&self.servicebus_topic))
        {
            let topic = &self.servicebus_topic;
            return Err(BusSettingsError::new(
                TOPIC,
                format!("is {topic}, but the connection string is for {path}"),
            ));
        }
        let identity = Identity::Key { name: read.key_name, key: read.key };
        Ok(self.checked(read.host, read.port, read.emulator, identity))
    }

    fn check_namespace(&self, namespace: &str) -> Result<Checked, BusSettingsError> {
        let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        if !namespace.chars().all(named) {
            return Err(BusSettingsError::new(
                NAMESPACE,
                "must be a host name, without scheme, port or path",
            ));
        }
        Ok(self.checked(namespace.to_ascii_lowercase(), None, false, Identity::Ambient))
    }

    fn checked(&self, host: String, port: Option<u16>, plain: bool, identity: Identity) -> Checked {
        let transport = self.servicebus_transport;
        let port = port.unwrap_or(match (transport, plain) {
            (BusTransport::Amqp, false) => 5671,
            (BusTransport::Amqp, true) => 5672,
            (BusTransport::Websockets, false) => 443,
            (BusTransport::Websockets, true) => 80,
        });
        Checked { host, port, plain, transport, identity }
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests;
