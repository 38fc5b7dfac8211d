//! The database of payments, orders, tickets and events: one [`Store`] trait, two implementations.
//!
//! A payment becomes a row before anything else happens to it. From then on everything is a state transition in one
//! database, and each method of the trait is one such transition in one transaction: it happens wholly or not at all,
//! and repeating it changes nothing.
//!
//! The trait has these parts, one file each:
//!
//! | part | what it is about |
//! |---|---|
//! | [`Installation`] | the schema, and which keys, secret and storage belong to it |
//! | [`Inbox`] | messages in: payments, refunds, cancellations, changes of events, dead letters |
//! | [`Positions`] | how far each partition of Kafka has been read |
//! | [`OrderQueue`] | claim, freeze, complete, release: an order's processing from payment to tickets |
//! | [`Outbox`] | events out, to each destination separately, and in one gapless order for readers |
//! | [`Records`] | queries: tickets, orders, counts |
//! | [`Templates`] | the templates that tickets are drawn with |
//! | [`Withdrawals`] | voids by an operator, and refunds that are open |
//! | [`DeadLetters`] | dead letters and parked orders awaiting an operator |
//! | [`Destinations`] | what waits for each destination of events |
//! | [`Attentions`] | the attention list: what an operator should look at in an order |
//! | [`Overview`] | what an operator looks at first: open work by cause, counts by event |
//! | [`Audit`] | who did what, and who read what |
//! | [`Events`] | the record of events: what Ordering said about each, and what was set over it |
//! | [`CheckIns`] | who was admitted at the door of an event, and its rules |
//! | [`DoorFeeds`] | what the doors of an event have to know |
//! | [`DoorDevices`] | the devices of the doors, their gates and roles |
//! | [`StoreEpoch`] | which course of events positions and versions belong to |
//! | [`Erasures`] | removing personal data |
//! | [`People`] | finding orders by the people in them |
//! | [`Lists`] | lists of orders and tickets, by what they are searched by |
//! | [`Import`] | importing orders from an earlier service |
//! | [`Refreshes`] | issued orders that may have grown |
//! | [`Reissues`] | new generations of tickets, and reinstated ones |
//! | [`Tokens`] | who may use the HTTP API |
//! | [`SigningKeys`] | signing keys that leaked, and the tickets that they signed |
//! | [`EventCancellations`] | voiding all tickets of a cancelled event, with progress |
//! | [`KeyReissues`] | signing the tickets of a key anew, with progress |
//!
//! | folder | what is in it |
//! |---|---|
//! | `decide/` | the columns of each table, and decisions that need no database |
//! | `sql/` | the parts whose statements are the same for both databases, written once over its `Db` trait |
//! | `postgres/`, `sqlite/` | the parts that differ: the schema, and the busy tables (inbox, positions, work, outbox) |
//! | `conformance/` | what every implementation must do |
//!
//! Inside a folder a part imports no other part. What several of them need is in modules below them: `rows/` writes and
//! reads rows, one file for each table, `settling` applies the consequences of an order's refunds and cancellations,
//! and `recording` ingests them beside the inbox's payments.
//!
//! # How to add one
//! For an SQL database: in a new folder, implement `Db`, `Batches`, `Transaction` and `Sql` of `sql/` in `db.rs`, then
//! `Installation`, `Inbox`, `Positions`, `OrderQueue` and `Outbox`; the other parts follow. For any other: implement the
//! parts of [`Store`]. Then run `conformance_suite!` against it, as `tests/` of this crate does for PostgreSQL and SQLite.
//! The suite is the contract; where prose and suite differ, the suite is right.

pub mod attention;
pub mod audit;
pub mod check_ins;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod dead_letters;
mod decide;
mod demoted;
pub mod destinations;
pub mod door_devices;
pub mod door_feeds;
pub mod epoch;
pub mod erasures;
pub mod error;
pub mod event_cancellations;
mod events;
pub mod import;
pub mod inbox;
pub mod installation;
pub mod key_reissues;
pub mod listed;
pub mod lists;
pub mod order_queue;
pub mod outbox;
pub mod overview;
pub mod people;
pub mod positions;
pub mod postgres;
pub mod records;
pub mod refreshes;
mod refusing;
pub mod reissues;
pub mod signing_keys;
mod sql;
pub mod sqlite;
mod step;
pub mod templates;
pub mod tokens;
pub mod withdrawals;

pub use attention::{Attention, AttentionReason, AttentionScope, Attentions};
pub use audit::{Action, Actor, Audit, AuditEntry, AuditFilter, AuditRecord, Via};
pub use check_ins::{
    CheckIn, CheckInOutcome, CheckInResult, CheckIns, DoorCount, DoorStatus, Holder, MAX_OVERRIDE_REASON,
    NewCheckIn, Offline, Scanned,
};
pub use dead_letters::{
    ClosedAs, Closing, DeadLetterRecord, DeadLetters, KeptMessage, LetterKind, ParkedOrder, WholeDeadLetter,
};
pub use destinations::{DestinationBacklog, Destinations, Resent};
pub use door_devices::{
    AddedDevice, DeviceContact, DeviceRecord, DeviceRole, DeviceState, DoorDevices, NewDevice,
};
pub use door_feeds::{Admissions, Deviation, DoorFeed, DoorFeeds, DoorNames, DoorNumbers, DoorPosition};
pub use epoch::StoreEpoch;
pub use erasures::{BegunErasure, Cleared, Erased, Erasures};
pub use error::StoreError;
pub use event_cancellations::{EventCancellation, EventCancellations};
pub use events::{EventOnRecord, Events, Said, SetEvent};
pub use import::{Import, ImportOutcome, ImportedOrder};
pub use inbox::{DeadLetterRoute, EventChanged, Inbox, Incoming, IngestOutcome, Source};
pub use installation::{Installation, KeyRecord, MigrationReport, Registration, Vacuumed};
pub use key_reissues::{KeyCursor, KeyReissue, KeyReissueNext, KeyReissues};
pub use listed::{ListFilter, Listed, OrderRow, Sort, SortedBy, TicketRow};
pub use lists::{BadFilter, ListQuery, Lists};
pub use order_queue::{
    Claim, Claimable, Completion, FailedTicket, Freeze, FreezeOutcome, GeneratedTicket, NextStep, OrderQueue,
    Refresh, Release,
};
pub use outbox::{Announcing, Delivery, DeliveryOutcome, Outbox, PublishedEvent, Unsent};
pub use overview::{
    EventOverview, EventTotals, EventsWanted, Flow, OPEN_LIMIT, OpenGroup, OpenWork, Overview, Throughput,
    Unfinished,
};
pub use people::{FoundIn, People, PersonKey, ReadKeys};
pub use positions::{Mark, Partition, Position, Positions};
pub use records::{
    CodeStanding, OrderPages, OrderRecord, PaymentOutcome, PaymentRecord, Records, Redrawn, RetrySelection,
    Summary,
};
pub use refreshes::{AskOutcome, Found, NewLines, RefreshOutcome, Refreshed, Refreshes};
pub use reissues::{Draft, Drafted, Reissue, Reissues};
pub use signing_keys::{NewCode, RevokedKey, SigningKeys};
pub use templates::{StoredTemplate, Templates};
pub use tokens::{NewToken, TokenRecord, Tokens, TokensInUse};
pub use withdrawals::{RefundRules, WithdrawalRecord, WithdrawalState, Withdrawals};

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fulfillment_domain::Clock;

/// The complete interface of the database.
pub trait Store:
    Installation
    + Inbox
    + Positions
    + OrderQueue
    + Outbox
    + Records
    + Withdrawals
    + Reissues
    + SigningKeys
    + KeyReissues
    + Refreshes
    + DeadLetters
    + Attentions
    + Audit
    + Destinations
    + Events
    + EventCancellations
    + Overview
    + CheckIns
    + DoorFeeds
    + DoorDevices
    + StoreEpoch
    + Erasures
    + People
    + Lists
    + Import
    + Templates
    + Tokens
{
}

impl<T> Store for T where
    T: Installation
        + Inbox
        + Positions
        + OrderQueue
        + Outbox
        + Records
        + Withdrawals
        + Reissues
        + SigningKeys
        + KeyReissues
        + Refreshes
        + DeadLetters
        + Attentions
        + Audit
        + Destinations
        + Events
        + EventCancellations
        + Overview
        + CheckIns
        + DoorFeeds
        + DoorDevices
        + StoreEpoch
        + Erasures
        + People
        + Lists
        + Import
        + Templates
        + Tokens
{
}

/// Opens the store at `url`: `sqlite://path/to/file` or `postgres://user@host/database`. It does not migrate the
/// schema.
///
/// # Errors
/// [`StoreError::Incompatible`] for another kind of URL, otherwise the errors of the implementation.
pub async fn open(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Arc<dyn Store>> {
    match settings.url.split_once("://") {
        Some(("sqlite", path)) => {
            let store = sqlite::SqliteStore::open(Path::new(path), clock).await?;
            Ok(Arc::new(store.with_refunds(settings.refunds)))
        }
        Some(("postgres" | "postgresql", _)) => Ok(Arc::new(postgres::PgStore::connect(settings).await?)),
        _ => Err(StoreError::Incompatible("the store's URL must begin with sqlite:// or postgres://".into())),
    }
}

/// Checks that [`open`] supports a URL, without opening anything.
///
/// # Errors
/// [`StoreError::Incompatible`] with what is supported.
pub fn check_url(url: &str) -> Result<()> {
    let bad = |text: String| Err(StoreError::Incompatible(text));
    match url.split_once("://") {
        Some(("sqlite", "" | ":memory:")) => bad("must name a file after sqlite://".into()),
        Some(("sqlite", _)) => Ok(()),
        Some(("postgres" | "postgresql", _)) => match postgres::servers(url) {
            Ok(_) => Ok(()),
            Err(error) => bad(format!("must look like postgres://USER:PASSWORD@HOST/DATABASE: {error}")),
        },
        _ => bad("must begin with sqlite:// or postgres://".into()),
    }
}

/// Where the store is.
#[derive(Clone)]
pub struct Settings {
    /// `sqlite://path/to/file` (relative, or absolute with a third slash) or `postgres://user:password@host/database`.
    pub url: String,
    /// The schema; PostgreSQL only.
    pub schema: String,
    /// The most connections to open; PostgreSQL only.
    pub max_connections: u32,
    /// How long to wait for a connection, new or from the pool; PostgreSQL only.
    pub connect_timeout: Duration,
    /// The seller's rules for refunds.
    pub refunds: RefundRules,
}

/// The result of a call to the store.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;
