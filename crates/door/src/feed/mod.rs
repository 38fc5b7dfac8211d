//! The feed: a signed, versioned document of what a scanner cannot see in a code.
//!
//! It has the event and its rules, the keys, and every credential that is not valid in every generation, as a snapshot
//! and as deltas since a version; and parts of their own, fetched when wanted. `docs/door-feed.md` describes the format
//! for authors of scanners; this is the reference implementation.
//!
//! ```
//! use fulfillment_credential::{KeySet, SigningKey, Standing};
//! use fulfillment_door::feed::{Document, Head, HeldFeed, Keys, Origin, Snapshot, read, sign};
//!
//! let key = SigningKey::from_seed(&[7; 32]);
//! let accepted = KeySet::from_keys([key.public()])?;
//! let snapshot = Snapshot {
//!     origin: Origin { event: 4711, epoch: 1, version: 9, made_at: 1_800_000_000 },
//!     event_id: "concert".to_owned(),
//!     fresh_until: 1_800_001_200,
//!     head: Head::default(),
//!     keys: Keys { accepted: accepted.clone(), revoked: KeySet::new() },
//!     deviations: vec![(*b"0123456789", Standing { lowest_good_generation: 0, voided: true })],
//! };
//! let bytes = sign(&key, &Document::Snapshot(snapshot))?;
//! let held = HeldFeed::begin(read(&bytes, &accepted)?, "concert")?;
//! assert!(held.door().standing(b"0123456789").voided);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cbor;
mod deviations;
mod digest;
mod document;
mod error;
mod held;
mod judging;
mod keys;
mod limits;
mod outcome;
mod parts;
mod read;
mod sign;
mod write;

pub use digest::Digest;
pub use document::{
    Admitted, Delta, Direction, Document, Head, Keys, Name, Names, NumberTag, Numbers, Origin, Prefix,
    Snapshot, Status, StillGood, StillGoodCode,
};
pub use error::ReadError;
pub use held::HeldFeed;
pub use judging::{DoorJudgement, DoorScan, StaleFeedStops};
pub use keys::TYPE;
pub use limits::{MAX_BYTES, MAX_GATES, MAX_KEYS, MAX_NUMBERED, MAX_RULES, MAX_TEXT, MAX_TICKETS};
pub use outcome::{Outcome, Refused, Reload};
pub use parts::{Parts, number_tag};
pub use read::{Received, read};
pub use sign::sign;
