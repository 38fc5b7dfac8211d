//! Doors as they are asked and answered.

use fulfillment_door::Verdict;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::schema::ObjectBuilder;
use utoipa::openapi::{Object, Type};
use uuid::Uuid;

use crate::door::scan::ScanRequest;

/// One scan, or an array of at most 1,000.
#[derive(serde::Deserialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Scans {
    One(ScanRequest),
    Many(Vec<ScanRequest>),
}

/// The results, in the order of the scans.
#[derive(ToSchema)]
pub(crate) struct ScanResults {
    results: Vec<ScanResult>,
}

/// The result of a scan.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct ScanResult {
    #[schema(required = false)]
    nonce: String,
    #[schema(schema_with = verdicts)]
    verdict: String,
    /// What a steward reads, in English, with times in the event's zone.
    message: String,
    /// The same ticket, device and direction within 3 seconds: the first result again, not counted.
    #[schema(required = false)]
    repeat: bool,
    #[schema(required = false)]
    seat: String,
    /// Of a token with `door:names`.
    #[schema(required = false)]
    holder_name: String,
    /// None for `nonce_conflict`.
    #[schema(required = false)]
    check_in_id: Uuid,
    /// Its place in the list of check-ins.
    #[schema(required = false)]
    sequence: u64,
    /// Whether it counts as an entry or an exit.
    #[schema(required = false)]
    recorded: bool,
    /// How many entries the ticket has, this one included; not for a device that has ended.
    #[schema(required = false)]
    entries: u32,
    #[schema(required = false)]
    ticket_id: Uuid,
    #[schema(required = false)]
    ticket_number: String,
    #[schema(required = false)]
    category: String,
    #[schema(required = false)]
    first: FirstEntry,
    /// The code is genuine and no ticket on record has it: the store may have been restored from a backup.
    #[schema(required = false)]
    not_on_record: bool,
    /// The code's key was revoked, and the record says that this code is good.
    #[schema(required = false)]
    key_revoked: bool,
    /// The device had an older feed than there is.
    #[schema(required = false)]
    feed_stale: bool,
}

/// The first entry of a ticket.
#[derive(ToSchema)]
pub(crate) struct FirstEntry {
    #[schema(format = DateTime)]
    at: String,
    gate: Option<String>,
    device: Option<String>,
}

/// A page of check-ins.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct CheckInPage {
    check_ins: Vec<CheckIn>,
    /// Send it as `after`.
    next: String,
}

/// A scan as recorded. What is not known is not there.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct CheckIn {
    check_in_id: Uuid,
    sequence: u64,
    #[schema(schema_with = verdicts)]
    verdict: String,
    /// What a supervisor's override lifted.
    #[schema(required = false, schema_with = verdicts)]
    lifted: String,
    recorded: bool,
    /// Why somebody should look at it: a verdict, or `device_revoked`.
    #[schema(required = false)]
    conflict: String,
    /// The sequence of the check-in that it repeats.
    #[schema(required = false)]
    repeat_of: u64,
    #[schema(required = false)]
    first: FirstEntry,
    entries: u32,
    message: String,
    #[schema(schema_with = directions)]
    direction: String,
    #[schema(required = false)]
    ticket_id: Uuid,
    #[schema(required = false)]
    order_id: Uuid,
    #[schema(required = false)]
    ticket_number: String,
    #[schema(required = false)]
    cti: String,
    #[schema(required = false)]
    generation: u8,
    #[schema(required = false)]
    category: String,
    #[schema(required = false)]
    gate: String,
    #[schema(required = false)]
    area: String,
    #[schema(required = false)]
    device: String,
    /// By the corrected clock of the device.
    #[schema(format = DateTime)]
    scanned_at: String,
    #[schema(format = DateTime)]
    received_at: String,
    /// What the device showed without a network.
    #[schema(required = false, schema_with = verdicts)]
    shown: String,
    #[schema(required = false)]
    not_on_record: bool,
    #[schema(required = false)]
    key_revoked: bool,
    #[schema(required = false)]
    feed_stale: bool,
    #[schema(required = false)]
    feed_version: u64,
    #[schema(required = false)]
    clock_offset_ms: i64,
    /// Whether a supervisor decided.
    #[schema(required = false)]
    overridden: bool,
    /// Why, where that lifted a verdict about a ticket on record.
    #[schema(required = false)]
    override_reason: String,
    /// Who sent it.
    by: String,
}

/// A device that was enrolled.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct EnrolledDevice {
    /// It is answered for this code alone, and kept nowhere.
    token: String,
    /// Its check-ins carry it.
    name: String,
    event_id: String,
    /// Its gates; all if there is none.
    gates: Vec<String>,
    #[schema(schema_with = roles)]
    role: String,
    /// It moves with the event's dates.
    #[schema(format = DateTime)]
    expires_at: String,
    /// To measure the device's clock by.
    #[schema(format = DateTime)]
    server_time: String,
    #[serde(flatten)]
    number_key: DoorNumberKey,
}

/// The key of the tags of an event's ticket numbers.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct DoorNumberKey {
    /// 32 bytes, in base64url without padding. It is for devices alone.
    number_key: String,
    /// Which key it is: send it as `key` when asking for the numbers.
    number_key_id: String,
}

/// The state of an event's door.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct DoorStatus {
    /// Tickets that are not void.
    sold: u64,
    /// Tickets that were admitted at least once.
    admitted: u64,
    /// Check-ins of codes that no ticket on record has.
    not_on_record: u64,
    conflicts: u64,
    counts: Vec<DoorCount>,
    /// Pairs of a minute and its entries, of the last 24 hours that had any.
    #[schema(value_type = Vec<Value>)]
    minutes: Vec<Value>,
    /// Pairs of a verdict and how often it was given.
    #[schema(value_type = Vec<Value>)]
    refused: Vec<Value>,
    /// The sequence of the last check-in.
    sequence: u64,
}

/// Entries and exits of a day by a gate.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct DoorCount {
    /// In the event's time zone.
    #[schema(format = Date)]
    day: String,
    gate: Option<String>,
    area: Option<String>,
    entries: u64,
    exits: u64,
}

/// The rules of an event's door. docs/door.md explains each field; a field that is not there has its default.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct DoorRules {
    #[schema(required = false, schema_with = re_entries)]
    re_entry: String,
    #[schema(required = false, schema_with = stale_feeds)]
    stale_feed: String,
    /// The first moment at which anyone is admitted.
    #[schema(required = false, format = DateTime)]
    from: String,
    /// The moment from which nobody is admitted any more.
    #[schema(required = false, format = DateTime)]
    until: String,
    /// By name: `{ "from", "until", "gates", "areas" }`.
    #[schema(required = false, value_type = std::collections::BTreeMap<String, Value>)]
    categories: Value,
    /// By name: `{ "area", "limit" }`.
    #[schema(required = false, value_type = std::collections::BTreeMap<String, Value>)]
    gates: Value,
    /// By name: `{ "limit" }`, people who are inside at once.
    #[schema(required = false, value_type = std::collections::BTreeMap<String, Value>)]
    areas: Value,
    /// `{ "day" }`: entries of a day.
    #[schema(required = false, value_type = std::collections::BTreeMap<String, u32>)]
    limits: Value,
}

fn words<'a>(about: &str, words: impl IntoIterator<Item = &'a str>) -> Object {
    let object = ObjectBuilder::new().schema_type(Type::String).description(Some(about));
    object.enum_values(Some(words.into_iter().collect::<Vec<_>>())).build()
}

fn verdicts() -> Object {
    let all = Verdict::ALL;
    words(
        "The first check that applies; docs/door.md explains each.",
        all.iter().map(|verdict| verdict.word()),
    )
}

fn directions() -> Object {
    words("What the scan was for.", ["entry", "exit", "check"])
}

fn roles() -> Object {
    words(
        "A steward has verdicts and the feed; a supervisor also names, overrides and the list of check-ins.",
        fulfillment_store::DeviceRole::ALL.iter().map(|role| role.as_str()),
    )
}

fn re_entries() -> Object {
    words("Whether a ticket that was admitted is admitted again.", ["never", "afterExit", "always"])
}

fn stale_feeds() -> Object {
    words("What scanners do whose feed is too old.", ["warn", "stop"])
}
