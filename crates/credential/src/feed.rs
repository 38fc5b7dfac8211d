//! The revocation feed of a door: reissued and voided credentials, and what is still good of revoked keys.

use std::collections::{BTreeMap, HashSet};

use crate::{Claims, Cti};

/// The status of one credential.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Codes of generations below this one have been replaced.
    pub lowest_good_generation: u8,
    /// No generation of it is valid any more.
    pub voided: bool,
}

impl Standing {
    /// What holds if both are true: entries only ever restrict.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            lowest_good_generation: self.lowest_good_generation.max(other.lowest_good_generation),
            voided: self.voided || other.voided,
        }
    }
}

/// The credentials of an event that are not valid in every generation, and the codes that stay valid although their key
/// was revoked.
///
/// An entry about a credential only ever restricts it further, so entries may arrive repeatedly or in any order: a code
/// that is still good is refused once it was voided or replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DoorFeed {
    standings: BTreeMap<Cti, Standing>,
    still_good: HashSet<Claims>,
}

impl DoorFeed {
    /// An empty feed: every credential is valid.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Records a reissue: generations below `lowest_good` are refused from now on.
    pub fn supersede(&mut self, cti: Cti, lowest_good: u8) {
        let standing = self.standings.entry(cti).or_default();
        standing.lowest_good_generation = standing.lowest_good_generation.max(lowest_good);
    }

    /// Records a void: every generation is refused from now on.
    pub fn void(&mut self, cti: Cti) {
        self.standings.entry(cti).or_default().voided = true;
    }

    /// Records that the platform issued a code with exactly these claims, so that it is valid although its key was
    /// revoked. Whoever has the key can write any claims, so a code whose id alone is known proves nothing.
    pub fn keep(&mut self, claims: Claims) {
        self.still_good.insert(claims);
    }

    /// Whether a code with these claims is valid although its key was revoked.
    #[must_use]
    pub fn is_still_good(&self, claims: &Claims) -> bool {
        self.still_good.contains(claims)
    }

    /// The status of `cti`; one without an entry is valid in every generation.
    #[must_use]
    pub fn standing(&self, cti: &Cti) -> Standing {
        self.standings.get(cti).copied().unwrap_or_default()
    }

    /// The credentials that are not valid in every generation, in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (&Cti, &Standing)> {
        self.standings.iter()
    }

    /// Forgets which codes of revoked keys stay valid, for example because the key that vouched for them was revoked
    /// too.
    pub fn keep_none(&mut self) {
        self.still_good.clear();
    }

    /// How many credentials are not valid in every generation.
    #[must_use]
    pub fn len(&self) -> usize {
        self.standings.len()
    }

    /// Whether every credential is valid in every generation.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.standings.is_empty()
    }
}

impl Extend<(Cti, Standing)> for DoorFeed {
    fn extend<I: IntoIterator<Item = (Cti, Standing)>>(&mut self, entries: I) {
        for (cti, standing) in entries {
            let held = self.standings.entry(cti).or_default();
            *held = held.and(standing);
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
