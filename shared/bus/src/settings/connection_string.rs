//! The connection string, as the Azure portal gives it.
//!
//! `Endpoint=sb://HOST[:PORT]/;SharedAccessKeyName=NAME;SharedAccessKey=KEY[;EntityPath=TOPIC]`, and
//! `UseDevelopmentEmulator=true` for a broker on this machine. Names are case-insensitive.

use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// What a connection string says.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionString {
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
    pub(crate) key_name: String,
    pub(crate) key: SecretString,
    /// The one topic that the key is for, if the string was copied from a topic rather than from the namespace.
    pub(crate) entity_path: Option<String>,
    pub(crate) emulator: bool,
}

impl ConnectionString {
    /// Reads a connection string. The error says what is wrong and quotes nothing of it.
    pub(crate) fn parse(text: &SecretString) -> Result<Self, &'static str> {
        let parts = Parts::split(text.expose_secret())?;
        let endpoint = parts.endpoint.ok_or("Endpoint is missing")?;
        let (host, port) = host_and_port(endpoint)?;
        Ok(Self {
            host,
            port,
            key_name: parts.key_name.ok_or("SharedAccessKeyName is missing")?.to_owned(),
            key: parts.key.ok_or("SharedAccessKey is missing")?.into(),
            entity_path: parts.entity_path.map(str::to_owned),
            emulator: parts.emulator,
        })
    }
}

#[derive(Default)]
struct Parts<'a> {
    endpoint: Option<&'a str>,
    key_name: Option<&'a str>,
    key: Option<&'a str>,
    entity_path: Option<&'a str>,
    emulator: bool,
}

impl<'a> Parts<'a> {
    fn split(text: &'a str) -> Result<Self, &'static str> {
        let mut parts = Self::default();
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').ok_or("a part of it is not NAME=VALUE")?;
            parts.take(name.trim(), value.trim())?;
        }
        Ok(parts)
    }

    fn take(&mut self, name: &str, value: &'a str) -> Result<(), &'static str> {
        let value = Some(value).filter(|value| !value.is_empty());
        match name.to_ascii_lowercase().as_str() {
            "endpoint" => self.endpoint = value,
            "sharedaccesskeyname" => self.key_name = value,
            "sharedaccesskey" => self.key = value,
            "entitypath" => self.entity_path = value,
            "usedevelopmentemulator" => self.emulator = value.is_some_and(|v| v.eq_ignore_ascii_case("true")),
            "sharedaccesssignature" => return Err("SharedAccessSignature is not supported: give a key"),
            _ => {}
        }
        Ok(())
    }
}

fn host_and_port(endpoint: &str) -> Result<(String, Option<u16>), &'static str> {
    let url = Url::parse(endpoint).map_err(|_| "Endpoint is not an address like sb://HOST/")?;
    if url.scheme() != "sb" {
        return Err("Endpoint must begin with sb://");
    }
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or("Endpoint names no host")?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    Ok((host.to_ascii_lowercase(), url.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ConnectionString, &'static str> {
        ConnectionString::parse(&text.to_owned().into())
    }

    #[test]
    fn the_portals_string_is_read_whole() {
        let read = parse(
            "Endpoint=sb://Contoso.servicebus.windows.net/;SharedAccessKeyName=billing;\
             SharedAccessKey=a+b/c==;EntityPath=user-signups",
        )
        .unwrap();
        assert_eq!(read.host, "contoso.servicebus.windows.net");
        assert_eq!(read.port, None);
        assert_eq!(read.key_name, "billing");
        assert_eq!(read.key.expose_secret(), "a+b/c==");
        assert_eq!(read.entity_path.as_deref(), Some("user-signups"));
        assert!(!read.emulator);
    }

    #[test]
    fn a_port_the_emulator_flag_and_any_case_are_understood() {
        let read = parse(
            "endpoint=sb://127.0.0.1:5673;SHAREDACCESSKEYNAME=n;sharedAccessKey=k;useDevelopmentEmulator=TRUE;",
        );
        let read = read.unwrap();
        assert_eq!((read.host.as_str(), read.port, read.emulator), ("127.0.0.1", Some(5673), true));
        assert_eq!(
            parse("Endpoint=sb://[::1]:5673/;SharedAccessKeyName=n;SharedAccessKey=k").unwrap().host,
            "::1"
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        for (text, problem) in [
            ("", "Endpoint is missing"),
            ("Endpoint=sb://h/;SharedAccessKey=k", "SharedAccessKeyName is missing"),
            ("Endpoint=sb://h/;SharedAccessKeyName=n;SharedAccessKey=", "SharedAccessKey is missing"),
            ("Endpoint=https://h/;SharedAccessKeyName=n;SharedAccessKey=k", "Endpoint must begin with sb://"),
            ("sb://h", "a part of it is not NAME=VALUE"),
        ] {
            assert_eq!(parse(text).unwrap_err(), problem, "{text}");
        }
    }

    #[test]
    fn the_key_never_shows() {
        let read = parse("Endpoint=sb://h/;SharedAccessKeyName=n;SharedAccessKey=c2VjcmV0").unwrap();
        assert!(!format!("{read:?}").contains("c2VjcmV0"));
    }
}
