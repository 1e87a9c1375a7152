//! One port: open while its vendor is up, closed while it is down.

use std::{collections::BTreeSet, io, net::SocketAddr, time::Duration};

use axum::Router;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use super::ACCEPT_PAUSE;
use crate::{Vendor, in_process::answer};

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 1024;
/// The largest request, in bytes. Graph's and Stripe's limits are of this order.
const BODY_LIMIT: usize = 4 << 20;
/// How long a TLS handshake may take: a client on the same machine needs milliseconds.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// A port that stays ours even while nobody listens on it: bound, and never listened on itself.
#[derive(Debug)]
pub(super) struct Port {
    _reservation: TcpSocket,
    address: SocketAddr,
}

impl Port {
    pub(super) fn reserve(address: SocketAddr) -> io::Result<Self> {
        let reservation = bound(address)?;
        let address = reservation.local_addr()?;
        Ok(Self { _reservation: reservation, address })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn listen(&self) -> io::Result<TcpListener> {
        bound(self.address)?.listen(BACKLOG)
    }
}

fn bound(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Serves until aborted. During an outage of `vendor` the listener and all connections are gone.
pub(super) async fn serve(
    port: Port,
    listener: TcpListener,
    mut outages: watch::Receiver<BTreeSet<Vendor>>,
    vendor: Option<Vendor>,
    router: Router,
    tls: Option<TlsAcceptor>,
) {
    let is_down = |down: &BTreeSet<Vendor>| vendor.is_some_and(|vendor| down.contains(&vendor));
    let mut listener = Some(listener);
    loop {
        if let Some(open) = listener.take() {
            tokio::select! {
                ended = outages.wait_for(is_down) => if ended.is_err() { return },
                () = accept_all(open, &router, tls.as_ref()) => {}
            }
        }
        if outages.wait_for(|down| !is_down(down)).await.is_err() {
            return;
        }
        match port.listen() {
            Ok(open) => listener = Some(open),
            Err(error) => {
                tracing::warn!(%error, port = port.address().port(), "can't listen again yet");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Never ends by itself; its connections end with it.
async fn accept_all(listener: TcpListener, router: &Router, tls: Option<&TlsAcceptor>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => _ = connections.spawn(connection(stream, router.clone(), tls.cloned())),
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, router: Router, tls: Option<TlsAcceptor>) {
    // A pity if small answers wait for more to send with them, but no failure.
    let _ = stream.set_nodelay(true);
    match tls {
        None => speak_http(stream, router).await,
        Some(tls) => {
            if let Ok(Ok(stream)) = timeout(HANDSHAKE, tls.accept(stream)).await {
                speak_http(stream, router).await;
            }
        }
    }
}

/// An error of the service, which is an injected fault, drops the connection without an answer.
async fn speak_http(stream: impl AsyncRead + AsyncWrite + Unpin, router: Router) {
    let service = service_fn(|request| respond(request, router.clone()));
    let connection =
        http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    // However a connection ends, it is the client's business.
    let _ = connection.await;
}

type Broken = Box<dyn std::error::Error + Send + Sync>;

async fn respond(request: Request<Incoming>, router: Router) -> Result<Response<Full<bytes::Bytes>>, Broken> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, BODY_LIMIT).collect().await?.to_bytes();
    Ok(answer(router, Request::from_parts(parts, body)).await?.map(Full::new))
}
