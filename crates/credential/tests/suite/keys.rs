//! Tests of keys: their files, their ids, their exchange format.

use crate::common::{key, keys};
use fulfillment_credential::{JwksError, KeyError, KeySet, Kid, PublicKey, SigningKey};
use serde_json::json;

/// The private key that RFC 8410, section 10.3 shows, as OpenSSL writes one.
const RFC_8410: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC
-----END PRIVATE KEY-----
";

#[test]
fn a_key_file_comes_back_as_it_was() {
    let pem = key().to_pem().unwrap();
    let again = SigningKey::from_pem(&pem).unwrap();
    assert_eq!(again.public(), key().public());
    assert_eq!(again.kid(), key().kid());
}

#[test]
fn key_files_are_those_of_openssl() {
    let key = SigningKey::from_pem(RFC_8410).unwrap();
    assert_eq!(
        hex::encode(key.public().to_bytes()),
        "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1"
    );
    assert_eq!(key.to_pem().unwrap().as_str(), RFC_8410);
    let windows = format!("\n{}\r\n\r\n", RFC_8410.replace('\n', "\r\n"));
    assert_eq!(SigningKey::from_pem(&windows).unwrap().public(), key.public());
}

#[test]
fn what_is_no_key_says_how_to_get_one() {
    for text in ["", "secret", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
        let error = SigningKey::from_pem(text).unwrap_err();
        assert!(matches!(error, KeyError::Pem(_)));
        assert!(error.to_string().contains("openssl genpkey -algorithm ed25519"), "{error}");
    }
}

#[test]
fn a_secret_is_never_printed() {
    let shown = format!("{:?} {:#?}", key(), key());
    assert!(shown.contains(&key().kid().to_string()));
    // The seed is 00 01 02 ... 1f.
    for secret in ["000102", "[0, 1, 2", "AAEC", "0,\n"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn a_key_id_is_the_start_of_the_hash_and_reads_back() {
    use sha2::{Digest, Sha256};
    let kid = key().kid();
    assert_eq!(kid.0[..], Sha256::digest(key().public().to_bytes())[..4]);
    assert_eq!(kid.to_string().parse(), Ok(kid));
    assert_eq!(Kid([0, 1, 0xab, 0xff]).to_string(), "0001abff");
    for text in ["", "0001abf", "0001abff0", "0001abfg"] {
        assert_eq!(text.parse::<Kid>(), Err(KeyError::Kid));
    }
}

#[test]
fn a_set_of_keys_comes_back_from_its_document() {
    let both = KeySet::from_keys([key().public(), SigningKey::from_seed(&[9; 32]).public()]).unwrap();
    let document = both.to_jwks();
    assert_eq!(KeySet::from_jwks(&document).unwrap(), both);
    let jwk = &keys().to_jwks()["keys"][0];
    assert_eq!(
        *jwk,
        json!({
            "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": key().kid().to_string(),
            "x": "A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg",
        })
    );
    assert_eq!(KeySet::from_jwks(&json!({ "keys": [] })).unwrap(), KeySet::new());
}

#[test]
fn a_set_takes_and_gives_keys_by_id() {
    let mut set = keys();
    set.insert(key().public()).unwrap();
    assert_eq!(set.len(), 1);
    assert_eq!(set.get(key().kid()), Some(&key().public()));
    assert_eq!(set.remove(key().kid()), Some(key().public()));
    assert!(set.is_empty() && set.remove(key().kid()).is_none());
}

#[test]
fn keys_for_other_purposes_are_passed_over() {
    let mut document = keys().to_jwks();
    let ours = document["keys"][0].clone();
    let other = |name: &str, value: &str| {
        let mut jwk = ours.clone();
        jwk[name] = value.into();
        jwk
    };
    document["keys"].as_array_mut().unwrap().extend([
        json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB" }),
        json!({ "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA" }),
        json!({}),
        other("crv", "X25519"),
        other("use", "enc"),
        other("alg", "ES256"),
    ]);
    assert_eq!(KeySet::from_jwks(&document).unwrap(), keys());
}

#[test]
fn a_damaged_set_names_the_key_at_fault() {
    let refused = |name: &str, value: serde_json::Value, part: &str| {
        let mut document = json!({ "keys": [{ "kty": "RSA" }, keys().to_jwks()["keys"][0]] });
        document["keys"][1][name] = value;
        let error = KeySet::from_jwks(&document).unwrap_err();
        assert!(matches!(error, JwksError::Key { index: 1, .. }), "{error}");
        assert!(error.to_string().contains(part), "{error}");
    };
    refused("kid", "00000000".into(), "\"kid\" is not");
    refused("kid", key().kid().to_string().to_uppercase().into(), "\"kid\" is not");
    refused("x", "AAAA".into(), "32 bytes");
    refused("x", "***".into(), "base64url");
    refused("x", 5.into(), "must be a string");
    // The point of order one.
    refused("x", "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".into(), "not a usable");
    refused("d", "AAAA".into(), "private key");
    for document in [json!([]), json!({}), json!({ "keys": {} }), json!(null)] {
        assert_eq!(KeySet::from_jwks(&document), Err(JwksError::NotASet));
    }
}

#[test]
fn points_of_small_order_are_no_keys() {
    let mut one = [0; 32];
    one[0] = 1;
    assert_eq!(PublicKey::from_bytes(&one), Err(KeyError::Public));
    assert_eq!(PublicKey::from_bytes(&[0; 32]), Err(KeyError::Public));
}
