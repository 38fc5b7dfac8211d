//! The parts of a feed that a scanner holds, and what it finds in them.

use std::collections::{BTreeMap, BTreeSet};

use fulfillment_credential::{Claims, Cti, DoorFeed, KeySet, Kid};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::document::{Admitted, Direction, Name, Names, NumberTag, Numbers, Prefix, StillGood};
use super::{Outcome, Reload};

/// The tag of a ticket number under a key: the first 8 bytes of HMAC-SHA256. The number is given as ten characters in
/// capitals without hyphens, as in the record.
#[must_use]
pub fn number_tag(key: &[u8; 32], number: &str) -> NumberTag {
    // A key of 32 bytes always fits.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return NumberTag::default() };
    mac.update(number.as_bytes());
    let code = mac.finalize().into_bytes();
    std::array::from_fn(|at| code[at])
}

/// The parts of a feed, each of which may be absent.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    /// By revoked key, the version that is held and its signer; the codes themselves are in the [`DoorFeed`].
    still_good: BTreeMap<Kid, (u64, Kid)>,
    numbers: Option<(Numbers, Kid)>,
    names: Option<(Names, Kid)>,
    admitted: Gone,
}

/// Who went in and out, and up to which check-in.
#[derive(Clone, Debug, Default)]
struct Gone {
    version: Option<u64>,
    tickets: BTreeMap<Prefix, (Direction, i64)>,
    signers: BTreeSet<Kid>,
}

impl Parts {
    /// The version of the still good codes of this revoked key, if they are held.
    #[must_use]
    pub fn still_good_version(&self, kid: Kid) -> Option<u64> {
        self.still_good.get(&kid).map(|(version, _)| *version)
    }

    /// The version of the ticket numbers, if they are held.
    #[must_use]
    pub fn numbers_version(&self) -> Option<u64> {
        self.numbers.as_ref().map(|(part, _)| part.origin.version)
    }

    /// The version of the names, if they are held.
    #[must_use]
    pub fn names_version(&self) -> Option<u64> {
        self.names.as_ref().map(|(part, _)| part.origin.version)
    }

    /// The number of the newest check-in that is held.
    #[must_use]
    pub fn admitted_version(&self) -> Option<u64> {
        self.admitted.version
    }

    /// The credential of the ticket whose number has this tag; `None` if there is none, or more than one.
    #[must_use]
    pub fn by_number(&self, tag: &NumberTag) -> Option<Cti> {
        let tickets = &self.numbers.as_ref()?.0.tickets;
        let first = tickets.partition_point(|(other, _)| other < tag);
        match tickets.get(first..)? {
            [(this, cti), rest @ ..] if this == tag && rest.first().is_none_or(|(next, _)| next != tag) => {
                Some(*cti)
            }
            _ => None,
        }
    }

    /// Who holds the ticket, and its seat.
    #[must_use]
    pub fn name(&self, cti: &Cti) -> Option<&Name> {
        let tickets = &self.names.as_ref()?.0.tickets;
        tickets.binary_search_by(|name| name.cti.cmp(cti)).ok().and_then(|at| tickets.get(at))
    }

    /// Where the holder of the ticket went last, in or out, and when. `None`: it was not admitted, or nothing is known,
    /// because another ticket of the event begins with the same bytes.
    #[must_use]
    pub fn last_seen(&self, cti: &Cti) -> Option<(Direction, i64)> {
        self.admitted.tickets.get(cti.first_chunk()?).copied()
    }

    pub(super) fn still_good(&mut self, part: StillGood, signer: Kid, door: &mut DoorFeed) -> Outcome {
        if self.still_good_version(part.kid).is_some_and(|held| part.origin.version < held) {
            return Outcome::Older;
        }
        for code in part.codes {
            // A code that is missing from a newer version was voided or replaced, which the deviations say.
            door.keep(Claims {
                expires_at: code.expires_at,
                cti: code.cti,
                event: part.origin.event,
                category: code.category,
                generation: code.generation,
            });
        }
        self.still_good.insert(part.kid, (part.origin.version, signer));
        Outcome::Applied
    }

    pub(super) fn numbers(&mut self, part: Numbers, signer: Kid) -> Outcome {
        if self.numbers_version().is_some_and(|held| part.origin.version < held) {
            return Outcome::Older;
        }
        self.numbers = Some((part, signer));
        Outcome::Applied
    }

    pub(super) fn names(&mut self, part: Names, signer: Kid) -> Outcome {
        if self.names_version().is_some_and(|held| part.origin.version < held) {
            return Outcome::Older;
        }
        self.names = Some((part, signer));
        Outcome::Applied
    }

    pub(super) fn admitted(&mut self, part: Admitted, signer: Kid) -> Outcome {
        let held = &mut self.admitted;
        if held.version.is_some_and(|held| part.origin.version < held) {
            return Outcome::Older;
        }
        if part.from > held.version.unwrap_or(0) {
            return Outcome::Reload(Reload::Missed);
        }
        if part.from == 0 {
            *held = Gone::default();
        }
        held.version = Some(part.origin.version);
        held.signers.insert(signer);
        for (prefix, direction, at) in part.tickets {
            match direction {
                Direction::Unknown => held.tickets.remove(&prefix),
                Direction::In | Direction::Out => held.tickets.insert(prefix, (direction, at)),
            };
        }
        Outcome::Applied
    }

    /// Forgets the parts that one of these keys signed.
    pub(super) fn forget_signed_by(&mut self, revoked: &KeySet, door: &mut DoorFeed) {
        let is_revoked = |signer: &Kid| revoked.get(*signer).is_some();
        if self.still_good.values().any(|(_, signer)| is_revoked(signer)) {
            self.still_good.clear();
            door.keep_none();
        }
        self.numbers.take_if(|(_, signer)| is_revoked(signer));
        self.names.take_if(|(_, signer)| is_revoked(signer));
        if self.admitted.signers.iter().any(is_revoked) {
            self.admitted = Gone::default();
        }
    }
}
