//! What is known of a token: not the token itself.

use std::collections::BTreeSet;

use fulfillment_config::Scope;
use jiff::Timestamp;

/// A token, without itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) name: String,
    pub(crate) scopes: BTreeSet<Scope>,
    /// From when it is refused.
    pub(crate) expires_at: Option<Timestamp>,
    /// Its hash, if the store has it and may revoke it.
    pub(crate) stored: Option<[u8; 32]>,
}
