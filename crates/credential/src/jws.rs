//! Signed statements other than tickets, by the same keys: JWS in its compact form (RFC 7515) with Ed25519 (RFC 8037).
//!
//! The signed bytes are printable and have dots, so a statement cannot be mistaken for a code, whose signed bytes are
//! CBOR, nor a code for a statement. The type in its header distinguishes kinds of statements (RFC 8725, 3.11).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde_json::{Value, json};

use crate::{KeySet, Kid, SigningKey};

/// The names of Ed25519: RFC 8037's and RFC 9864's.
const ALGORITHMS: [&str; 2] = ["EdDSA", "Ed25519"];

/// Signs `content`, a statement of the type `kind`.
#[must_use]
pub fn sign_statement(key: &SigningKey, kind: &str, content: &Value) -> String {
    let header = json!({ "alg": ALGORITHMS[0], "kid": key.kid().to_string(), "typ": kind });
    let part = |value: &Value| BASE64URL.encode(value.to_string());
    let signed = format!("{}.{}", part(&header), part(content));
    let signature = BASE64URL.encode(key.sign_bytes(signed.as_bytes()));
    format!("{signed}.{signature}")
}

/// The content of a statement of the type `kind`, if one of these keys signed it.
#[must_use]
pub fn read_statement(text: &str, kind: &str, keys: &KeySet) -> Option<Value> {
    let (signed, signature) = text.trim().rsplit_once('.')?;
    let (header, content) = signed.split_once('.')?;
    let part = |text: &str| serde_json::from_slice::<Value>(&BASE64URL.decode(text).ok()?).ok();
    let header = part(header)?;
    let algorithm = header["alg"].as_str()?;
    if !ALGORITHMS.contains(&algorithm) || header["typ"] != kind || !header["crit"].is_null() {
        return None;
    }
    let key = keys.get(header["kid"].as_str()?.parse::<Kid>().ok()?)?;
    let signature: [u8; 64] = BASE64URL.decode(signature).ok()?.try_into().ok()?;
    if key.has_signed(signed.as_bytes(), &signature) { part(content) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(key: &SigningKey) -> KeySet {
        KeySet::from_keys([key.public()]).unwrap()
    }

    #[test]
    fn a_statement_is_read_by_its_keys_and_as_its_kind_alone() {
        let (key, other) = (SigningKey::from_seed(&[1; 32]), SigningKey::from_seed(&[2; 32]));
        let text = sign_statement(&key, "a+jwt", &json!({ "n": 1 }));
        assert_eq!(read_statement(&text, "a+jwt", &keys(&key)), Some(json!({ "n": 1 })));
        assert_eq!(read_statement(&text, "b+jwt", &keys(&key)), None);
        assert_eq!(read_statement(&text, "a+jwt", &keys(&other)), None);
        for at in 0..text.len() {
            let mut bad = text.clone().into_bytes();
            bad[at] = if bad[at] == b'A' { b'B' } else { b'A' };
            let bad = String::from_utf8(bad).unwrap();
            assert_eq!(read_statement(&bad, "a+jwt", &keys(&key)), None, "{bad}");
        }
        for bad in ["", ".", "..", "a.b.c", &text[1..], &text[..text.len() - 1]] {
            assert_eq!(read_statement(bad, "a+jwt", &keys(&key)), None, "{bad}");
        }
    }

    /// RFC 8037, appendix A.4: its example has no key id, so its parts are put together here.
    #[test]
    fn the_signature_is_the_one_of_the_rfc() {
        let seed = BASE64URL.decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
        let key = SigningKey::from_seed(&seed.try_into().unwrap());
        let signed = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
        let expected =
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
        assert_eq!(BASE64URL.encode(key.sign_bytes(signed.as_bytes())), expected);
    }
}
