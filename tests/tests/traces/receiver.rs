//! Somebody else's receiver between our services and the test: it takes what they send, and forwards what it understood.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{Read, Write},
    net::TcpListener,
    path::Path,
    process::Stdio,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::HeaderMap,
    routing::post,
};
use flate2::read::GzDecoder;
use opentelemetry_proto::tonic::{
    collector::{metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest},
    common::v1::{AnyValue, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{Span as Sent, span::SpanKind, status::StatusCode},
};
use prost::Message;
use tempfile::TempDir;
use tokio::{
    net::TcpStream,
    process::{Child, Command},
};
use tokio_util::task::AbortOnDropHandle;
use usher_tests::processes::eventually;

/// Rotel, running. Dropping it kills it.
pub(crate) struct Receiver {
    /// What OTEL_EXPORTER_OTLP_ENDPOINT is.
    pub(crate) endpoint: String,
    received: Arc<Mutex<Received>>,
    _rotel: Child,
    _sink: AbortOnDropHandle<()>,
    _home: TempDir,
}

#[derive(Default)]
struct Received {
    spans: Vec<Span>,
    /// What each service measures.
    metrics: BTreeMap<String, BTreeSet<String>>,
}

/// A span as it came through.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) service: String,
    pub(crate) name: String,
    pub(crate) kind: SpanKind,
    pub(crate) trace_id: String,
    pub(crate) span_id: String,
    pub(crate) parent: Option<String>,
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// Why it failed, if it did.
    pub(crate) error: Option<String>,
    pub(crate) attributes: BTreeMap<String, Value>,
    /// The traces and the spans that it is linked to.
    pub(crate) links: Vec<(String, String)>,
}

impl Receiver {
    pub(crate) async fn start(program: &Path) -> Self {
        let home = tempfile::tempdir().unwrap();
        let (received, sink, sink_address) = sink().await;
        let [http, grpc] = free_addresses();
        let file = |name: &str| home.path().join(name).display().to_string();
        let said = File::create(file("rotel.out")).unwrap();
        let rotel = Command::new(program)
            .args(["start", "--otlp-http-endpoint", &http, "--otlp-grpc-endpoint", &grpc])
            .args(["--pid-file", &file("rotel.pid"), "--log-file", &file("rotel.log")])
            .args(["--exporter", "otlp", "--otlp-exporter-protocol", "http"])
            .args(["--otlp-exporter-endpoint", &format!("http://{sink_address}")])
            .env_clear()
            .current_dir(home.path())
            .stdin(Stdio::null())
            .stdout(said.try_clone().unwrap())
            .stderr(said)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        eventually("the receiver listens", async || TcpStream::connect(&http).await.ok()).await;
        Self { endpoint: format!("http://{http}"), received, _rotel: rotel, _sink: sink, _home: home }
    }

    /// All that has come through.
    pub(crate) fn spans(&self) -> Vec<Span> {
        self.received.lock().unwrap().spans.clone()
    }

    /// The names of what each service measures, as far as it has come through.
    pub(crate) fn metrics(&self) -> BTreeMap<String, BTreeSet<String>> {
        self.received.lock().unwrap().metrics.clone()
    }
}

/// Addresses at which nobody listens, so far: Rotel does not tell which it has chosen.
fn free_addresses() -> [String; 2] {
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().to_string())
}

/// Where Rotel forwards to.
async fn sink() -> (Arc<Mutex<Received>>, AbortOnDropHandle<()>, String) {
    let received = Arc::<Mutex<Received>>::default();
    let router =
        Router::new().route("/v1/traces", post(keep_traces)).route("/v1/metrics", post(keep_metrics));
    let router = router.layer(DefaultBodyLimit::disable()).with_state(received.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (received, AbortOnDropHandle::new(serving), address)
}

async fn keep_traces(State(received): State<Arc<Mutex<Received>>>, headers: HeaderMap, body: Bytes) {
    let request = ExportTraceServiceRequest::decode(&*plain(&headers, &body)).unwrap();
    let of_resource = |it: opentelemetry_proto::tonic::trace::v1::ResourceSpans| {
        let service = service(it.resource.as_ref());
        let sent = it.scope_spans.into_iter().flat_map(|of_scope| of_scope.spans);
        sent.map(|sent| span(sent, &service)).collect::<Vec<_>>()
    };
    received.lock().unwrap().spans.extend(request.resource_spans.into_iter().flat_map(of_resource));
}

async fn keep_metrics(State(received): State<Arc<Mutex<Received>>>, headers: HeaderMap, body: Bytes) {
    let request = ExportMetricsServiceRequest::decode(&*plain(&headers, &body)).unwrap();
    let mut received = received.lock().unwrap();
    for of_resource in request.resource_metrics {
        let names = received.metrics.entry(service(of_resource.resource.as_ref())).or_default();
        let measured = of_resource.scope_metrics.into_iter().flat_map(|of_scope| of_scope.metrics);
        names.extend(measured.map(|metric| metric.name));
    }
}

fn plain(headers: &HeaderMap, body: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    match headers.get("content-encoding").map(|it| it.to_str().unwrap()) {
        Some("gzip") => GzDecoder::new(body).read_to_end(&mut plain).unwrap(),
        _ => plain.write_all(body).map(|()| body.len()).unwrap(),
    };
    plain
}

fn service(resource: Option<&Resource>) -> String {
    let named = resource.unwrap().attributes.iter().find(|it| it.key == "service.name");
    text(&value(named.unwrap().value.clone()))
}

fn span(sent: Sent, service: &str) -> Span {
    let status = sent.status.clone().unwrap_or_default();
    Span {
        service: service.to_owned(),
        kind: sent.kind(),
        trace_id: hexadecimal(&sent.trace_id),
        span_id: hexadecimal(&sent.span_id),
        parent: Some(hexadecimal(&sent.parent_span_id)).filter(|id| id.bytes().any(|digit| digit != b'0')),
        start: sent.start_time_unix_nano,
        end: sent.end_time_unix_nano,
        error: (status.code() == StatusCode::Error).then_some(status.message),
        attributes: sent
            .attributes
            .into_iter()
            .map(|KeyValue { key, value: it, .. }| (key, value(it)))
            .collect(),
        links: sent.links.iter().map(|it| (hexadecimal(&it.trace_id), hexadecimal(&it.span_id))).collect(),
        name: sent.name,
    }
}

fn value(value: Option<AnyValue>) -> Value {
    value.and_then(|any| any.value).unwrap_or_else(|| Value::StringValue(String::new()))
}

/// A value as text.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        Value::BoolValue(truth) => truth.to_string(),
        other => format!("{other:?}"),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Span {
    /// An attribute as text; empty if there is none.
    pub(crate) fn attribute(&self, name: &str) -> String {
        self.attributes.get(name).map(text).unwrap_or_default()
    }
}
