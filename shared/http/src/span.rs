//! The span of one call, after OpenTelemetry's conventions for HTTP clients. Made only where traces are collected.
//! <https://opentelemetry.io/docs/specs/semconv/http/http-spans/>
//!
//! Path and query are left out, `url.full` with them: both can hold an e-mail address. So that it can be seen all the same
//! what was called, a span has the name that we have for the other side.

use http::{Uri, uri::Scheme};
use tracing::{Span, field::Empty, info_span};
use usher_telemetry::{DETAIL, failed};

use crate::{Request, Response, TransportError};

/// A span for this request to `peer`, which was sent `resent` times before.
pub(crate) fn of(request: &Request, peer: Option<&'static str>, resent: u32) -> Span {
    let method = request.method().as_str();
    info_span!(
        target: DETAIL,
        "HTTP",
        otel.name = name(method, peer).as_str(),
        otel.kind = "client",
        "http.request.method" = method,
        "http.request.resend_count" = (resent > 0).then_some(i64::from(resent)),
        "server.address" = request.uri().host(),
        "server.port" = port(request.uri()),
        "service.peer.name" = peer,
        "http.response.status_code" = Empty,
    )
}

/// Notes how the call ended.
pub(crate) fn end(span: &Span, answer: &Result<Response, TransportError>) {
    if span.is_disabled() {
        return;
    }
    match answer {
        Ok(response) => {
            let status = response.status();
            span.record("http.response.status_code", i64::from(status.as_u16()));
            if status.is_client_error() || status.is_server_error() {
                failed(span, status.as_str().to_owned(), String::new());
            }
        }
        Err(error) => failed(span, kind(*error), String::new()),
    }
}

fn name(method: &str, peer: Option<&str>) -> String {
    peer.map_or_else(|| method.to_owned(), |peer| format!("{method} {peer}"))
}

fn port(uri: &Uri) -> Option<i64> {
    let usual = || match uri.scheme() {
        Some(scheme) if *scheme == Scheme::HTTP => Some(80),
        Some(scheme) if *scheme == Scheme::HTTPS => Some(443),
        _ => None,
    };
    uri.port_u16().or_else(usual).map(i64::from)
}

fn kind(error: TransportError) -> &'static str {
    match error {
        TransportError::Timeout => "timeout",
        TransportError::Connect => "no_connection",
        TransportError::Broken => "connection_broken",
        TransportError::TooLarge => "answer_too_large",
        TransportError::Forbidden => "forbidden_address",
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use usher_telemetry::testing::{Recorded, SeenSpan};

    use super::*;
    use crate::HttpClient;

    /// A call to a client that answers so.
    async fn call(answer: Result<u16, TransportError>, peer: Option<&'static str>, url: &str) -> SeenSpan {
        let recorded = Recorded::start();
        let service = tower::service_fn(move |_: Request| async move {
            let response = |status: u16| http::Response::builder().status(status).body(Bytes::new()).unwrap();
            answer.map(response)
        });
        let client = HttpClient::new(service);
        let client = peer.into_iter().fold(client, HttpClient::named);
        let request = http::Request::post(url).body(Bytes::new()).unwrap();
        let _ = client.send(request).await;
        recorded.spans().remove(0)
    }

    #[tokio::test]
    async fn a_call_is_named_by_whom_it_calls_and_never_by_its_path() {
        let span =
            call(Ok(200), Some("stripe"), "https://api.example/v1/customers?email=ada@example.com").await;
        assert_eq!((&*span.name, &*span.kind, span.error.clone()), ("POST stripe", "client", None));
        for (name, value) in [
            ("http.request.method", "POST"),
            ("http.response.status_code", "200"),
            ("server.address", "api.example"),
            ("server.port", "443"),
            ("service.peer.name", "stripe"),
        ] {
            assert_eq!(span.attribute(name), Some(value), "{name}");
        }
        assert_eq!(span.attributes.len(), 5, "nothing else: {span:?}");
    }

    #[tokio::test]
    async fn a_refusal_is_an_error_by_its_status_and_the_lack_of_an_answer_by_its_kind() {
        let refused = call(Ok(404), None, "http://api.example:8080/").await;
        assert_eq!((&*refused.name, refused.error.as_deref()), ("POST", Some("")));
        assert_eq!(
            (refused.attribute("error.type"), refused.attribute("server.port")),
            (Some("404"), Some("8080"))
        );
        let broken = call(Err(TransportError::Broken), None, "http://api.example/").await;
        assert_eq!(
            (broken.attribute("error.type"), broken.attribute("server.port")),
            (Some("connection_broken"), Some("80"))
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_sent_again_says_so() {
        let recorded = Recorded::start();
        let service = tower::service_fn(|_: Request| async {
            Ok::<_, TransportError>(http::Response::builder().status(503).body(Bytes::new()).unwrap())
        });
        let request = http::Request::get("http://api.example/").body(Bytes::new()).unwrap();
        HttpClient::new(service).send_with_retries(request).await.unwrap();
        let resent = |span: &SeenSpan| span.attribute("http.request.resend_count").map(str::to_owned);
        let resent: Vec<_> = recorded.spans().iter().map(resent).collect();
        assert_eq!(resent, [None, Some("1".to_owned()), Some("2".to_owned())]);
    }
}
