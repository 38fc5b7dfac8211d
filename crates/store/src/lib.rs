//! Where payments, orders, tickets and events are kept: one [`Store`] trait, two implementations.
//!
//! A payment becomes a row before anything else happens to it. From then on everything is a state
//! transition in one database, and each method of the trait is one such transition in one transaction:
//! it happened wholly, or not at all, and doing it again changes nothing.
//!
//! The trait is made of fourteen parts, a file each:
//!
//! | part | what it is about |
//! |---|---|
//! | [`Installation`] | the schema, and which keys, secret and storage belong to it |
//! | [`Inbox`] | messages in: payments, refunds, cancellations; what cannot be taken is set apart |
//! | [`Positions`] | how far each partition of Kafka has been read |
//! | [`Work`] | claim, freeze, complete, release: an order on its way to its tickets |
//! | [`Outbox`] | events out, to each destination apart, and in one gapless order for readers |
//! | [`Records`] | what people ask for: tickets, orders, counts |
//! | [`Templates`] | what tickets are drawn by |
//! | [`Withdrawals`] | voids by an operator, and refunds that are open |
//! | [`Letters`] | what stands apart until somebody looks at it |
//! | [`Attentions`] | what about an order needs a person |
//! | [`Erasures`] | removing personal data |
//! | [`Adoption`] | taking over from an earlier service |
//! | [`Refreshes`] | issued orders that may have grown |
//! | [`Reissues`] | new generations of tickets, and voided ones that are good again |
//!
//! | folder | what is in it |
//! |---|---|
//! | `shared/` | the columns of each table, and decisions that need no database |
//! | `sql/` | the parts that are the same statements for both databases, written once over its `Db` trait |
//! | `postgres/`, `sqlite/` | the parts that differ: the schema, and what is busy (inbox, positions, work, outbox) |
//! | `conformance/` | what every implementation must do |
//!
//! Inside a folder a part imports no other part. What several of them do is below them: `rows/` writes and reads the rows
//! of one table a file, `settling` does what follows from an order's refunds and cancellations, and `recording` takes them
//! in beside the inbox's payments.
//!
//! # How to add one
//! For a database that speaks SQL: in a folder of its own, implement `Db`, `Batches`, `Transaction` and `Sql` of `sql/` in
//! `db.rs`, then `Installation`, `Inbox`, `Positions`, `Work` and `Outbox`; the other parts follow. For any other: implement
//! the fourteen parts. Then run `conformance_suite!` against it, as `tests/` of this crate does for PostgreSQL and SQLite.
//! The suite is the contract; where prose and suite differ, the suite is right.

pub mod adoption;
pub mod attention;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod erasures;
pub mod error;
pub mod inbox;
pub mod installation;
pub mod letters;
pub mod outbox;
pub mod positions;
pub mod postgres;
pub mod records;
pub mod refreshes;
pub mod reissues;
mod shared;
mod sql;
pub mod sqlite;
mod step;
pub mod templates;
pub mod withdrawals;
pub mod work;

pub use adoption::{AdoptedOrder, Adoption, AdoptionOutcome};
pub use attention::{Attention, AttentionReason, AttentionScope, Attentions};
pub use erasures::{Erased, Erasures};
pub use error::StoreError;
pub use inbox::{DeadLetterRoute, Inbox, Incoming, IngestOutcome, Source};
pub use installation::{Installation, KeyRecord, MigrationReport, Registration};
pub use letters::{ClosedAs, Closing, DeadLetterRecord, KeptMessage, LetterKind, Letters, ParkedOrder};
pub use outbox::{Announcing, Delivery, DeliveryOutcome, Outbox, PublishedEvent, Unsent};
pub use positions::{Mark, Partition, Position, Positions};
pub use records::{
    CodeStanding, OrderRecord, PaymentOutcome, PaymentRecord, Records, Redrawn, RetrySelection, Summary,
};
pub use refreshes::{AskOutcome, Found, NewLines, RefreshOutcome, Refreshed, Refreshes};
pub use reissues::{Draft, Drafted, Reissue, Reissues};
pub use templates::{StoredTemplate, Templates};
pub use withdrawals::{RefundRules, WithdrawalRecord, WithdrawalState, Withdrawals};
pub use work::{
    Claim, Completion, FailedTicket, Freeze, FreezeOutcome, GeneratedTicket, Refresh, Release, Then, Work,
};

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fulfillment_domain::Clock;

/// Everything the service asks of its database.
pub trait Store:
    Installation
    + Inbox
    + Positions
    + Work
    + Outbox
    + Records
    + Withdrawals
    + Reissues
    + Refreshes
    + Letters
    + Attentions
    + Erasures
    + Adoption
    + Templates
{
}

impl<T> Store for T where
    T: Installation
        + Inbox
        + Positions
        + Work
        + Outbox
        + Records
        + Withdrawals
        + Reissues
        + Refreshes
        + Letters
        + Attentions
        + Erasures
        + Adoption
        + Templates
{
}

/// Opens the store that `url` names: `sqlite://path/to/file` or `postgres://user@host/database`. It is not migrated by this.
///
/// # Errors
/// [`StoreError::Incompatible`] for another kind of URL, otherwise as the implementation says.
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

/// Whether [`open`] would know what to make of a URL, without opening anything.
///
/// # Errors
/// [`StoreError::Incompatible`] with what would be right.
pub fn check_url(url: &str) -> Result<()> {
    let bad = |text: String| Err(StoreError::Incompatible(text));
    match url.split_once("://") {
        Some(("sqlite", "" | ":memory:")) => bad("must name a file after sqlite://".into()),
        Some(("sqlite", _)) => Ok(()),
        Some(("postgres" | "postgresql", _)) => match url.parse::<sqlx::postgres::PgConnectOptions>() {
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
    /// What the seller's refunds are like.
    pub refunds: RefundRules,
}

/// The result of asking the store.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;
