//! Properties that must hold for any bytes: the fuzzer searches for input on which one of these panics, and `cargo
//! test` repeats them on the corpus that the fuzzer kept.

use fulfillment_credential::{KeySet, SigningKey, open_message, sign_message};
use fulfillment_door::feed::{Document, Head, HeldFeed, Keys, Outcome, Snapshot, TYPE, read, sign};

/// The key of the published vectors.
fn key() -> SigningKey {
    let mut seed = [0; 32];
    for (byte, value) in seed.iter_mut().zip(0..) {
        *byte = value;
    }
    SigningKey::from_seed(&seed)
}

/// Checks the bytes as a document, and as the content of one that is signed.
pub(crate) fn feed(data: &[u8]) {
    let key = key();
    let mut keys = KeySet::new();
    assert!(keys.insert(key.public()).is_ok());
    for bytes in [data.to_vec(), sign_message(&key, TYPE, data)] {
        let Ok(received) = read(&bytes, &keys) else { continue };
        // Ed25519 as used here has one signature per message, and a document one encoding.
        assert_eq!(sign(&key, &received.document).as_ref(), Ok(&bytes), "a second encoding");
        assert!(open_message(&bytes, TYPE, &keys).is_ok());
        hold(&received.document, &keys, &key);
    }
}

/// Gives the document to a scanner of its event that has an older snapshot: it becomes newer or stays as it was, and
/// never laxer.
fn hold(document: &Document, keys: &KeySet, key: &SigningKey) {
    let (mut origin, event_id) = (
        *document.origin(),
        match document {
            Document::Snapshot(snapshot) => snapshot.event_id.clone(),
            _ => "event".to_owned(),
        },
    );
    (origin.version, origin.made_at) = (origin.version.min(3), origin.made_at.min(0));
    let first = Snapshot {
        origin,
        event_id: event_id.clone(),
        fresh_until: 0,
        head: Head::default(),
        keys: Keys { accepted: keys.clone(), revoked: KeySet::new() },
        deviations: Vec::new(),
    };
    let signed = sign(key, &Document::Snapshot(first));
    let begun = signed.and_then(|bytes| read(&bytes, keys)).map(|first| HeldFeed::begin(first, &event_id));
    let Ok(Ok(mut held)) = begun else { panic!("the first snapshot was refused") };
    let again = |held: &mut HeldFeed| {
        let received = sign(key, document).and_then(|bytes| read(&bytes, keys));
        received.ok().map(|received| held.apply(received))
    };
    let outcome = again(&mut held);
    let after = held.clone();
    // A second time it changes nothing.
    if let Some(Ok(Outcome::Applied)) = outcome {
        assert_eq!(again(&mut held), outcome);
        assert_eq!((held.digest(), held.origin()), (after.digest(), after.origin()));
    }
    assert_eq!(held.door(), after.door());
    if let Document::Snapshot(Snapshot { deviations, .. }) = document {
        for (cti, standing) in deviations {
            let taken = held.door().standing(cti);
            assert!(outcome != Some(Ok(Outcome::Applied)) || taken == *standing);
        }
    }
}
