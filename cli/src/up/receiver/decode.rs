//! From the protocol's messages to what is kept of them.

use opentelemetry_proto::tonic::{
    collector::{metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest},
    common::v1::{AnyValue, KeyValue, any_value},
    metrics::v1::{HistogramDataPoint, Metric, NumberDataPoint, metric, number_data_point},
    resource::v1::Resource,
    trace::v1::{Span as Sent, span::Link as SentLink, span::SpanKind, status::StatusCode},
};
use serde_json::{Map, Value};

use crate::{
    status::Point,
    trace::span::{Kind, Link, Span, State},
};

const SERVICE_NAME: &str = "service.name";
/// What the SDKs call a service that nobody has named.
const NAMELESS: &str = "unknown_service";

/// The sizes of ids, in bytes.
const TRACE_ID: usize = 16;
const SPAN_ID: usize = 8;

/// The spans of a request, and how many more there were whose ids are none.
pub(super) fn spans(request: ExportTraceServiceRequest) -> (Vec<Span>, i64) {
    let (mut spans, mut refused) = (Vec::new(), 0);
    for of_resource in request.resource_spans {
        let service = service(of_resource.resource.as_ref());
        for sent in of_resource.scope_spans.into_iter().flat_map(|of_scope| of_scope.spans) {
            match span(sent, &service) {
                Some(span) => spans.push(span),
                None => refused += 1,
            }
        }
    }
    (spans, refused)
}

/// The newest values of a request.
pub(super) fn points(request: ExportMetricsServiceRequest) -> Vec<Point> {
    let mut points = Vec::new();
    for of_resource in request.resource_metrics {
        let service = service(of_resource.resource.as_ref());
        for metric in of_resource.scope_metrics.into_iter().flat_map(|of_scope| of_scope.metrics) {
            points.extend(values(metric, &service));
        }
    }
    points
}

fn service(resource: Option<&Resource>) -> String {
    let named = resource.into_iter().flat_map(|it| &it.attributes).find(|it| it.key == SERVICE_NAME);
    match named.and_then(|named| named.value.as_ref()?.value.as_ref()) {
        Some(any_value::Value::StringValue(name)) => name.clone(),
        _ => NAMELESS.to_owned(),
    }
}

fn span(sent: Sent, service: &str) -> Option<Span> {
    let (kind, status) = (kind(sent.kind()), sent.status.as_ref());
    Some(Span {
        trace_id: id(&sent.trace_id, TRACE_ID)?,
        span_id: id(&sent.span_id, SPAN_ID)?,
        parent_span_id: id(&sent.parent_span_id, SPAN_ID),
        name: sent.name,
        kind,
        service: service.to_owned(),
        start_unix_nano: sent.start_time_unix_nano,
        end_unix_nano: sent.end_time_unix_nano,
        status: status.map_or(State::Unset, |status| state(status.code())),
        status_message: status.map(|status| status.message.clone()).unwrap_or_default(),
        attributes: attributes(sent.attributes),
        links: sent.links.into_iter().filter_map(link).collect(),
    })
}

fn link(sent: SentLink) -> Option<Link> {
    Some(Link {
        trace_id: id(&sent.trace_id, TRACE_ID)?,
        span_id: id(&sent.span_id, SPAN_ID)?,
        attributes: attributes(sent.attributes),
    })
}

fn kind(kind: SpanKind) -> Kind {
    match kind {
        SpanKind::Unspecified => Kind::Unspecified,
        SpanKind::Internal => Kind::Internal,
        SpanKind::Server => Kind::Server,
        SpanKind::Client => Kind::Client,
        SpanKind::Producer => Kind::Producer,
        SpanKind::Consumer => Kind::Consumer,
    }
}

fn state(code: StatusCode) -> State {
    match code {
        StatusCode::Unset => State::Unset,
        StatusCode::Ok => State::Ok,
        StatusCode::Error => State::Error,
    }
}

/// An id in hexadecimal digits; `None` if it is none: of another length, or all zeros.
fn id(bytes: &[u8], length: usize) -> Option<String> {
    (bytes.len() == length && bytes.iter().any(|byte| *byte != 0)).then(|| hexadecimal(bytes))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn attributes(sent: Vec<KeyValue>) -> Map<String, Value> {
    sent.into_iter().map(|KeyValue { key, value, .. }| (key, value.map_or(Value::Null, json))).collect()
}

/// Not deeper than the protocol's decoder goes.
fn json(value: AnyValue) -> Value {
    match value.value {
        Some(any_value::Value::StringValue(text)) => text.into(),
        Some(any_value::Value::BoolValue(truth)) => truth.into(),
        Some(any_value::Value::IntValue(number)) => number.into(),
        Some(any_value::Value::DoubleValue(number)) => number.into(),
        Some(any_value::Value::ArrayValue(array)) => array.values.into_iter().map(json).collect(),
        Some(any_value::Value::KvlistValue(list)) => Value::Object(attributes(list.values)),
        Some(any_value::Value::BytesValue(bytes)) => hexadecimal(&bytes).into(),
        // A place in a table that traces and metrics don't have.
        Some(any_value::Value::StringValueStrindex(_)) | None => Value::Null,
    }
}

fn values(metric: Metric, service: &str) -> Vec<Point> {
    let Metric { name, unit, data, .. } = metric;
    let named =
        |point: Point| Point { service: service.to_owned(), name: name.clone(), unit: unit.clone(), ..point };
    match data {
        Some(metric::Data::Gauge(gauge)) => gauge.data_points.into_iter().map(number).map(named).collect(),
        Some(metric::Data::Sum(sum)) => sum.data_points.into_iter().map(number).map(named).collect(),
        Some(metric::Data::Histogram(all)) => {
            all.data_points.into_iter().map(distribution).map(named).collect()
        }
        // None of ours is of another kind.
        _ => Vec::new(),
    }
}

fn number(point: NumberDataPoint) -> Point {
    let value = point.value.map(|value| match value {
        number_data_point::Value::AsDouble(number) => number,
        // What is beyond 53 bits is no count of ours.
        number_data_point::Value::AsInt(number) => number as f64,
    });
    Point {
        time_unix_nano: point.time_unix_nano,
        attributes: attributes(point.attributes),
        value,
        ..Point::default()
    }
}

fn distribution(point: HistogramDataPoint) -> Point {
    Point {
        time_unix_nano: point.time_unix_nano,
        attributes: attributes(point.attributes),
        count: Some(point.count),
        sum: point.sum,
        max: point.max,
        ..Point::default()
    }
}
