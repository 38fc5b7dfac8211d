//! The key, the ticket and the code that these tests share.

use fulfillment_credential::{Claims, KeySet, SigningKey, sign};

pub(crate) const NOW: i64 = 1_764_000_000;

pub(crate) fn key() -> SigningKey {
    SigningKey::from_seed(&std::array::from_fn(|i| u8::try_from(i).unwrap()))
}

pub(crate) fn keys() -> KeySet {
    KeySet::from_keys([key().public()]).unwrap()
}

pub(crate) fn claims() -> Claims {
    Claims {
        expires_at: NOW + 400 * 86_400,
        cti: *b"\x01abcdefgh\xff",
        event: 4_711,
        category: 12,
        generation: 1,
    }
}

pub(crate) fn code() -> String {
    sign(&key(), &claims()).unwrap()
}
