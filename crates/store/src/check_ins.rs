//! Check-ins: what the doors of an event have scanned, and who was admitted.
//!
//! The check-ins of an event come one after the other: whoever writes them holds the lock of the event's door. So each
//! ticket is admitted once, however many gates scan it, and their sequence has no gaps.

use async_trait::async_trait;
use fulfillment_credential::{OpenedCode, Verdict as CodeVerdict};
use fulfillment_domain::{OrderId, TicketId};
use fulfillment_door::{Direction, FirstEntry, Rules, Verdict};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Actor, Announcing, Result};

/// The most characters of a supervisor's reason.
pub const MAX_OVERRIDE_REASON: usize = 500;

/// What a scan found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scanned {
    /// A code whose key is known.
    Code(OpenedCode),
    /// A text that is no code, or one of an unknown key.
    Refused(CodeVerdict),
    /// A ticket's number that was typed, in stored form.
    Number(String),
}

/// What a device did without a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offline {
    /// The verdict that it showed.
    pub shown: Verdict,
    /// Whether it had been revoked, or had expired, when it made the scan.
    pub device_revoked: bool,
}

/// A scan to be judged and recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCheckIn {
    /// What was scanned.
    pub scanned: Scanned,
    /// What it is for.
    pub direction: Direction,
    /// When, by [`fulfillment_door::corrected_time`].
    pub scanned_at: Timestamp,
    /// The gate.
    pub gate: Option<String>,
    /// The device.
    pub device: Option<String>,
    /// Without a network.
    pub offline: Option<Offline>,
    /// Why a supervisor admits the holder whatever the rules say.
    pub override_reason: Option<String>,
    /// The version of the feed that the device had.
    pub feed_version: Option<u64>,
    /// What was added to the device's clock.
    pub clock_offset_ms: i64,
    /// Who sends it: nonces are unique for each.
    pub by: Actor,
    /// The client's own id of the scan.
    pub nonce: Option<String>,
    /// A hash of what a repeat of the nonce has to say again.
    pub request: [u8; 32],
}

/// The result of a scan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckInResult {
    /// Whether the holder is admitted, or why not.
    pub verdict: Verdict,
    /// What a supervisor's override lifted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifted: Option<Verdict>,
    /// Whether it counts as an entry or an exit.
    pub recorded: bool,
    /// Why somebody should look at it: the word of a verdict, or `device_revoked`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conflict: Option<String>,
    /// The same ticket, device and direction within seconds of an earlier check-in, whose result this repeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat_of: Option<u64>,
    /// The ticket's first entry, this one included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<FirstEntry>,
    /// How many entries the ticket has, this one included.
    pub entries: u32,
    /// What a steward reads, in English.
    pub message: String,
}

/// A scan as recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "the fields are the contract's")]
pub struct CheckIn {
    /// Its id: `UUIDv5` of the store's epoch, the event's number and the sequence.
    pub check_in_id: Uuid,
    /// Counts the check-ins of the event from 1, without gaps.
    pub sequence: u64,
    /// The result.
    #[serde(flatten)]
    pub result: CheckInResult,
    /// What it was for.
    pub direction: Direction,
    /// The ticket, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket_id: Option<TicketId>,
    /// Its order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_id: Option<OrderId>,
    /// Its number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket_number: Option<String>,
    /// The code's id, where its signature was verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cti: Option<String>,
    /// The generation that the code says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u8>,
    /// The ticket's category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// The gate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<String>,
    /// The area that the gate leads to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub area: Option<String>,
    /// The device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// When, by the corrected clock of the device.
    pub scanned_at: Timestamp,
    /// When the service judged it.
    pub received_at: Timestamp,
    /// What the device showed without a network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<Verdict>,
    /// The code is genuine and no ticket on record has it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not_on_record: bool,
    /// The code's key was revoked, and the record says that this code is good.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub key_revoked: bool,
    /// The device had an older feed than there is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub feed_stale: bool,
    /// The version of the device's feed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feed_version: Option<u64>,
    /// What was added to the device's clock.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub clock_offset_ms: i64,
    /// Whether a supervisor decided.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub overridden: bool,
    /// Why, where the decision lifted a verdict about a ticket on record: what is typed has to leave with its order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub override_reason: Option<String>,
    /// Who sent it.
    pub by: String,
}

impl CheckIn {
    /// Under which admissions are on record: the ticket's id, else the id of its code; none where nothing proves either.
    pub fn subject(&self) -> Option<String> {
        self.ticket_id.map(|id| id.to_string()).or_else(|| self.cti.clone())
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// The answer to a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckInOutcome {
    /// It was judged now.
    New(Box<CheckIn>),
    /// The nonce is that of this check-in.
    Known(Box<CheckIn>),
    /// The nonce is that of another scan.
    NonceConflict,
}

/// What a door shows of a ticket beside its check-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The ticket.
    pub ticket_id: TicketId,
    /// Its seat's label.
    pub seat: String,
    /// Its holder's name, else its customer's; none once it was erased.
    pub name: Option<String>,
}

/// How many were counted, by day, gate and area.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DoorCount {
    /// The day in the event's time zone.
    pub day: String,
    /// The gate.
    pub gate: Option<String>,
    /// The area that it led to.
    pub area: Option<String>,
    /// Entries.
    pub entries: u64,
    /// Exits.
    pub exits: u64,
}

/// The state of an event's door.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DoorStatus {
    /// Tickets that are not void.
    pub sold: u64,
    /// Tickets that were admitted at least once, and codes that no ticket on record has.
    pub admitted: u64,
    /// Check-ins of codes that no ticket on record has.
    pub not_on_record: u64,
    /// Conflicts.
    pub conflicts: u64,
    /// Entries and exits.
    pub counts: Vec<DoorCount>,
    /// Entries by minute, of the last day that had any.
    pub minutes: Vec<(Timestamp, u64)>,
    /// Refusals by verdict.
    pub refused: Vec<(Verdict, u64)>,
    /// The sequence of the last check-in.
    pub sequence: u64,
}

/// Check-ins.
#[async_trait]
pub trait CheckIns: Send + Sync {
    /// Judges and records scans of one event, in one transaction. They are judged in the order of their times, then in
    /// that of `scans`; the answers are in the order of `scans`. `None`: no such event.
    async fn check_in(
        &self,
        event: &str,
        scans: &[NewCheckIn],
        announcing: &Announcing,
    ) -> Result<Option<Vec<CheckInOutcome>>>;

    /// What a door shows of these tickets.
    async fn holders(&self, tickets: &[TicketId]) -> Result<Vec<Holder>>;

    /// The check-ins of an event after a sequence, at most `limit`. `None`: no such event.
    async fn check_ins_after(&self, event: &str, after: u64, limit: usize) -> Result<Option<Vec<CheckIn>>>;

    /// The check-ins of a ticket, oldest first.
    async fn check_ins_of(&self, ticket: TicketId) -> Result<Vec<CheckIn>>;

    /// The state of an event's door. `None`: no such event.
    async fn door_status(&self, event: &str) -> Result<Option<DoorStatus>>;

    /// The rules of an event's door; `None`: no such event.
    async fn door_rules(&self, event: &str) -> Result<Option<Rules>>;

    /// Replaces the rules of an event's door, which its feed announces. An event that is not known is made. Returns
    /// whether they are others than before.
    async fn set_door_rules(&self, event: &str, rules: &Rules, by: &Actor) -> Result<bool>;
}
