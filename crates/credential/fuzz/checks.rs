//! Properties that must hold for any bytes: the fuzzer searches for input on which one of these panics, and `cargo
//! test` repeats them on the corpus that the fuzzer kept.

use fulfillment_credential::legacy::{PlatformCode, PretixCode};
use fulfillment_credential::read::{ReadError, codes_in_jpeg, codes_in_pdf, codes_in_png};
use fulfillment_credential::{
    KeySet, MAX_BYTES, PREFIX, SigningKey, Verdict, VerifyOptions, bare, decode_unverified, sign, verify,
};

/// The key of the published vectors.
fn key() -> SigningKey {
    let mut seed = [0; 32];
    for (byte, value) in seed.iter_mut().zip(0..) {
        *byte = value;
    }
    SigningKey::from_seed(&seed)
}

/// Checks the bytes as the text of a code in any format, and as the message in one.
pub(crate) fn code(data: &[u8]) {
    let key = key();
    let mut keys = KeySet::new();
    assert!(keys.insert(key.public()).is_ok());
    let message = &data[..data.len().min(MAX_BYTES + 2)];
    for text in [String::from_utf8_lossy(data).into_owned(), format!("{PREFIX}{}", base45::encode(message))] {
        let options = VerifyOptions { event: Some(4_711), ..VerifyOptions::default() };
        let verdict = verify(&text, &keys, 1_800_000_000, &options);
        let parsed = decode_unverified(&text);
        assert_eq!(parsed.is_err(), matches!(verdict, Verdict::Malformed(_)), "{text}");
        assert!(!verdict.to_string().is_empty());
        if let Some(genuine) = verdict.credential() {
            // Ed25519 as used here has one signature per message, so a genuine code was made by `sign`.
            assert_eq!(sign(&key, &genuine.claims).as_deref(), Ok(bare(&text)), "a forgery");
        }
        if let Some(platform) = PlatformCode::parse(&text) {
            assert_eq!(platform.to_string(), bare(&text));
        }
        // The same for pretix's format, except for the unused bits of base64, which its decoder refuses.
        if let Ok((genuine, _)) = PretixCode::read(&text, &keys) {
            assert_eq!(genuine.sign(&key).as_deref(), Ok(bare(&text)), "a forgery");
        }
    }
}

/// Checks the bytes as a JWK Set.
pub(crate) fn jwks(data: &[u8]) {
    let Ok(document) = serde_json::from_slice(data) else { return };
    if let Ok(keys) = KeySet::from_jwks(&document) {
        assert_eq!(KeySet::from_jwks(&keys.to_jwks()), Ok(keys));
    }
}

/// Checks the bytes as a PNG picture.
pub(crate) fn png(data: &[u8]) {
    let _: Result<Vec<String>, ReadError> = codes_in_png(data);
}

/// Checks the bytes as a JPEG picture.
pub(crate) fn jpeg(data: &[u8]) {
    let _: Result<Vec<String>, ReadError> = codes_in_jpeg(data);
}

/// Checks the bytes as a PDF file.
pub(crate) fn pdf(data: &[u8]) {
    let _: Result<Vec<String>, ReadError> = codes_in_pdf(data);
}
