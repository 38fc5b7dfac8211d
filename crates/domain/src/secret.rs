//! The installation's secret, from which ids and link signatures are derived.
//!
//! Ids are derived and not random, so repeated work is harmless: the same order gives the same tickets on every machine
//! and after every crash, a lost database can be rebuilt from the topic, and still an id cannot be guessed without the
//! secret.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::id::{OrderId, TicketId};
use crate::ticket_number;

/// 32 secret bytes. Never printed, wiped from memory when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret([u8; 32]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Secret {
    /// A secret of 32 bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, to be written to a file that only the owner reads.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// A public name for the secret: 16 hexadecimal digits that distinguish two secrets and reveal nothing else.
    pub fn fingerprint(&self) -> String {
        self.mac(&[b"fingerprint"])[..8].iter().fold(String::new(), |mut s, b| {
            use std::fmt::Write as _;
            let _ = write!(s, "{b:02x}");
            s
        })
    }

    /// The id of one seat's ticket: `UUIDv8` (RFC 9562) from HMAC(secret, "ticket" | order | line | unit).
    pub fn ticket_id(&self, order: OrderId, line: &str, unit: u32) -> TicketId {
        let mac = self.mac(&[b"ticket", order.0.as_bytes(), line.as_bytes(), &unit.to_be_bytes()]);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&mac[..16]);
        TicketId(Uuid::new_v8(bytes))
    }

    /// The code's own id (CWT claim `cti`): ten bytes of HMAC(secret, "cti" | ticket | era).
    pub fn cti(&self, ticket: TicketId, era: u32) -> [u8; 10] {
        let mac = self.mac(&[b"cti", ticket.0.as_bytes(), &era.to_be_bytes()]);
        let mut bytes = [0; 10];
        bytes.copy_from_slice(&mac[..10]);
        bytes
    }

    /// The number printed on the ticket. `try_` is incremented when another ticket has the number already.
    pub fn ticket_number(&self, ticket: TicketId, try_: u32) -> String {
        let mac = self.mac(&[b"number", ticket.0.as_bytes(), &try_.to_be_bytes()]);
        let mut bits = [0; 8];
        bits.copy_from_slice(&mac[..8]);
        ticket_number::encode(u64::from_be_bytes(bits))
    }

    /// The signature that gives access to a ticket's PDF without a token: 128 bits, base64url.
    pub fn link_signature(&self, ticket: TicketId, generation: u32) -> String {
        URL_SAFE_NO_PAD.encode(&self.mac(&[b"link", ticket.0.as_bytes(), &generation.to_be_bytes()])[..16])
    }

    /// Whether a link's signature is valid, compared in constant time.
    pub fn link_is_signed(&self, ticket: TicketId, generation: u32, signature: &str) -> bool {
        let Ok(given) = URL_SAFE_NO_PAD.decode(signature) else { return false };
        given.len() == 16
            && self
                .start(&[b"link", ticket.0.as_bytes(), &generation.to_be_bytes()])
                .verify_truncated_left(&given)
                .is_ok()
    }

    /// The signature of a link to the file of all tickets of an order: of the sum of their generations, and of the time
    /// in seconds since 1970 until which the link is good, if it has one of its own.
    pub fn order_link_signature(&self, order: OrderId, generations: u64, until: Option<i64>) -> String {
        URL_SAFE_NO_PAD.encode(&self.order_link(order, generations, until).finalize().into_bytes()[..16])
    }

    /// Whether such a link's signature is valid, compared in constant time.
    pub fn order_link_is_signed(
        &self,
        order: OrderId,
        generations: u64,
        until: Option<i64>,
        signature: &str,
    ) -> bool {
        let Ok(given) = URL_SAFE_NO_PAD.decode(signature) else { return false };
        given.len() == 16 && self.order_link(order, generations, until).verify_truncated_left(&given).is_ok()
    }

    fn order_link(&self, order: OrderId, generations: u64, until: Option<i64>) -> Hmac<Sha256> {
        let until = until.map(i64::to_be_bytes);
        let until = until.as_ref().map_or(&[][..], |seconds| seconds);
        self.start(&[b"order link", order.0.as_bytes(), &generations.to_be_bytes(), until])
    }

    /// The key of the tags of an event's ticket numbers, which devices of its door are given: another one in each epoch of
    /// the store.
    #[must_use]
    pub fn number_key(&self, event: &str, epoch: u64) -> Self {
        Self(self.mac(&[b"door numbers", event.as_bytes(), &epoch.to_be_bytes()]))
    }

    /// A pseudonym for an e-mail address, by which the store finds it without containing it.
    pub fn pseudonym(&self, address: &str) -> [u8; 16] {
        self.pseudonym_of(b"address", address)
    }

    /// A pseudonym for what similar addresses have in common.
    pub fn pseudonym_of_similar(&self, similar: &str) -> [u8; 16] {
        self.pseudonym_of(b"similar addresses", similar)
    }

    fn pseudonym_of(&self, purpose: &[u8], text: &str) -> [u8; 16] {
        let mac = self.mac(&[purpose, text.as_bytes()]);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&mac[..16]);
        bytes
    }

    fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        self.start(parts).finalize().into_bytes().into()
    }

    /// Every part is hashed with its length, so that no two lists of parts give the same message.
    fn start(&self, parts: &[&[u8]]) -> Hmac<Sha256> {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_work_gives_the_same_ids() {
        let (a, b) = (Secret::new([1; 32]), Secret::new([2; 32]));
        let order = OrderId(Uuid::from_u128(7));
        let id = a.ticket_id(order, "item:1", 0);
        assert_eq!(id, a.ticket_id(order, "item:1", 0));
        assert_eq!(id.0.get_version_num(), 8);
        assert_ne!(id, a.ticket_id(order, "item:1", 1));
        assert_ne!(id, a.ticket_id(order, "item:", 1));
        assert_ne!(id, b.ticket_id(order, "item:1", 0));
        assert_ne!(a.cti(id, 0), a.cti(id, 1));
        assert_ne!(a.ticket_number(id, 0), a.ticket_number(id, 1));
        assert_ne!(a.fingerprint(), b.fingerprint());
        // Ids are printed and mailed: a change of the derivation would issue every ticket again.
        assert_eq!(id.to_string(), KNOWN_ID);
    }

    const KNOWN_ID: &str = "8a0c808e-49a3-8ac3-bc48-7b143f4e409e";

    #[test]
    fn each_event_and_epoch_has_a_key_of_its_own() {
        let (a, b) = (Secret::new([1; 32]), Secret::new([2; 32]));
        let key = a.number_key("gala", 1);
        assert_eq!(key.expose(), a.number_key("gala", 1).expose());
        for other in [a.number_key("gala", 2), a.number_key("Gala", 1), b.number_key("gala", 1)] {
            assert_ne!(key.expose(), other.expose());
            assert_ne!(key.fingerprint(), other.fingerprint());
        }
        // Devices have kept parts under it: another derivation would be another key.
        assert_eq!(key.fingerprint(), KNOWN_NUMBER_KEY);
    }

    const KNOWN_NUMBER_KEY: &str = "01e23acfde3193d7";

    #[test]
    fn links_of_orders_hold_only_for_their_generations_and_time() {
        let secret = Secret::new([3; 32]);
        let order = OrderId(Uuid::from_u128(7));
        let signed = |order, generations, until, signature: &str| {
            secret.order_link_is_signed(order, generations, until, signature)
        };
        let link = secret.order_link_signature(order, 2, None);
        assert!(signed(order, 2, None, &link));
        assert!(!signed(order, 3, None, &link) && !signed(order, 2, Some(0), &link));
        assert!(!signed(OrderId(Uuid::from_u128(8)), 2, None, &link) && !signed(order, 2, None, ""));
        let timed = secret.order_link_signature(order, 2, Some(9));
        assert!(signed(order, 2, Some(9), &timed) && !signed(order, 2, Some(10), &timed));
        assert!(!signed(order, 2, None, &timed));
        assert_ne!(link, secret.link_signature(TicketId(order.0), 2));
    }

    #[test]
    fn links_hold_only_for_their_ticket_and_generation() {
        let secret = Secret::new([1; 32]);
        let id = TicketId(Uuid::from_u128(7));
        let signature = secret.link_signature(id, 0);
        assert_eq!(signature.len(), 22);
        assert!(secret.link_is_signed(id, 0, &signature));
        assert!(!secret.link_is_signed(id, 1, &signature));
        assert!(!secret.link_is_signed(TicketId(Uuid::from_u128(8)), 0, &signature));
        assert!(!secret.link_is_signed(id, 0, ""));
        assert!(!secret.link_is_signed(id, 0, &signature[..11]));
        assert!(!format!("{secret:?}").contains('1'));
    }
}
