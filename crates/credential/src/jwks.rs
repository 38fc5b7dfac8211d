//! Key sets: the public keys a verifier holds, and their exchange format: a JWK Set (RFC 7517) of OKP keys (RFC 8037).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde_json::{Value, json};

use crate::{Kid, PublicKey};

/// Why a set of keys cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwksError {
    /// The document as a whole is not a JWK Set.
    #[error("not a JWK Set: an object with an array \"keys\" was expected")]
    NotASet,
    /// One Ed25519 key of the set cannot be used.
    #[error("key {index} of the JWK Set: {why}")]
    Key {
        /// Its position in `keys`, from 0.
        index: usize,
        /// The reason.
        why: &'static str,
    },
    /// Two different keys have the same id, so a code could not identify its key. Make another key.
    #[error("two different keys have the id {0}; make a new key in place of one of them")]
    SameKid(Kid),
}

/// Public keys by their id. There may be several, so that a new key can be published before it signs and an old one
/// kept until its tickets have expired.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeySet(BTreeMap<Kid, PublicKey>);

impl KeySet {
    /// A set without keys, for which every code's key is unknown.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A set of these keys.
    pub fn from_keys(keys: impl IntoIterator<Item = PublicKey>) -> Result<Self, JwksError> {
        let mut set = Self::new();
        for key in keys {
            set.insert(key)?;
        }
        Ok(set)
    }

    /// Adds a key; adding a key again changes nothing.
    pub fn insert(&mut self, key: PublicKey) -> Result<(), JwksError> {
        let kid = key.kid();
        match self.0.insert(kid, key) {
            Some(other) if other != key => {
                self.0.insert(kid, other);
                Err(JwksError::SameKid(kid))
            }
            _ => Ok(()),
        }
    }

    /// Removes a key, so that its codes are no longer accepted.
    pub fn remove(&mut self, kid: Kid) -> Option<PublicKey> {
        self.0.remove(&kid)
    }

    /// The key with this id.
    #[must_use]
    pub fn get(&self, kid: Kid) -> Option<&PublicKey> {
        self.0.get(&kid)
    }

    /// All keys in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (Kid, &PublicKey)> {
        self.0.iter().map(|(kid, key)| (*kid, key))
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the set is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The set as a JWK Set. `kid` is the id in lowercase hexadecimal; `alg` is `EdDSA`, the name from RFC 8037 that
    /// existing libraries know, although RFC 9864 has since defined a narrower one.
    #[must_use]
    pub fn to_jwks(&self) -> Value {
        let keys: Vec<Value> = self
            .iter()
            .map(|(kid, key)| {
                json!({
                    "kty": "OKP",
                    "crv": "Ed25519",
                    "use": "sig",
                    "alg": "EdDSA",
                    "kid": kid.to_string(),
                    "x": BASE64URL.encode(key.to_bytes()),
                })
            })
            .collect();
        json!({ "keys": keys })
    }

    /// Reads a JWK Set. Keys of other kinds and uses are ignored, as RFC 7517 requires. An Ed25519 signing key must be
    /// complete: a public key without its private half, whose `kid`, where given, is the one that codes will carry.
    pub fn from_jwks(document: &Value) -> Result<Self, JwksError> {
        let keys = document.get("keys").and_then(Value::as_array).ok_or(JwksError::NotASet)?;
        let mut set = Self::new();
        for (index, jwk) in keys.iter().enumerate() {
            if let Some(key) = public_key(jwk).map_err(|why| JwksError::Key { index, why })? {
                set.insert(key)?;
            }
        }
        Ok(set)
    }
}

/// Reads one JWK; `None` if it is of a kind that does not sign codes.
fn public_key(jwk: &Value) -> Result<Option<PublicKey>, &'static str> {
    let member = |name| jwk.get(name).map(|v| v.as_str().ok_or("a member must be a string"));
    let is = |name, wanted: &[&str]| match member(name) {
        Some(value) => value.map(|v| wanted.contains(&v)),
        None => Ok(true),
    };
    if member("kty").transpose()? != Some("OKP")
        || member("crv").transpose()? != Some("Ed25519")
        || !is("use", &["sig"])?
        || !is("alg", &["EdDSA", "Ed25519"])?
    {
        return Ok(None);
    }
    if jwk.get("d").is_some() {
        return Err("it holds a private key; publish only public ones, and replace this one");
    }
    let x = member("x").ok_or("\"x\" is missing")??;
    let bytes = BASE64URL.decode(x).map_err(|_| "\"x\" is not base64url without padding")?;
    let bytes = <[u8; 32]>::try_from(bytes).map_err(|_| "\"x\" is not 32 bytes long")?;
    let key = PublicKey::from_bytes(&bytes).map_err(|_| "\"x\" is not a usable Ed25519 public key")?;
    match member("kid").transpose()? {
        Some(kid) if kid != key.kid().to_string() => {
            Err("\"kid\" is not the first 4 bytes of the key's SHA-256 in lowercase hexadecimal")
        }
        _ => Ok(Some(key)),
    }
}
