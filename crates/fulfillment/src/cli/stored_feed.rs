//! A snapshot of a door's feed that was stored in a file, for `fulfillment verify --feed`.

use std::fmt;
use std::path::Path;

use fulfillment_domain::Clock as _;
use fulfillment_door::feed::{Document, HeldFeed, read as read_document};
use fulfillment_pipeline::clock::SystemClock;
use jiff::Timestamp;
use serde::Serialize;

use super::code_files::read_file;
use super::standing::PublicKeys;
use crate::error::CliError;

/// What a stored feed says of itself.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StoredFeed {
    event_id: String,
    epoch: u64,
    version: u64,
    made_at: Timestamp,
    /// It is used all the same.
    stale: bool,
}

impl StoredFeed {
    pub(super) fn of(held: &HeldFeed) -> Self {
        let origin = held.origin();
        Self {
            event_id: held.event_id().to_owned(),
            epoch: origin.epoch,
            version: origin.version,
            made_at: Timestamp::from_second(origin.made_at).unwrap_or_default(),
            stale: held.is_stale(SystemClock.now().as_second()),
        }
    }
}

impl fmt::Display for StoredFeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { event_id, version, made_at, stale, .. } = self;
        write!(f, "feed: {event_id}, version {version}, made at {made_at}")?;
        if *stale { f.write_str("; it is stale: later voids are not in it") } else { Ok(()) }
    }
}

/// Reads the snapshot in a file, which one of these keys has signed.
pub(super) fn read(file: &Path, keys: Option<&PublicKeys>) -> Result<HeldFeed, CliError> {
    let at = |error: &dyn fmt::Display| CliError::misuse(format!("{}: {error}", file.display()));
    let Some(keys) = keys else { return Err(at(&"no keys to check the feed with; name them with --keys")) };
    let bytes = read_file(file).map_err(CliError::misuse)?;
    let received = read_document(&bytes, &keys.good).map_err(|error| at(&error))?;
    if keys.revoked.get(received.signer).is_some() {
        return Err(at(&format!("the feed is signed with key {}, which was revoked", received.signer)));
    }
    let event = match &received.document {
        Document::Snapshot(snapshot) => snapshot.event_id.clone(),
        _ => String::new(),
    };
    HeldFeed::begin(received, &event).map_err(|error| at(&error))
}

#[cfg(test)]
mod tests {
    use fulfillment_credential::{Claims, KeySet, SigningKey, Standing, sign};
    use fulfillment_door::feed::{self, Head, Keys, Origin, Snapshot};

    use super::*;

    #[test]
    fn a_stored_snapshot_judges_codes() {
        let (key, thief) = (SigningKey::from_seed(&[7; 32]), SigningKey::from_seed(&[8; 32]));
        let good = KeySet::from_keys([key.public()]).unwrap();
        let dir = tempfile::TempDir::new().unwrap();
        let file = dir.path().join("feed.cose");
        let snapshot = Snapshot {
            origin: Origin { event: 12, epoch: 1, version: 9, made_at: 1_800_000_000 },
            event_id: "concert".to_owned(),
            fresh_until: 1_800_001_200,
            head: Head::default(),
            keys: Keys { accepted: good.clone(), revoked: KeySet::new() },
            deviations: vec![([1; 10], Standing { lowest_good_generation: 0, voided: true })],
        };
        let store = |key: &SigningKey| {
            let document = feed::sign(key, &Document::Snapshot(snapshot.clone())).unwrap();
            std::fs::write(&file, document).unwrap();
        };
        let keys = PublicKeys { good, revoked: KeySet::new() };
        store(&key);
        let held = read(&file, Some(&keys)).unwrap();
        let code = |cti| {
            let claims = Claims { expires_at: 1_900_000_000, cti, event: 12, category: 3, generation: 0 };
            sign(&key, &claims).unwrap()
        };
        assert_eq!(held.verify(&code([1; 10]), 1_800_000_000).code(), "voided");
        assert_eq!(held.verify(&code([2; 10]), 1_800_000_000).code(), "valid");
        let told = StoredFeed::of(&held).to_string();
        assert!(told.starts_with("feed: concert, version 9, made at 2027-01-15T08:00:00Z"), "{told}");
        let revoked = KeySet::from_keys([key.public()]).unwrap();
        let late = PublicKeys { good: keys.good.clone(), revoked };
        assert!(read(&file, Some(&late)).is_err(), "its key was revoked since");
        assert!(read(&file, None).is_err());
        store(&thief);
        assert!(read(&file, Some(&keys)).is_err(), "another key signed it");
    }
}
