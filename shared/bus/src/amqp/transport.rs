//! The stream under AMQP: TCP or TLS, or either of them inside WebSockets.

use std::{io, path::Path, sync::Arc};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt, TryStreamExt, future};
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite, join},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{ClientRequestBuilder, Error as WebSocketError, Message as Frame, http::Uri},
};
use tokio_util::io::{CopyToBytes, SinkWriter, StreamReader};
use usher_identity::tls_config;

use crate::settings::{BusSettingsError, BusTransport, Checked};

/// The path and the sub-protocol under which Service Bus takes AMQP inside WebSockets.
const WEBSOCKET_PATH: &str = "/$servicebus/websocket";
const WEBSOCKET_PROTOCOL: &str = "AMQPWSB10";

/// Any byte stream, opened and encrypted as it has to be.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Opens streams to the broker.
pub(crate) struct Dialer {
    host: String,
    port: u16,
    transport: BusTransport,
    /// Absent only for a broker on this machine that was said to be an emulator.
    tls: Option<TlsConnector>,
}

impl Dialer {
    pub(crate) fn new(checked: &Checked, extra_ca: Option<&Path>) -> Result<Self, BusSettingsError> {
        let connector = || tls_config(extra_ca).map(|config| TlsConnector::from(Arc::new(config)));
        Ok(Self {
            host: checked.host.clone(),
            port: checked.port,
            transport: checked.transport,
            tls: if checked.plain { None } else { Some(connector()?) },
        })
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Host and port, for people.
    pub(crate) fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Opens one stream, ready for AMQP's first bytes.
    pub(crate) async fn dial(&self) -> io::Result<Box<dyn Stream>> {
        let tcp = TcpStream::connect((self.host.as_str(), self.port)).await?;
        tcp.set_nodelay(true)?; // settlements are small and somebody waits for each
        match &self.tls {
            None => self.carry(tcp).await,
            Some(tls) => {
                let name = ServerName::try_from(self.host.clone()).map_err(io::Error::other)?;
                self.carry(tls.connect(name, tcp).await?).await
            }
        }
    }

    async fn carry<S: Stream + 'static>(&self, stream: S) -> io::Result<Box<dyn Stream>> {
        match self.transport {
            BusTransport::Amqp => Ok(Box::new(stream)),
            BusTransport::Websockets => {
                let request =
                    ClientRequestBuilder::new(self.websocket_uri()?).with_sub_protocol(WEBSOCKET_PROTOCOL);
                let (websocket, _response) = client_async(request, stream).await.map_err(io_error)?;
                Ok(Box::new(bytes_of(websocket)))
            }
        }
    }

    fn websocket_uri(&self) -> io::Result<Uri> {
        let scheme = if self.tls.is_some() { "wss" } else { "ws" };
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        format!("{scheme}://{host}:{}{WEBSOCKET_PATH}", self.port).parse().map_err(io::Error::other)
    }
}

/// The bytes inside a WebSocket's binary frames; frame borders mean nothing to AMQP.
fn bytes_of<S: Stream + 'static>(websocket: WebSocketStream<S>) -> impl Stream {
    let (sink, stream) = websocket.split();
    let incoming = stream.map_err(io_error).try_filter_map(|frame| {
        future::ready(match frame {
            Frame::Binary(bytes) => Ok(Some(bytes)),
            Frame::Text(_) => Err(io::Error::new(io::ErrorKind::InvalidData, "a text frame inside AMQP")),
            _ => Ok(None), // pings are answered by the library
        })
    });
    let outgoing =
        sink.sink_map_err(io_error).with(|bytes: Bytes| future::ready(io::Result::Ok(Frame::Binary(bytes))));
    join(StreamReader::new(incoming), SinkWriter::new(CopyToBytes::new(outgoing)))
}

fn io_error(error: WebSocketError) -> io::Error {
    match error {
        WebSocketError::Io(error) => error,
        other => io::Error::other(other),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };
    use tokio_tungstenite::{
        accept_hdr_async,
        tungstenite::handshake::server::{ErrorResponse, Request, Response},
    };

    use super::*;
    use crate::settings::Identity;

    async fn dialer(listener: &TcpListener, transport: BusTransport) -> Dialer {
        let checked = Checked {
            host: "127.0.0.1".into(),
            port: listener.local_addr().unwrap().port(),
            plain: true,
            transport,
            identity: Identity::Ambient,
        };
        Dialer::new(&checked, None).unwrap()
    }

    /// Checks the request line and the sub-protocol as Service Bus does, then echoes every binary frame.
    async fn echo(listener: TcpListener) {
        let (tcp, _) = listener.accept().await.unwrap();
        #[expect(clippy::result_large_err, reason = "the library's own signature")]
        let check = |request: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
            assert_eq!(request.uri().path(), WEBSOCKET_PATH);
            let protocol = request.headers()["sec-websocket-protocol"].clone();
            assert_eq!(protocol, WEBSOCKET_PROTOCOL);
            response.headers_mut().insert("sec-websocket-protocol", protocol);
            Ok(response)
        };
        let mut websocket = accept_hdr_async(tcp, check).await.unwrap();
        while let Some(Ok(frame)) = websocket.next().await {
            if frame.is_binary() {
                websocket.send(Frame::Ping(Bytes::new())).await.unwrap();
                websocket.send(frame).await.unwrap();
            }
        }
    }

    #[tokio::test]
    async fn bytes_pass_through_websockets_unchanged() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let dialer = dialer(&listener, BusTransport::Websockets).await;
        let server = tokio::spawn(echo(listener));

        let mut stream = dialer.dial().await.unwrap();
        stream.write_all(b"AMQP").await.unwrap();
        stream.flush().await.unwrap();
        let mut back = [0; 4];
        tokio::time::timeout(Duration::from_secs(5), stream.read_exact(&mut back)).await.unwrap().unwrap();
        assert_eq!(&back, b"AMQP");
        server.abort();
    }

    #[tokio::test]
    async fn a_port_where_nobody_listens_is_an_error() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let dialer = dialer(&listener, BusTransport::Amqp).await;
        drop(listener);
        assert!(dialer.dial().await.is_err());
    }
}
