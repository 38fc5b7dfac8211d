//! Bearer tokens of the HTTP API, each known by its SHA-256 alone.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::{Actor, Result};

/// A token to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    /// SHA-256 of the token.
    pub sha256: [u8; 32],
    /// Its name in logs and records.
    pub name: String,
    /// What it may do, in the words of the configuration.
    pub scopes: Vec<String>,
    /// From when it is refused.
    pub expires_at: Option<Timestamp>,
}

/// A token as recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRecord {
    /// SHA-256 of the token.
    pub sha256: [u8; 32],
    /// Its name in logs and records.
    pub name: String,
    /// What it may do. A word of a later version means nothing to this one.
    pub scopes: Vec<String>,
    /// When it was added.
    pub created_at: Timestamp,
    /// From when it is refused.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked, or when another token took the name of this expired one.
    pub revoked_at: Option<Timestamp>,
}

/// What a server has to know of the tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokensInUse {
    /// Those that were not revoked; some of them may be expired.
    pub tokens: Vec<TokenRecord>,
    /// Whether there has ever been one, revoked or not.
    pub any: bool,
}

/// The tokens of the HTTP API.
#[async_trait]
pub trait Tokens: Send + Sync {
    /// Adds a token. False, and nothing is written, if another one has the name and is neither revoked nor expired.
    async fn add_token(&self, token: &NewToken, by: &Actor) -> Result<bool>;

    /// Every token there has been, by name and age.
    async fn tokens(&self) -> Result<Vec<TokenRecord>>;

    /// The tokens that a server may let in.
    async fn tokens_in_use(&self) -> Result<TokensInUse>;

    /// Revokes the token of this name. False if there is none, or it was revoked before.
    async fn revoke_token(&self, name: &str, by: &Actor) -> Result<bool>;
}
