//! Where traces are exported to.

use std::sync::{Arc, Mutex};

use axum::{Router, body::Bytes, extract::State};
use tokio_util::task::AbortOnDropHandle;

/// A collector that keeps every byte it is sent.
pub(crate) struct Collector {
    pub(crate) address: String,
    received: Arc<Mutex<Vec<u8>>>,
    _serving: AbortOnDropHandle<()>,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        let received = Arc::<Mutex<Vec<u8>>>::default();
        let keep = |State(received): State<Arc<Mutex<Vec<u8>>>>, body: Bytes| async move {
            received.lock().unwrap().extend_from_slice(&body);
        };
        let router = Router::new().fallback(keep).with_state(received.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, received, _serving: AbortOnDropHandle::new(serving) }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.received.lock().unwrap()).into_owned()
    }
}
