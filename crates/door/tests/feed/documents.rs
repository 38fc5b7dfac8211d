//! Writing and strict reading: what is taken, what is refused, and nothing panics.

use coset::HeaderBuilder;
use coset::cbor::value::Value as Cbor;
use fulfillment_credential::{
    KeySet, MessageError, PREFIX, SigningKey, Standing, Verdict, VerifyOptions, open_message,
    sign as sign_code, verify,
};
use fulfillment_door::feed::{
    Document, Head, Keys, MAX_BYTES, MAX_GATES, MAX_TEXT, ReadError, Snapshot, TYPE, read, sign,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::by_hand::{bytes, header, payload, signed, signed_payload, values, with};
use crate::common::{NOW, VOID, claims, cti, key, one_of_each, received, set, snapshot};

fn keys() -> KeySet {
    set(&[&key()])
}

fn content(bytes: &[u8]) -> &'static str {
    let refused = read(bytes, &keys()).unwrap_err();
    let ReadError::Content(why) = refused else { return refused.code() };
    why
}

#[test]
fn every_kind_is_read_as_it_was_written() {
    for document in one_of_each() {
        let bytes = sign(&key(), &document).unwrap();
        assert_eq!(read(&bytes, &keys()), Ok(received(document.clone())));
        assert_eq!(sign(&key(), &document).unwrap(), bytes);
        // Another library reads and writes the same bytes.
        let again = signed_payload(crate::by_hand::bytes(values(&bytes)));
        assert_eq!(again, bytes, "{document:?}");
    }
}

#[test]
fn unknown_keys_and_forgeries_are_refused() {
    for document in one_of_each() {
        let stranger = SigningKey::from_seed(&[9; 32]);
        let bytes = sign(&stranger, &document).unwrap();
        let unknown = ReadError::Message(MessageError::UnknownKey(stranger.kid()));
        assert_eq!(read(&bytes, &keys()), Err(unknown));
        assert_eq!(unknown.code(), "unknown_key");
        // The stranger writes the known key's id.
        let mut forged = bytes.clone();
        let at = forged.windows(4).position(|window| window == stranger.kid().0).unwrap();
        forged[at..at + 4].copy_from_slice(&key().kid().0);
        let forgery = ReadError::Message(MessageError::BadSignature(key().kid()));
        assert_eq!(read(&forged, &keys()), Err(forgery));
        let good = sign(&key(), &document).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(read(&bad, &keys()).is_err(), "{at}");
            assert!(read(&good[..at], &keys()).is_err(), "{at}");
        }
    }
}

#[test]
fn other_encodings_are_refused_although_they_are_signed() {
    for document in one_of_each() {
        let good = payload(&sign(&key(), &document).unwrap());
        // A byte more, a byte less.
        assert_eq!(content(&signed_payload([&good[..], &[0]].concat())), "bytes follow its end");
        for at in 0..good.len() {
            assert!(read(&signed_payload(good[..at].to_vec()), &keys()).is_err(), "{at}");
        }
        // Each head in a longer form.
        for at in 0..good.len() {
            let (major, value) = (good[at] & 0xe0, good[at] & 0x1f);
            if value < 24 && major < 0xe0 {
                let longer = [&good[..at], &[major + 24, value], &good[at + 1..]].concat();
                assert!(read(&signed_payload(longer), &keys()).is_err(), "{at}");
            }
        }
        // Members in another order, twice, or further ones.
        let map = values(&sign(&key(), &document).unwrap());
        let mut reversed = map.clone();
        reversed.reverse();
        assert!(read(&signed_payload(bytes(reversed)), &keys()).is_err());
        for at in 0..map.len() {
            let (mut twice, mut without) = (map.clone(), map.clone());
            twice.insert(at, map[at].clone());
            without.remove(at);
            assert!(read(&signed_payload(bytes(twice)), &keys()).is_err());
            // Only head and keys of a delta may be missing; the keys are one member here and two there.
            let optional = matches!(document, Document::Delta(_)) && map[at].0 == Cbor::from(9);
            assert_eq!(read(&signed_payload(bytes(without)), &keys()).is_ok(), optional, "{:?}", map[at].0);
        }
        for number in [0, 17, 23, 24, 99] {
            let further = with(map.clone(), number, Cbor::from(1));
            assert!(read(&signed_payload(bytes(further)), &keys()).is_err());
        }
        let mut indefinite = good.clone();
        indefinite[0] = 0xbf;
        indefinite.push(0xff);
        assert!(read(&signed_payload(indefinite), &keys()).is_err());
    }
}

#[test]
fn contents_that_no_feed_has_are_refused() {
    let good = values(&sign(&key(), &Document::Snapshot(snapshot(3, &[(cti(1), VOID)]))).unwrap());
    let changed = |key, value| content(&signed_payload(bytes(with(good.clone(), key, value))));
    let entry = |n: u8, generation: u64, voided: bool| {
        Cbor::Array(vec![Cbor::Bytes(cti(n).to_vec()), generation.into(), voided.into()])
    };
    let list = |entries: &[Cbor]| Cbor::Array(entries.to_vec());
    let unsorted = "a list is not sorted, or has an entry twice";
    assert_eq!(changed(1, 6.into()), "it is of another kind");
    assert_eq!(changed(2, (1_u64 << 32).into()), "a number is too large");
    assert_eq!(changed(2, (-1).into()), "an item has another type");
    assert_eq!(changed(3, Cbor::Bytes(vec![1])), "an item has another type");
    assert_eq!(changed(7, Cbor::Float(1.8e9)), "an item has another type");
    assert_eq!(changed(12, list(&[entry(2, 0, true), entry(1, 0, true)])), unsorted);
    assert_eq!(changed(12, list(&[entry(1, 0, true), entry(1, 1, true)])), unsorted);
    assert_eq!(changed(12, list(&[entry(1, 0, false)])), "a deviation deviates in nothing");
    assert_eq!(changed(12, list(&[entry(1, 256, true)])), "a number is too large");
    // One more than was counted, another, or another count.
    let mismatch = "its deviations have another count or hash";
    assert_eq!(changed(12, list(&[entry(1, 0, true), entry(2, 0, true)])), mismatch);
    assert_eq!(changed(12, list(&[entry(2, 0, true)])), mismatch);
    assert_eq!(changed(13, 2.into()), mismatch);
    assert_eq!(changed(14, Cbor::Bytes(vec![0; 32])), mismatch);
    assert_eq!(changed(14, Cbor::Bytes(vec![0; 31])), "a byte string has another length");
    // A point of small order is no key.
    assert_eq!(changed(10, list(&[Cbor::Bytes([[1].as_slice(), &[0; 31]].concat())])), "a key is not usable");
    let text = Cbor::Text("x".repeat(MAX_TEXT + 1));
    assert_eq!(changed(3, text), "a text is too long");
    // An array of 2^40 entries, of which none is there.
    let huge = payload(&sign(&key(), &Document::Snapshot(snapshot(3, &[]))).unwrap());
    let at = huge.windows(2).rposition(|window| window == [0x0c, 0x80]).unwrap() + 1;
    for head in [&[0x9b, 0, 0, 1, 0, 0, 0, 0, 0][..], &[0x9a, 0, 0x4c, 0x4b, 0x40]] {
        let huge = [&huge[..at], head, &huge[at + 1..]].concat();
        assert!(read(&signed_payload(huge), &keys()).is_err());
    }
    assert_eq!(read(&vec![0xd2; MAX_BYTES + 1], &keys()), Err(ReadError::TooLarge));
}

#[test]
fn what_no_reader_takes_is_not_signed() {
    let refused = |document| sign(&key(), &document).is_err();
    assert!(refused(Document::Snapshot(snapshot(3, &[(cti(2), VOID), (cti(1), VOID)]))));
    assert!(refused(Document::Snapshot(snapshot(3, &[(cti(1), Standing::default())]))));
    let with_head = |change: fn(&mut Head)| {
        let mut document = snapshot(3, &[]);
        change(&mut document.head);
        Document::Snapshot(document)
    };
    assert!(!refused(with_head(|head| head.name = Some("x".repeat(MAX_TEXT)))));
    assert!(refused(with_head(|head| head.name = Some("x".repeat(MAX_TEXT + 1)))));
    assert!(refused(with_head(|head| head.gates = vec!["A".to_owned(), "A".to_owned()])));
    assert!(refused(with_head(|head| head.areas = vec![(2, String::new()), (1, String::new())])));
    assert!(refused(with_head(|head| {
        head.gates = (0..=MAX_GATES).map(|n| format!("{n:05}")).collect();
    })));
    // The key set of an installation that has none yet is no error.
    assert!(!refused(Document::Snapshot(Snapshot { keys: Keys::default(), ..snapshot(3, &[]) })));
}

#[test]
fn a_code_is_no_feed_and_a_feed_is_no_code() {
    let code = sign_code(&key(), &claims(1)).unwrap();
    let code_bytes = base45::decode(&code[PREFIX.len()..]).unwrap();
    assert!(verify(&code, &keys(), NOW, &VerifyOptions::default()).is_valid());
    let no_feed = Err(ReadError::Message(MessageError::NotAMessage));
    assert_eq!(read(&code_bytes, &keys()), no_feed);
    assert_eq!(read(code.as_bytes(), &keys()), no_feed);
    let as_code = |bytes: &[u8]| {
        let text = format!("{PREFIX}{}", base45::encode(bytes));
        matches!(verify(&text, &keys(), NOW, &VerifyOptions::default()), Verdict::Malformed(_))
    };
    for document in one_of_each() {
        let feed = sign(&key(), &document).unwrap();
        assert!(as_code(&feed));
        // A feed's content under a code's headers, signed by the key.
        let plain =
            HeaderBuilder::new().algorithm(coset::iana::Algorithm::Ed25519).key_id(key().kid().0.to_vec());
        let crossed = signed(plain, HeaderBuilder::new(), payload(&feed));
        assert_eq!(read(&crossed, &keys()), no_feed);
        assert!(as_code(&crossed));
    }
    // A code's claims under a feed's headers.
    let crossed = signed(header(), HeaderBuilder::new(), payload(&code_bytes));
    assert!(crossed.len() <= fulfillment_credential::MAX_BYTES + 11);
    assert!(as_code(&crossed));
    assert!(open_message(&crossed, TYPE, &keys()).is_ok());
    assert_eq!(content(&crossed), "a member is missing or out of order");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..300)) {
        prop_assert!(read(&bytes, &keys()).is_err());
        if let Ok(received) = read(&signed_payload(bytes.clone()), &keys()) {
            prop_assert_eq!(payload(&sign(&key(), &received.document).unwrap()), bytes);
        }
    }

    #[test]
    fn damaged_content_is_read_or_refused(
        which in 0_usize..6,
        damage in vec((any::<usize>(), any::<u8>()), 1..4),
        cut in any::<usize>(),
    ) {
        let mut content = payload(&sign(&key(), &one_of_each()[which]).unwrap());
        for (at, value) in damage {
            let at = at % content.len();
            content[at] = value;
        }
        if cut.is_multiple_of(4) {
            content.truncate(cut / 4 % content.len());
        }
        if let Ok(received) = read(&signed_payload(content.clone()), &keys()) {
            // Whatever is read has one encoding: these bytes.
            prop_assert_eq!(payload(&sign(&key(), &received.document).unwrap()), content);
        }
    }
}
