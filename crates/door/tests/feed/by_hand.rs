//! Documents made and signed by another CBOR and COSE library, in ways that this crate's writer never does.

use coset::cbor::value::Value as Cbor;
use coset::{CborSerializable as _, CoseSign1Builder, HeaderBuilder, TaggedCborSerializable as _, iana};
use ed25519_dalek::Signer as _;
use fulfillment_credential::SigningKey;

use crate::common::key;

/// The seed of [`key`].
pub(crate) fn seed() -> [u8; 32] {
    std::array::from_fn(|i| u8::try_from(i).unwrap())
}

/// The payload of a document as values.
pub(crate) fn values(document: &[u8]) -> Vec<(Cbor, Cbor)> {
    Cbor::from_slice(&payload(document)).unwrap().into_map().unwrap()
}

/// The payload of a document.
pub(crate) fn payload(document: &[u8]) -> Vec<u8> {
    coset::CoseSign1::from_tagged_slice(document).unwrap().payload.unwrap()
}

pub(crate) fn bytes(map: Vec<(Cbor, Cbor)>) -> Vec<u8> {
    Cbor::Map(map).to_vec().unwrap()
}

/// Replaces the value of a key, or adds it at its place.
pub(crate) fn with(mut map: Vec<(Cbor, Cbor)>, key: u8, value: Cbor) -> Vec<(Cbor, Cbor)> {
    let number = |entry: &(Cbor, Cbor)| u8::try_from(entry.0.as_integer().unwrap()).unwrap();
    let at = map.iter().position(|entry| number(entry) >= key).unwrap_or(map.len());
    if map.get(at).is_some_and(|entry| number(entry) == key) {
        map[at].1 = value;
    } else {
        map.insert(at, (key.into(), value));
    }
    map
}

/// The headers of a feed.
pub(crate) fn header() -> HeaderBuilder {
    HeaderBuilder::new()
        .algorithm(iana::Algorithm::Ed25519)
        .key_id(key().kid().0.to_vec())
        .value(16, Cbor::Text("tk1-feed".to_owned()))
}

/// Signs any payload with any headers by the key of these tests.
pub(crate) fn signed(protected: HeaderBuilder, unprotected: HeaderBuilder, payload: Vec<u8>) -> Vec<u8> {
    let secret = ed25519_dalek::SigningKey::from_bytes(&seed());
    assert_eq!(SigningKey::from_seed(&seed()).kid(), key().kid());
    let message = CoseSign1Builder::new()
        .protected(protected.build())
        .unprotected(unprotected.build())
        .payload(payload)
        .create_signature(&[], |bytes| secret.sign(bytes).to_vec())
        .build();
    message.to_tagged_vec().unwrap()
}

/// Signs any payload with the headers of a feed.
pub(crate) fn signed_payload(payload: Vec<u8>) -> Vec<u8> {
    signed(header(), HeaderBuilder::new(), payload)
}
