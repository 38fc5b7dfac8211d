//! The status of an installation: what needs a person, events, throughput, and what a running process knows.
//!
//! The store says what waits, is parked or failed; the running process says how its neighbours are and how far it is
//! behind Kafka. The command and the route print the same [`Status`]. It has no personal data: errors are grouped by
//! their text without ids, numbers, addresses and quoted text.

mod needs;
mod normalise;

use fulfillment_store::{
    DestinationBacklog, EventOverview, EventsWanted, OpenGroup, OpenWork, Overview, StoreError, Throughput,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use self::normalise::normalise;
use crate::ports::PartitionLag;

/// The most events of one status.
pub const EVENTS: usize = 50;

/// The status of an installation.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// When it was asked.
    pub at: Timestamp,
    /// What needs a person, the most urgent first; empty when nothing does.
    pub needs_a_person: Vec<Need>,
    /// Paid orders that have no tickets yet.
    pub unissued_orders: u64,
    /// When the oldest of their payments arrived.
    pub oldest_waiting_payment_at: Option<Timestamp>,
    /// Payments in and tickets out.
    pub throughput: Flows,
    /// What waits for each destination.
    pub deliveries: Vec<Waiting>,
    /// Events, the newest first.
    pub events: Vec<EventCounts>,
    /// Send it as `before` for the next page of events; none after the last one.
    pub before: Option<u32>,
    /// What the running process knows; none where the command found no service.
    pub service: Option<Service>,
}

/// One kind of what needs a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Need {
    /// Its word: `waiting_for_ordering`.
    pub kind: &'static str,
    /// Its name for people.
    #[serde(skip)]
    pub title: &'static str,
    /// The destination, or part of the service, that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// How many orders, tickets, refunds, messages or events.
    pub count: u64,
    /// Whether there may be more: not all were counted.
    pub at_least: bool,
    /// Since when the oldest is open.
    pub since: Option<Timestamp>,
    /// The cause, in a sentence.
    pub cause: &'static str,
    /// The command that mends it, or shows more.
    pub remedy: String,
    /// One of them: an order's id, a ticket's, a refund's key, a dead letter's number or an event's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub example: Option<String>,
    /// Its errors, the most frequent first.
    pub failures: Vec<Failure>,
}

/// What has failed with one error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// The error, without ids, numbers, addresses and quoted text.
    pub error: String,
    /// How many failed with it.
    pub count: u64,
    /// Since when the oldest is open.
    pub since: Option<Timestamp>,
    /// One of them, as in [`Need::example`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub example: Option<String>,
}

/// Payments in and tickets out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Flows {
    /// When the last counted minute began; none before the first.
    pub minute: Option<Timestamp>,
    /// Payments that arrived in that minute.
    pub payments_in_minute: u64,
    /// Tickets that were issued in that minute.
    pub tickets_in_minute: u64,
    /// Payments that arrived in the last hour.
    pub payments_in_hour: u64,
    /// Tickets that were issued in the last hour.
    pub tickets_in_hour: u64,
}

/// What waits for a destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Waiting {
    /// Its name: `kafka`, `webhook:<name>`.
    pub destination: String,
    /// Events that wait.
    pub waiting: u64,
    /// Events that it refused for good.
    pub parked: u64,
    /// When the oldest was written.
    pub since: Option<Timestamp>,
}

/// An event with its counts of tickets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventCounts {
    /// Its id.
    pub event_id: String,
    /// Its number in codes.
    pub event_number: u32,
    /// Its name.
    pub name: Option<String>,
    /// When it starts.
    pub starts_at: Option<Timestamp>,
    /// Tickets on record, void ones included.
    pub sold: Option<u64>,
    /// Those that have a file, or had one when they were voided.
    pub issued: Option<u64>,
    /// Those that are void.
    pub voided: Option<u64>,
    /// Those that were reported as delivered.
    pub delivered: Option<u64>,
    /// Those that were downloaded.
    pub downloaded: Option<u64>,
    /// Those that were admitted at the doors.
    pub checked_in: Option<u64>,
    /// When these were counted; none before the first count.
    pub counted_at: Option<Timestamp>,
    /// Those that wait for their files, now.
    pub waiting: u64,
    /// Those whose file could not be made, now.
    pub failed: u64,
    /// Those of parked orders, now.
    pub parked: u64,
}

/// What a running process knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Service {
    /// Its parts: the store, the file storage, its neighbours and destinations.
    pub parts: Vec<PartHealth>,
    /// How far it is behind each partition that it reads.
    pub lag: Vec<PartitionLag>,
}

/// The health of one part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PartHealth {
    /// Its name: `store`, `files`, `ordering`, `kafka`, `webhook:<name>`.
    pub name: String,
    /// Whether it works.
    pub status: PartStatus,
    /// Since when it has this status.
    pub since: Option<Timestamp>,
    /// What is wrong, if anything is.
    pub error: Option<String>,
    /// What was wrong last, since the process started.
    pub last_error: Option<String>,
    /// When that was last so.
    pub last_error_at: Option<Timestamp>,
}

/// Whether a part works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PartStatus {
    /// It works.
    Ok,
    /// It works in part, or will recover by itself.
    Degraded,
    /// It does not work.
    Down,
}

impl PartHealth {
    fn is_in_trouble(&self) -> bool {
        self.status != PartStatus::Ok
    }
}

/// The status of an installation, with a page of events. `service` is what the running process knows.
///
/// # Errors
/// As the store's.
pub async fn status(
    store: &dyn Overview,
    wanted: EventsWanted,
    service: Option<Service>,
    now: Timestamp,
) -> Result<Status, StoreError> {
    let events = store.events_at_a_glance(wanted, EVENTS).await?;
    let before = events.last().map(|last| last.event_number).filter(|_| events.len() == EVENTS);
    Ok(Status {
        events: events.into_iter().map(EventCounts::from).collect(),
        before,
        ..without_events(store, service, now).await?
    })
}

/// The status with one event alone, counted now; none for an unknown event. The time depends on the number of its
/// tickets.
///
/// # Errors
/// As the store's.
pub async fn status_of_event(
    store: &dyn Overview,
    event: &str,
    service: Option<Service>,
    now: Timestamp,
) -> Result<Option<Status>, StoreError> {
    let Some(event) = store.event_counted_now(event).await? else { return Ok(None) };
    Ok(Some(Status { events: vec![event.into()], ..without_events(store, service, now).await? }))
}

async fn without_events(
    store: &dyn Overview,
    service: Option<Service>,
    now: Timestamp,
) -> Result<Status, StoreError> {
    let service = service.map(readable);
    let open = store.open_work().await?;
    let deliveries = store.open_deliveries().await?;
    let throughput = store.throughput().await?;
    let parts = service.as_ref().map(|service| service.parts.as_slice()).unwrap_or_default();
    let unissued: Vec<&OpenGroup> = open.iter().filter(|group| group.work == OpenWork::Unissued).collect();
    Ok(Status {
        at: now,
        needs_a_person: needs::needs(&open, &deliveries, parts, now),
        unissued_orders: unissued.iter().map(|group| group.count).sum(),
        oldest_waiting_payment_at: unissued.iter().filter_map(|group| group.since).min(),
        throughput: throughput.into(),
        deliveries: deliveries.into_iter().map(Waiting::from).collect(),
        events: Vec::new(),
        before: None,
        service,
    })
}

/// What was found is shown to whoever may read states: without addresses.
fn readable(mut service: Service) -> Service {
    for part in &mut service.parts {
        for text in [&mut part.error, &mut part.last_error].into_iter().flatten() {
            *text = normalise(text);
        }
    }
    service
}

impl From<Throughput> for Flows {
    fn from(throughput: Throughput) -> Self {
        let (minute, last) = throughput.last_minute.unzip();
        let last = last.unwrap_or_default();
        Self {
            minute,
            payments_in_minute: last.payments,
            tickets_in_minute: last.tickets,
            payments_in_hour: throughput.last_hour.payments,
            tickets_in_hour: throughput.last_hour.tickets,
        }
    }
}

impl From<DestinationBacklog> for Waiting {
    fn from(backlog: DestinationBacklog) -> Self {
        let DestinationBacklog { name, waiting, parked, since, reason: _ } = backlog;
        Self { destination: name, waiting, parked, since }
    }
}

impl From<EventOverview> for EventCounts {
    fn from(event: EventOverview) -> Self {
        let (totals, counted_at) = event.counted.unzip();
        Self {
            event_id: event.event_id,
            event_number: event.event_number,
            name: event.name,
            starts_at: event.starts_at,
            sold: totals.map(|totals| totals.sold),
            issued: totals.map(|totals| totals.issued),
            voided: totals.map(|totals| totals.voided),
            delivered: totals.map(|totals| totals.delivered),
            downloaded: totals.map(|totals| totals.downloaded),
            checked_in: totals.map(|totals| totals.checked_in),
            counted_at,
            waiting: event.unfinished.waiting,
            failed: event.unfinished.failed,
            parked: event.unfinished.parked,
        }
    }
}
