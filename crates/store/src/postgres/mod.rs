//! PostgreSQL: many machines on one store.
//!
//! Every batch is a constant number of statements: arrays go in by `unnest`, each with its cast. Keys are
//! sorted before they are inserted or locked, so that batches that overlap wait for each other instead of
//! ending in a deadlock. A batch looks its rows up by primary key alone and filters by state afterwards:
//! where a partial index would do as well, a planner that last saw it nearly empty reads all of it for
//! each row. Leases and due times are by the database's clock: machines may disagree.

mod db;
pub mod earlier;
mod inbox;
mod installation;
mod outbox;
mod past_orders;
mod positions;
mod rows;
mod work;

use std::str::FromStr as _;

use sqlx::Postgres;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};

use crate::error::unavailable;
use crate::{RefundRules, Result, Settings, StoreError};

/// How long one statement may take; migrations may take longer.
const STATEMENT_TIMEOUT: &str = "30s";
/// How long a statement waits for a row that another holds.
const LOCK_TIMEOUT: &str = "10s";
/// How long a transaction may stand still before its locks are taken from it.
const IDLE_TIMEOUT: &str = "60s";

type Tx = sqlx::Transaction<'static, Postgres>;

/// The store in a PostgreSQL schema.
pub struct PgStore {
    pool: PgPool,
    schema: String,
    refunds: RefundRules,
}

impl PgStore {
    /// Connects. TLS is by the URL's `sslmode`, and the schema need not be there yet.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when there is no connection to be had,
    /// [`StoreError::Incompatible`] for a URL that cannot be read or a schema that is no plain name.
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
            // A plan kept from when a table was small reads all of it for each batch, later.
            ("plan_cache_mode", "force_custom_plan"),
            // Indexes are on no spinning disk: the default of 4 makes the planner read whole tables.
            ("random_page_cost", "1.1"),
        ]);
        let pool = PgPoolOptions::new()
            .max_connections(settings.max_connections.max(1))
            .acquire_timeout(settings.connect_timeout)
            .connect_with(options)
            .await?;
        Ok(Self { pool, schema, refunds: settings.refunds })
    }

    /// Begins a transaction. In a task of its own: a `begin` that is cancelled half-way spoils its connection.
    async fn begin(&self) -> Result<Tx> {
        let pool = self.pool.clone();
        let begun = tokio::spawn(async move { pool.begin().await }).await;
        Ok(begun.map_err(unavailable)??)
    }
}
