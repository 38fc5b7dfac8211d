//! Where a list is: what the client is given to go on from.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::decide::sql_values::storable;

/// The place of a candidate in the index that a list is read by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Position {
    /// A time, and the number of the order.
    #[serde(rename = "t")]
    Time(Timestamp, i64),
    /// A time, and an id.
    #[serde(rename = "o")]
    TimeId(Timestamp, Uuid),
    /// A term, the number of the order, the ticket.
    #[serde(rename = "w")]
    Word(String, i64, u32),
    /// Numbers, a code's id, and an id.
    #[serde(rename = "c")]
    Code(u32, [u8; 10], Uuid),
    /// An order's id, and the index of a ticket.
    #[serde(rename = "u")]
    Index(Uuid, u32),
    /// A ticket's id.
    #[serde(rename = "i")]
    Id(Uuid),
}

/// The first ones of a list.
impl Position {
    pub(crate) fn from(time: Option<Timestamp>) -> Self {
        Self::Time(storable(time.unwrap_or(Timestamp::MIN)), i64::MIN)
    }

    /// Before this time; the numbers of orders are positive.
    pub(crate) fn before(time: Option<Timestamp>) -> Self {
        Self::Time(storable(time.unwrap_or(Timestamp::MAX)), i64::MIN)
    }
}

/// A page's beginning: a candidate, and how many of its tickets were shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cursor {
    /// The index that the list is read by: another list has another one.
    #[serde(rename = "d")]
    pub(crate) by: String,
    #[serde(rename = "p")]
    pub(crate) at: Position,
    /// The index of the last ticket shown of the candidate; [`ALL`] after all of it.
    #[serde(rename = "n")]
    pub(crate) shown: u32,
}

/// All of a candidate was shown.
pub(crate) const ALL: u32 = u32::MAX;

impl Cursor {
    /// As it is given to clients.
    pub(crate) fn to_text(&self) -> String {
        hex::encode(serde_json::to_vec(self).unwrap_or_default())
    }

    /// Reads it back; none when it is not one.
    pub(crate) fn read(text: &str) -> Option<Self> {
        serde_json::from_slice(&hex::decode(text).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_read_as_they_are_written() {
        let time = storable(Timestamp::MAX);
        for at in [
            Position::Time(time, i64::MIN),
            Position::TimeId(time, Uuid::nil()),
            Position::Word("nmüller".into(), 7, 0),
            Position::Code(7, [255; 10], Uuid::nil()),
            Position::Index(Uuid::nil(), 3),
            Position::Id(Uuid::nil()),
        ] {
            let cursor = Cursor { by: "event".into(), at, shown: ALL };
            assert_eq!(Cursor::read(&cursor.to_text()), Some(cursor));
        }
        for bad in ["", "zz", "7b7d", "x"] {
            assert_eq!(Cursor::read(bad), None);
        }
    }
}
