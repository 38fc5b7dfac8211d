//! The devices of doors: each is enrolled once, by a code, and has a token that is bound to an event, gates and a role.

use std::time::Duration;

use async_trait::async_trait;
use fulfillment_domain::EventDetails;
use jiff::{SignedDuration, Timestamp};

use crate::{Actor, Result};

/// How long a code enrols a device.
pub const CODE_LIFE: Duration = Duration::from_secs(15 * 60);

/// How long a device that was revoked or has expired may upload what it scanned without a network.
pub const UPLOADS: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How long after the event's end a device works: events run late.
const GRACE: SignedDuration = SignedDuration::from_hours(12);
/// How long an event lasts whose end is not known.
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// How long a device of an event without dates works.
const WITHOUT_DATES: SignedDuration = SignedDuration::from_hours(7 * 24);

fulfillment_domain::words! {
    /// What the holder of a device may do.
    pub enum DeviceRole: "role of a device" {
        /// Verdicts and the feed.
        Steward = "steward",
        /// Also names, overrides and the list of check-ins.
        Supervisor = "supervisor",
    }
}

/// A device to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDevice {
    /// Its name.
    pub name: String,
    /// Its event.
    pub event_id: String,
    /// Its gates; all if there is none.
    pub gates: Vec<String>,
    /// What it may do.
    pub role: DeviceRole,
    /// SHA-256 of the code that enrols it.
    pub code_sha256: [u8; 32],
}

/// The outcome of adding a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddedDevice {
    /// It was added.
    Added(Box<DeviceRecord>),
    /// Another device has its name.
    NameInUse,
    /// No such event.
    NoSuchEvent,
    /// The device would have expired then.
    EventIsOver(Timestamp),
}

/// What a device said of itself when it was in contact last. What it did not say then is kept from before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeviceState {
    /// The version of its app.
    pub app_version: Option<String>,
    /// How many scans it has still to upload.
    pub queued: Option<u32>,
    /// The version of its feed.
    pub feed_version: Option<u64>,
    /// What it adds to its clock to get the service's, in milliseconds.
    pub clock_offset_ms: Option<i64>,
}

/// A contact of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceContact {
    /// SHA-256 of its token.
    pub token_sha256: [u8; 32],
    /// When.
    pub at: Timestamp,
    /// What it said.
    pub state: DeviceState,
}

/// A device as recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRecord {
    /// Its name.
    pub name: String,
    /// Its event.
    pub event_id: String,
    /// Its gates; all if there is none.
    pub gates: Vec<String>,
    /// What it may do.
    pub role: DeviceRole,
    /// When it was added.
    pub created_at: Timestamp,
    /// From when its code enrols nothing.
    pub code_expires_at: Timestamp,
    /// When it was enrolled.
    pub enrolled_at: Option<Timestamp>,
    /// SHA-256 of its token, once it is enrolled.
    pub token_sha256: Option<[u8; 32]>,
    /// From when its token is refused, by the dates of its event.
    pub expires_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it was in contact last.
    pub contact_at: Option<Timestamp>,
    /// What it said.
    pub state: DeviceState,
}

impl DeviceRecord {
    /// Its name as the sender of requests. A later device may have the same name, and nonces are unique for each.
    pub fn client(&self) -> String {
        let token = hex::encode(self.token_sha256.unwrap_or_default());
        format!("device:{}:{}", self.name, &token[..8])
    }

    /// From when its token is refused.
    pub fn ends_at(&self) -> Timestamp {
        self.revoked_at.map_or(self.expires_at, |revoked| revoked.min(self.expires_at))
    }
}

/// The devices of doors.
#[async_trait]
pub trait DoorDevices: Send + Sync {
    /// Adds a device, which its code enrols within [`CODE_LIFE`]. The name of one whose code was never used in time is
    /// free again.
    async fn add_device(&self, device: &NewDevice, by: &Actor) -> Result<AddedDevice>;

    /// Enrols the device of a code, with the hash of its token. The same hash again, as long as the code would be good, is
    /// the same device: the answer to the first try may have been lost. None for any other code.
    async fn enrol_device(
        &self,
        code_sha256: &[u8; 32],
        token_sha256: &[u8; 32],
    ) -> Result<Option<DeviceRecord>>;

    /// Every device there has been, of one event or of all, by name and age.
    async fn devices(&self, event: Option<&str>) -> Result<Vec<DeviceRecord>>;

    /// Those that are enrolled and may at least upload: that ended no longer ago than [`UPLOADS`].
    async fn devices_in_use(&self) -> Result<Vec<DeviceRecord>>;

    /// Revokes the device of this name. False if there is none, or it was revoked before.
    async fn revoke_device(&self, name: &str, by: &Actor) -> Result<bool>;

    /// Notes the contacts of devices. One that is older than what is noted changes nothing.
    async fn note_contacts(&self, contacts: &[DeviceContact]) -> Result<()>;
}

/// When the devices of an event with these details expire; none for one without dates.
pub(crate) fn end_of(details: &EventDetails) -> Option<Timestamp> {
    let end = details.ends_at.or_else(|| details.starts_at?.checked_add(DAY).ok())?;
    Some(end.checked_add(GRACE).unwrap_or(Timestamp::MAX))
}

/// When a device of an event without dates expires.
pub(crate) fn end_without_dates(created_at: Timestamp) -> Timestamp {
    created_at.checked_add(WITHOUT_DATES).unwrap_or(Timestamp::MAX)
}
