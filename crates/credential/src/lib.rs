//! The credential in a ticket's QR code: signing and verifying a statement that a scanner checks without a network.
//!
//! A code is `TK1:` and the base45 (RFC 9285) of a `COSE_Sign1` (RFC 9052) over CWT claims (RFC 8392), signed with
//! Ed25519. `docs/qr-format.md` describes the format for authors of scanners; this crate is the reference
//! implementation. Nothing here reads a file, a clock or a source of randomness: seeds and `now` are passed in.
//!
//! ```
//! use fulfillment_credential::{Claims, KeySet, SigningKey, Verdict, VerifyOptions, sign, verify};
//!
//! let key = SigningKey::from_seed(&[7; 32]);
//! let claims = Claims { expires_at: 1_900_000_000, cti: *b"0123456789", event: 12, category: 3, generation: 0 };
//! let code = sign(&key, &claims)?;
//! let keys = KeySet::from_keys([key.public()])?;
//! let verdict = verify(&code, &keys, 1_800_000_000, &VerifyOptions::default());
//! assert!(matches!(verdict, Verdict::Valid(credential) if credential.claims == claims));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod claims;
mod cose;
mod feed;
mod jwks;
mod jws;
mod keys;
pub mod legacy;
#[cfg(feature = "read")]
pub mod read;
mod verify;
mod wire;

pub use claims::{Claims, Credential, Cti};
pub use cose::{MessageError, open_message, sign_message};
pub use feed::{DoorFeed, Standing};
pub use jwks::{JwksError, KeySet};
pub use jws::{read_statement, sign_statement};
pub use keys::{KeyError, Kid, PublicKey, SigningKey};
pub use verify::{OpenedCode, Verdict, VerifyOptions, open, verify};
pub use wire::{
    MAX_BYTES, MAX_CHARS, Malformed, PREFIX, SMALL_BYTES, SMALL_CHARS, SignError, bare, decode_unverified,
    sign,
};
