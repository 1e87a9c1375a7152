//! Reads encoded AMQP values without copying them (AMQP 1.0, part 1: types).

use thiserror::Error;
use uuid::Uuid;

use super::items::Items;

/// The constructor that announces a descriptor.
const DESCRIBED: u8 = 0x00;

/// The bytes are not what AMQP allows, and what was wrong with them. Quotes nothing of them.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("malformed: {0}")]
pub(crate) struct Malformed(pub(crate) &'static str);

/// Reads one value after another from a slice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a>(&'a [u8]);

/// A decoded value. What is compound or described is not decoded further until it is looked into.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    Null,
    Boolean(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Character(char),
    Timestamp(i64),
    Uuid(Uuid),
    Binary(&'a [u8]),
    Text(&'a str),
    Symbol(&'a str),
    List(Items<'a>),
    Map(Items<'a>),
    Array(Items<'a>),
    Described {
        descriptor: u64,
        value: Reader<'a>,
    },
    /// A decimal: nothing here looks at one.
    Opaque,
}

impl<'a> Reader<'a> {
    /// Reads from the start of `bytes`.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// What has not been read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// Whether all has been read.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next value.
    pub(crate) fn value(&mut self) -> Result<Value<'a>, Malformed> {
        match self.byte()? {
            DESCRIBED => {
                let descriptor = self.descriptor()?;
                let value = Reader(self.encoded()?);
                Ok(Value::Described { descriptor, value })
            }
            code => self.primitive(code),
        }
    }

    /// The bytes of the next value, constructor included.
    pub(crate) fn encoded(&mut self) -> Result<&'a [u8], Malformed> {
        let start = self.0;
        while self.0.first() == Some(&DESCRIBED) {
            self.byte()?;
            self.descriptor()?;
        }
        let code = self.byte()?;
        let width = self.width(code)?;
        self.take(width)?;
        Ok(&start[..start.len() - self.0.len()])
    }

    /// A described value: its descriptor, and the bytes of the value.
    pub(crate) fn described(&mut self) -> Result<(u64, &'a [u8]), Malformed> {
        match self.byte()? {
            DESCRIBED => Ok((self.descriptor()?, self.encoded()?)),
            _ => Err(Malformed("a described value is missing")),
        }
    }

    /// The fields of the list that follows.
    pub(crate) fn list(&mut self) -> Result<Items<'a>, Malformed> {
        match self.value()? {
            Value::List(items) => Ok(items),
            _ => Err(Malformed("a list is missing")),
        }
    }

    /// The bytes of the binary that follows.
    pub(crate) fn binary(&mut self) -> Result<&'a [u8], Malformed> {
        match self.value()? {
            Value::Binary(bytes) => Ok(bytes),
            _ => Err(Malformed("a binary is missing")),
        }
    }

    /// The keys and values of the map that follows; of none for null.
    pub(crate) fn map(&mut self) -> Result<Items<'a>, Malformed> {
        match self.value()? {
            Value::Map(items) => Ok(items),
            Value::Null => Ok(Items::none()),
            _ => Err(Malformed("a map is missing")),
        }
    }

    /// Descriptors are numbers in all that is ever sent to us; their symbolic form stands for none we know.
    fn descriptor(&mut self) -> Result<u64, Malformed> {
        match self.byte()? {
            0x44 => Ok(0),
            0x53 => self.byte().map(u64::from),
            0x80 => self.array().map(u64::from_be_bytes),
            code @ (0xa3 | 0xb3) => {
                let width = self.width(code)?;
                self.take(width).map(|_| u64::MAX)
            }
            _ => Err(Malformed("a descriptor is neither a number nor a symbol")),
        }
    }

    pub(super) fn primitive(&mut self, code: u8) -> Result<Value<'a>, Malformed> {
        Ok(match code {
            0x40 => Value::Null,
            0x41 => Value::Boolean(true),
            0x42 => Value::Boolean(false),
            0x56 => Value::Boolean(self.byte()? != 0),
            0x43 | 0x44 => Value::Unsigned(0),
            0x50 | 0x52 | 0x53 => Value::Unsigned(self.byte()?.into()),
            0x60 => Value::Unsigned(u16::from_be_bytes(self.array()?).into()),
            0x70 => Value::Unsigned(u32::from_be_bytes(self.array()?).into()),
            0x80 => Value::Unsigned(u64::from_be_bytes(self.array()?)),
            0x51 | 0x54 | 0x55 => Value::Signed(i8::from_be_bytes(self.array()?).into()),
            0x61 => Value::Signed(i16::from_be_bytes(self.array()?).into()),
            0x71 => Value::Signed(i32::from_be_bytes(self.array()?).into()),
            0x81 => Value::Signed(i64::from_be_bytes(self.array()?)),
            0x72 => Value::Float(f32::from_be_bytes(self.array()?).into()),
            0x82 => Value::Float(f64::from_be_bytes(self.array()?)),
            0x83 => Value::Timestamp(i64::from_be_bytes(self.array()?)),
            0x98 => Value::Uuid(Uuid::from_bytes(self.array()?)),
            0x73 => Value::Character(self.character()?),
            0x74 | 0x84 | 0x94 => self.variable(code).map(|_| Value::Opaque)?,
            0xa0 | 0xb0 => Value::Binary(self.variable(code)?),
            0xa1 | 0xb1 => Value::Text(text(self.variable(code)?)?),
            0xa3 | 0xb3 => Value::Symbol(text(self.variable(code)?)?),
            0x45 => Value::List(Items::none()),
            0xc0 | 0xd0 => Value::List(Items::of_compound(code, self.variable(code)?)?),
            0xc1 | 0xd1 => Value::Map(Items::of_map(code, self.variable(code)?)?),
            0xe0 | 0xf0 => Value::Array(Items::of_array(code, self.variable(code)?)?),
            _ => return Err(Malformed("a constructor is unknown")),
        })
    }

    fn character(&mut self) -> Result<char, Malformed> {
        char::from_u32(u32::from_be_bytes(self.array()?)).ok_or(Malformed("a character is not one"))
    }

    fn variable(&mut self, code: u8) -> Result<&'a [u8], Malformed> {
        let width = self.width(code)?;
        self.take(width)
    }

    /// How many bytes follow this constructor; the upper half of the code says it, or where it stands.
    fn width(&mut self, code: u8) -> Result<usize, Malformed> {
        Ok(match code >> 4 {
            0x4 => 0,
            0x5 => 1,
            0x6 => 2,
            0x7 => 4,
            0x8 => 8,
            0x9 => 16,
            0xa | 0xc | 0xe => self.byte()?.into(),
            0xb | 0xd | 0xf => self.length()?,
            _ => return Err(Malformed("a constructor is unknown")),
        })
    }

    pub(super) fn length(&mut self) -> Result<usize, Malformed> {
        usize::try_from(u32::from_be_bytes(self.array()?)).map_err(|_| Malformed("a length is too large"))
    }

    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        self.array().map(|[byte]| byte)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (array, rest) = self.0.split_first_chunk().ok_or(Malformed("it ends too early"))?;
        self.0 = rest;
        Ok(*array)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Malformed("it ends too early"))?;
        self.0 = rest;
        Ok(taken)
    }
}

fn text(bytes: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(bytes).map_err(|_| Malformed("a string is not UTF-8"))
}

impl<'a> Value<'a> {
    /// A number of 32 bits; `None` for null.
    pub(crate) fn number(self) -> Result<Option<u32>, Malformed> {
        match self {
            Self::Null => Ok(None),
            Self::Unsigned(number) => {
                u32::try_from(number).map(Some).map_err(|_| Malformed("a number is too large"))
            }
            _ => Err(Malformed("a number is missing")),
        }
    }

    /// A truth value; `None` for null.
    pub(crate) fn flag(self) -> Result<Option<bool>, Malformed> {
        match self {
            Self::Null => Ok(None),
            Self::Boolean(flag) => Ok(Some(flag)),
            _ => Err(Malformed("a truth value is missing")),
        }
    }

    /// Text, whether string or symbol; `None` for anything else.
    pub(crate) fn text(self) -> Option<&'a str> {
        match self {
            Self::Text(text) | Self::Symbol(text) => Some(text),
            _ => None,
        }
    }

    /// A whole number of either sign; `None` for anything else and beyond 63 bits.
    pub(crate) fn integer(self) -> Option<i64> {
        match self {
            Self::Signed(number) => Some(number),
            Self::Unsigned(number) => i64::try_from(number).ok(),
            _ => None,
        }
    }
}
