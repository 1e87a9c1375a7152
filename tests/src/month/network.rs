//! The way to the stand-ins, which now and then delivers half a page.

use std::sync::{Arc, Mutex, PoisonError};

use http::StatusCode;
use tower::ServiceExt;
use usher_http::{HttpClient, Request, Response, TransportError};
use usher_sandbox::InProcess;

/// How likely a page of the log is cut short.
const CUT: f64 = 0.005;

/// What went over it. Cheap to clone; clones share all.
#[derive(Clone)]
pub(super) struct Network(Arc<Mutex<Seen>>);

struct Seen {
    chance: fastrand::Rng,
    log_requests: usize,
    in_vain: usize,
}

impl Network {
    pub(super) fn new(seed: u64) -> Self {
        let chance = fastrand::Rng::with_seed(seed);
        Self(Arc::new(Mutex::new(Seen { chance, log_requests: 0, in_vain: 0 })))
    }

    /// A client whose calls go over it.
    pub(super) fn client(&self, to: InProcess) -> HttpClient {
        let network = self.clone();
        HttpClient::new(tower::service_fn(move |request: Request| {
            let (network, to) = (network.clone(), to.clone());
            let is_log = request.uri().path().contains("directoryAudits");
            async move {
                let answer = to.oneshot(request).await;
                if is_log { network.deliver(answer) } else { answer }
            }
        }))
    }

    /// How often the log was asked, and how often in vain.
    pub(super) fn log_requests(&self) -> (usize, usize) {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (seen.log_requests, seen.in_vain)
    }

    fn deliver(&self, answer: Result<Response, TransportError>) -> Result<Response, TransportError> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.log_requests += 1;
        let good = answer.as_ref().is_ok_and(|answer| answer.status() == StatusCode::OK);
        let cut = good && seen.chance.f64() < CUT;
        seen.in_vain += usize::from(cut || !good);
        answer.map(|answer| if cut { half(answer) } else { answer })
    }
}

fn half(answer: Response) -> Response {
    let (parts, body) = answer.into_parts();
    Response::from_parts(parts, body.slice(..body.len() / 2))
}
