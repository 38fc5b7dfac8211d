//! Signed documents other than tickets, by the same keys: `COSE_Sign1` (RFC 9052) with Ed25519 and a type (RFC 9596).
//!
//! The signature covers the type in the protected header, which a ticket's code does not have and its reader refuses:
//! neither can be read as the other. A message has exactly one encoding; its parts are taken from it without a copy.

use crate::{KeySet, Kid, SigningKey};

/// The tag of `COSE_Sign1`, and an array of four.
const START: [u8; 2] = [0xd2, 0x84];
/// An empty map (the unprotected header), or an empty byte string (no external data).
const EMPTY_MAP: u8 = 0xa0;
const EMPTY_BYTES: u8 = 0x40;
/// `{1: -19, 4: h'` up to the key's id.
const BEFORE_KID: [u8; 5] = [0xa3, 0x01, 0x32, 0x04, 0x44];
/// The key of `typ`, 16.
const TYP: u8 = 0x10;
/// `["Signature1", ` of the `Sig_structure` (RFC 9052, 4.4).
const SIGNATURE1: [u8; 12] = *b"\x84\x6aSignature1";
/// A byte string of 64 bytes.
const SIGNATURE: [u8; 2] = [0x58, 0x40];

/// Why a signed document was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// It is not one signed message of this type in its deterministic encoding.
    #[error("it is not a signed message of this type in deterministic encoding")]
    NotAMessage,
    /// Its key is not in the set.
    #[error("it is signed with key {0}, which is not known here")]
    UnknownKey(Kid),
    /// The key it names has not signed it: it is forged or damaged.
    #[error("key {0} has not signed it")]
    BadSignature(Kid),
}

/// Signs `payload`, a document of the type `typ`: at most 140 bytes of ASCII. The same key and payload always give the
/// same message.
#[must_use]
pub fn sign_message(key: &SigningKey, typ: &str, payload: &[u8]) -> Vec<u8> {
    let protected = protected(key.kid(), typ);
    let signature = key.sign_bytes(&signed_bytes(&protected, payload));
    let mut message = Vec::with_capacity(protected.len() + payload.len() + 80);
    message.extend(START);
    message.extend(protected);
    message.push(EMPTY_MAP);
    push_head(&mut message, 2, payload.len());
    message.extend(payload);
    message.extend(SIGNATURE);
    message.extend(signature);
    message
}

/// The signer and the payload of a message of the type `typ`, if one of these keys signed it. Never panics.
pub fn open_message<'a>(
    message: &'a [u8],
    typ: &str,
    keys: &KeySet,
) -> Result<(Kid, &'a [u8]), MessageError> {
    let Split { kid, protected, payload, signature } =
        split(message, typ).ok_or(MessageError::NotAMessage)?;
    let key = keys.get(kid).ok_or(MessageError::UnknownKey(kid))?;
    if key.has_signed(&signed_bytes(&protected, payload), signature) {
        Ok((kid, payload))
    } else {
        Err(MessageError::BadSignature(kid))
    }
}

/// What differs between messages of a type.
struct Split<'a> {
    kid: Kid,
    /// The protected header as a byte string.
    protected: Vec<u8>,
    payload: &'a [u8],
    signature: &'a [u8; 64],
}

/// The parts of a message whose every other byte is the expected one.
fn split<'a>(message: &'a [u8], typ: &str) -> Option<Split<'a>> {
    let rest = message.strip_prefix(&START)?;
    // The header's own length is one or two bytes; it is compared with the whole below.
    let kid = rest.windows(BEFORE_KID.len()).take(3).position(|window| window == BEFORE_KID)?;
    let kid = Kid(*rest.get(kid + BEFORE_KID.len()..)?.first_chunk()?);
    let protected = protected(kid, typ);
    let rest = rest.strip_prefix(&protected[..])?.strip_prefix(&[EMPTY_MAP])?;
    let (payload, signature) = rest.split_last_chunk::<64>()?;
    let payload = payload.strip_suffix(&SIGNATURE)?;
    // The length of the payload follows from that of the message, so its head is compared, too.
    let payload = (1..=9).find_map(|size| {
        let (head, payload) = payload.split_at_checked(size)?;
        let mut only = Vec::with_capacity(9);
        push_head(&mut only, 2, payload.len());
        (only == head).then_some(payload)
    })?;
    Some(Split { kid, protected, payload, signature })
}

/// The protected header as a byte string.
fn protected(kid: Kid, typ: &str) -> Vec<u8> {
    let mut header = BEFORE_KID.to_vec();
    header.extend(kid.0);
    header.push(TYP);
    push_head(&mut header, 3, typ.len());
    header.extend(typ.as_bytes());
    let mut bytes = Vec::with_capacity(header.len() + 2);
    push_head(&mut bytes, 2, header.len());
    bytes.extend(header);
    bytes
}

/// What the signature covers (`Sig_structure`, RFC 9052, 4.4).
fn signed_bytes(protected: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(protected.len() + payload.len() + 32);
    bytes.extend(SIGNATURE1);
    bytes.extend(protected);
    bytes.push(EMPTY_BYTES);
    push_head(&mut bytes, 2, payload.len());
    bytes.extend(payload);
    bytes
}

/// The head of a CBOR item of this major type in its shortest form (RFC 8949, 4.2.1).
fn push_head(out: &mut Vec<u8>, major: u8, length: usize) {
    let major = major << 5;
    let length = length as u64;
    let bytes = length.to_be_bytes();
    match length {
        0..=23 => out.push(major | bytes[7]),
        24..=0xff => out.extend([major + 24, bytes[7]]),
        0x100..=0xffff => {
            out.push(major + 25);
            out.extend(&bytes[6..]);
        }
        0x1_0000..=0xffff_ffff => {
            out.push(major + 26);
            out.extend(&bytes[4..]);
        }
        _ => {
            out.push(major + 27);
            out.extend(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use coset::{CoseSign1, CoseSign1Builder, HeaderBuilder, TaggedCborSerializable as _, iana};

    use super::*;

    const TYPE: &str = "tk1-feed";

    fn key() -> SigningKey {
        SigningKey::from_seed(&[1; 32])
    }

    fn keys() -> KeySet {
        KeySet::from_keys([key().public()]).unwrap()
    }

    #[test]
    fn messages_are_those_of_another_library() {
        for (size, typ) in [0, 1, 23, 24, 255, 256, 65_535, 65_536]
            .map(|size| (size, TYPE))
            .into_iter()
            .chain([(5, "t"), (5, "a-type-so-long-that-the-header's-length-has-two-bytes")])
        {
            let payload = vec![7; size];
            let message = sign_message(&key(), typ, &payload);
            let protected = HeaderBuilder::new()
                .algorithm(iana::Algorithm::Ed25519)
                .key_id(key().kid().0.to_vec())
                .value(16, typ.into())
                .build();
            let theirs = CoseSign1Builder::new()
                .protected(protected)
                .payload(payload.clone())
                .create_signature(&[], |bytes| key().sign_bytes(bytes).to_vec())
                .build();
            assert_eq!(theirs.to_tagged_vec().unwrap(), message, "{size} {typ}");
            assert_eq!(open_message(&message, typ, &keys()), Ok((key().kid(), &payload[..])));
            assert_eq!(open_message(&message, "other", &keys()), Err(MessageError::NotAMessage));
        }
    }

    #[test]
    fn changed_messages_and_other_keys_are_refused() {
        let message = sign_message(&key(), TYPE, b"payload");
        assert_eq!(open_message(&message, TYPE, &KeySet::new()), Err(MessageError::UnknownKey(key().kid())));
        for at in 0..message.len() {
            for bit in 0..8 {
                let mut bad = message.clone();
                bad[at] ^= 1 << bit;
                assert!(open_message(&bad, TYPE, &keys()).is_err(), "{at} {bit}");
            }
            assert!(open_message(&message[..at], TYPE, &keys()).is_err(), "{at}");
            assert!(open_message(&message[at + 1..], TYPE, &keys()).is_err(), "{at}");
        }
        assert_eq!(
            open_message(&[&message[..], &[0]].concat(), TYPE, &keys()),
            Err(MessageError::NotAMessage)
        );
    }

    #[test]
    fn other_spellings_of_a_signed_message_are_refused() {
        // Signed by the key itself, with a header that names the older algorithm, none or a further one.
        let signed = |header: HeaderBuilder, unprotected: HeaderBuilder| {
            let header = header.key_id(key().kid().0.to_vec()).build();
            let message = CoseSign1Builder::new()
                .protected(header)
                .unprotected(unprotected.build())
                .payload(b"payload".to_vec())
                .create_signature(&[], |bytes| key().sign_bytes(bytes).to_vec())
                .build();
            message.to_tagged_vec().unwrap()
        };
        let new = HeaderBuilder::new;
        let good = signed(new().algorithm(iana::Algorithm::Ed25519).value(16, TYPE.into()), new());
        assert!(open_message(&good, TYPE, &keys()).is_ok());
        for bad in [
            signed(new().algorithm(iana::Algorithm::EdDSA).value(16, TYPE.into()), new()),
            signed(new().algorithm(iana::Algorithm::Ed25519), new()),
            signed(new().algorithm(iana::Algorithm::Ed25519), new().value(16, TYPE.into())),
            signed(
                new().algorithm(iana::Algorithm::Ed25519).value(16, TYPE.into()),
                new().value(99, 1.into()),
            ),
            signed(
                new().algorithm(iana::Algorithm::Ed25519).value(16, TYPE.into()).value(99, 1.into()),
                new(),
            ),
        ] {
            CoseSign1::from_tagged_slice(&bad).unwrap();
            assert_eq!(open_message(&bad, TYPE, &keys()), Err(MessageError::NotAMessage));
        }
    }
}
