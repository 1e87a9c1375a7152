//! The endpoints of OTLP over HTTP, as far as our services use them: protobuf, uncompressed.
//! <https://opentelemetry.io/docs/specs/otlp/#otlphttp>

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State, rejection::BytesRejection},
    http::{
        HeaderMap, HeaderName, StatusCode,
        header::{CONTENT_ENCODING, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
    routing::post,
};
use opentelemetry_proto::tonic::collector::{
    metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse},
    trace::v1::{ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse},
};
use prost::Message;

use super::{Received, decode};

/// The largest request, in bytes. An SDK's batch has 512 spans at most, of about a kilobyte each.
pub(super) const LARGEST: usize = 8 << 20;
const PROTOBUF: &str = "application/x-protobuf";

pub(super) fn router(received: Arc<Received>) -> Router {
    Router::new()
        .route("/v1/traces", post(traces))
        .route("/v1/metrics", post(metrics))
        .route("/v1/logs", post(logs))
        .layer(DefaultBodyLimit::max(LARGEST))
        .with_state(received)
}

type Body = Result<Bytes, BytesRejection>;

async fn traces(State(received): State<Arc<Received>>, headers: HeaderMap, body: Body) -> Response {
    answer(message::<ExportTraceServiceRequest>(&headers, body).map(|request| {
        let (spans, refused) = decode::spans(request);
        received.spans(spans);
        let partial_success = (refused > 0).then(|| ExportTracePartialSuccess {
            rejected_spans: refused,
            error_message: "a span has a trace id of 16 bytes and an id of 8".to_owned(),
        });
        ExportTraceServiceResponse { partial_success }
    }))
}

async fn metrics(State(received): State<Arc<Received>>, headers: HeaderMap, body: Body) -> Response {
    answer(message::<ExportMetricsServiceRequest>(&headers, body).map(|request| {
        received.points(decode::points(request));
        ExportMetricsServiceResponse { partial_success: None }
    }))
}

/// Whoever sends logs too is not to stumble over it; ours go to files. An empty message is full success.
async fn logs(headers: HeaderMap, body: Body) -> Response {
    answer(raw(&headers, body).map(|_| ()))
}

/// Why a request is refused.
struct Refused(StatusCode, String);

fn message<M: Message + Default>(headers: &HeaderMap, body: Body) -> Result<M, Refused> {
    let undecodable = |_| Refused(StatusCode::BAD_REQUEST, "the body can't be decoded".to_owned());
    M::decode(raw(headers, body)?).map_err(undecodable)
}

fn raw(headers: &HeaderMap, body: Body) -> Result<Bytes, Refused> {
    let header = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let essence = header(CONTENT_TYPE).and_then(|it| it.split(';').next()).unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case(PROTOBUF) {
        return Err(Refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("only {PROTOBUF} is taken")));
    }
    if header(CONTENT_ENCODING).is_some_and(|it| !it.eq_ignore_ascii_case("identity")) {
        let why = "nothing compressed is taken: unset OTEL_EXPORTER_OTLP_COMPRESSION";
        return Err(Refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, why.to_owned()));
    }
    body.map_err(|rejection| Refused(rejection.status(), rejection.body_text()))
}

/// The protocol's answer; what is wrong goes into a message of its own.
fn answer(done: Result<impl Message, Refused>) -> Response {
    let (status, body) = match done {
        Ok(message) => (StatusCode::OK, message.encode_to_vec()),
        Err(Refused(status, message)) => (status, Problem { message }.encode_to_vec()),
    };
    (status, [(CONTENT_TYPE, PROTOBUF)], body).into_response()
}

/// `google.rpc.Status`, of which the code is optional.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Problem {
    #[prost(string, tag = "2")]
    pub(super) message: String,
}
