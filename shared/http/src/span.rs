//! The span of one call, after OpenTelemetry's conventions for HTTP clients.
//! <https://opentelemetry.io/docs/specs/semconv/http/http-spans/>
//!
//! Path and query are left out: both can hold an e-mail address.

use tracing::{Span, field::Empty, info_span};

use crate::{Request, Response, TransportError};

/// A span for this request.
pub(crate) fn of(request: &Request) -> Span {
    info_span!(
        "HTTP",
        otel.name = request.method().as_str(),
        otel.kind = "client",
        http.request.method = request.method().as_str(),
        server.address = request.uri().host().unwrap_or_default(),
        server.port = request.uri().port_u16(),
        http.response.status_code = Empty,
        error.r#type = Empty,
        otel.status_code = Empty,
    )
}

/// Notes how the call ended.
pub(crate) fn end(span: &Span, answer: &Result<Response, TransportError>) {
    match answer {
        Ok(response) => {
            let status = response.status();
            span.record("http.response.status_code", status.as_u16());
            if status.is_client_error() || status.is_server_error() {
                span.record("error.type", status.as_str());
                span.record("otel.status_code", "ERROR");
            }
        }
        Err(error) => {
            span.record("error.type", tracing::field::display(error));
            span.record("otel.status_code", "ERROR");
        }
    }
}
