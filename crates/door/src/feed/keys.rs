//! The integer keys of a feed's maps, and maps written and read in the order of their keys.

use super::ReadError;
use super::cbor::{Reader, Writer};

/// The type in the protected header of every document of this format; an incompatible format has another.
pub const TYPE: &str = "tk1-feed";

pub(super) const KIND: u8 = 1;
pub(super) const EVENT: u8 = 2;
pub(super) const EVENT_ID: u8 = 3;
pub(super) const EPOCH: u8 = 4;
pub(super) const VERSION: u8 = 5;
pub(super) const FROM: u8 = 6;
pub(super) const MADE_AT: u8 = 7;
pub(super) const FRESH_UNTIL: u8 = 8;
pub(super) const HEAD: u8 = 9;
pub(super) const ACCEPTED: u8 = 10;
pub(super) const REVOKED: u8 = 11;
pub(super) const DEVIATIONS: u8 = 12;
pub(super) const COUNT: u8 = 13;
pub(super) const HASH: u8 = 14;
pub(super) const KID: u8 = 15;
pub(super) const ENTRIES: u8 = 16;

pub(super) const SNAPSHOT: u8 = 0;
pub(super) const DELTA: u8 = 1;
pub(super) const STILL_GOOD: u8 = 2;
pub(super) const NUMBERS: u8 = 3;
pub(super) const NAMES: u8 = 4;
pub(super) const ADMITTED: u8 = 5;

/// The keys of the map under [`HEAD`].
pub(super) mod head {
    pub(in super::super) const NAME: u8 = 1;
    pub(in super::super) const STARTS_AT: u8 = 2;
    pub(in super::super) const ENDS_AT: u8 = 3;
    pub(in super::super) const DOORS_AT: u8 = 4;
    pub(in super::super) const TIME_ZONE: u8 = 5;
    pub(in super::super) const VENUE_NAME: u8 = 6;
    pub(in super::super) const VENUE_ADDRESS: u8 = 7;
    pub(in super::super) const STATUS: u8 = 8;
    pub(in super::super) const CATEGORIES: u8 = 9;
    pub(in super::super) const AREAS: u8 = 10;
    pub(in super::super) const GATES: u8 = 11;
    pub(in super::super) const RULES: u8 = 12;
}

/// Writes a map whose number of entries is known only at its end.
#[derive(Default)]
pub(super) struct MapWriter {
    count: usize,
    entries: Writer,
}

impl MapWriter {
    /// Where the value of this key is written. Keys ascend and are below 24.
    pub(super) fn key(&mut self, key: u8) -> &mut Writer {
        self.count += 1;
        self.entries.unsigned(key.into());
        &mut self.entries
    }

    pub(super) fn finish(self, out: &mut Writer) {
        out.map(self.count);
        out.append(&self.entries);
    }
}

/// Reads a map in the order of its keys.
pub(super) struct MapReader<'a, 'b> {
    left: usize,
    reader: &'b mut Reader<'a>,
}

impl<'a, 'b> MapReader<'a, 'b> {
    pub(super) fn begin(reader: &'b mut Reader<'a>) -> Result<Self, ReadError> {
        Ok(Self { left: reader.map()?, reader })
    }

    /// The value of a key that must be there.
    pub(super) fn required<T>(
        &mut self,
        key: u8,
        read: impl FnOnce(&mut Reader<'a>) -> Result<T, ReadError>,
    ) -> Result<T, ReadError> {
        self.optional(key, read)?.ok_or(ReadError::Content("a member is missing or out of order"))
    }

    /// The value of a key that may be there.
    pub(super) fn optional<T>(
        &mut self,
        key: u8,
        read: impl FnOnce(&mut Reader<'a>) -> Result<T, ReadError>,
    ) -> Result<Option<T>, ReadError> {
        if self.left == 0 || !self.reader.takes(key) {
            return Ok(None);
        }
        self.left -= 1;
        read(self.reader).map(Some)
    }

    /// No further members may follow.
    pub(super) fn end(self) -> Result<(), ReadError> {
        if self.left == 0 { Ok(()) } else { Err(ReadError::Content("it has further members")) }
    }
}
