//! The PostgreSQL store: one database for many machines.
//!
//! Every batch is a constant number of statements: arrays are passed by `unnest`, each with its cast. Keys are sorted
//! before they are inserted or locked, so that overlapping batches wait for each other instead of ending in a deadlock.
//! A batch looks its rows up by primary key only and filters by state afterwards: where a partial index would also
//! match, a planner that last saw it nearly empty reads all of it for each row. Leases and due times use the database's
//! clock: the machines' clocks may differ.

mod db;
pub mod earlier;
mod inbox;
mod installation;
mod migrating;
mod order_queue;
mod outbox;
mod past_orders;
mod positions;
mod rows;
mod servers;

use std::sync::Arc;

use sqlx::Postgres;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};

pub(crate) use self::servers::servers;
use self::servers::{IS_READ_ONLY, follow, primary};
use crate::demoted::{ReadOnly, is_left, leave};
use crate::error::unavailable;
use crate::{RefundRules, Result, Settings, StoreError};

/// How long one statement may take; migrations may take longer.
const STATEMENT_TIMEOUT: &str = "30s";
/// How long a statement waits for a row that another transaction holds.
const LOCK_TIMEOUT: &str = "10s";
/// How long a transaction may be idle before it is ended and its locks are released.
const IDLE_TIMEOUT: &str = "60s";

/// Why a connection pool between this process and the database is refused that does not pass on what a connection needs.
const POOLED: &str = "the settings of the store's connections do not arrive: store.url leads through a connection pool \
    such as pgbouncer, which drops them, and in transaction mode prepared statements and locks too. Name PostgreSQL \
    itself; this program keeps at most store.max_connections connections";

/// `protocol_violation`: what pgbouncer answers to settings that it does not pass on.
const PROTOCOL_VIOLATION: &str = "08P01";

fn of_connection(error: sqlx::Error) -> StoreError {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    if code.as_deref() == Some(PROTOCOL_VIOLATION) {
        return StoreError::Incompatible(format!("{POOLED} ({error})"));
    }
    error.into()
}

type Tx = sqlx::Transaction<'static, Postgres>;

/// The store in a PostgreSQL schema.
pub struct PgStore {
    pool: PgPool,
    /// Every server that the URL names.
    servers: Arc<[PgConnectOptions]>,
    /// Held while another one is looked for.
    following: Arc<tokio::sync::Mutex<()>>,
    schema: String,
    refunds: RefundRules,
}

impl PgStore {
    /// The query for the orders that have passed their retention time, so that tests can see its plan.
    #[cfg(feature = "conformance")]
    pub const RETENTION: &str = past_orders::PAST_ORDERS;

    /// Connects to the first server of the URL that takes writes. TLS follows the URL's `sslmode`, and the schema need not
    /// exist yet.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when no connection can be made, [`StoreError::Incompatible`] for a URL that cannot
    /// be parsed or a schema that is not a plain name.
    pub async fn connect(settings: &Settings) -> Result<Self> {
        let schema = settings.schema.clone();
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if schema.is_empty() || schema.len() > 63 || !schema.chars().all(plain) || schema.starts_with("pg_") {
            return Err(StoreError::Incompatible(format!(
                "{schema:?} cannot be the schema's name: use up to 63 lower-case letters, digits and _"
            )));
        }
        let with_options = |server: PgConnectOptions| {
            server.application_name("fulfillment").options([
                ("search_path", schema.as_str()),
                ("statement_timeout", STATEMENT_TIMEOUT),
                ("lock_timeout", LOCK_TIMEOUT),
                ("idle_in_transaction_session_timeout", IDLE_TIMEOUT),
                // A plan that is kept from when a table was small reads all of the table for each batch later.
                ("plan_cache_mode", "force_custom_plan"),
                // Indexes are not on a spinning disk: the default of 4 makes the planner read whole tables.
                ("random_page_cost", "1.1"),
            ])
        };
        let servers: Arc<[_]> = servers(&settings.url)?.into_iter().map(with_options).collect();
        let pool = PgPoolOptions::new()
            .max_connections(settings.max_connections.max(1))
            .acquire_timeout(settings.connect_timeout)
            .before_acquire(|_, connection| Box::pin(async move { Ok(!is_left(connection.age)) }))
            .connect_with(primary(&servers, settings.connect_timeout).await?)
            .await
            .map_err(of_connection)?;
        let path: String =
            sqlx::query_scalar("SELECT current_setting('search_path')").fetch_one(&pool).await?;
        if path != schema {
            return Err(StoreError::Incompatible(POOLED.into()));
        }
        Ok(Self { pool, servers, following: Arc::default(), schema, refunds: settings.refunds })
    }

    /// Whether the database takes writes. If not, another server is looked for, if the URL names several.
    async fn check(&self) -> Result<()> {
        let answer = sqlx::query_scalar::<_, bool>(IS_READ_ONLY).fetch_one(&self.pool).await;
        if answer.as_ref().is_ok_and(|read_only| !read_only) {
            return Ok(());
        }
        if answer.is_ok() {
            leave();
        }
        if self.servers.len() > 1 {
            // Whoever asks may not wait for it.
            let (pool, servers) = (self.pool.clone(), Arc::clone(&self.servers));
            let following = Arc::clone(&self.following);
            tokio::spawn(async move {
                if let Ok(_alone) = following.try_lock() {
                    follow(&pool, &servers).await;
                }
            });
        }
        answer?;
        Err(unavailable(ReadOnly))
    }

    /// Begins a transaction, in a separate task: a `begin` that is cancelled half-way leaves its connection unusable.
    async fn begin(&self) -> Result<Tx> {
        let pool = self.pool.clone();
        let begun = tokio::spawn(async move { pool.begin().await }).await;
        Ok(begun.map_err(unavailable)??)
    }
}
