//! The keys and documents that these tests share.

use fulfillment_credential::{Claims, Cti, KeySet, SigningKey, Standing};
use fulfillment_door::feed::{
    Admitted, Delta, Digest, Direction, Document, Head, Keys, Name, Names, Numbers, Origin, Received,
    Snapshot, Status, StillGood, StillGoodCode, number_tag,
};

pub(crate) const NOW: i64 = 1_800_000_000;
pub(crate) const EVENT: u32 = 4_711;
pub(crate) const EVENT_ID: &str = "2027-open-air";
/// The key of ticket numbers.
pub(crate) const NUMBERS_KEY: [u8; 32] = [5; 32];

pub(crate) const VOID: Standing = Standing { lowest_good_generation: 0, voided: true };
pub(crate) const REPLACED: Standing = Standing { lowest_good_generation: 1, voided: false };

/// The key of the published vectors.
pub(crate) fn key() -> SigningKey {
    SigningKey::from_seed(&std::array::from_fn(|i| u8::try_from(i).unwrap()))
}

/// A key that leaked.
pub(crate) fn leaked() -> SigningKey {
    SigningKey::from_seed(&[8; 32])
}

pub(crate) fn set(keys: &[&SigningKey]) -> KeySet {
    KeySet::from_keys(keys.iter().map(|key| key.public())).unwrap()
}

/// The nth credential of these tests.
pub(crate) fn cti(n: u8) -> Cti {
    [0xc0, 0xff, 0xee, n, 1, 2, 3, 4, 5, 6]
}

pub(crate) fn claims(n: u8) -> Claims {
    Claims { expires_at: NOW + 30_000_000, cti: cti(n), event: EVENT, category: 12, generation: 0 }
}

/// Version `version`, made a minute later than the one before it.
pub(crate) fn origin(version: u64) -> Origin {
    let made_at = NOW + 60 * i64::try_from(version).unwrap();
    Origin { event: EVENT, epoch: 1, version, made_at }
}

pub(crate) fn head() -> Head {
    Head {
        name: Some("Open Air".to_owned()),
        starts_at: Some(1_800_032_400),
        ends_at: Some(1_800_050_000),
        doors_at: Some(1_800_028_800),
        time_zone: Some("Europe/Zurich".to_owned()),
        venue_name: Some("Grünwald".to_owned()),
        venue_address: None,
        status: Status::Scheduled,
        categories: vec![(1, "Standing".to_owned()), (12, "Seat".to_owned())],
        areas: vec![(1, "Arena".to_owned())],
        gates: vec!["North".to_owned(), "South".to_owned()],
        rules: Some(r#"{"reEntry":"afterExit"}"#.to_owned()),
    }
}

pub(crate) fn own_keys() -> Keys {
    Keys { accepted: set(&[&key()]), revoked: set(&[&leaked()]) }
}

pub(crate) fn snapshot(version: u64, deviations: &[(Cti, Standing)]) -> Snapshot {
    let origin = origin(version);
    Snapshot {
        origin,
        event_id: EVENT_ID.to_owned(),
        fresh_until: origin.made_at + 1_200,
        head: head(),
        keys: own_keys(),
        deviations: deviations.to_vec(),
    }
}

/// The change from one version to another, after which these are all deviations.
pub(crate) fn delta(from: u64, to: u64, changes: &[(Cti, Standing)], all: &[(Cti, Standing)]) -> Delta {
    let origin = origin(to);
    Delta {
        origin,
        from,
        fresh_until: origin.made_at + 1_200,
        head: None,
        keys: None,
        deviations: changes.to_vec(),
        digest: Digest::of_list(all),
    }
}

pub(crate) fn still_good(version: u64, codes: &[u8]) -> StillGood {
    let code = |n: &u8| {
        let Claims { expires_at, cti, category, generation, .. } = claims(*n);
        StillGoodCode { cti, generation, category, expires_at }
    };
    StillGood { origin: origin(version), kid: leaked().kid(), codes: codes.iter().map(code).collect() }
}

pub(crate) fn numbers(version: u64, list: &[(&str, u8)]) -> Numbers {
    let mut tickets: Vec<_> =
        list.iter().map(|(number, n)| (number_tag(&NUMBERS_KEY, number), cti(*n))).collect();
    tickets.sort_unstable();
    Numbers { origin: origin(version), tickets }
}

pub(crate) fn names(version: u64) -> Names {
    let name = |n, holder: &str, seat: &str| Name { cti: cti(n), holder: holder.into(), seat: seat.into() };
    Names { origin: origin(version), tickets: vec![name(1, "Zoë Example", "A 1"), name(2, "", "")] }
}

pub(crate) fn admitted(from: u64, version: u64, list: &[(u8, Direction, i64)]) -> Admitted {
    let prefix = |n: u8| *cti(n).first_chunk().unwrap();
    let tickets = list.iter().map(|(n, direction, at)| (prefix(*n), *direction, *at)).collect();
    Admitted { origin: origin(version), from, tickets }
}

/// One document of each kind.
pub(crate) fn one_of_each() -> Vec<Document> {
    let changes = [(cti(1), VOID), (cti(2), REPLACED)];
    vec![
        Document::Snapshot(snapshot(3, &changes)),
        Document::Delta(Delta {
            head: Some(Head::default()),
            keys: Some(own_keys()),
            ..delta(3, 4, &changes, &changes)
        }),
        Document::StillGood(still_good(3, &[1, 2])),
        Document::Numbers(numbers(3, &[("N000010001", 1), ("N000020002", 2)])),
        Document::Names(names(3)),
        Document::Admitted(admitted(0, 7, &[(1, Direction::In, NOW), (2, Direction::Out, NOW + 1)])),
    ]
}

/// A document as if it was read.
pub(crate) fn received(document: Document) -> Received {
    Received { signer: key().kid(), document }
}
