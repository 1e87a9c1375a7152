use std::{
    io,
    sync::{Arc, Mutex},
    time::Instant,
};

use axum::{Router, body::Bytes, extract::State, routing::post};
use serde_json::Value;
use tokio::{net::TcpListener, sync::mpsc, task::AbortHandle};

use super::*;

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// What a subscriber wrote.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    fn lines(&self) -> Vec<Value> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn started(environment: &[(&str, &str)]) -> (Dispatch, Telemetry, Written) {
    let settings = Settings::read(|name| {
        environment.iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned())
    });
    let written = Written::default();
    let writer = written.clone();
    let (dispatch, telemetry) =
        assemble("usher-test", &settings.unwrap(), Look::Machine, move || writer.clone()).unwrap();
    (dispatch, telemetry, written)
}

fn within<T>(dispatch: &Dispatch, work: impl FnOnce() -> T) -> T {
    tracing::dispatcher::with_default(dispatch, work)
}

#[test]
fn a_spans_context_survives_a_hop() {
    let (dispatch, _telemetry, _) = started(&[]);
    within(&dispatch, || {
        let (traceparent, tracestate) =
            tracing::info_span!("publish").in_scope(|| current_trace_context().unwrap());
        let delivery = tracing::info_span!("deliver");
        set_parent(&delivery, Some(&traceparent), Some(&tracestate));
        let (onwards, _) = delivery.in_scope(|| current_trace_context().unwrap());
        assert_eq!(trace_id_of(&onwards), trace_id_of(&traceparent));
        assert_ne!(onwards, traceparent, "the hop is a span of its own");
    });
}

#[test]
fn a_foreign_parents_state_is_passed_on_and_a_broken_one_ignored() {
    let (dispatch, _telemetry, _) = started(&[]);
    within(&dispatch, || {
        let span = tracing::info_span!("deliver");
        set_parent(&span, Some(PARENT), Some("vendor=x"));
        let (traceparent, tracestate) = span.in_scope(|| current_trace_context().unwrap());
        assert_eq!((trace_id_of(&traceparent), &*tracestate), (trace_id_of(PARENT), "vendor=x"));

        let span = tracing::info_span!("deliver");
        set_parent(&span, Some("00-broken"), None);
        assert!(span.in_scope(current_trace_id).is_some());
    });
}

#[test]
fn a_span_is_linked_to_what_it_has_to_do_with_beside_its_parent() {
    let recorded = testing::Recorded::start();
    let span = tracing::info_span!("send");
    link(&span, Some(PARENT), None);
    link(&span, Some("00-broken"), None);
    link(&span, None, None);
    drop(span);
    let span = recorded.spans().remove(0);
    assert_eq!((&span.links[..], span.parent), (&["b7ad6b7169203331".to_owned()][..], None));
}

/// That they are not made otherwise, a process of its own shows (`tests/details.rs`).
#[test]
fn details_are_made_where_traces_are_collected() {
    let recorded = testing::Recorded::start();
    let made = {
        let process = tracing::info_span!("process").entered();
        let attempt = tracing::info_span!(target: DETAIL, "attempt");
        failed(&attempt, "503", "503 busy".to_owned());
        attribute(&attempt, "usher.attempt", 1_i64);
        (traces_are_collected(), attempt.is_disabled(), process.is_disabled())
    };
    assert_eq!(made, (true, false, false));
    let [attempt, process] = &recorded.spans()[..] else { panic!("two spans") };
    assert_eq!(attempt.parent.as_ref(), Some(&process.span_id));
    assert_eq!((attempt.error.as_deref(), attempt.attribute("error.type")), (Some("503 busy"), Some("503")));
    assert_eq!(attempt.attribute("usher.attempt"), Some("1"));
}

#[test]
fn json_log_lines_carry_the_trace_and_the_spans_fields() {
    let (dispatch, _telemetry, written) = started(&[]);
    let trace = within(&dispatch, || {
        tracing::info_span!("deliver", consumer = "billing", attempt = 1).in_scope(|| {
            tracing::info!(attempt = 2, "done");
            current_trace_id()
        })
    });
    within(&dispatch, || tracing::warn!(level = "fake", "outside"));

    let [inside, outside] = &written.lines()[..] else { panic!("two lines") };
    assert_eq!(inside["trace_id"].as_str(), trace.as_deref());
    assert_eq!(inside["span_id"].as_str().map(str::len), Some(16));
    assert_eq!(inside["message"], "done");
    assert_eq!((&inside["consumer"], &inside["attempt"]), (&"billing".into(), &2.into()));
    assert_eq!((&inside["service"], &inside["span"]), (&"usher-test".into(), &"deliver".into()));
    assert_eq!((&outside["level"], outside.get("trace_id")), (&"WARN".into(), None));
}

#[test]
fn what_a_span_is_told_later_stands_on_its_lines_and_words_to_the_exporter_do_not() {
    let (dispatch, _telemetry, written) = started(&[]);
    within(&dispatch, || {
        let span = tracing::info_span!(
            "deliver",
            otel.kind = "consumer",
            said = "a \"quoted\"\nline",
            long = "é".repeat(5_000),
            seen = true,
            share = 0.5,
            left = tracing::field::Empty,
        );
        span.record("left", -7);
        span.in_scope(|| tracing::info!("done"));
        tracing::info_span!("bare").in_scope(|| tracing::info!("done"));
    });
    let [told, bare] = &written.lines()[..] else { panic!("two lines") };
    assert_eq!(told["said"], "a \"quoted\"\nline");
    assert_eq!((&told["seen"], &told["share"], &told["left"]), (&true.into(), &0.5.into(), &(-7).into()));
    assert!(told["long"].as_str().unwrap().len() <= 1024);
    assert_eq!(told.get("otel.kind"), None);
    assert_eq!(bare["span"], "bare");
}

#[test]
fn a_value_on_a_line_is_bounded() {
    let (dispatch, _telemetry, written) = started(&[]);
    within(&dispatch, || tracing::info!(long = "é".repeat(5_000), "much"));
    assert!(written.lines()[0]["long"].as_str().unwrap().len() <= 1024);
}

#[test]
fn a_panic_is_one_line_that_names_the_place_only() {
    let (dispatch, _telemetry, written) = started(&[]);
    within(&dispatch, || log_panic(Some(std::panic::Location::caller())));
    let line = &written.lines()[0];
    assert_eq!(line["message"], "panicked");
    assert!(line["place"].as_str().unwrap().starts_with("shared/telemetry/src/tests.rs:"));
}

/// A collector on a free port that hands over what it is sent and answers with `answer`.
async fn collector<F>(answer: fn() -> F) -> (String, mpsc::UnboundedReceiver<Bytes>, AbortHandle)
where
    F: Future<Output = ()> + Send + 'static,
{
    let (sent, received) = mpsc::unbounded_channel();
    let take = move |State(sent): State<mpsc::UnboundedSender<Bytes>>, body: Bytes| async move {
        let _ = sent.send(body);
        answer().await;
    };
    let router = Router::new().route("/v1/traces", post(take)).with_state(sent);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, received, task.abort_handle())
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_reach_a_collector_and_those_of_libraries_do_not() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (url, mut received, task) = collector(|| async {}).await;
    let (dispatch, telemetry, _) = started(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &url)]);
    within(&dispatch, || {
        tracing::info_span!("deliver", consumer = "billing").in_scope(|| {});
        tracing::info_span!(target: "hyper", "library").in_scope(|| {});
    });
    tokio::task::spawn_blocking(|| telemetry.flush()).await.unwrap();

    let body = received.recv().await.unwrap();
    for expected in ["deliver", "billing", "usher-test", "service.name"] {
        assert!(holds(&body, expected), "{expected}");
    }
    assert!(!holds(&body, "library"));
    task.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_hangs_does_not_hold_up_the_end() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (url, mut received, task) = collector(std::future::pending).await;
    let (dispatch, telemetry, _) = started(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &url)]);
    within(&dispatch, || tracing::info_span!("deliver").in_scope(|| {}));

    let began = Instant::now();
    tokio::task::spawn_blocking(|| telemetry.flush()).await.unwrap();

    assert!(received.recv().await.is_some(), "the export had begun");
    assert!(began.elapsed() < FLUSH_BOUND * 2);
    task.abort();
}
