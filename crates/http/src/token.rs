//! What is known of a token: not the token itself.

use std::collections::BTreeSet;

use fulfillment_config::Scope;
use jiff::Timestamp;

use crate::device::Device;

/// A token, without itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) name: String,
    pub(crate) scopes: BTreeSet<Scope>,
    /// From when it is refused.
    pub(crate) expires_at: Option<Timestamp>,
    /// Its hash, if the store has it and may revoke it.
    pub(crate) stored: Option<[u8; 32]>,
    /// The device that it is for: then it is for the door of one event alone.
    pub(crate) device: Option<Device>,
}
