//! How large the feed of a large event is.

use fulfillment_door::feed::{Document, HeldFeed, Outcome, read, sign};

use crate::common::{EVENT_ID, VOID, delta, key, received, set, snapshot};

/// The tickets of 200,000 whose number a remainder selects; ids as unguessable ones are spread.
fn voids(every: u32) -> Vec<(fulfillment_credential::Cti, fulfillment_credential::Standing)> {
    let spread = |n: u32| n.wrapping_mul(0x9e37_79b1).to_be_bytes();
    let mut list: Vec<_> = (0..200_000_u32)
        .filter(|n| n.is_multiple_of(every))
        .map(|n| {
            let id = [spread(n), spread(!n), [0; 4]].concat();
            (*id.first_chunk().unwrap(), VOID)
        })
        .collect();
    list.sort_unstable_by_key(|(cti, _)| *cti);
    list
}

#[test]
fn two_percent_of_200_000_tickets_are_under_100_kb() {
    let all = voids(50);
    assert_eq!(all.len(), 4_000);
    let bytes = sign(&key(), &Document::Snapshot(snapshot(4_000, &all))).unwrap();
    assert!(bytes.len() < 100_000, "{} bytes", bytes.len());
    let held = HeldFeed::begin(read(&bytes, &set(&[&key()])).unwrap(), EVENT_ID).unwrap();
    assert_eq!(held.door().len(), 4_000);
}

#[test]
fn a_delta_of_one_void_is_under_300_bytes() {
    let all = voids(50);
    let (last, before) = all.split_last().unwrap();
    let mut held = HeldFeed::begin(received(Document::Snapshot(snapshot(3_999, before))), EVENT_ID).unwrap();
    let change = sign(&key(), &Document::Delta(delta(3_999, 4_000, &[*last], &all))).unwrap();
    assert!(change.len() < 300, "{} bytes", change.len());
    assert_eq!(held.apply(read(&change, &set(&[&key()])).unwrap()), Ok(Outcome::Applied));
}
