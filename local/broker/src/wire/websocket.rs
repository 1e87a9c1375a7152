//! AMQP over WebSockets, as Service Bus offers it on port 443: binary messages that carry the stream.

use std::{future::ready, io};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::{
    Message,
    handshake::server::{ErrorResponse, Request, Response},
    http::{HeaderValue, StatusCode, header::SEC_WEBSOCKET_PROTOCOL},
};
use tokio_util::io::{CopyToBytes, SinkWriter, StreamReader};

use super::transport::{Duplex, Stream};

const PATH: &str = "/$servicebus/websocket";
/// The names of the subprotocol: Service Bus's own and the registered one.
const PROTOCOLS: [&str; 2] = ["AMQPWSB10", "amqp"];

/// Answers the upgrade and unwraps the stream.
pub(super) async fn accept<S: Duplex + 'static>(stream: S) -> io::Result<Stream> {
    let socket = tokio_tungstenite::accept_hdr_async(stream, check).await.map_err(io::Error::other)?;
    let (sink, messages) = socket.split();
    let reader =
        StreamReader::new(messages.filter_map(|message| ready(payload(message.map_err(io::Error::other)))));
    let writer = sink
        .sink_map_err(io::Error::other)
        .with(|bytes: Bytes| ready(io::Result::Ok(Message::Binary(bytes))));
    Ok(Box::new(tokio::io::join(reader, SinkWriter::new(CopyToBytes::new(writer)))))
}

fn payload(message: io::Result<Message>) -> Option<io::Result<Bytes>> {
    match message {
        Ok(Message::Binary(bytes)) => Some(Ok(bytes)),
        Ok(Message::Text(_)) => Some(Err(io::Error::new(io::ErrorKind::InvalidData, "AMQP is not text"))),
        // Pings are answered by the socket itself; after a close the stream ends.
        Ok(_) => None,
        Err(error) => Some(Err(error)),
    }
}

#[expect(clippy::result_large_err, reason = "the type is tungstenite's")]
fn check(request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    if !request.uri().path().trim_end_matches('/').eq_ignore_ascii_case(PATH) {
        return Err(refuse(StatusCode::NOT_FOUND));
    }
    let offered =
        request.headers().get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    let offered: Vec<&str> = offered.flat_map(|value| value.split(',')).map(str::trim).collect();
    let Some(chosen) =
        PROTOCOLS.into_iter().find(|name| offered.iter().any(|other| other.eq_ignore_ascii_case(name)))
    else {
        return Err(refuse(StatusCode::BAD_REQUEST));
    };
    response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(chosen));
    Ok(response)
}

fn refuse(status: StatusCode) -> ErrorResponse {
    let mut refusal =
        ErrorResponse::new(Some(format!("AMQP is spoken at {PATH} with the subprotocol {}", PROTOCOLS[0])));
    *refusal.status_mut() = status;
    refusal
}
