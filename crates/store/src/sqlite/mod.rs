//! The SQLite store: one file, embedded, for one machine.
//!
//! SQLite has one writer at a time, so there is one connection that writes, each write in `BEGIN IMMEDIATE`, and
//! several that read beside it (WAL). Another process, such as a command beside the server, waits up to the busy
//! timeout. Leases and due times use the [`Clock`] that is passed in.

mod clearing;
mod db;
mod inbox;
mod installation;
mod order_queue;
mod outbox;
mod past_orders;
mod positions;
mod rows;
mod vacuum;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fulfillment_domain::Clock;
use jiff::{SignedDuration, Timestamp};
use sqlx::SqliteConnection;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use tracing::warn;

use self::db::{At, Tx};
use crate::decide::sql_values::{rfc3339, storable};
use crate::error::unavailable;
use crate::{RefundRules, Result};

/// How long a write waits for another process's write.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long any call waits for a connection: longer than a busy writer may take.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);
/// Connections that read.
const READERS: u32 = 4;

/// The largest correction of the clock that is ignored.
const SMALL_STEP: SignedDuration = SignedDuration::from_secs(1);

/// How the file is opened.
fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(true)
        // Deleted content is overwritten, also in pages that become free: it may have been personal.
        .pragma("secure_delete", "on")
}

/// The store in a SQLite file.
pub struct SqliteStore {
    write: SqlitePool,
    read: SqlitePool,
    clock: Arc<dyn Clock>,
    /// None for a store in memory.
    path: Option<PathBuf>,
    serving: Mutex<Option<std::fs::File>>,
    /// The time of the last claim: a later claim at an earlier time shows that the clock was set back.
    latest: Mutex<Timestamp>,
    refunds: RefundRules,
}

impl SqliteStore {
    /// The query for the orders that have passed their retention time, so that tests can see its plan.
    #[cfg(feature = "conformance")]
    pub const RETENTION: &str = past_orders::PAST_ORDERS;

    /// Opens the file, creating it when there is none; its folder must exist.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`] when the file cannot be opened or created,
    /// [`crate::StoreError::Incompatible`] when it is not a SQLite database.
    pub async fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self> {
        let options = options(path).create_if_missing(true);
        let pool = |size| SqlitePoolOptions::new().max_connections(size).acquire_timeout(ACQUIRE_TIMEOUT);
        let write = pool(1).connect_with(options.clone()).await?;
        let read =
            pool(READERS).connect_with(options.create_if_missing(false).pragma("query_only", "on")).await?;
        Ok(Self {
            write,
            read,
            clock,
            path: Some(path.to_owned()),
            serving: Mutex::new(None),
            latest: Mutex::new(Timestamp::MIN),
            refunds: RefundRules::default(),
        })
    }

    /// A store in memory, for tests: it ends with its last handle. One connection runs all calls one after the other,
    /// so that the same calls with the same clock have the same results.
    ///
    /// # Errors
    /// The memory cannot be allocated.
    #[cfg(feature = "conformance")]
    pub async fn in_memory(clock: Arc<dyn Clock>) -> Result<Self> {
        let options = SqliteConnectOptions::new().in_memory(true).foreign_keys(true);
        let pool = SqlitePoolOptions::new().max_connections(1).acquire_timeout(ACQUIRE_TIMEOUT);
        let pool = pool.idle_timeout(None).max_lifetime(None).test_before_acquire(false);
        let write = pool.connect_with(options).await?;
        Ok(Self {
            read: write.clone(),
            write,
            clock,
            path: None,
            serving: Mutex::new(None),
            latest: Mutex::new(Timestamp::MIN),
            refunds: RefundRules::default(),
        })
    }

    /// The same store with other rules for refunds.
    #[must_use]
    pub fn with_refunds(self, refunds: RefundRules) -> Self {
        Self { refunds, ..self }
    }

    /// Another handle on the same database, for tests.
    #[cfg(feature = "conformance")]
    #[must_use]
    pub fn another(&self) -> Self {
        Self {
            write: self.write.clone(),
            read: self.read.clone(),
            clock: Arc::clone(&self.clock),
            path: self.path.clone(),
            serving: Mutex::new(None),
            latest: Mutex::new(Timestamp::MIN),
            refunds: self.refunds,
        }
    }

    /// The connection of a store in memory, for direct queries in tests.
    #[cfg(feature = "conformance")]
    pub fn pool(&self) -> &SqlitePool {
        &self.write
    }

    /// Begins a write, in a separate task: a `begin` that is cancelled half-way leaves its connection unusable.
    async fn begin(&self) -> Result<Tx> {
        let pool = self.write.clone();
        let begun = tokio::spawn(async move {
            let begun = pool.begin_with("BEGIN IMMEDIATE").await;
            // SQLite rolls back by itself when its disk is full, but the driver still counts the transaction, and no
            // other could ever begin on that connection. The next one is fresh.
            let Err(error) = begun else { return begun };
            if let Ok(spoiled) = pool.acquire().await {
                let _ = spoiled.close().await;
            }
            match error {
                error @ sqlx::Error::Database(_) => Err(error),
                _ => pool.begin_with("BEGIN IMMEDIATE").await,
            }
        });
        Ok(At { db: begun.await.map_err(unavailable)??, now: self.now() })
    }

    fn now(&self) -> Timestamp {
        storable(self.clock.now())
    }

    /// The time for a claim. Due times use the wall clock; where it was set back by more than a daily correction, all
    /// waiting work is due: too early is better than an hour late.
    async fn time_to_claim(&self, db: &mut SqliteConnection) -> Result<Timestamp> {
        let now = self.now();
        let before = std::mem::replace(&mut *self.latest.lock().unwrap_or_else(PoisonError::into_inner), now);
        if now.saturating_add(SMALL_STEP).unwrap_or(now) < before {
            warn!(%before, %now, "the clock was set back; whatever waits is tried now");
            let sql = "UPDATE orders SET due_at = ?1 WHERE worker IS NULL AND due_at > ?1";
            sqlx::query(sql).bind(rfc3339(now)).execute(&mut *db).await?;
            let sql = "UPDATE outbox_delivery SET due_at = ?1 WHERE state = 'pending' AND due_at > ?1";
            sqlx::query(sql).bind(rfc3339(now)).execute(&mut *db).await?;
        }
        Ok(now)
    }
}
