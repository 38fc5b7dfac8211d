//! When each detail was set last, so that an older change that arrives late does not undo a newer one.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The place of a change among the changes of its event: its time in whole microseconds, then the offset of its record
/// in its topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Moment(i64, i64);

impl Moment {
    /// A change that was made at this time, by the record at this offset.
    pub fn new(at: Timestamp, offset: i64) -> Self {
        Self(at.as_microsecond(), offset)
    }

    /// A change by an operator: later than any record of this time.
    pub fn by_operator(at: Timestamp) -> Self {
        Self::new(at, i64::MAX)
    }
}

/// When the details of an event were set, or lifted, by their names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetAt(BTreeMap<String, Moment>);

impl SetAt {
    /// When this one was set; none if it never was.
    pub(super) fn of(&self, name: &str) -> Option<Moment> {
        self.0.get(name).copied()
    }

    pub(super) fn record(&mut self, name: &str, made: Moment) {
        self.0.insert(name.to_owned(), made);
    }

    /// The stored form.
    ///
    /// # Errors
    /// None in practice: there is nothing in it that JSON cannot hold.
    pub fn to_stored(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// It is something else.
    pub fn from_stored(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_ordered_by_time_and_then_by_offset() {
        let at = |micros, offset| Moment::new(Timestamp::from_microsecond(micros).unwrap(), offset);
        assert!(at(1, 9) < at(2, 0) && at(2, 0) < at(2, 1));
        assert!(at(2, 1_000) < Moment::by_operator(Timestamp::from_microsecond(2).unwrap()));
        assert!(Moment::by_operator(Timestamp::from_microsecond(2).unwrap()) < at(3, 0));
    }

    #[test]
    fn they_survive_storage() {
        let mut set_at = SetAt::default();
        assert_eq!(set_at.to_stored().unwrap(), "{}");
        set_at.record("name", Moment::new("2026-11-22T18:30:00.123456Z".parse().unwrap(), 17));
        let stored = set_at.to_stored().unwrap();
        assert_eq!(stored, r#"{"name":[1795372200123456,17]}"#);
        assert_eq!(SetAt::from_stored(&stored).unwrap(), set_at);
    }
}
