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

use std::str::FromStr as _;

use sqlx::Postgres;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};

use crate::error::unavailable;
use crate::{RefundRules, Result, Settings, StoreError};

/// How long one statement may take; migrations may take longer.
const STATEMENT_TIMEOUT: &str = "30s";
/// How long a statement waits for a row that another transaction holds.
const LOCK_TIMEOUT: &str = "10s";
/// How long a transaction may be idle before it is ended and its locks are released.
const IDLE_TIMEOUT: &str = "60s";

type Tx = sqlx::Transaction<'static, Postgres>;

/// The store in a PostgreSQL schema.
pub struct PgStore {
    pool: PgPool,
    schema: String,
    refunds: RefundRules,
}

impl PgStore {
    /// Connects. TLS follows the URL's `sslmode`, and the schema need not exist yet.
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
        let options = PgConnectOptions::from_str(&settings.url)?.application_name("fulfillment").options([
            ("search_path", schema.as_str()),
            ("statement_timeout", STATEMENT_TIMEOUT),
            ("lock_timeout", LOCK_TIMEOUT),
            ("idle_in_transaction_session_timeout", IDLE_TIMEOUT),
            // A plan that is kept from when a table was small reads all of the table for each batch later.
            ("plan_cache_mode", "force_custom_plan"),
            // Indexes are not on a spinning disk: the default of 4 makes the planner read whole tables.
            ("random_page_cost", "1.1"),
        ]);
        let pool = PgPoolOptions::new()
            .max_connections(settings.max_connections.max(1))
            .acquire_timeout(settings.connect_timeout)
            .connect_with(options)
            .await?;
        Ok(Self { pool, schema, refunds: settings.refunds })
    }

    /// Begins a transaction, in a separate task: a `begin` that is cancelled half-way leaves its connection unusable.
    async fn begin(&self) -> Result<Tx> {
        let pool = self.pool.clone();
        let begun = tokio::spawn(async move { pool.begin().await }).await;
        Ok(begun.map_err(unavailable)??)
    }
}
