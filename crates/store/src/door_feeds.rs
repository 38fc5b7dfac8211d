//! What the doors of an event have to know: its record, its rules, the keys, and every code that is not good.
//!
//! Each change raises the event's feed version in its own transaction, under the lock of the event's row: versions are in
//! the order of the commits, and who has read a version has everything up to it.

use std::collections::HashMap;

use async_trait::async_trait;
use fulfillment_credential::{Claims, Cti, Standing};
use fulfillment_domain::EventRecord;
use fulfillment_door::Rules;
use fulfillment_door::feed::{Direction, Prefix};

use crate::{KeyRecord, Result, RevokedKey};

/// A code that is not good in every generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deviation {
    /// Its id.
    pub cti: Cti,
    /// Which of its generations are good, if any.
    pub standing: Standing,
    /// The feed version at which this changed last.
    pub version: u64,
}

/// The state of an event's feed, of one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoorFeed {
    /// What is on record about the event; with the versions.
    pub record: EventRecord,
    /// The rules of its door.
    pub rules: Rules,
    /// The store's epoch.
    pub epoch: u64,
    /// The names of its categories by their numbers.
    pub categories: Vec<(u16, String)>,
    /// Every key that ever signed, oldest first.
    pub keys: Vec<KeyRecord>,
    /// Those that were revoked.
    pub revoked: Vec<RevokedKey>,
    /// All deviations, by their ids.
    pub deviations: Vec<Deviation>,
}

impl DoorFeed {
    /// Whether a reader of this version may not know the event's head or the keys of today. Where nobody has said
    /// anything about the event, its tickets stand in, which no version counts.
    pub fn head_is_newer_than(&self, version: u64) -> bool {
        self.record.head_version == 0 || self.record.head_version > version
    }
}

/// Where an event's door is: what its feed and its check-ins have come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DoorPosition {
    /// The event's number.
    pub event: u32,
    /// The store's epoch.
    pub epoch: u64,
    /// The version of the feed.
    pub version: u64,
    /// The sequence of the last check-in.
    pub sequence: u64,
}

/// Who was admitted to an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admissions {
    /// Up to where.
    pub position: DoorPosition,
    /// The keys that were revoked: scanners take nothing that one of them signs.
    pub revoked: Vec<RevokedKey>,
    /// Where each ticket's holder went last, and when (in Unix seconds), by the first bytes of the code's id, sorted.
    pub tickets: Vec<(Prefix, Direction, i64)>,
}

/// Holders and seats of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoorNames {
    /// As of when.
    pub position: DoorPosition,
    /// The keys that were revoked: scanners take nothing that one of them signs.
    pub revoked: Vec<RevokedKey>,
    /// Code's id, holder's name (else the customer's) and seat of each ticket that is neither void nor erased, sorted.
    pub holders: Vec<(Cti, Option<String>, String)>,
}

/// The ticket numbers of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoorNumbers {
    /// As of when.
    pub position: DoorPosition,
    /// The keys that were revoked: scanners take nothing that one of them signs.
    pub revoked: Vec<RevokedKey>,
    /// Number and code's id of each ticket, void and erased ones too, as a check-in by number finds them.
    pub tickets: Vec<(String, Cti)>,
}

/// The feeds of doors.
#[async_trait]
pub trait DoorFeeds: Send + Sync {
    /// The store's epoch and the version of an event's feed. `None`: no such event.
    async fn door_version(&self, event: &str) -> Result<Option<(u64, u64)>>;

    /// Where the doors of these events are, by event. Events that are not known are missing.
    async fn door_positions(&self, events: &[String]) -> Result<HashMap<String, DoorPosition>>;

    /// The state of an event's feed. `None`: no such event.
    async fn door_feed(&self, event: &str) -> Result<Option<DoorFeed>>;

    /// Who was admitted: of all tickets, or of those that went in or out after the check-in of this sequence; 0 for all.
    /// `None`: no such event.
    async fn admissions(&self, event: &str, after: u64) -> Result<Option<Admissions>>;

    /// Who holds the tickets of an event. `None`: no such event.
    async fn door_names(&self, event: &str) -> Result<Option<DoorNames>>;

    /// The numbers of the tickets of an event. `None`: no such event.
    async fn door_numbers(&self, event: &str) -> Result<Option<DoorNumbers>>;

    /// The claims of the live codes that a key signed for an event.
    async fn still_good(&self, event: u32, kid: &str) -> Result<Vec<Claims>>;
}
