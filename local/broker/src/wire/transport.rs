//! What AMQP travels over: TCP, TLS, and WebSockets over either, all on one port, told apart by their first byte.

use std::io;

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, BufReader},
    net::TcpStream,
};
use tokio_rustls::TlsAcceptor;

use super::websocket;

/// The first byte of a TLS handshake; AMQP begins with an `A`, a WebSocket's request with a `G`.
const TLS_HANDSHAKE: u8 = 0x16;
const GET: u8 = b'G';

/// Anything that bytes go through both ways.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

/// A connection, ready for AMQP.
pub(crate) type Stream = Box<dyn Duplex>;

/// Finds out what the peer speaks and does what comes before AMQP.
pub(crate) async fn accept(tcp: TcpStream, tls: Option<&TlsAcceptor>) -> io::Result<Stream> {
    tcp.set_nodelay(true)?;
    let mut stream = BufReader::new(tcp);
    match (first_byte(&mut stream).await?, tls) {
        (TLS_HANDSHAKE, Some(tls)) => within(BufReader::new(tls.accept(stream).await?)).await,
        _ => within(stream).await,
    }
}

async fn within<S: Duplex + 'static>(mut stream: BufReader<S>) -> io::Result<Stream> {
    match first_byte(&mut stream).await? {
        GET => websocket::accept(stream).await,
        _ => Ok(Box::new(stream)),
    }
}

async fn first_byte<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> io::Result<u8> {
    stream.fill_buf().await?.first().copied().ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}
