//! Signing keys that leaked: their tombstones, and the tickets that they signed.
//!
//! A tombstone is final, and stronger than the folder with the keys: a folder restored from a backup does not bring a
//! revoked key back. The tickets that the platform sold under it stay valid where the record can be asked.

use async_trait::async_trait;
use fulfillment_domain::{OrderId, TicketId};
use jiff::Timestamp;
use serde::Serialize;

use crate::{Actor, Result};

/// A key that must never sign again, and whose codes are refused unless they are on record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RevokedKey {
    /// 8 hexadecimal digits.
    pub kid: String,
    /// The Ed25519 public key.
    #[serde(skip)]
    pub public_key: [u8; 32],
    /// Why, for people.
    pub reason: String,
    /// By whom.
    pub who: String,
    /// When.
    pub revoked_at: Timestamp,
}

/// A new code for a ticket that has no page yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCode {
    /// The ticket.
    pub ticket: TicketId,
    /// The content of its QR code.
    pub data: String,
    /// The key that signed it.
    pub kid: String,
}

/// Revoking signing keys.
#[async_trait]
pub trait SigningKeys: Send + Sync {
    /// Records a tombstone, and returns it. A repeat returns the first one, so `key.revoked_at` may be earlier.
    async fn revoke_key(&self, key: &RevokedKey, by: &Actor) -> Result<RevokedKey>;

    /// Every tombstone, oldest first.
    async fn revoked_keys(&self) -> Result<Vec<RevokedKey>>;

    /// How many live tickets a key signed whose events are not over at `since`, as far as their dates are known.
    async fn live_tickets_of_key(&self, kid: &str, since: Timestamp) -> Result<u64>;

    /// The current code of the issued, live ticket that a key signed under this number of an event and this id.
    async fn live_code(&self, kid: &str, event: u32, cti: [u8; 10]) -> Result<Option<String>>;

    /// Gives tickets of an order that have no page yet other codes. `false`, with nothing written, when `fence` is not
    /// that of the order's last claim.
    async fn sign_anew(&self, order: OrderId, fence: i64, codes: &[NewCode]) -> Result<bool>;
}
