//! A proxy in front of a stand-in's Graph, over sockets: it notes when the audit log was asked, and may tell another time
//! than it is.

#![allow(dead_code, reason = "each test has its use of a part of it")]

use std::{
    sync::{Arc, Mutex},
    time::Instant,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{
        HeaderMap, HeaderName, StatusCode,
        header::{CONNECTION, CONTENT_LENGTH, DATE, HOST, TRANSFER_ENCODING},
    },
    response::Response,
};
use bytes::Bytes;
use time::{OffsetDateTime, macros::format_description};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;
use usher_http::{HttpClient, HttpSettings};

/// More than any page.
const LARGEST: usize = 64 << 20;
/// What concerns one connection only, and what is made anew.
const OF_ONE_HOP: [HeaderName; 5] = [CONNECTION, CONTENT_LENGTH, DATE, HOST, TRANSFER_ENCODING];

/// The proxy; it ends with this.
pub(crate) struct GraphProxy {
    /// `GRAPH_ENDPOINT`
    pub(crate) url: String,
    inner: Arc<Inner>,
    _serving: AbortOnDropHandle<()>,
}

struct Inner {
    url: String,
    upstream: String,
    http: HttpClient,
    clock_off: time::Duration,
    log: Mutex<Vec<(Instant, u16)>>,
}

impl GraphProxy {
    /// One in front of `upstream`, whose clock is off by so much.
    pub(crate) async fn in_front_of(upstream: &str, clock_off: time::Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let inner = Arc::new(Inner {
            url: url.clone(),
            upstream: upstream.to_owned(),
            http: HttpSettings::default().client().unwrap(),
            clock_off,
            log: Mutex::default(),
        });
        let router = Router::new().fallback(forward).with_state(inner.clone());
        let serving = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Self { url, inner, _serving: AbortOnDropHandle::new(serving) }
    }

    /// When the audit log was asked, and the status of the answer.
    pub(crate) fn log_requests(&self) -> Vec<(Instant, u16)> {
        self.inner.log.lock().unwrap().clone()
    }
}

async fn forward(State(proxy): State<Arc<Inner>>, request: Request) -> Response {
    let at = Instant::now();
    let is_log = request.uri().path().contains("directoryAudits");
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, LARGEST).await.unwrap();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut onward = http::Request::new(body);
    *onward.method_mut() = parts.method;
    *onward.uri_mut() = format!("{}{path}", proxy.upstream).parse().unwrap();
    *onward.headers_mut() = without_hops(parts.headers);
    let answer = match proxy.http.send(onward).await {
        Ok(answer) => proxy.handed_back(answer),
        Err(_) => Response::builder().status(StatusCode::BAD_GATEWAY).body(Body::empty()).unwrap(),
    };
    if is_log {
        proxy.log.lock().unwrap().push((at, answer.status().as_u16()));
    }
    answer
}

impl Inner {
    /// Links lead back to the proxy.
    fn handed_back(&self, answer: http::Response<Bytes>) -> Response {
        let (parts, body) = answer.into_parts();
        let body = String::from_utf8_lossy(&body).replace(&self.upstream, &self.url);
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = parts.status;
        *response.headers_mut() = without_hops(parts.headers);
        response.headers_mut().insert(DATE, self.now().parse().unwrap());
        response
    }

    fn now(&self) -> String {
        let format = format_description!(
            "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
        );
        (OffsetDateTime::now_utc() + self.clock_off).format(format).unwrap()
    }
}

fn without_hops(mut headers: HeaderMap) -> HeaderMap {
    for name in OF_ONE_HOP {
        headers.remove(name);
    }
    headers
}
