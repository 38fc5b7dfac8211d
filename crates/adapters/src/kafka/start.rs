//! Decides where to begin reading a partition, and whether its topic was deleted and created again. No I/O.
//!
//! The group's offsets are in the broker, what was read is in the store, and either can be older than the other: a
//! store is restored, a group's offsets expire, a topic is created again. Reading a record twice gives a duplicate,
//! which changes nothing; skipping it loses a ticket. So the lower of two positions counts.

use fulfillment_store::Mark;

/// What is at an offset now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// A record.
    Record(Mark),
    /// No record any more: retention or compaction removed it.
    Gone,
}

/// How far a partition was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Read {
    /// The offset to go on from.
    pub(super) next: i64,
    /// A record that was read before, where there is one.
    pub(super) mark: Option<Mark>,
}

/// The current state of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    /// Its first offset.
    pub(super) low: i64,
    /// The offset after its last record.
    pub(super) high: i64,
    /// What is at the mark's offset, if it was looked at.
    pub(super) again: Option<Again>,
}

/// Why a topic is not the one that was read.
pub(super) fn made_anew(read: &Read, seen: &Seen) -> Option<&'static str> {
    if seen.high < read.next {
        return Some("it ends before what was read of it");
    }
    match (read.mark, seen.again) {
        (Some(mark), Some(Again::Record(again))) if mark != again => {
            Some("another record is where one was read before")
        }
        _ => None,
    }
}

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Start {
    /// The offset.
    pub(super) at: i64,
    /// Why it begins there.
    pub(super) why: Why,
}

/// Why a partition is read from its start position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// Neither broker nor store has a position.
    Unread,
    /// The broker has none, whatever the store has.
    NotCommitted,
    /// The store has none, whatever the broker has.
    NotStored,
    /// The topic is not the one that the store has read.
    MadeAnew(&'static str),
    /// The store is behind the broker.
    StoreBehind,
    /// The broker is behind the store.
    BrokerBehind,
    /// Both have the same position.
    Agreed,
    /// `kafka.ignore_stored_offsets` is set.
    Told,
}

impl Why {
    /// Whether the store's position does not apply to what is read from now on.
    pub(super) fn begins_anew(self) -> bool {
        !matches!(self, Self::StoreBehind | Self::BrokerBehind | Self::Agreed)
    }

    /// Whether an operator should know.
    pub(super) fn is_unusual(self) -> bool {
        matches!(self, Self::MadeAnew(_) | Self::StoreBehind | Self::Told | Self::NotStored)
    }

    /// For people.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Unread => "neither the broker nor the store has a position; reading from the start",
            Self::NotCommitted => "the broker has no offset of this group; reading from the start",
            Self::NotStored => "the store has no position, so it may be new; reading from the start",
            Self::MadeAnew(_) => "the topic was created again; reading from the start",
            Self::StoreBehind => {
                "the store is behind the broker, as after a restore; reading again from the store's position"
            }
            Self::BrokerBehind => "the broker is behind the store; going on from the broker's offset",
            Self::Agreed => "going on where store and broker agree",
            Self::Told => "kafka.ignore_stored_offsets is set; going on from the broker's offset",
        }
    }
}

/// Decides where to begin, from what the broker has committed, what the store has, and what the partition has.
/// `ignore_stored` is `kafka.ignore_stored_offsets`.
pub(super) fn start(
    committed: Option<i64>,
    stored: Option<&Read>,
    seen: &Seen,
    ignore_stored: bool,
) -> Start {
    let from_start = |why| Start { at: seen.low, why };
    let begin = match (committed, stored) {
        (Some(at), _) if ignore_stored => Start { at, why: Why::Told },
        (None, None) => from_start(Why::Unread),
        (None, Some(_)) => from_start(Why::NotCommitted),
        (Some(_), None) => from_start(Why::NotStored),
        (Some(committed), Some(stored)) => match made_anew(stored, seen) {
            Some(how) => from_start(Why::MadeAnew(how)),
            None if stored.next < committed => Start { at: stored.next, why: Why::StoreBehind },
            None if committed < stored.next => Start { at: committed, why: Why::BrokerBehind },
            None => Start { at: committed, why: Why::Agreed },
        },
    };
    // What retention removed cannot be read: the first record that is left is next.
    Start { at: begin.at.max(seen.low), ..begin }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RECORD: Mark = Mark { offset: 8, timestamp: Some(5), hash: [1; 32] };
    const OTHER: Mark = Mark { offset: 8, timestamp: Some(5), hash: [2; 32] };
    const LATER: Mark = Mark { offset: 8, timestamp: Some(6), hash: [1; 32] };

    fn read(next: i64) -> Read {
        Read { next, mark: Some(RECORD) }
    }

    fn seen(low: i64, high: i64, again: Option<Again>) -> Seen {
        Seen { low, high, again }
    }

    #[test]
    fn a_topic_is_known_by_its_last_record_and_its_end() {
        let same = seen(0, 10, Some(Again::Record(RECORD)));
        assert_eq!(made_anew(&read(10), &same), None);
        assert!(made_anew(&read(11), &same).is_some(), "it ends before");
        assert!(made_anew(&read(10), &seen(0, 99, Some(Again::Record(OTHER)))).is_some());
        assert!(made_anew(&read(10), &seen(0, 99, Some(Again::Record(LATER)))).is_some());
        assert_eq!(made_anew(&read(10), &seen(50, 99, Some(Again::Gone))), None, "aged out");
        assert_eq!(made_anew(&Read { next: 10, mark: None }, &seen(0, 99, None)), None);
    }

    #[test]
    fn each_case_begins_where_it_should() {
        let same = seen(2, 100, Some(Again::Record(RECORD)));
        let anew = seen(2, 100, Some(Again::Record(OTHER)));
        let cases = [
            (None, None, same, false, 2, Why::Unread),
            (None, Some(read(50)), same, false, 2, Why::NotCommitted),
            (Some(50), None, same, false, 2, Why::NotStored),
            (Some(50), Some(read(40)), same, false, 40, Why::StoreBehind),
            (Some(40), Some(read(50)), same, false, 40, Why::BrokerBehind),
            (Some(40), Some(read(40)), same, false, 40, Why::Agreed),
            (Some(1), Some(read(1)), same, false, 2, Why::Agreed),
            (Some(90), Some(read(40)), same, true, 90, Why::Told),
            (Some(90), None, same, true, 90, Why::Told),
            (Some(90), Some(read(40)), anew, true, 90, Why::Told),
            (None, Some(read(40)), same, true, 2, Why::NotCommitted),
        ];
        for (committed, stored, seen, ignore, at, why) in cases {
            assert_eq!(start(committed, stored.as_ref(), &seen, ignore), Start { at, why }, "{why:?}");
        }
        let begin = start(Some(50), Some(&read(50)), &anew, false);
        assert!(begin.at == 2 && matches!(begin.why, Why::MadeAnew(_)), "{begin:?}");
        let begin = start(Some(200), Some(&read(200)), &same, false);
        assert!(begin.at == 2 && matches!(begin.why, Why::MadeAnew(_)), "{begin:?}");
    }

    proptest! {
        /// No record that the store lacks is skipped, unless the setting asks for it.
        #[test]
        fn nothing_is_skipped(
            committed in proptest::option::of(0_i64..1_000), stored in proptest::option::of(0_i64..1_000),
            low in 0_i64..1_000, length in 0_i64..1_000, differs: bool,
        ) {
            let again = Again::Record(if differs { OTHER } else { RECORD });
            let seen = seen(low, low + length, Some(again));
            let stored = stored.map(read);
            let begin = start(committed, stored.as_ref(), &seen, false);
            prop_assert!(begin.at >= low);
            prop_assert!(begin.at <= stored.map_or(low, |it| it.next.max(low)));
            prop_assert!(begin.at <= committed.map_or(low, |at| at.max(low)));
            if differs && stored.is_some() {
                prop_assert_eq!(begin.at, low);
            }
        }
    }
}
