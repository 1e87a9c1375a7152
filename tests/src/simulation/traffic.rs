//! What goes out to the vendors, second by second: how much, how much of it writes, and how much was too much.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use http::{Method, StatusCode, header::CONTENT_TYPE};
use serde_json::Value;
use tokio::time::Instant;
use tower::Service;
use usher_http::{Request, Response, TransportError};
use usher_sandbox::{InProcess, Vendor};

/// Calls that were made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// All of them, answered or not. What is in a batch is one call.
    pub made: u64,
    /// What they write: a batch as often as it writes.
    pub writes: u64,
    /// What was answered with "too many", within batches too.
    pub throttled: u64,
}

impl std::ops::AddAssign for Calls {
    fn add_assign(&mut self, more: Self) {
        self.made += more.made;
        self.writes += more.writes;
        self.throttled += more.throttled;
    }
}

/// All that went out, by who called whom and by the second since the beginning. Cheap to clone; clones share all.
#[derive(Clone, Debug)]
pub struct Traffic {
    began: Instant,
    seen: Arc<Mutex<Seen>>,
}

type Seen = BTreeMap<(&'static str, Vendor), BTreeMap<u64, Calls>>;

impl Traffic {
    pub(super) fn new() -> Self {
        Self { began: Instant::now(), seen: Arc::default() }
    }

    /// What `who` asked of `vendor`, by the second; seconds without calls are left out.
    pub fn by_second(&self, who: &str, vendor: Vendor) -> BTreeMap<u64, Calls> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let found = seen.iter().find(|((caller, called), _)| *caller == who && *called == vendor);
        found.map(|(_, seconds)| seconds.clone()).unwrap_or_default()
    }

    /// What `who` asked of `vendor` in all.
    pub fn total(&self, who: &str, vendor: Vendor) -> Calls {
        let mut total = Calls::default();
        self.by_second(who, vendor).into_values().for_each(|calls| total += calls);
        total
    }

    /// The stand-ins as `who` calls them.
    pub(super) fn tap(&self, who: &'static str, inner: InProcess) -> Tap {
        Tap { who, traffic: self.clone(), inner }
    }

    fn note(&self, who: &'static str, vendor: Vendor, calls: Calls) {
        let second = self.began.elapsed().as_secs();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        *seen.entry((who, vendor)).or_default().entry(second).or_default() += calls;
    }
}

/// The stand-ins, with somebody counting.
#[derive(Clone)]
pub(super) struct Tap {
    who: &'static str,
    traffic: Traffic,
    inner: InProcess,
}

impl Service<Request> for Tap {
    type Response = Response;
    type Error = TransportError;
    type Future = Pin<Box<dyn Future<Output = Result<Response, TransportError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let Self { who, traffic, .. } = self.clone();
        let vendor = called(&request);
        let is_batch = request.uri().path().ends_with("/$batch");
        traffic.note(who, vendor, Calls { made: 1, writes: writes(&request, is_batch), throttled: 0 });
        let call = self.inner.call(request);
        Box::pin(async move {
            let answer = call.await?;
            let throttled = throttled(&answer, vendor, is_batch);
            traffic.note(who, vendor, Calls { throttled, ..Calls::default() });
            Ok(answer)
        })
    }
}

fn called(request: &Request) -> Vendor {
    let called = InProcess::vendor_at(request.uri().host().unwrap_or_default());
    called.expect("the processes of a simulation know only the stand-ins")
}

fn writes(request: &Request, is_batch: bool) -> u64 {
    match (is_batch, request.method()) {
        (true, _) => count_in(request.body(), "requests", |step| step["method"] != "GET"),
        (false, &(Method::GET | Method::OPTIONS)) => 0,
        (false, _) => 1,
    }
}

fn throttled(answer: &Response, vendor: Vendor, is_batch: bool) -> u64 {
    let media = answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match answer.status() {
        StatusCode::TOO_MANY_REQUESTS => 1,
        StatusCode::FORBIDDEN if vendor == Vendor::Mailchimp && media.starts_with("text/html") => 1,
        // All others who may not call get a 401, or a 404.
        StatusCode::FORBIDDEN if vendor == Vendor::Salesforce => 1,
        StatusCode::OK if is_batch => count_in(answer.body(), "responses", |step| step["status"] == 429),
        _ => 0,
    }
}

fn count_in(body: &[u8], list: &str, counts: impl Fn(&Value) -> bool) -> u64 {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let steps = body[list].as_array();
    steps.map_or(0, |steps| steps.iter().filter(|step| counts(step)).count() as u64)
}
