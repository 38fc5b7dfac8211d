//! The CBOR (RFC 8949) of feeds, written and read in its deterministic form only: shortest heads, definite lengths.
//!
//! A general library would make a tree of values first, of many times the size of the document. This reader takes
//! nothing but what its caller expects next, and reserves no memory for entries that the bytes cannot hold.

use super::ReadError;

const UNSIGNED: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;
const FALSE: u8 = 0xf4;
const TRUE: u8 = 0xf5;

/// Writes items one after another.
#[derive(Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Hands on what was written so far and forgets it.
    pub(super) fn flush(&mut self, to: impl FnOnce(&[u8])) {
        to(&self.0);
        self.0.clear();
    }

    /// Appends all that another writer wrote.
    pub(super) fn append(&mut self, other: &Self) {
        self.0.extend(&other.0);
    }

    pub(super) fn unsigned(&mut self, value: u64) {
        self.head(UNSIGNED, value);
    }

    pub(super) fn integer(&mut self, value: i64) {
        match u64::try_from(value) {
            Ok(value) => self.head(UNSIGNED, value),
            // -1 - value, which cannot overflow for a negative number.
            Err(_) => self.head(NEGATIVE, value.unsigned_abs() - 1),
        }
    }

    pub(super) fn bytes(&mut self, value: &[u8]) {
        self.head(BYTES, value.len() as u64);
        self.0.extend(value);
    }

    pub(super) fn text(&mut self, value: &str) {
        self.head(TEXT, value.len() as u64);
        self.0.extend(value.as_bytes());
    }

    pub(super) fn boolean(&mut self, value: bool) {
        self.0.push(if value { TRUE } else { FALSE });
    }

    /// The head of an array; its entries follow.
    pub(super) fn array(&mut self, count: usize) {
        self.head(ARRAY, count as u64);
    }

    /// The head of a map; its entries follow, each a key and a value.
    pub(super) fn map(&mut self, count: usize) {
        self.head(MAP, count as u64);
    }

    fn head(&mut self, major: u8, value: u64) {
        let major = major << 5;
        let bytes = value.to_be_bytes();
        match value {
            0..=23 => self.0.push(major | bytes[7]),
            24..=0xff => self.0.extend([major + 24, bytes[7]]),
            0x100..=0xffff => {
                self.0.push(major + 25);
                self.0.extend(&bytes[6..]);
            }
            0x1_0000..=0xffff_ffff => {
                self.0.push(major + 26);
                self.0.extend(&bytes[4..]);
            }
            _ => {
                self.0.push(major + 27);
                self.0.extend(bytes);
            }
        }
    }
}

/// Reads the items that its caller expects; any other is an error.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Nothing may follow.
    pub(super) fn end(self) -> Result<(), ReadError> {
        if self.0.is_empty() { Ok(()) } else { Err(ReadError::Content("bytes follow its end")) }
    }

    pub(super) fn unsigned(&mut self) -> Result<u64, ReadError> {
        self.head(UNSIGNED)
    }

    /// An unsigned integer of a smaller type.
    pub(super) fn small<T: TryFrom<u64>>(&mut self) -> Result<T, ReadError> {
        T::try_from(self.unsigned()?).map_err(|_| ReadError::Content("a number is too large"))
    }

    pub(super) fn integer(&mut self) -> Result<i64, ReadError> {
        let is_negative = self.0.first().is_some_and(|first| first >> 5 == NEGATIVE);
        let value = self.head(if is_negative { NEGATIVE } else { UNSIGNED })?;
        let value = i64::try_from(value).map_err(|_| ReadError::Content("a number is too large"))?;
        Ok(if is_negative { -1 - value } else { value })
    }

    /// A byte string of exactly this length.
    pub(super) fn bytes<const N: usize>(&mut self) -> Result<[u8; N], ReadError> {
        if self.head(BYTES)? != N as u64 {
            return Err(ReadError::Content("a byte string has another length"));
        }
        let (bytes, rest) = self.0.split_first_chunk().ok_or(CUT)?;
        self.0 = rest;
        Ok(*bytes)
    }

    /// A text of at most `limit` bytes.
    pub(super) fn text(&mut self, limit: usize) -> Result<String, ReadError> {
        let length = usize::try_from(self.head(TEXT)?).ok().filter(|length| *length <= limit);
        let length = length.ok_or(ReadError::Content("a text is too long"))?;
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(CUT)?;
        self.0 = rest;
        str::from_utf8(bytes).map(str::to_owned).map_err(|_| ReadError::Content("a text is not UTF-8"))
    }

    pub(super) fn boolean(&mut self) -> Result<bool, ReadError> {
        let (first, rest) = self.0.split_first().ok_or(CUT)?;
        self.0 = rest;
        match *first {
            FALSE => Ok(false),
            TRUE => Ok(true),
            _ => Err(OTHER),
        }
    }

    /// The number of a map's entries.
    pub(super) fn map(&mut self) -> Result<usize, ReadError> {
        self.small_head(MAP, 64)
    }

    /// Takes the next item if it is this small unsigned integer.
    pub(super) fn takes(&mut self, value: u8) -> bool {
        let rest = self.0.strip_prefix(&[value]);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    /// The head of an array of exactly `count` items.
    pub(super) fn tuple(&mut self, count: usize) -> Result<(), ReadError> {
        if self.small_head(ARRAY, count)? == count {
            Ok(())
        } else {
            Err(ReadError::Content("an entry has another number of items"))
        }
    }

    /// An array of at most `limit` entries, each read by `entry`.
    pub(super) fn list<T>(
        &mut self,
        limit: usize,
        mut entry: impl FnMut(&mut Self) -> Result<T, ReadError>,
    ) -> Result<Vec<T>, ReadError> {
        let count = self.small_head(ARRAY, limit)?;
        // Every entry has a byte at least, so a head of five bytes cannot reserve more than its document's size asks.
        let mut list = Vec::with_capacity(count.min(self.0.len() / 4));
        for _ in 0..count {
            list.push(entry(self)?);
        }
        Ok(list)
    }

    fn small_head(&mut self, major: u8, limit: usize) -> Result<usize, ReadError> {
        let count = usize::try_from(self.head(major)?).ok().filter(|count| *count <= limit);
        count.ok_or(ReadError::Content("a list is too long"))
    }

    /// The value of a head of this major type in its shortest form.
    fn head(&mut self, major: u8) -> Result<u64, ReadError> {
        let (first, rest) = self.0.split_first().ok_or(CUT)?;
        if first >> 5 != major {
            return Err(OTHER);
        }
        let (size, least) = match first & 31 {
            value @ 0..=23 => {
                self.0 = rest;
                return Ok(value.into());
            }
            24 => (1, 24),
            25 => (2, 0x100),
            26 => (4, 0x1_0000),
            27 => (8, 0x1_0000_0000),
            _ => return Err(NOT_SHORTEST),
        };
        let (bytes, rest) = rest.split_at_checked(size).ok_or(CUT)?;
        self.0 = rest;
        let value = bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
        if value < least { Err(NOT_SHORTEST) } else { Ok(value) }
    }
}

const CUT: ReadError = ReadError::Content("it ends before its end");
const OTHER: ReadError = ReadError::Content("an item has another type");
const NOT_SHORTEST: ReadError = ReadError::Content("a length is not in its shortest form");
