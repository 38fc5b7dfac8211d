//! The secrets that sign links to tickets: one signs, and former ones are accepted as long as they overlap.

use jiff::Timestamp;

use crate::Secret;
use crate::id::{OrderId, TicketId};

/// A secret that signs links.
#[derive(Debug, Clone)]
pub struct LinkSecret {
    /// The secret.
    pub secret: Secret,
    /// It signs from this time on; it is accepted before, so that every process knows it by then.
    pub signs_from: Option<Timestamp>,
}

/// The secrets that sign links, newest first.
#[derive(Debug, Clone)]
pub struct LinkSecrets {
    newest: LinkSecret,
    former: Vec<LinkSecret>,
}

impl LinkSecrets {
    /// Of one secret, which signs at any time.
    pub fn of(secret: Secret) -> Self {
        Self { newest: LinkSecret { secret, signs_from: None }, former: Vec::new() }
    }

    /// Of several, newest first. `None` where there is none.
    pub fn from_newest(secrets: impl IntoIterator<Item = LinkSecret>) -> Option<Self> {
        let mut secrets = secrets.into_iter();
        Some(Self { newest: secrets.next()?, former: secrets.collect() })
    }

    /// All of them, newest first.
    pub fn iter(&self) -> impl Iterator<Item = &LinkSecret> {
        std::iter::once(&self.newest).chain(&self.former)
    }

    /// The secret that signs at this time: the newest whose time has come, or else the oldest.
    pub fn signing(&self, now: Timestamp) -> &Secret {
        let due = self.iter().find(|one| one.signs_from.is_none_or(|from| from <= now));
        &due.or(self.former.last()).unwrap_or(&self.newest).secret
    }

    /// The signature of a link that is made now.
    pub fn sign(&self, ticket: TicketId, generation: u32, now: Timestamp) -> String {
        self.signing(now).link_signature(ticket, generation)
    }

    /// The signature of a link to an order's file that is made now.
    pub fn sign_order(
        &self,
        order: OrderId,
        generations: u64,
        until: Option<Timestamp>,
        now: Timestamp,
    ) -> String {
        let until = until.map(Timestamp::as_second);
        self.signing(now).order_link_signature(order, generations, until)
    }

    /// Whether any of them signed the link to an order's file.
    pub fn accept_order(
        &self,
        order: OrderId,
        generations: u64,
        until: Option<i64>,
        signature: &str,
    ) -> bool {
        self.iter().any(|one| one.secret.order_link_is_signed(order, generations, until, signature))
    }

    /// Whether any of them signed the link.
    pub fn accept(&self, ticket: TicketId, generation: u32, signature: &str) -> bool {
        self.iter().any(|one| one.secret.link_is_signed(ticket, generation, signature))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn the_newest_signs_once_its_time_has_come_and_all_are_accepted() {
        let now: Timestamp = "2026-11-22T18:30:00Z".parse().unwrap();
        let soon = "2026-11-22T18:30:10Z".parse().unwrap();
        let secrets = [Secret::new([1; 32]), Secret::new([2; 32])];
        let id = TicketId(Uuid::from_u128(7));
        let [old, new] = secrets.each_ref().map(|secret| secret.link_signature(id, 3));
        let one = LinkSecrets::of(secrets[0].clone());
        assert_eq!(one.sign(id, 3, now), old);
        assert!(one.accept(id, 3, &old) && !one.accept(id, 3, &new));
        let both = [
            LinkSecret { secret: secrets[1].clone(), signs_from: Some(soon) },
            LinkSecret { secret: secrets[0].clone(), signs_from: None },
        ];
        let both = LinkSecrets::from_newest(both).unwrap();
        assert_eq!((both.sign(id, 3, now), both.sign(id, 3, soon)), (old.clone(), new.clone()));
        assert!(both.accept(id, 3, &old) && both.accept(id, 3, &new) && !both.accept(id, 4, &new));
        assert!(LinkSecrets::from_newest([]).is_none());
    }
}
