//! The deviations that a scanner holds: the record's own, and all that it has ever seen.

use std::collections::BTreeMap;

use fulfillment_credential::{Cti, DoorFeed, Standing};

use super::Digest;

/// The union of every deviation seen, by which codes are judged, and where it is stricter than the record.
///
/// The two are the same unless a signed document once said more than the newest complete list does. The difference is
/// kept apart, so that the record's count and hash can still be compared and the scanner does not become laxer.
#[derive(Clone, Debug, Default)]
pub(super) struct Deviations {
    /// The union; it has the codes that are still good, too.
    pub(super) door: DoorFeed,
    /// The record's standing of each credential on which the union goes beyond it; the default if it has none.
    behind: BTreeMap<Cti, Standing>,
}

impl Deviations {
    /// On how many credentials the union goes beyond the record.
    pub(super) fn beyond(&self) -> usize {
        self.behind.len()
    }

    /// Takes the record's complete, sorted list, and keeps what was seen beyond it.
    pub(super) fn replace(&mut self, complete: &[(Cti, Standing)]) {
        self.door.extend(complete.iter().copied());
        // Both are sorted, and the union has every credential of the list.
        let mut record = complete.iter().peekable();
        self.behind = self
            .door
            .iter()
            .filter_map(|(cti, union)| {
                let standing =
                    record.next_if(|(next, _)| next == cti).map_or_else(Standing::default, |(_, s)| *s);
                (standing != *union).then_some((*cti, standing))
            })
            .collect();
    }

    /// Adds changes of the record, if the complete list then has this count and hash. If it has not, they are kept as
    /// seen all the same: they are signed, and only ever restrict.
    #[must_use]
    pub(super) fn extend(&mut self, changes: &[(Cti, Standing)], digest: &Digest) -> bool {
        let before: Vec<_> = changes.iter().map(|(cti, _)| (*cti, self.recorded(cti))).collect();
        self.door.extend(changes.iter().copied());
        for ((cti, standing), (_, recorded)) in changes.iter().zip(&before) {
            self.set_recorded(*cti, recorded.and(*standing));
        }
        let fits = self.digest() == *digest;
        if !fits {
            for (cti, recorded) in before {
                self.set_recorded(cti, recorded);
            }
        }
        fits
    }

    /// What the record says of a credential.
    fn recorded(&self, cti: &Cti) -> Standing {
        self.behind.get(cti).copied().unwrap_or_else(|| self.door.standing(cti))
    }

    fn set_recorded(&mut self, cti: Cti, recorded: Standing) {
        if recorded == self.door.standing(&cti) {
            self.behind.remove(&cti);
        } else {
            self.behind.insert(cti, recorded);
        }
    }

    /// The digest of the record's list.
    pub(super) fn digest(&self) -> Digest {
        let nothing = Standing::default();
        let unrecorded = self.behind.values().filter(|standing| **standing == nothing).count();
        let recorded = self.door.iter().map(|(cti, union)| {
            // Nearly always there is nothing beyond the record.
            (*cti, if self.behind.is_empty() { *union } else { self.recorded(cti) })
        });
        let listed = recorded.filter(|(_, standing)| *standing != nothing);
        Digest::of(self.door.len() - unrecorded, listed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Standing = Standing { lowest_good_generation: 0, voided: false };
    const REPLACED: Standing = Standing { lowest_good_generation: 1, voided: false };
    const VOID: Standing = Standing { lowest_good_generation: 0, voided: true };
    const BOTH: Standing = Standing { lowest_good_generation: 1, voided: true };

    fn list(entries: &[(u8, Standing)]) -> Vec<(Cti, Standing)> {
        entries.iter().map(|(n, standing)| ([*n; 10], *standing)).collect()
    }

    #[test]
    fn the_union_is_kept_beside_the_record() {
        let mut held = Deviations::default();
        held.replace(&list(&[(1, VOID), (2, REPLACED), (3, REPLACED)]));
        assert_eq!(held.beyond(), 0);
        // A complete list that knows less: what it forgot is kept, and its digest still fits.
        let fewer = list(&[(0, VOID), (2, VOID), (3, REPLACED)]);
        held.replace(&fewer);
        assert_eq!((held.beyond(), held.digest()), (2, Digest::of_list(&fewer)));
        for (n, standing) in [(0, VOID), (1, VOID), (2, BOTH), (3, REPLACED), (4, NOTHING)] {
            assert_eq!(held.door.standing(&[n; 10]), standing, "{n}");
        }
        // Changes that reach the union end the difference.
        let after = list(&[(0, VOID), (1, VOID), (2, BOTH), (3, REPLACED), (4, VOID)]);
        let changes = list(&[(1, VOID), (2, REPLACED), (4, VOID)]);
        assert!(held.extend(&changes, &Digest::of_list(&after)));
        assert_eq!((held.beyond(), held.digest()), (0, Digest::of_list(&after)));
    }

    #[test]
    fn changes_that_do_not_fit_restrict_and_leave_the_record() {
        let mut held = Deviations::default();
        let first = list(&[(1, REPLACED)]);
        held.replace(&first);
        // The record has another void, which never came.
        let after = list(&[(1, BOTH), (2, VOID), (3, VOID)]);
        assert!(!held.extend(&list(&[(1, VOID), (3, VOID)]), &Digest::of_list(&after)));
        assert_eq!((held.beyond(), held.digest()), (2, Digest::of_list(&first)));
        assert_eq!(held.door.standing(&[1; 10]), BOTH);
        assert_eq!(held.door.standing(&[3; 10]), VOID);
        // The whole change since the version that is held.
        assert!(held.extend(&list(&[(1, VOID), (2, VOID), (3, VOID)]), &Digest::of_list(&after)));
        assert_eq!((held.beyond(), held.digest()), (0, Digest::of_list(&after)));
    }
}
