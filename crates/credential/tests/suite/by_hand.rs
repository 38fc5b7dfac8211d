//! Messages encoded by hand, in ways that the crate itself never does.

use coset::cbor::value::Value;
use ed25519_dalek::Signer;
use fulfillment_credential::Claims;

use crate::common::key;

fn cbor(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    coset::cbor::ser::into_writer(value, &mut out).unwrap();
    out
}

/// A genuinely signed message of any protected header and payload, as a careless issuer might encode it.
pub(crate) fn signed(protected: &[u8], unprotected: Value, payload: &[u8]) -> Vec<u8> {
    let bstr = |b: &[u8]| Value::Bytes(b.to_vec());
    let covered = Value::Array(vec!["Signature1".into(), bstr(protected), bstr(&[]), bstr(payload)]);
    let seed: [u8; 32] = std::array::from_fn(|i| u8::try_from(i).unwrap());
    let signature = ed25519_dalek::SigningKey::from_bytes(&seed).sign(&cbor(&covered)).to_bytes();
    let parts = vec![bstr(protected), unprotected, bstr(payload), bstr(&signature)];
    cbor(&Value::Tag(18, Box::new(Value::Array(parts))))
}

/// A map in the order given.
pub(crate) fn header(entries: Vec<(i64, Value)>) -> Vec<u8> {
    cbor(&Value::Map(entries.into_iter().map(|(k, v)| (k.into(), v)).collect()))
}

/// The id of the tests' key.
pub(crate) fn kid() -> Value {
    Value::Bytes(key().kid().0.to_vec())
}

/// The claims as the crate writes them, to be changed.
pub(crate) fn payload(c: &Claims) -> Vec<(i64, Value)> {
    let ticket = vec![c.event.into(), c.category.into(), c.generation.into()];
    vec![(4, c.expires_at.into()), (7, Value::Bytes(c.cti.to_vec())), (-65537, Value::Array(ticket))]
}
