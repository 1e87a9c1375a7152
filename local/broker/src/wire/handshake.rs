//! How a connection begins: SASL if the peer wants it, then the AMQP header (AMQP 1.0, parts 2.2 and 5.3).

use std::io;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{
    access::Access,
    codec::{
        fault::Fault,
        frame,
        incoming::code,
        outgoing,
        reader::{Malformed, Reader, Value},
    },
    sas::SasKey,
    transport::Stream,
};

const AMQP_HEADER: [u8; 8] = *b"AMQP\x00\x01\x00\x00";
const SASL_HEADER: [u8; 8] = *b"AMQP\x03\x01\x00\x00";
/// Those without a name and password leave it to `$cbs` to show a right.
const MECHANISMS: [&str; 4] = ["MSSBCBS", "PLAIN", "ANONYMOUS", "EXTERNAL"];

/// Shakes hands; what came behind the handshake is left in `input`. `None`: the peer was refused, and told so.
pub(crate) async fn shake(
    stream: &mut Stream,
    input: &mut BytesMut,
    key: &SasKey,
) -> io::Result<Option<Access>> {
    let mut access = Access::default();
    let mut header = read_header(stream, input).await?;
    if header == SASL_HEADER {
        match log_in(stream, input, key).await? {
            Some(granted) => access = granted,
            None => return Ok(None),
        }
        header = read_header(stream, input).await?;
    }
    say(stream, &AMQP_HEADER).await?;
    stream.flush().await?;
    // A peer of another version reads from our header what it should have sent (2.2).
    Ok((header == AMQP_HEADER).then_some(access))
}

async fn log_in(stream: &mut Stream, input: &mut BytesMut, key: &SasKey) -> io::Result<Option<Access>> {
    let mut out = BytesMut::from(&SASL_HEADER[..]);
    outgoing::sasl_mechanisms(&mut out, &MECHANISMS);
    stream.write_all_buf(&mut out).await?;
    stream.flush().await?;
    let access = loop {
        if let Some(frame) = frame::first(input).map_err(invalid)? {
            let access = judge(frame.body, key).unwrap_or(None);
            let size = frame.size;
            input.advance(size);
            break access;
        }
        read_more(stream, input).await?;
    };
    out.clear();
    outgoing::sasl_outcome(&mut out, access.is_some());
    say(stream, &out).await?;
    stream.flush().await?;
    Ok(access)
}

/// What the peer's choice of mechanism gives it; `None` if it is refused.
fn judge(body: &[u8], key: &SasKey) -> Result<Option<Access>, Malformed> {
    let (descriptor, list) = Reader::new(body).described()?;
    if descriptor != u64::from(code::SASL_INIT) {
        return Err(Malformed("a SASL init is missing"));
    }
    let mut fields = Reader::new(list).list()?;
    let mechanism = fields.field()?.text().unwrap_or_default();
    let response = match fields.field()? {
        Value::Binary(response) => response,
        _ => &[],
    };
    Ok(match mechanism {
        "PLAIN" => is_key(response, key).then(Access::to_everything),
        _ => MECHANISMS.contains(&mechanism).then(Access::default),
    })
}

/// RFC 4616: an authorization identity, the name and the password, each behind a zero.
fn is_key(response: &[u8], key: &SasKey) -> bool {
    let mut parts = response.splitn(3, |byte| *byte == 0).skip(1);
    let (Some(name), Some(password)) = (parts.next(), parts.next()) else { return false };
    std::str::from_utf8(name).is_ok_and(|name| key.is(name, password))
}

/// A WebSocket and TLS hold back what isn't flushed.
async fn say(stream: &mut Stream, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}

async fn read_header(stream: &mut Stream, input: &mut BytesMut) -> io::Result<[u8; 8]> {
    while input.len() < AMQP_HEADER.len() {
        read_more(stream, input).await?;
    }
    let mut header = [0; 8];
    input.copy_to_slice(&mut header);
    Ok(header)
}

async fn read_more(stream: &mut Stream, input: &mut BytesMut) -> io::Result<()> {
    match stream.read_buf(input).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

fn invalid(fault: Fault) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, fault.description)
}
