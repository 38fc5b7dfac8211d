//! Who was admitted, as scanners are told: where each ticket's holder went last, by the first bytes of its code's id.

use std::collections::BTreeMap;

use fulfillment_credential::Cti;
use fulfillment_door::feed::{Direction, Prefix};
use jiff::Timestamp;

/// A recorded entry or exit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gone {
    /// The id of the ticket's live code, or of the code that was scanned where no ticket on record has it.
    pub(crate) cti: Cti,
    pub(crate) is_exit: bool,
    pub(crate) scanned_at: Timestamp,
    pub(crate) sequence: u64,
}

/// Where the holders of these codes went last, sorted. Who was never admitted is left out, though an exit was noted.
///
/// `live` are codes of the event that may be good; where another one begins with the same bytes, nothing is said of
/// either: nobody is refused because of somebody else's ticket.
pub(crate) fn admitted(
    gone: impl IntoIterator<Item = Gone>,
    live: impl IntoIterator<Item = Cti>,
) -> Vec<(Prefix, Direction, i64)> {
    let mut holders: BTreeMap<Cti, (bool, Gone)> = BTreeMap::new();
    for gone in gone {
        let (entered, last) = holders.entry(gone.cti).or_insert((false, gone));
        *entered |= !gone.is_exit;
        if (gone.scanned_at, gone.sequence) > (last.scanned_at, last.sequence) {
            *last = gone;
        }
    }
    let mut found: BTreeMap<Prefix, (Cti, Direction, i64)> = BTreeMap::new();
    for (cti, (_, last)) in holders.into_iter().filter(|(_, (entered, _))| *entered) {
        let direction = if last.is_exit { Direction::Out } else { Direction::In };
        let at = last.scanned_at.as_second();
        let holder = (cti, direction, at);
        let one = found.entry(prefix(&cti)).or_insert(holder);
        if one.0 != cti {
            (one.1, one.2) = (Direction::Unknown, one.2.max(at));
        }
    }
    for cti in live {
        if let Some((of, direction, _)) = found.get_mut(&prefix(&cti))
            && *of != cti
        {
            *direction = Direction::Unknown;
        }
    }
    found.into_iter().map(|(prefix, (_, direction, at))| (prefix, direction, at)).collect()
}

/// The first bytes of a code's id, by which the part `admitted` names it.
pub(crate) fn prefix(cti: &Cti) -> Prefix {
    std::array::from_fn(|at| cti[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gone(first: u8, last: u8, is_exit: bool, second: i64, sequence: u64) -> Gone {
        let cti = [first, 0, 0, 0, 0, 0, 0, 0, 0, last];
        Gone { cti, is_exit, scanned_at: Timestamp::from_second(second).unwrap(), sequence }
    }

    #[test]
    fn the_last_scan_counts_however_late_it_arrives() {
        let all = [
            gone(1, 0, false, 100, 1),
            gone(2, 0, false, 50, 2),
            // Uploaded later, scanned earlier.
            gone(1, 0, true, 90, 3),
            gone(2, 0, true, 50, 4),
            gone(3, 0, true, 60, 5),
        ];
        let expected = [([1, 0, 0, 0, 0], Direction::In, 100), ([2, 0, 0, 0, 0], Direction::Out, 50)];
        assert_eq!(admitted(all, []), expected, "who has only gone out was not admitted");
        assert_eq!(admitted(all, all.map(|gone| gone.cti)), expected);
    }

    #[test]
    fn of_tickets_that_begin_alike_nothing_is_known() {
        let one = gone(1, 1, false, 100, 1);
        let other = gone(1, 2, true, 120, 2).cti;
        assert_eq!(admitted([one], [one.cti, other]), [([1, 0, 0, 0, 0], Direction::Unknown, 100)]);
        let both = [one, gone(1, 2, false, 120, 2)];
        assert_eq!(admitted(both, []), [([1, 0, 0, 0, 0], Direction::Unknown, 120)]);
    }
}
