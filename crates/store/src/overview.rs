//! What an operator looks at first: open work by its cause, counts by event, payments in and tickets out by minute.
//!
//! Every query is bounded. Open work is read up to [`OPEN_LIMIT`] rows of each kind. What would take the longer the more
//! tickets there are is counted in the background ([`Overview::count_next_event`]) and read from a small table.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::{DestinationBacklog, Result};

/// The most rows of one kind of open work that are read: a count that reaches it is a lower bound.
pub const OPEN_LIMIT: u64 = 10_000;

fulfillment_domain::words! {
    /// A kind of open work.
    pub enum OpenWork: "kind of open work" {
        /// Paid orders whose tickets are not made yet, whatever the reason.
        Unissued = "unissued",
        /// Paid orders that Ordering could not be asked about, or was not for a minute.
        ForOrdering = "for_ordering",
        /// Orders whose tickets are fixed and could not be finished.
        ForTickets = "for_tickets",
        /// Parked orders.
        ParkedOrder = "parked_order",
        /// Refunds that wait for an operator.
        ParkedRefund = "parked_refund",
        /// Messages that cannot be read.
        Unreadable = "unreadable",
        /// Messages that contradict what is on record under their id.
        Quarantined = "quarantined",
        /// Tickets whose file could not be made.
        FailedTicket = "failed_ticket",
        /// Live tickets of events to come whose seat belongs to another ticket.
        SeatConflict = "seat_conflict",
        /// Check-ins that contradict an earlier one, of events that are not over.
        CheckInConflict = "check_in_conflict",
        /// Entries of the attention list; their text is the reason's word.
        Attention = "attention",
    }
}

/// Open work of one kind with one text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenGroup {
    /// Its kind.
    pub work: OpenWork,
    /// The error as it was recorded, which may contain anything; none where there is none.
    pub text: Option<String>,
    /// How many.
    pub count: u64,
    /// Since when the oldest is open.
    pub since: Option<Timestamp>,
    /// One of them: an order's id, a ticket's, a refund's key, a dead letter's number or an event's id.
    pub example: Option<String>,
}

/// What was counted about an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EventTotals {
    /// Its tickets on record, void ones included.
    pub sold: u64,
    /// Those that have a file, or had one when they were voided.
    pub issued: u64,
    /// Those that are void.
    pub voided: u64,
    /// Those that Notification reported as delivered.
    pub delivered: u64,
    /// Those that were downloaded.
    pub downloaded: u64,
    /// Tickets and codes that were admitted at the doors.
    pub checked_in: u64,
    /// Check-ins that contradict an earlier one.
    pub conflicts: u64,
}

/// The unfinished tickets of an event, as they are now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unfinished {
    /// Those that wait for their files.
    pub waiting: u64,
    /// Those whose file could not be made.
    pub failed: u64,
    /// Those of parked orders, whatever their own status.
    pub parked: u64,
}

/// An event with its counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventOverview {
    /// Its id.
    pub event_id: String,
    /// Its number in codes.
    pub event_number: u32,
    /// Its name, if it is known.
    pub name: Option<String>,
    /// When it starts, if that is known.
    pub starts_at: Option<Timestamp>,
    /// What was counted, and when; none before the first count.
    pub counted: Option<(EventTotals, Timestamp)>,
    /// Its unfinished tickets.
    pub unfinished: Unfinished,
}

/// Which events are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EventsWanted {
    /// Also those that ended more than a day ago and have no unfinished tickets.
    pub past: bool,
    /// Only those with a lower number: the next page.
    pub before: Option<u32>,
}

/// Payments in and tickets out of some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flow {
    /// Payments that arrived.
    pub payments: u64,
    /// Tickets that were issued.
    pub tickets: u64,
}

/// Payments in and tickets out by minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Throughput {
    /// The newest minute that was counted, by its beginning.
    pub last_minute: Option<(Timestamp, Flow)>,
    /// The counted minutes of the last hour together.
    pub last_hour: Flow,
}

/// The overview.
#[async_trait]
pub trait Overview: Send + Sync {
    /// Open work by kind and text.
    async fn open_work(&self) -> Result<Vec<OpenGroup>>;

    /// What waits for each destination, and what it refused, as [`crate::Destinations::destinations`]; neither count
    /// is above [`OPEN_LIMIT`].
    async fn open_deliveries(&self) -> Result<Vec<DestinationBacklog>>;

    /// Events, highest number first, at most `limit`.
    async fn events_at_a_glance(&self, wanted: EventsWanted, limit: usize) -> Result<Vec<EventOverview>>;

    /// One event, counted now: the time depends on the number of its tickets. None for an unknown id.
    async fn event_counted_now(&self, id: &str) -> Result<Option<EventOverview>>;

    /// Counts the event whose count has been due for longest, in several small queries, and returns whether there was
    /// one. Another process does not count the same event for `lease`. An event is counted again after a minute, later
    /// as long as nothing changes or where a count takes long, and once a day when it is over.
    async fn count_next_event(&self, lease: Duration) -> Result<bool>;

    /// Counts the minutes of the last hour that are over and not counted yet, and forgets older ones.
    async fn count_minutes(&self) -> Result<()>;

    /// Payments in and tickets out, of the minutes that were counted.
    async fn throughput(&self) -> Result<Throughput>;
}
