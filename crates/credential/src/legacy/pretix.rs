//! pretix's signature scheme 1 (`pretix_sig1`), which its scanners check without a network.
//!
//! The bytes are the version 1, the lengths of payload and signature (16 bits each, big-endian), the payload (a
//! Protocol Buffers message) and its Ed25519 signature. The text is their base64 **read backwards**, since pretix looks
//! codes up by their first characters.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD as BASE64URL};

use crate::{Claims, KeySet, Kid, SigningKey};

const VERSION: u8 = 1;

/// The content of a pretix code. It names no key, and a scanner learns of replaced and voided codes only from a list of
/// revoked texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PretixCode {
    /// What makes the code unique; pretix uses nine random characters.
    pub seed: String,
    /// The product (field `item`).
    pub item: i64,
    /// The product's variation, 0 for none.
    pub variation: i64,
    /// The date within a series of events, 0 for none.
    pub subevent: i64,
    /// It is valid from this second of Unix time on; pretix reads 0 as no limit.
    pub valid_from: Option<i64>,
    /// It is valid until this second of Unix time; pretix reads 0 as no limit.
    pub valid_until: Option<i64>,
}

/// Why a text is not a genuine code of pretix's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PretixError {
    /// It has another format, or is damaged.
    #[error("not a code of pretix's signature scheme 1")]
    Malformed,
    /// None of the keys has signed it; the code does not name its key.
    #[error("none of the known keys has signed this code")]
    NotSigned,
}

impl From<&Claims> for PretixCode {
    /// The same ticket as a pretix code: its category as the product, its event as the date, its identity and
    /// generation as the seed, so that a reissued ticket has another code and the earlier one can be revoked.
    fn from(claims: &Claims) -> Self {
        let mut identity = claims.cti.to_vec();
        identity.push(claims.generation);
        Self {
            seed: BASE64URL.encode(identity),
            item: claims.category.into(),
            variation: 0,
            subevent: claims.event.into(),
            valid_from: None,
            valid_until: Some(claims.expires_at),
        }
    }
}

impl PretixCode {
    /// The claims that the code was made from, if it is one of this platform's.
    #[must_use]
    pub fn claims(&self) -> Option<Claims> {
        let identity: [u8; 11] = BASE64URL.decode(&self.seed).ok()?.try_into().ok()?;
        let (cti, [generation]) = identity.split_first_chunk()? else { return None };
        let claims = Claims {
            expires_at: self.valid_until?,
            cti: *cti,
            event: self.subevent.try_into().ok()?,
            category: self.item.try_into().ok()?,
            generation: *generation,
        };
        (Self::from(&claims) == *self).then_some(claims)
    }

    /// The text of the code, signed.
    ///
    /// The same key may sign these and this crate's own codes: their signed bytes begin with different bytes. Scanners
    /// expect the key as [`PublicKey::to_pem`](crate::PublicKey::to_pem) in base64, in `valid_keys.pretix_sig1` of the
    /// event.
    ///
    /// # Errors
    /// [`PretixError::Malformed`] when the seed is so long that 16 bits do not hold the payload's length.
    pub fn sign(&self, key: &SigningKey) -> Result<String, PretixError> {
        let payload = self.payload();
        let signature = key.sign_bytes(&payload);
        let length = |bytes: &[u8]| u16::try_from(bytes.len()).map(u16::to_be_bytes);
        let (Ok(payload_length), Ok(signature_length)) = (length(&payload), length(&signature)) else {
            return Err(PretixError::Malformed);
        };
        let bytes = [&[VERSION], &payload_length[..], &signature_length, &payload, &signature].concat();
        Ok(BASE64.encode(bytes).chars().rev().collect())
    }

    /// Reads a code and finds the key that signed it. Times, products and revoked texts are for the caller to check.
    ///
    /// # Errors
    /// [`PretixError::Malformed`] for a text of another format, [`PretixError::NotSigned`] for one that no key of the
    /// set has signed.
    pub fn read(text: &str, keys: &KeySet) -> Result<(Self, Kid), PretixError> {
        let parts = || {
            let bytes = BASE64.decode(crate::bare(text).bytes().rev().collect::<Vec<u8>>()).ok()?;
            let (&[version, p1, p2, s1, s2], rest) = bytes.split_first_chunk()?;
            let (payload, signature) = rest.split_at_checked(u16::from_be_bytes([p1, p2]).into())?;
            let whole = usize::from(u16::from_be_bytes([s1, s2])) == signature.len();
            let signature = <[u8; 64]>::try_from(signature).ok()?;
            (version == VERSION && whole).then(|| (payload.to_vec(), signature))
        };
        let (payload, signature) = parts().ok_or(PretixError::Malformed)?;
        let (kid, _) = keys
            .iter()
            .find(|(_, key)| key.has_signed(&payload, &signature))
            .ok_or(PretixError::NotSigned)?;
        let code = Self::from_payload(&payload).ok_or(PretixError::Malformed)?;
        Ok((code, kid))
    }

    /// Protocol Buffers: zeros and the empty text are left out, except where a field is marked optional.
    fn payload(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if !self.seed.is_empty() {
            out.push(1 << 3 | 2);
            put_varint(&mut out, self.seed.len() as u64);
            out.extend(self.seed.as_bytes());
        }
        let some = |value: i64| Some(value).filter(|value| *value != 0);
        let numbers = [
            (2, some(self.item)),
            (3, some(self.variation)),
            (4, some(self.subevent)),
            (5, self.valid_from),
            (6, self.valid_until),
        ];
        for (field, value) in numbers {
            if let Some(value) = value {
                out.push(field << 3);
                put_varint(&mut out, value.cast_unsigned());
            }
        }
        out
    }

    /// Unknown fields are ignored, as the format requires.
    fn from_payload(mut rest: &[u8]) -> Option<Self> {
        let mut code = Self::default();
        while !rest.is_empty() {
            let tag = take_varint(&mut rest)?;
            match (tag >> 3, tag & 7) {
                (1, 2) => code.seed = String::from_utf8(take_bytes(&mut rest)?.to_vec()).ok()?,
                (2, 0) => code.item = take_varint(&mut rest)?.cast_signed(),
                (3, 0) => code.variation = take_varint(&mut rest)?.cast_signed(),
                (4, 0) => code.subevent = take_varint(&mut rest)?.cast_signed(),
                (5, 0) => code.valid_from = Some(take_varint(&mut rest)?.cast_signed()),
                (6, 0) => code.valid_until = Some(take_varint(&mut rest)?.cast_signed()),
                (_, 0) => drop(take_varint(&mut rest)?),
                (_, 1) => rest = rest.get(8..)?,
                (_, 2) => drop(take_bytes(&mut rest)?),
                (_, 5) => rest = rest.get(4..)?,
                _ => return None,
            }
        }
        Some(code)
    }
}

/// Writes seven bits per byte, the lowest first; the top bit means that more follow.
fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

fn take_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn take_bytes<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(take_varint(rest)?).ok()?;
    let (taken, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(taken)
}
