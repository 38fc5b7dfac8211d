//! What a scanner holds of an event, and how documents change it.

use std::collections::BTreeSet;

use fulfillment_credential::{DoorFeed, KeySet, Kid, Verdict, VerifyOptions, verify};

use super::deviations::Deviations;
use super::parts::Parts;
use super::{Delta, Digest, Document, Head, Keys, Origin, Outcome, Received, Refused, Reload, Snapshot};
use crate::rules::Rules;

/// The feed of one event as a scanner holds it.
///
/// Deviations only get stricter within an epoch, whatever arrives, however often and in which order. A feed past its
/// `fresh_until` is used all the same; see [`HeldFeed::is_stale`].
#[derive(Clone, Debug)]
pub struct HeldFeed {
    origin: Origin,
    event_id: String,
    fresh_until: i64,
    head: Head,
    /// The head's rules, read; `None` where this reader does not understand them.
    rules: Option<Rules>,
    keys: Keys,
    deviations: Deviations,
    parts: Parts,
    /// Who signed the snapshot and the deltas since.
    signers: BTreeSet<Kid>,
}

impl HeldFeed {
    /// Begins with the snapshot of this event. Its event number counts for all later documents.
    pub fn begin(first: Received, event_id: &str) -> Result<Self, Refused> {
        let Received { signer, document } = first;
        let Document::Snapshot(snapshot) = document else { return Err(Refused::NotASnapshot) };
        if snapshot.event_id != event_id {
            return Err(Refused::OtherEvent);
        }
        if snapshot.keys.revoked.get(signer).is_some() {
            return Err(Refused::RevokedKey(signer));
        }
        Ok(Self::of(snapshot, signer))
    }

    fn of(snapshot: Snapshot, signer: Kid) -> Self {
        let Snapshot { origin, event_id, fresh_until, head, keys, deviations: complete } = snapshot;
        let mut deviations = Deviations::default();
        deviations.replace(&complete);
        let mut held = Self {
            origin,
            event_id,
            fresh_until,
            rules: rules_of(&head),
            head,
            keys: Keys::default(),
            deviations,
            parts: Parts::default(),
            signers: BTreeSet::from([signer]),
        };
        held.set_keys(keys);
        held
    }

    /// Takes a document, which only a current one of this event changes anything by.
    pub fn apply(&mut self, received: Received) -> Result<Outcome, Refused> {
        let Received { signer, document } = received;
        if document.origin().event != self.origin.event {
            return Err(Refused::OtherEvent);
        }
        let own = match &document {
            Document::Snapshot(snapshot) if snapshot.event_id != self.event_id => {
                return Err(Refused::OtherEvent);
            }
            Document::Snapshot(snapshot) => Some(&snapshot.keys),
            Document::Delta(delta) => delta.keys.as_ref(),
            _ => None,
        };
        let is_revoked = |keys: &Keys| keys.revoked.get(signer).is_some();
        if is_revoked(&self.keys) || own.is_some_and(is_revoked) {
            return Err(Refused::RevokedKey(signer));
        }
        let epoch = document.origin().epoch;
        if epoch < self.origin.epoch {
            return Ok(Outcome::Older);
        }
        let is_new_epoch = epoch > self.origin.epoch;
        Ok(match document {
            Document::Snapshot(snapshot) if is_new_epoch => {
                *self = Self::of(snapshot, signer);
                Outcome::Applied
            }
            _ if is_new_epoch => Outcome::Reload(Reload::Epoch),
            Document::Snapshot(snapshot) => self.snapshot(snapshot, signer),
            Document::Delta(delta) => self.delta(delta, signer),
            Document::StillGood(part) => self.parts.still_good(part, signer, &mut self.deviations.door),
            Document::Numbers(part) => self.parts.numbers(part, signer),
            Document::Names(part) => self.parts.names(part, signer),
            Document::Admitted(part) => self.parts.admitted(part, signer),
        })
    }

    fn snapshot(&mut self, snapshot: Snapshot, signer: Kid) -> Outcome {
        if self.is_older(&snapshot.origin) {
            return Outcome::Older;
        }
        self.deviations.replace(&snapshot.deviations);
        self.set_head(snapshot.head);
        self.signers = BTreeSet::from([signer]);
        self.set_keys(snapshot.keys);
        self.advance(snapshot.origin, snapshot.fresh_until);
        Outcome::Applied
    }

    fn delta(&mut self, delta: Delta, signer: Kid) -> Outcome {
        if self.is_older(&delta.origin) {
            return Outcome::Older;
        }
        if delta.from > self.origin.version {
            return Outcome::Reload(Reload::Missed);
        }
        if !self.deviations.extend(&delta.deviations, &delta.digest) {
            return Outcome::Reload(Reload::Mismatch);
        }
        self.signers.insert(signer);
        if let Some(head) = delta.head {
            self.set_head(head);
        }
        if let Some(keys) = delta.keys {
            self.set_keys(keys);
        }
        self.advance(delta.origin, delta.fresh_until);
        if self.signers.iter().any(|signer| self.keys.revoked.get(*signer).is_some()) {
            return Outcome::Reload(Reload::Revoked);
        }
        Outcome::Applied
    }

    /// Whether a document of this epoch is older than what is held.
    fn is_older(&self, origin: &Origin) -> bool {
        (origin.version, origin.made_at) < (self.origin.version, self.origin.made_at)
    }

    fn advance(&mut self, origin: Origin, fresh_until: i64) {
        // Servers' clocks differ: a newer version may have been made by one that is behind.
        if origin.made_at >= self.origin.made_at {
            self.fresh_until = fresh_until;
        }
        self.origin = Origin { made_at: origin.made_at.max(self.origin.made_at), ..origin };
    }

    fn set_head(&mut self, head: Head) {
        self.rules = rules_of(&head);
        self.head = head;
    }

    fn set_keys(&mut self, mut keys: Keys) {
        for (kid, _) in keys.revoked.iter() {
            keys.accepted.remove(kid);
        }
        self.parts.forget_signed_by(&keys.revoked, &mut self.deviations.door);
        self.keys = keys;
    }

    /// Event number, epoch and version of what is held, and when the newest of it was made.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The event's id as text.
    #[must_use]
    pub fn event_id(&self) -> &str {
        &self.event_id
    }

    /// The event.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The rules of the event's door; those of an event without any, if the feed names none. `None`: the feed has rules
    /// that this reader does not understand, such as those of a later version.
    #[must_use]
    pub fn rules(&self) -> Option<&Rules> {
        self.rules.as_ref()
    }

    /// The keys whose codes and feeds are accepted; none of them is revoked.
    #[must_use]
    pub fn keys(&self) -> &KeySet {
        &self.keys.accepted
    }

    /// The keys whose codes are refused unless they are still good.
    #[must_use]
    pub fn revoked(&self) -> &KeySet {
        &self.keys.revoked
    }

    /// Voids, lowest good generations, and what is still good of revoked keys, as [`verify`] takes them.
    #[must_use]
    pub fn door(&self) -> &DoorFeed {
        &self.deviations.door
    }

    /// The parts that are held.
    #[must_use]
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// Count and hash of the record's deviations, as of the version that is held.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.deviations.digest()
    }

    /// On how many credentials the scanner is stricter than the record's newest list, because a signed document once
    /// said so. It is 0 unless something is wrong with the record, and somebody should look at it.
    #[must_use]
    pub fn beyond(&self) -> usize {
        self.deviations.beyond()
    }

    /// Until when the feed is fresh, in Unix seconds.
    #[must_use]
    pub fn fresh_until(&self) -> i64 {
        self.fresh_until
    }

    /// Whether the feed is stale at this time (Unix seconds). A stale feed is still used, and every scan says so, unless
    /// the event's rule `staleFeed` stops it: [`HeldFeed::judge`] knows.
    #[must_use]
    pub fn is_stale(&self, now: i64) -> bool {
        now >= self.fresh_until
    }

    /// What a code is worth by what is held, at the time `now` (Unix seconds), without the rules of the door and without
    /// knowing who is inside: see [`HeldFeed::judge`].
    #[must_use]
    pub fn verify(&self, code: &str, now: i64) -> Verdict {
        let options = VerifyOptions {
            event: Some(self.origin.event),
            feed: Some(self.door()),
            revoked: Some(self.revoked()),
        };
        verify(code, self.keys(), now, &options)
    }
}

fn rules_of(head: &Head) -> Option<Rules> {
    head.rules.as_deref().map_or_else(|| Some(Rules::default()), |text| Rules::read(text).ok())
}
