//! Cursors of the stream: a position, and the store's epoch that it belongs to.
//!
//! In epoch 1 a cursor is the position alone, `42`; later it has the epoch before it, `1796050000.42`. So a position
//! alone is always one of epoch 1, and after a restore with a new epoch a reader that comes back with it is refused. 0
//! is the beginning of any epoch.

use std::fmt;

use serde_json::Value;

/// A position in an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) epoch: u64,
    pub(super) position: i64,
}

impl Cursor {
    /// Reads a cursor, in a store of epoch `now`; `None` for anything else.
    pub(super) fn read(text: &str, now: u64) -> Option<Self> {
        let (epoch, position) = match text.split_once('.') {
            Some((epoch, position)) => (Some(epoch.parse().ok()?), position),
            None => (None, text),
        };
        let position = position.parse().ok().filter(|position| *position >= 0)?;
        let epoch = epoch.unwrap_or(if position == 0 { now } else { 1 });
        Some(Self { epoch, position })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.epoch {
            1 => write!(f, "{}", self.position),
            epoch => write!(f, "{epoch}.{}", self.position),
        }
    }
}

/// A number in epoch 1, as it was before there were epochs.
impl From<Cursor> for Value {
    fn from(cursor: Cursor) -> Self {
        match cursor.epoch {
            1 => cursor.position.into(),
            _ => cursor.to_string().into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_read_as_they_are_written() {
        for (epoch, position, text) in [(1, 42, "42"), (1_796_050_000, 42, "1796050000.42")] {
            let cursor = Cursor { epoch, position };
            assert_eq!(cursor.to_string(), text);
            assert_eq!(Cursor::read(text, 7), Some(cursor));
        }
        assert_eq!(Cursor::read("0", 7), Some(Cursor { epoch: 7, position: 0 }));
        for text in ["", "-1", "x", "1.", ".1", "1.-1", "1.2.3"] {
            assert_eq!(Cursor::read(text, 1), None, "{text}");
        }
    }
}
