//! Finding orders and dead letters by the people in them, without their addresses.

use async_trait::async_trait;
use fulfillment_domain::OrderId;

use crate::Result;

/// Keyed hashes of one address: the store has no key and no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonKey {
    /// Of the address.
    pub hash: [u8; 16],
    /// Of what similar addresses have in common.
    pub alike: [u8; 16],
}

/// What an address occurs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FoundIn {
    /// An order.
    Order(OrderId),
    /// A dead letter, by its number.
    Letter(i64),
}

/// Reads the addresses in a text or message.
pub type ReadKeys<'a> = &'a (dyn Fn(&[u8]) -> Vec<PersonKey> + Send + Sync);

/// The index of people. Orders and dead letters enter it some time after they were written: a search reads the rest first.
#[async_trait]
pub trait People: Send + Sync {
    /// Reads the addresses of up to `limit` orders and dead letters that were written since they were last read, or
    /// before this index existed, and what [`crate::Lists`] find orders by. Returns how many: 0 when every one has been
    /// read.
    async fn note_people(&self, limit: usize, keys: ReadKeys<'_>) -> Result<usize>;

    /// Everything in which a similar address occurs, with the hash of that address. A dead letter of an order that
    /// exists counts as the order.
    async fn people_alike(&self, alike: &[u8; 16]) -> Result<Vec<(FoundIn, [u8; 16])>>;

    /// The texts in which addresses of an order or a dead letter occur.
    async fn texts_of(&self, found_in: FoundIn) -> Result<Vec<Vec<u8>>>;
}
