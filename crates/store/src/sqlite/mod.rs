//! One file: an embedded store for one machine.
//!
//! SQLite has one writer at a time, so there is one connection that writes, each write in
//! `BEGIN IMMEDIATE`, and several that read beside it (WAL). Another process, a command beside the
//! server, waits its turn by the busy timeout. Leases and due times are by the [`Clock`] that is passed in.

mod inbox;
mod installation;
mod outbox;
mod records;
mod rows;
mod work;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fulfillment_domain::Clock;
use jiff::Timestamp;
use sqlx::Sqlite;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use crate::Result;
use crate::error::unavailable;
use crate::shared::cells::storable;

/// How long a write waits for another process's.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long anything waits for a connection: longer than a busy writer may take.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);
/// Connections that read.
const READERS: u32 = 4;

type Tx = sqlx::Transaction<'static, Sqlite>;

/// The store in a SQLite file.
pub struct SqliteStore {
    write: SqlitePool,
    read: SqlitePool,
    clock: Arc<dyn Clock>,
    path: PathBuf,
    serving: Mutex<Option<std::fs::File>>,
}

impl SqliteStore {
    /// Opens the file, making it when there is none; its folder has to be there.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`] when the file cannot be opened or made,
    /// [`crate::StoreError::Incompatible`] when it is no SQLite database.
    pub async fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            .foreign_keys(true);
        let pool = |size| SqlitePoolOptions::new().max_connections(size).acquire_timeout(ACQUIRE_TIMEOUT);
        let write = pool(1).connect_with(options.clone()).await?;
        let read =
            pool(READERS).connect_with(options.create_if_missing(false).pragma("query_only", "on")).await?;
        Ok(Self { write, read, clock, path: path.to_owned(), serving: Mutex::new(None) })
    }

    /// Begins a write. In a task of its own: a `begin` that is cancelled half-way spoils its connection.
    async fn begin(&self) -> Result<Tx> {
        let pool = self.write.clone();
        let begun = tokio::spawn(async move { pool.begin_with("BEGIN IMMEDIATE").await }).await;
        Ok(begun.map_err(unavailable)??)
    }

    fn now(&self) -> Timestamp {
        storable(self.clock.now())
    }
}
