//! Encodes the few values that we write ourselves (AMQP 1.0, part 1: types).

use bytes::BufMut;
use uuid::Uuid;

/// A described list of `count` fields, which `fields` writes.
pub(crate) fn composite<B: BufMut + AsMut<[u8]>>(
    out: &mut B,
    descriptor: u8,
    count: u32,
    fields: impl FnOnce(&mut B),
) {
    out.put_slice(&[0x00, 0x53, descriptor]);
    compound(out, 0xd0, count, fields);
}

/// A described map of `count` keys and values.
pub(crate) fn section_map<B: BufMut + AsMut<[u8]>>(
    out: &mut B,
    descriptor: u8,
    count: u32,
    entries: impl FnOnce(&mut B),
) {
    out.put_slice(&[0x00, 0x53, descriptor]);
    map(out, count, entries);
}

/// A map of `count` keys and values.
pub(crate) fn map<B: BufMut + AsMut<[u8]>>(out: &mut B, count: u32, entries: impl FnOnce(&mut B)) {
    compound(out, 0xd1, count, entries);
}

/// A list of `count` elements.
pub(crate) fn list<B: BufMut + AsMut<[u8]>>(out: &mut B, count: u32, elements: impl FnOnce(&mut B)) {
    compound(out, 0xd0, count, elements);
}

/// An array of points in time.
pub(crate) fn timestamps<B: BufMut + AsMut<[u8]>>(out: &mut B, moments: &[i64]) {
    compound(out, 0xf0, count(moments), |out| {
        out.put_u8(0x83);
        moments.iter().for_each(|moment| out.put_i64(*moment));
    });
}

/// An array of symbols, which are short.
pub(crate) fn symbols<B: BufMut + AsMut<[u8]>>(out: &mut B, symbols: &[&str]) {
    compound(out, 0xf0, count(symbols), |out| {
        out.put_u8(0xb3);
        for symbol in symbols {
            out.put_u32(u32::try_from(symbol.len()).expect("symbols are short"));
            out.put_slice(symbol.as_bytes());
        }
    });
}

fn count<T>(elements: &[T]) -> u32 {
    u32::try_from(elements.len()).expect("a message holds fewer")
}

/// Size and count stand in front, so the size is filled in when the elements are written.
fn compound<B: BufMut + AsMut<[u8]>>(out: &mut B, code: u8, count: u32, elements: impl FnOnce(&mut B)) {
    out.put_u8(code);
    let start = out.as_mut().len();
    out.put_u32(0);
    out.put_u32(count);
    elements(out);
    let written = out.as_mut();
    let size = u32::try_from(written.len() - start - 4).expect("messages are limited far below this");
    written[start..start + 4].copy_from_slice(&size.to_be_bytes());
}

pub(crate) fn null<B: BufMut>(out: &mut B) {
    out.put_u8(0x40);
}

pub(crate) fn boolean<B: BufMut>(out: &mut B, value: bool) {
    out.put_u8(if value { 0x41 } else { 0x42 });
}

pub(crate) fn uint<B: BufMut>(out: &mut B, value: u32) {
    match u8::try_from(value) {
        Ok(0) => out.put_u8(0x43),
        Ok(small) => out.put_slice(&[0x52, small]),
        Err(_) => {
            out.put_u8(0x70);
            out.put_u32(value);
        }
    }
}

pub(crate) fn ushort<B: BufMut>(out: &mut B, value: u16) {
    out.put_u8(0x60);
    out.put_u16(value);
}

pub(crate) fn ulong<B: BufMut>(out: &mut B, value: u64) {
    out.put_u8(0x80);
    out.put_u64(value);
}

pub(crate) fn int<B: BufMut>(out: &mut B, value: i32) {
    out.put_u8(0x71);
    out.put_i32(value);
}

pub(crate) fn long<B: BufMut>(out: &mut B, value: i64) {
    out.put_u8(0x81);
    out.put_i64(value);
}

pub(crate) fn timestamp<B: BufMut>(out: &mut B, millis: i64) {
    out.put_u8(0x83);
    out.put_i64(millis);
}

pub(crate) fn uuid<B: BufMut>(out: &mut B, value: Uuid) {
    out.put_u8(0x98);
    out.put_slice(value.as_bytes());
}

pub(crate) fn binary<B: BufMut>(out: &mut B, value: &[u8]) {
    variable(out, 0xa0, value);
}

pub(crate) fn text<B: BufMut>(out: &mut B, value: &str) {
    variable(out, 0xa1, value.as_bytes());
}

pub(crate) fn symbol<B: BufMut>(out: &mut B, value: &str) {
    variable(out, 0xa3, value.as_bytes());
}

/// The long form's constructor is the short one's plus 0x10.
fn variable<B: BufMut>(out: &mut B, short: u8, value: &[u8]) {
    match u8::try_from(value.len()) {
        Ok(length) => out.put_slice(&[short, length]),
        Err(_) => {
            out.put_u8(short + 0x10);
            out.put_u32(u32::try_from(value.len()).expect("messages are limited far below this"));
        }
    }
    out.put_slice(value);
}
