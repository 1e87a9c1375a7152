//! Telemetry's settings: the standard `OTEL_*` names, and the log filter.

use std::str::FromStr;

use tracing_subscriber::filter::Targets;

use crate::TelemetryError;

/// Where the log filter may stand; the first that is set counts.
const LOG: [&str; 2] = ["USHER_LOG", "RUST_LOG"];
/// What we do is worth a line; what libraries do only if it goes wrong.
const DEFAULT_FILTER: &str = "warn,usher=info";

const SDK_DISABLED: &str = "OTEL_SDK_DISABLED";
const TRACES_EXPORTER: &str = "OTEL_TRACES_EXPORTER";
const TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
/// What traces are appended to the general endpoint with; the traces' own endpoint is taken as it is.
/// <https://opentelemetry.io/docs/specs/otel/protocol/exporter/#endpoint-urls-for-otlphttp>
const TRACES_PATH: &str = "/v1/traces";
const PROTOCOLS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"];
const PROTOCOL: &str = "http/protobuf";

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) filter: Targets,
    /// Where traces go; none if nobody wants them.
    pub(crate) endpoint: Option<Endpoint>,
    /// Whether the environment names the service.
    pub(crate) named: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Endpoint {
    pub(crate) setting: &'static str,
    pub(crate) url: String,
}

impl Settings {
    /// Reads them through `variable`, which stands for the environment. Empty means unset, as OpenTelemetry
    /// has it.
    pub(crate) fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, TelemetryError> {
        let set = &|name: &str| variable(name).filter(|value| !value.is_empty());
        Ok(Self { filter: filter(set)?, endpoint: endpoint(set)?, named: named(set) })
    }
}

fn filter(set: impl Fn(&str) -> Option<String>) -> Result<Targets, TelemetryError> {
    let found = LOG.into_iter().find_map(|name| Some((name, set(name)?)));
    let (name, text) = found.unwrap_or_else(|| (LOG[0], DEFAULT_FILTER.to_owned()));
    Targets::from_str(&text).map_err(|_| {
        TelemetryError::new(name, "not a log filter: say a level (error, warn, info, debug, trace, off) or a list such as warn,usher_bus=debug")
    })
}

fn endpoint(set: impl Fn(&str) -> Option<String>) -> Result<Option<Endpoint>, TelemetryError> {
    let unwanted = set(SDK_DISABLED).is_some_and(|it| it.eq_ignore_ascii_case("true"))
        || set(TRACES_EXPORTER).is_some_and(|it| it == "none");
    let own = || Some(Endpoint { setting: TRACES_ENDPOINT, url: set(TRACES_ENDPOINT)? });
    let general = || {
        let base = set(ENDPOINT)?;
        Some(Endpoint { setting: ENDPOINT, url: format!("{}{TRACES_PATH}", base.trim_end_matches('/')) })
    };
    let Some(endpoint) = own().or_else(general).filter(|_| !unwanted) else {
        return Ok(None);
    };
    if !["http://", "https://"].iter().any(|scheme| endpoint.url.starts_with(scheme)) {
        return Err(TelemetryError::new(endpoint.setting, "not a URL that begins with http:// or https://"));
    }
    spoken(&set)?;
    Ok(Some(endpoint))
}

/// An endpoint for gRPC would swallow what we send it: better to say so at the start.
fn spoken(set: impl Fn(&str) -> Option<String>) -> Result<(), TelemetryError> {
    match PROTOCOLS.into_iter().find_map(|name| Some((name, set(name)?))) {
        Some((name, protocol)) if protocol != PROTOCOL => Err(TelemetryError::new(
            name,
            format!("only {PROTOCOL} is spoken (a collector takes it on port 4318)"),
        )),
        _ => Ok(()),
    }
}

fn named(set: impl Fn(&str) -> Option<String>) -> bool {
    set("OTEL_SERVICE_NAME").is_some()
        || set("OTEL_RESOURCE_ATTRIBUTES").is_some_and(|it| it.contains("service.name="))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(environment: &[(&str, &str)]) -> Result<Settings, TelemetryError> {
        Settings::read(|name| {
            environment.iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned())
        })
    }

    fn url(environment: &[(&str, &str)]) -> Option<String> {
        read(environment).unwrap().endpoint.map(|it| it.url)
    }

    #[test]
    fn a_bad_filter_is_named() {
        assert_eq!(read(&[("USHER_LOG", "usher=loud")]).unwrap_err().setting(), "USHER_LOG");
        assert_eq!(read(&[("RUST_LOG", "usher=loud")]).unwrap_err().setting(), "RUST_LOG");
        assert!(read(&[("USHER_LOG", "debug"), ("RUST_LOG", "usher=loud")]).is_ok());
    }

    #[test]
    fn by_default_we_say_more_than_libraries() {
        let filter = read(&[]).unwrap().filter;
        assert!(filter.would_enable("usher_bus::link", &tracing::Level::INFO));
        assert!(!filter.would_enable("usher_bus::link", &tracing::Level::DEBUG));
        assert!(!filter.would_enable("hyper", &tracing::Level::INFO));
        assert!(filter.would_enable("hyper", &tracing::Level::WARN));
    }

    #[test]
    fn traces_go_where_the_environment_says() {
        assert_eq!(url(&[]), None);
        assert_eq!(url(&[(ENDPOINT, "")]), None);
        assert_eq!(url(&[(ENDPOINT, "http://c:4318/")]).as_deref(), Some("http://c:4318/v1/traces"));
        assert_eq!(
            url(&[(ENDPOINT, "http://c:4318"), (TRACES_ENDPOINT, "https://t/x")]).as_deref(),
            Some("https://t/x")
        );
        assert_eq!(url(&[(ENDPOINT, "http://c:4318"), (SDK_DISABLED, "true")]), None);
        assert_eq!(url(&[(ENDPOINT, "http://c:4318"), (TRACES_EXPORTER, "none")]), None);
    }

    #[test]
    fn an_endpoint_that_cannot_work_is_named_and_not_quoted() {
        let error = read(&[(TRACES_ENDPOINT, "user:secret@collector:4318")]).unwrap_err();
        assert_eq!(error.setting(), TRACES_ENDPOINT);
        assert!(!error.to_string().contains("secret"));
        let error = read(&[(ENDPOINT, "http://c:4317"), (PROTOCOLS[1], "grpc")]).unwrap_err();
        assert_eq!(error.setting(), PROTOCOLS[1]);
    }

    #[test]
    fn the_environment_may_name_the_service() {
        assert!(!read(&[]).unwrap().named);
        assert!(read(&[("OTEL_SERVICE_NAME", "x")]).unwrap().named);
        assert!(read(&[("OTEL_RESOURCE_ATTRIBUTES", "a=b,service.name=x")]).unwrap().named);
    }
}
