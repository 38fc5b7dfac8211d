//! Ed25519 keys and the short id by which a code names the one that signed it.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{
    DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey, KeypairBytes,
};
use ed25519_dalek::{Signature, Signer};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// What is wrong with a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The text is not a private key that this crate can use.
    #[error(
        "not an Ed25519 private key in PKCS#8 PEM form ({0}); `openssl genpkey -algorithm ed25519` writes one"
    )]
    Pem(String),
    /// The 32 bytes are not a point of the curve, or a point of small order, which must not be used as a key.
    #[error("not a usable Ed25519 public key")]
    Public,
    /// A key id is eight hexadecimal digits.
    #[error("a key id is 8 hexadecimal digits")]
    Kid,
}

/// The id of a key in a code: the first four bytes of the SHA-256 of its 32 public bytes.
///
/// It only selects the key among a platform's few; the signature binds a code to its key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kid(pub [u8; 4]);

impl fmt::Display for Kid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

impl fmt::Debug for Kid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kid({self})")
    }
}

impl FromStr for Kid {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let mut kid = [0; 4];
        hex::decode_to_slice(text, &mut kid).map_err(|_| KeyError::Kid)?;
        Ok(Self(kid))
    }
}

/// The public half of a key: it verifies codes and cannot sign any.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(ed25519_dalek::VerifyingKey);

impl PublicKey {
    /// The key of these bytes (RFC 8032, 5.1.5). Points of small order are refused: with them, one signature is valid
    /// for many messages.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        let key = ed25519_dalek::VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::Public)?;
        if key.is_weak() { Err(KeyError::Public) } else { Ok(Self(key)) }
    }

    /// Reads a `SubjectPublicKeyInfo` PEM text (RFC 8410).
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let key =
            ed25519_dalek::VerifyingKey::from_public_key_pem(text.trim()).map_err(|_| KeyError::Public)?;
        Self::from_bytes(&key.to_bytes())
    }

    /// The 32 bytes of the key.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// The id that names this key in codes.
    #[must_use]
    pub fn kid(&self) -> Kid {
        let [a, b, c, d, ..] = <[u8; 32]>::from(Sha256::digest(self.0.as_bytes()));
        Kid([a, b, c, d])
    }

    /// The key as PEM (`SubjectPublicKeyInfo`, RFC 8410), which OpenSSL and most other programs read.
    pub fn to_pem(&self) -> Result<String, KeyError> {
        self.0.to_public_key_pem(LineEnding::LF).map_err(|_| KeyError::Public)
    }

    /// Verifies strictly: no small-order points, no second encoding of the same signature.
    pub(crate) fn has_signed(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.0.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", hex::encode(self.to_bytes()))
    }
}

/// A private key that signs codes. Its secret is wiped on drop and never printed.
#[derive(Clone)]
pub struct SigningKey {
    secret: ed25519_dalek::SigningKey,
    kid: Kid,
}

impl SigningKey {
    /// The key of a seed: 32 bytes from a cryptographic source of randomness, wiped by the caller.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self::from(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// Reads a PKCS#8 PEM text (RFC 8410), with or without the public half in it.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        // Other programs end their files with different white space; the strict parser rejects a blank line at the end.
        ed25519_dalek::SigningKey::from_pkcs8_pem(text.trim())
            .map(Self::from)
            .map_err(|e| KeyError::Pem(e.to_string()))
    }

    /// The key as PKCS#8 PEM, in the first version of that format: OpenSSL refuses the second.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, KeyError> {
        // Wiped on drop, as is the returned text.
        let pair = KeypairBytes { secret_key: self.secret.to_bytes(), public_key: None };
        pair.to_pkcs8_pem(LineEnding::LF).map_err(|e| KeyError::Pem(e.to_string()))
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.secret.verifying_key())
    }

    /// The id that names this key in codes.
    #[must_use]
    pub fn kid(&self) -> Kid {
        self.kid
    }

    pub(crate) fn sign_bytes(&self, message: &[u8]) -> [u8; 64] {
        self.secret.sign(message).to_bytes()
    }
}

impl From<ed25519_dalek::SigningKey> for SigningKey {
    fn from(secret: ed25519_dalek::SigningKey) -> Self {
        let kid = PublicKey(secret.verifying_key()).kid();
        Self { secret, kid }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}
