//! What is on record of a ticket's movements through the door.

use std::cmp::Ordering;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What a scan is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The holder wants in.
    #[default]
    Entry,
    /// The holder goes out.
    Exit,
    /// Somebody looks what an entry would answer; nothing is counted.
    Check,
}

/// A recorded entry or exit of a ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movement {
    /// In or out. A check moves nobody.
    pub direction: Direction,
    /// When it was scanned, by [`corrected_time`](crate::corrected_time).
    pub at: Timestamp,
    /// In which order movements were received: decides between equal times.
    pub receipt: i64,
    /// The gate, if the scan named one.
    pub gate: Option<String>,
    /// The device, if the scan named one.
    pub device: Option<String>,
}

impl Movement {
    fn order(&self, other: &Self) -> Ordering {
        (self.at, self.receipt).cmp(&(other.at, other.receipt))
    }
}

/// The first entry of a ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstEntry {
    /// When.
    pub at: Timestamp,
    /// By which gate.
    pub gate: Option<String>,
    /// By which device.
    pub device: Option<String>,
}

/// What is on record of a ticket. The default is a ticket that was never seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// How many entries are on record.
    pub entries: u32,
    /// How many exits are on record.
    pub exits: u32,
    /// The first entry in the order of the scans.
    pub first: Option<FirstEntry>,
    /// Whether an entry at the time of the scan would be a second one without an exit between.
    pub inside: bool,
    /// The last entry in the order of the scans.
    pub last_entry_at: Option<Timestamp>,
}

impl History {
    /// Folds a ticket's recorded movements, given in any order. They are ordered by time, then by receipt.
    ///
    /// `at` is the time of the scan that is judged, which comes after movements of the same time; `None` is later than
    /// all of them. A scan that was made offline may arrive after movements that came later: then the next one counts as
    /// well, because an entry in front of an entry admits the ticket twice too.
    ///
    /// ```
    /// use fulfillment_door::{Direction, History, Movement};
    ///
    /// let movement = |direction, at: &str, receipt| Movement {
    ///     direction, at: at.parse().unwrap(), receipt, gate: None, device: None,
    /// };
    /// let day = [
    ///     movement(Direction::Entry, "2026-12-22T18:00:00Z", 1),
    ///     movement(Direction::Exit, "2026-12-22T20:00:00Z", 2),
    /// ];
    /// let history = History::fold(day, None);
    /// assert_eq!((history.entries, history.exits, history.inside), (1, 1, false));
    /// ```
    #[must_use]
    pub fn fold(movements: impl IntoIterator<Item = Movement>, at: Option<Timestamp>) -> Self {
        let mut history = Self::default();
        let mut before: Option<Movement> = None;
        let mut after: Option<Movement> = None;
        let mut first: Option<Movement> = None;
        for movement in movements {
            match movement.direction {
                Direction::Entry => {
                    history.entries = history.entries.saturating_add(1);
                    history.last_entry_at = history.last_entry_at.max(Some(movement.at));
                    if first.as_ref().is_none_or(|first| movement.order(first).is_lt()) {
                        first = Some(movement.clone());
                    }
                }
                Direction::Exit => history.exits = history.exits.saturating_add(1),
                Direction::Check => continue,
            }
            if at.is_none_or(|at| movement.at <= at) {
                if before.as_ref().is_none_or(|last| movement.order(last).is_ge()) {
                    before = Some(movement);
                }
            } else if after.as_ref().is_none_or(|next| movement.order(next).is_lt()) {
                after = Some(movement);
            }
        }
        let is_entry = |movement: Option<Movement>| movement.is_some_and(|m| m.direction == Direction::Entry);
        history.inside = is_entry(before) || is_entry(after);
        history.first = first.map(|Movement { at, gate, device, .. }| FirstEntry { at, gate, device });
        history
    }
}
