//! The status of an installation.

use utoipa::ToSchema;

/// The status of an installation.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Status {
    /// When it was asked.
    #[schema(format = DateTime)]
    at: String,
    /// What needs a person, the most urgent first; empty when nothing does.
    needs_a_person: Vec<Need>,
    /// Paid orders that have no tickets yet.
    unissued_orders: u64,
    /// When the oldest of their payments arrived.
    #[schema(format = DateTime)]
    oldest_waiting_payment_at: Option<String>,
    throughput: Throughput,
    /// What waits for each destination.
    deliveries: Vec<WaitingDeliveries>,
    /// Events, the newest first.
    events: Vec<EventCounts>,
    /// Send it as `before` for the next page of events; none after the last one.
    before: Option<u32>,
    /// What the answering process knows.
    service: ServiceStatus,
}

/// One kind of what needs a person.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Need {
    /// Its word, such as `waiting_for_ordering`, `not_started`, `waiting_for_tickets`, `parked_orders`, `failed_tickets`,
    /// `unreadable_messages`, `contradicting_messages`, `parked_refunds`, `seat_conflicts`, `check_in_conflicts`,
    /// `refused_deliveries`, `late_deliveries`, `late_retention`, `part_in_trouble`, or a reason of the attention list,
    /// such as `void_but_paid`. There may be more.
    kind: String,
    /// The destination, or part of the service, that it is about.
    #[schema(required = false)]
    subject: String,
    /// How many orders, tickets, refunds, messages or events.
    count: u64,
    /// Whether there may be more: not all were counted.
    at_least: bool,
    /// Since when the oldest is open.
    #[schema(format = DateTime)]
    since: Option<String>,
    /// The cause, in a sentence.
    cause: String,
    /// The command that mends it, or shows more.
    remedy: String,
    /// One of them: an order's id, a ticket's, a refund's key, a dead letter's number or an event's id.
    #[schema(required = false)]
    example: String,
    /// Its errors, the most frequent first, at most 10.
    failures: Vec<Failure>,
}

/// What has failed with one error.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Failure {
    /// The error, without ids, numbers, addresses and quoted text.
    error: String,
    /// How many failed with it.
    count: u64,
    /// Since when the oldest is open.
    #[schema(format = DateTime)]
    since: Option<String>,
    /// One of them.
    #[schema(required = false)]
    example: String,
}

/// Payments in and tickets out, of whole minutes.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Throughput {
    /// When the last counted minute began; none before the first.
    #[schema(format = DateTime)]
    minute: Option<String>,
    payments_in_minute: u64,
    tickets_in_minute: u64,
    payments_in_hour: u64,
    tickets_in_hour: u64,
}

/// What waits for a destination of events.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct WaitingDeliveries {
    /// Its name: `kafka`, `webhook:<name>`.
    destination: String,
    /// Events that wait, up to 10,000.
    waiting: u64,
    /// Events that it refused for good, up to 10,000.
    parked: u64,
    /// When the oldest was written.
    #[schema(format = DateTime)]
    since: Option<String>,
}

/// An event with its tickets. What was not counted yet is null.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct EventCounts {
    event_id: String,
    /// Its number in codes.
    event_number: u32,
    name: Option<String>,
    #[schema(format = DateTime)]
    starts_at: Option<String>,
    /// Its tickets, void ones included.
    sold: Option<u64>,
    /// Those that have a file, or had one when they were voided.
    issued: Option<u64>,
    voided: Option<u64>,
    /// Those that Notification reported as delivered.
    delivered: Option<u64>,
    downloaded: Option<u64>,
    /// Those that were admitted at the doors.
    checked_in: Option<u64>,
    /// When these were counted.
    #[schema(format = DateTime)]
    counted_at: Option<String>,
    /// Those that wait for their files, now.
    waiting: u64,
    /// Those whose file could not be made, now.
    failed: u64,
    /// Those of parked orders, now.
    parked: u64,
}

/// What one process knows.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct ServiceStatus {
    /// Its parts: the store, the file storage, its neighbours and destinations.
    parts: Vec<PartHealth>,
    /// How far it is behind each partition that it reads.
    lag: Vec<PartitionLag>,
}

/// The health of one part.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct PartHealth {
    /// Its name: `store`, `files`, `ordering`, `kafka`, `webhook:<name>`.
    name: String,
    status: PartHealthStatus,
    /// Since when it has this status.
    #[schema(format = DateTime)]
    since: Option<String>,
    /// What is wrong, if anything is.
    error: Option<String>,
    /// What was wrong last, since the process started.
    last_error: Option<String>,
    #[schema(format = DateTime)]
    last_error_at: Option<String>,
}

/// Whether a part works.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum PartHealthStatus {
    Ok,
    Degraded,
    Down,
}

/// How far a process is behind a partition.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct PartitionLag {
    topic: String,
    partition: i32,
    /// Messages that are there and not recorded yet.
    messages: u64,
}
