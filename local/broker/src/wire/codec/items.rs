//! The elements of compound values: the fields of a list, the entries of a map.

use super::reader::{Malformed, Reader, Value};

/// The elements of a list, map or array, in order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Items<'a> {
    reader: Reader<'a>,
    left: usize,
    /// The one constructor of all elements of an array.
    constructor: Option<u8>,
}

impl<'a> Items<'a> {
    /// No elements.
    pub(crate) fn none() -> Self {
        Self { reader: Reader::new(&[]), left: 0, constructor: None }
    }

    pub(super) fn of_compound(code: u8, encoded: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(encoded);
        let left = if code & 0x10 == 0 { reader.byte()?.into() } else { reader.length()? };
        // Every element takes a byte at least: a count beyond that is a lie that somebody might allocate for.
        if left > encoded.len() {
            return Err(Malformed("it counts more elements than there are bytes"));
        }
        Ok(Self { reader, left, constructor: None })
    }

    pub(super) fn of_map(code: u8, encoded: &'a [u8]) -> Result<Self, Malformed> {
        let items = Self::of_compound(code, encoded)?;
        if items.left.is_multiple_of(2) {
            Ok(items)
        } else {
            Err(Malformed("a map has a key without a value"))
        }
    }

    pub(super) fn of_array(code: u8, encoded: &'a [u8]) -> Result<Self, Malformed> {
        let mut items = Self::of_compound(if code == 0xf0 { 0xd0 } else { 0xc0 }, encoded)?;
        items.constructor = if items.left == 0 { None } else { Some(items.reader.byte()?) };
        Ok(items)
    }

    /// How many there are still.
    pub(crate) fn len(&self) -> usize {
        self.left
    }

    /// The bytes of the elements still to come.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.reader.rest()
    }

    /// The next field of a composite: those left out at its end are null.
    pub(crate) fn field(&mut self) -> Result<Value<'a>, Malformed> {
        self.next().unwrap_or(Ok(Value::Null))
    }

    /// The bytes of the next element, or null's.
    pub(crate) fn encoded(&mut self) -> Result<&'a [u8], Malformed> {
        if self.left == 0 {
            return Ok(&[0x40]);
        }
        self.left -= 1;
        self.reader.encoded()
    }

    /// The next key of a map, with its value. Keys are symbols from most senders and strings from some.
    pub(crate) fn entry(&mut self) -> Option<Result<(&'a str, Value<'a>), Malformed>> {
        let key = match self.next()? {
            Ok(Value::Symbol(key) | Value::Text(key)) => key,
            Ok(_) => return Some(Err(Malformed("a key is no symbol and no string"))),
            Err(malformed) => return Some(Err(malformed)),
        };
        Some(self.field().map(|value| (key, value)))
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Result<Value<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        Some(match self.constructor {
            Some(code) => self.reader.primitive(code),
            None => self.reader.value(),
        })
    }
}
