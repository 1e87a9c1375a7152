//! The receiver over sockets, as an exporter meets it.

use std::fs;

use opentelemetry_proto::tonic::{
    collector::{
        metrics::v1::ExportMetricsServiceRequest,
        trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse},
    },
    common::v1::{AnyValue, KeyValue, any_value},
    metrics::v1::{
        Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric,
        number_data_point,
    },
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span as Sent, Status, span},
};
use prost::Message;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{
    http::{LARGEST, Problem},
    *,
};
use crate::{
    status,
    trace::{
        NEWER,
        span::{Kind, State},
    },
};

const PROTOBUF: &str = "application/x-protobuf";

/// A receiver, and its folder.
async fn receiver() -> (tempfile::TempDir, Receiver) {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(folder.path(), None).await.unwrap();
    (folder, receiver)
}

/// The status and the body of the answer to this.
async fn sent(receiver: &Receiver, signal: &str, content_type: &str, body: Vec<u8>) -> (u16, Vec<u8>) {
    let mut connection = TcpStream::connect(receiver.address).await.unwrap();
    let length = body.len();
    let head = format!(
        "POST /v1/{signal} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         content-type: {content_type}\r\ncontent-length: {length}\r\n\r\n"
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    // Whoever is sent too much need not read all of it.
    let _ = connection.write_all(&body).await;
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).await.unwrap();
    let end = answer.windows(4).position(|it| it == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap().to_lowercase();
    assert!(head.contains(&format!("content-type: {PROTOBUF}")), "{head}");
    (head.split(' ').nth(1).unwrap().parse().unwrap(), answer[end + 4..].to_vec())
}

fn text(key: &str, value: &str) -> KeyValue {
    let value = any_value::Value::StringValue(value.to_owned());
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn billing() -> Option<Resource> {
    Some(Resource { attributes: vec![text("service.name", "usher-billing")], ..Resource::default() })
}

fn span_sent() -> Sent {
    Sent {
        trace_id: (1..=16).collect(),
        span_id: vec![0xab; 8],
        parent_span_id: vec![0xcd; 8],
        name: "process billing".to_owned(),
        kind: span::SpanKind::Consumer.into(),
        start_time_unix_nano: 1_767_268_800_000_000_001,
        end_time_unix_nano: 1_767_268_800_000_000_009,
        attributes: vec![text("usher.user.id", "a1b2")],
        links: vec![span::Link { trace_id: vec![7; 16], span_id: vec![8; 8], ..span::Link::default() }],
        status: Some(Status { message: "503".to_owned(), code: 2 }),
        ..Sent::default()
    }
}

fn of_spans(spans: Vec<Sent>) -> Vec<u8> {
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { resource: billing(), scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

fn of_metric(name: &str, data: metric::Data) -> Vec<u8> {
    let metrics = vec![Metric { name: name.to_owned(), data: Some(data), ..Metric::default() }];
    let scope_metrics = vec![ScopeMetrics { metrics, ..ScopeMetrics::default() }];
    let resource = ResourceMetrics { resource: billing(), scope_metrics, ..ResourceMetrics::default() };
    ExportMetricsServiceRequest { resource_metrics: vec![resource] }.encode_to_vec()
}

/// What is in the file of spans.
fn kept(folder: &tempfile::TempDir) -> Vec<Span> {
    let text = fs::read_to_string(folder.path().join(NEWER)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn spans_that_are_sent_are_in_the_file_once_they_are_accepted() {
    let (folder, receiver) = receiver().await;
    let (status, body) = sent(&receiver, "traces", PROTOBUF, of_spans(vec![span_sent(); 2])).await;
    let answer = ExportTraceServiceResponse::decode(&*body).unwrap();
    assert_eq!((status, answer.partial_success), (200, None));
    let spans = kept(&folder);
    let [span, _] = spans.as_slice() else { panic!("{spans:?}") };
    assert_eq!(span.trace_id, "0102030405060708090a0b0c0d0e0f10");
    assert_eq!(
        (&*span.span_id, span.parent_span_id.as_deref()),
        ("abababababababab", Some("cdcdcdcdcdcdcdcd"))
    );
    assert_eq!(
        (&*span.service, &*span.name, span.kind),
        ("usher-billing", "process billing", Kind::Consumer)
    );
    assert_eq!(
        (span.start_unix_nano, span.end_unix_nano),
        (1_767_268_800_000_000_001, 1_767_268_800_000_000_009)
    );
    assert_eq!((span.status, &*span.status_message), (State::Error, "503"));
    assert_eq!(span.attributes["usher.user.id"], "a1b2");
    assert_eq!(span.links[0].span_id, "0808080808080808");
    assert_eq!(receiver.example().as_deref(), Some("a1b2"));
    receiver.stop().await;
}

#[tokio::test]
async fn a_span_without_a_proper_id_is_refused_and_the_others_are_kept() {
    let (folder, receiver) = receiver().await;
    let spans = vec![span_sent(), Sent { span_id: vec![0; 8], ..span_sent() }];
    let (status, body) = sent(&receiver, "traces", PROTOBUF, of_spans(spans)).await;
    let partial = ExportTraceServiceResponse::decode(&*body).unwrap().partial_success;
    assert_eq!((status, partial.map(|it| it.rejected_spans)), (200, Some(1)));
    assert_eq!(kept(&folder).len(), 1);
}

#[tokio::test]
async fn what_can_not_be_taken_is_refused_in_the_manner_of_the_protocol() {
    let (folder, receiver) = receiver().await;
    for (content_type, body, status) in [
        (PROTOBUF, b"nonsense".to_vec(), 400),
        (PROTOBUF, vec![0; LARGEST + 1], 413),
        ("application/json", b"{}".to_vec(), 415),
    ] {
        for signal in ["traces", "metrics"] {
            let (answered, body) = sent(&receiver, signal, content_type, body.clone()).await;
            assert_eq!(answered, status, "{signal}");
            assert!(!Problem::decode(&*body).unwrap().message.is_empty(), "{status}");
        }
    }
    assert!(kept(&folder).is_empty());
    let (status, _) = sent(&receiver, "traces", "application/x-protobuf; charset=utf-8", Vec::new()).await;
    assert_eq!(status, 200, "an empty request is a request");
}

#[tokio::test]
async fn logs_are_taken_and_dropped() {
    let (_folder, receiver) = receiver().await;
    assert_eq!(sent(&receiver, "logs", PROTOBUF, b"any".to_vec()).await, (200, Vec::new()));
    assert_eq!(sent(&receiver, "logs", "text/plain", b"any".to_vec()).await.0, 415);
}

#[tokio::test]
async fn the_newest_values_are_in_their_file_at_the_latest_when_it_ends() {
    let (folder, receiver) = receiver().await;
    for value in [number_data_point::Value::AsInt(0), number_data_point::Value::AsDouble(1.0)] {
        let attributes = vec![text("consumer", "billing")];
        let data_points =
            vec![NumberDataPoint { attributes, value: Some(value), ..NumberDataPoint::default() }];
        let body = of_metric("usher.circuit.open", metric::Data::Gauge(Gauge { data_points }));
        assert_eq!(sent(&receiver, "metrics", PROTOBUF, body).await, (200, Vec::new()));
    }
    let point =
        HistogramDataPoint { count: 4, sum: Some(6.0), max: Some(3.0), ..HistogramDataPoint::default() };
    let histogram = Histogram { data_points: vec![point], ..Histogram::default() };
    let body = of_metric("usher.signup.effect.delay", metric::Data::Histogram(histogram));
    sent(&receiver, "metrics", PROTOBUF, body).await;
    receiver.stop().await;
    let points = status::read_points(folder.path());
    let [circuit, delay] = points.as_slice() else { panic!("{points:?}") };
    assert_eq!((&*circuit.service, circuit.value), ("usher-billing", Some(1.0)));
    assert_eq!(circuit.attributes["consumer"], "billing");
    assert_eq!((delay.count, delay.sum, delay.max), (Some(4), Some(6.0), Some(3.0)));
}

#[tokio::test]
async fn services_are_told_where_to_send_and_nobody_but_this_machine_gets_there() {
    let (_folder, receiver) = receiver().await;
    let variables = receiver.variables();
    assert_eq!(variables.get(ENDPOINT), Some(&*format!("http://{}", receiver.address)));
    assert!(receiver.address.ip().is_loopback());
    let port = receiver.address.port();
    let taken = Receiver::start(tempfile::tempdir().unwrap().path(), Some(port)).await;
    assert!(matches!(taken, Err(Failure::Setting { setting: "--otlp-port", .. })));
}

#[test]
fn whoever_has_ordered_the_traces_elsewhere_is_obeyed() {
    let elsewhere = |set: &[(&str, &str)]| {
        ordered_elsewhere(|name| set.iter().find(|(it, _)| *it == name).map(|(_, value)| (*value).to_owned()))
    };
    assert_eq!(elsewhere(&[]), None);
    assert_eq!(elsewhere(&[(ENDPOINT, "")]), None);
    assert_eq!(elsewhere(&[(ENDPOINT, "http://collector:4318")]), Some(ENDPOINT));
    assert_eq!(elsewhere(&[("OTEL_SDK_DISABLED", "TRUE")]), Some("OTEL_SDK_DISABLED"));
    assert_eq!(elsewhere(&[("OTEL_TRACES_EXPORTER", "otlp")]), None);
}
