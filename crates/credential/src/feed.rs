//! The revocation feed of a door: reissued and voided credentials.

use std::collections::BTreeMap;

use crate::Cti;

/// The status of one credential.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Codes of generations below this one have been replaced.
    pub lowest_good_generation: u8,
    /// No generation of it is valid any more.
    pub voided: bool,
}

/// The credentials of an event that are not valid in every generation.
///
/// An entry only ever restricts a credential further, so entries may arrive repeatedly or in any order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DoorFeed(BTreeMap<Cti, Standing>);

impl DoorFeed {
    /// An empty feed: every credential is valid.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Records a reissue: generations below `lowest_good` are refused from now on.
    pub fn supersede(&mut self, cti: Cti, lowest_good: u8) {
        let standing = self.0.entry(cti).or_default();
        standing.lowest_good_generation = standing.lowest_good_generation.max(lowest_good);
    }

    /// Records a void: every generation is refused from now on.
    pub fn void(&mut self, cti: Cti) {
        self.0.entry(cti).or_default().voided = true;
    }

    /// The status of `cti`; one without an entry is valid in every generation.
    #[must_use]
    pub fn standing(&self, cti: &Cti) -> Standing {
        self.0.get(cti).copied().unwrap_or_default()
    }

    /// How many credentials have an entry.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no credential has an entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Extend<(Cti, Standing)> for DoorFeed {
    fn extend<I: IntoIterator<Item = (Cti, Standing)>>(&mut self, entries: I) {
        for (cti, standing) in entries {
            self.supersede(cti, standing.lowest_good_generation);
            if standing.voided {
                self.void(cti);
            }
        }
    }
}

impl FromIterator<(Cti, Standing)> for DoorFeed {
    fn from_iter<I: IntoIterator<Item = (Cti, Standing)>>(entries: I) -> Self {
        let mut feed = Self::new();
        feed.extend(entries);
        feed
    }
}
