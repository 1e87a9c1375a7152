//! Where a frame begins and ends (AMQP 1.0, part 2.3).

use bytes::{BufMut, BytesMut};

use super::fault::Fault;

/// The largest frame we take, as Service Bus. Whatever is larger comes in several.
pub(crate) const MAX_FRAME: u32 = 64 << 10;
/// Every peer must take frames of this size.
pub(crate) const MIN_MAX_FRAME: u32 = 512;
/// Size, data offset, type, channel.
pub(crate) const HEADER: usize = 8;

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Amqp = 0,
    Sasl = 1,
}

/// A frame as it lies in the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    /// 0: AMQP, 1: SASL.
    pub(crate) kind: u8,
    /// The session; of no meaning in SASL.
    pub(crate) channel: u16,
    /// Performative and payload; empty in a heartbeat.
    pub(crate) body: &'a [u8],
    /// How many bytes of the input it takes up.
    pub(crate) size: usize,
}

/// The first frame of the input, if it is all there.
pub(crate) fn first(input: &[u8]) -> Result<Option<Frame<'_>>, Fault> {
    let Some((header, _)) = input.split_first_chunk::<HEADER>() else { return Ok(None) };
    let [s0, s1, s2, s3, offset, kind, c0, c1] = *header;
    let size = u32::from_be_bytes([s0, s1, s2, s3]);
    let body_at = usize::from(offset) * 4;
    if size > MAX_FRAME || body_at < HEADER || (size as usize) < body_at {
        return Err(Fault::FRAMING);
    }
    let size = size as usize;
    let channel = u16::from_be_bytes([c0, c1]);
    Ok(input.get(body_at..size).map(|body| Frame { kind, channel, body, size }))
}

/// Writes a frame around what `body` writes.
pub(crate) fn write(out: &mut BytesMut, kind: Kind, channel: u16, body: impl FnOnce(&mut BytesMut)) {
    let start = out.len();
    out.put_u32(0);
    out.put_slice(&[2, kind as u8]);
    out.put_u16(channel);
    body(out);
    let size = u32::try_from(out.len() - start).expect("callers split what could be larger than a frame");
    out[start..start + 4].copy_from_slice(&size.to_be_bytes());
}

/// Writes a heartbeat.
pub(crate) fn write_empty(out: &mut BytesMut) {
    write(out, Kind::Amqp, 0, |_| {});
}
