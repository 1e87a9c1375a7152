//! Telemetry's settings: the standard `OTEL_*` names, and the log filter.

use std::str::FromStr;

use opentelemetry_sdk::trace::Sampler;
use tracing_subscriber::filter::Targets;

use crate::TelemetryError;

/// Where the log filter may stand; the first that is set counts.
const LOG: [&str; 2] = ["USHER_LOG", "RUST_LOG"];
/// What we do is worth a line; what libraries do only if it goes wrong.
const DEFAULT_FILTER: &str = "warn,usher=info";

const SDK_DISABLED: &str = "OTEL_SDK_DISABLED";
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const GENERAL_PROTOCOL: &str = "OTEL_EXPORTER_OTLP_PROTOCOL";
const PROTOCOL: &str = "http/protobuf";
/// How often metrics are sent, in milliseconds. The SDK reads it too, and takes a minute for whatever it can't read.
const METRICS_INTERVAL: &str = "OTEL_METRIC_EXPORT_INTERVAL";

const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
const SAMPLER_ARG: &str = "OTEL_TRACES_SAMPLER_ARG";

/// What is sent, and what that has settings of its own for.
struct Signal {
    exporter: &'static str,
    endpoint: &'static str,
    protocol: &'static str,
    /// What it is appended to the general endpoint with; its own endpoint is taken as it is.
    /// <https://opentelemetry.io/docs/specs/otel/protocol/exporter/#endpoint-urls-for-otlphttp>
    path: &'static str,
}

const TRACES: Signal = Signal {
    exporter: "OTEL_TRACES_EXPORTER",
    endpoint: "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    protocol: "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
    path: "/v1/traces",
};
const METRICS: Signal = Signal {
    exporter: "OTEL_METRICS_EXPORTER",
    endpoint: "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
    protocol: "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL",
    path: "/v1/metrics",
};

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) filter: Targets,
    /// Where traces go; none if nobody wants them.
    pub(crate) endpoint: Option<Endpoint>,
    /// Which traces are sent.
    pub(crate) sampler: Sampler,
    /// Where metrics go, beside whoever asks for them; none if nobody wants them.
    pub(crate) metrics: Option<Endpoint>,
    /// Whether the environment names the service.
    pub(crate) named: bool,
    /// Whether it names this very process.
    pub(crate) instance_named: bool,
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
        interval(set)?;
        Ok(Self {
            filter: filter(set)?,
            endpoint: endpoint(&TRACES, set)?,
            sampler: sampler(set)?,
            metrics: endpoint(&METRICS, set)?,
            named: named(set),
            instance_named: has_attribute(set, "service.instance.id"),
        })
    }
}

fn filter(set: impl Fn(&str) -> Option<String>) -> Result<Targets, TelemetryError> {
    let found = LOG.into_iter().find_map(|name| Some((name, set(name)?)));
    let (name, text) = found.unwrap_or_else(|| (LOG[0], DEFAULT_FILTER.to_owned()));
    Targets::from_str(&text).map_err(|_| {
        TelemetryError::new(name, "not a log filter: say a level (error, warn, info, debug, trace, off) or a list such as warn,usher_bus=debug")
    })
}

fn endpoint(
    signal: &Signal,
    set: impl Fn(&str) -> Option<String>,
) -> Result<Option<Endpoint>, TelemetryError> {
    let unwanted = set(SDK_DISABLED).is_some_and(|it| it.eq_ignore_ascii_case("true"))
        || set(signal.exporter).is_some_and(|it| it == "none");
    let own = || Some(Endpoint { setting: signal.endpoint, url: set(signal.endpoint)? });
    let general = || {
        let base = set(ENDPOINT)?;
        Some(Endpoint { setting: ENDPOINT, url: format!("{}{}", base.trim_end_matches('/'), signal.path) })
    };
    let Some(endpoint) = own().or_else(general).filter(|_| !unwanted) else {
        return Ok(None);
    };
    if !["http://", "https://"].iter().any(|scheme| endpoint.url.starts_with(scheme)) {
        return Err(TelemetryError::new(endpoint.setting, "not a URL that begins with http:// or https://"));
    }
    spoken(signal, &set)?;
    Ok(Some(endpoint))
}

/// An endpoint for gRPC would swallow what we send it: better to say so at the start.
fn spoken(signal: &Signal, set: impl Fn(&str) -> Option<String>) -> Result<(), TelemetryError> {
    match [signal.protocol, GENERAL_PROTOCOL].into_iter().find_map(|name| Some((name, set(name)?))) {
        Some((name, protocol)) if protocol != PROTOCOL => Err(TelemetryError::new(
            name,
            format!("only {PROTOCOL} is spoken (a collector takes it on port 4318)"),
        )),
        _ => Ok(()),
    }
}

/// As the SDK reads it, which takes all traces for whatever it can't read.
/// <https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/#general-sdk-configuration>
fn sampler(set: impl Fn(&str) -> Option<String>) -> Result<Sampler, TelemetryError> {
    let named = set(SAMPLER).unwrap_or_else(|| "parentbased_always_on".to_owned());
    let (parent_based, root) = match named.strip_prefix("parentbased_") {
        Some(root) => (true, root),
        None => (false, &*named),
    };
    let root = match root {
        "always_on" => Sampler::AlwaysOn,
        "always_off" => Sampler::AlwaysOff,
        "traceidratio" => Sampler::TraceIdRatioBased(ratio(set)?),
        _ => {
            let known =
                "must be always_on, always_off or traceidratio, with parentbased_ in front or without";
            return Err(TelemetryError::new(SAMPLER, known));
        }
    };
    Ok(if parent_based { Sampler::ParentBased(Box::new(root)) } else { root })
}

fn ratio(set: impl Fn(&str) -> Option<String>) -> Result<f64, TelemetryError> {
    let ratio = set(SAMPLER_ARG).map_or(Ok(1.0), |it| it.parse().map_err(|_| ()));
    ratio.ok().filter(|ratio| (0.0..=1.0).contains(ratio)).ok_or_else(|| {
        TelemetryError::new(SAMPLER_ARG, "must be a number from 0 to 1: the share of traces that are sent")
    })
}

/// The SDK would send once a minute and say nothing of a value that it can't read.
fn interval(set: impl Fn(&str) -> Option<String>) -> Result<(), TelemetryError> {
    match set(METRICS_INTERVAL).map(|it| it.parse::<u64>()) {
        None | Some(Ok(1..)) => Ok(()),
        _ => Err(TelemetryError::new(METRICS_INTERVAL, "must be a number of milliseconds, such as 60000")),
    }
}

fn named(set: impl Fn(&str) -> Option<String>) -> bool {
    set("OTEL_SERVICE_NAME").is_some() || has_attribute(set, "service.name")
}

fn has_attribute(set: impl Fn(&str) -> Option<String>, name: &str) -> bool {
    let is_it =
        |attribute: &str| attribute.trim_start().strip_prefix(name).is_some_and(|it| it.starts_with('='));
    set("OTEL_RESOURCE_ATTRIBUTES").is_some_and(|attributes| attributes.split(',').any(is_it))
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
            url(&[(ENDPOINT, "http://c:4318"), (TRACES.endpoint, "https://t/x")]).as_deref(),
            Some("https://t/x")
        );
        assert_eq!(url(&[(ENDPOINT, "http://c:4318"), (SDK_DISABLED, "true")]), None);
        assert_eq!(url(&[(ENDPOINT, "http://c:4318"), (TRACES.exporter, "none")]), None);
    }

    #[test]
    fn metrics_go_where_the_environment_says_whatever_it_says_of_traces() {
        let metrics = |environment: &[(&str, &str)]| read(environment).unwrap().metrics.map(|it| it.url);
        let general = (ENDPOINT, "http://c:4318");
        assert_eq!(metrics(&[]), None);
        assert_eq!(metrics(&[general]).as_deref(), Some("http://c:4318/v1/metrics"));
        assert_eq!(metrics(&[general, (METRICS.endpoint, "https://m/x")]).as_deref(), Some("https://m/x"));
        assert_eq!(metrics(&[general, (METRICS.exporter, "none")]), None);
        assert!(metrics(&[general, (TRACES.exporter, "none")]).is_some());
        assert_eq!(url(&[(METRICS.endpoint, "https://m/x")]), None);
        let error = read(&[general, (METRICS.protocol, "grpc")]).unwrap_err();
        assert_eq!(error.setting(), METRICS.protocol);
    }

    #[test]
    fn traces_are_sampled_as_the_environment_says_and_a_sampler_that_nobody_knows_is_named() {
        let sampler = |environment: &[(&str, &str)]| read(environment).map(|it| format!("{:?}", it.sampler));
        assert_eq!(sampler(&[]).unwrap(), "ParentBased(AlwaysOn)");
        assert_eq!(sampler(&[(SAMPLER, "always_off")]).unwrap(), "AlwaysOff");
        let ratio = (SAMPLER, "parentbased_traceidratio");
        assert_eq!(sampler(&[ratio]).unwrap(), "ParentBased(TraceIdRatioBased(1.0))");
        assert_eq!(sampler(&[ratio, (SAMPLER_ARG, "0.1")]).unwrap(), "ParentBased(TraceIdRatioBased(0.1))");
        assert_eq!(sampler(&[(SAMPLER, "xray")]).unwrap_err().setting(), SAMPLER);
        for wrong in ["10%", "1.5", "-1", "NaN"] {
            assert_eq!(
                sampler(&[ratio, (SAMPLER_ARG, wrong)]).unwrap_err().setting(),
                SAMPLER_ARG,
                "{wrong}"
            );
        }
    }

    #[test]
    fn an_interval_that_the_sdk_would_pass_over_is_named() {
        assert!(read(&[(METRICS_INTERVAL, "500")]).is_ok());
        for wrong in ["0", "30s", "-1"] {
            assert_eq!(
                read(&[(METRICS_INTERVAL, wrong)]).unwrap_err().setting(),
                METRICS_INTERVAL,
                "{wrong}"
            );
        }
    }

    #[test]
    fn an_endpoint_that_cannot_work_is_named_and_not_quoted() {
        let error = read(&[(TRACES.endpoint, "user:secret@collector:4318")]).unwrap_err();
        assert_eq!(error.setting(), TRACES.endpoint);
        assert!(!error.to_string().contains("secret"));
        let error = read(&[(ENDPOINT, "http://c:4317"), (GENERAL_PROTOCOL, "grpc")]).unwrap_err();
        assert_eq!(error.setting(), GENERAL_PROTOCOL);
    }

    #[test]
    fn the_environment_may_name_the_service() {
        assert!(!read(&[]).unwrap().named);
        assert!(read(&[("OTEL_SERVICE_NAME", "x")]).unwrap().named);
        let attributes = |text| read(&[("OTEL_RESOURCE_ATTRIBUTES", text)]).unwrap();
        assert!(attributes("a=b,service.name=x").named);
        assert!(!attributes("a=service.name=x").named);
        assert!(attributes("service.instance.id=1,a=b").instance_named);
        assert!(!attributes("service.name=x").instance_named);
    }
}
