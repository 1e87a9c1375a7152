//! A network between us and the broker that can be cut at will.

use std::net::SocketAddr;

use tokio::{
    net::{TcpListener, TcpStream},
    sync::broadcast,
    task::JoinSet,
};
use tokio_util::task::AbortOnDropHandle;

pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    cuts: broadcast::Sender<()>,
    _task: AbortOnDropHandle<()>,
}

impl Proxy {
    pub(crate) async fn before(broker: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let cuts = broadcast::Sender::new(1);
        let task = AbortOnDropHandle::new(tokio::spawn(accept(listener, broker, cuts.clone())));
        Self { address, cuts, _task: task }
    }

    /// Breaks every connection there is; new ones are let through.
    pub(crate) fn cut(&self) {
        self.cuts.send(()).expect("somebody is connected");
    }
}

async fn accept(listener: TcpListener, broker: SocketAddr, cuts: broadcast::Sender<()>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        connections.spawn(pump(client, broker, cuts.subscribe()));
    }
}

async fn pump(mut client: TcpStream, broker: SocketAddr, mut cut: broadcast::Receiver<()>) {
    let Ok(mut server) = TcpStream::connect(broker).await else { return };
    tokio::select! {
        biased;
        _ = cut.recv() => {}
        _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
    }
}
