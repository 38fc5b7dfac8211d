//! Migrations beside a running service: none makes other statements wait for longer than [`LOCK_TIMEOUT`].
//!
//! `ALTER TABLE` waits for every transaction that uses the table, and whoever comes later waits for it. So it waits
//! briefly, gives way, and is tried again. Indexes of tables that may be large are built concurrently, by migrations of
//! their own that are not run in a transaction.

use std::time::{Duration, Instant};

use sqlx::migrate::MigrateError;
use sqlx::{AssertSqlSafe, PgConnection};
use tracing::{info, warn};

use crate::decide::migrations::{NO_TRANSACTION, Step, apply_up_to, failed};
use crate::{Result, StoreError};

/// How long a migration waits for a lock, and with it everything that comes after it.
const LOCK_TIMEOUT: &str = "1s";
/// How long others go on before it is tried again.
const GIVE_WAY: Duration = Duration::from_secs(2);
/// How long it is tried.
const PATIENCE: Duration = Duration::from_secs(600);
/// How often another process is asked whether it has finished its migrations.
const POLL: Duration = Duration::from_millis(200);
/// `lock_not_available`.
const NOT_AVAILABLE: &str = "55P03";

/// Waits until no other process migrates this schema. The lock ends with the connection. It is not waited for in the
/// database: an index that is built concurrently waits for all statements, and would wait for that one.
pub(super) async fn turn(db: &mut PgConnection, schema: &str) -> Result<()> {
    let sql = "SELECT pg_try_advisory_lock(hashtextextended('fulfillment migrate ' || $1, 0))";
    while !sqlx::query_scalar::<_, bool>(sql).bind(schema).fetch_one(&mut *db).await? {
        tokio::time::sleep(POLL).await;
    }
    Ok(())
}

/// Applies the pending migrations.
pub(super) async fn apply(
    db: &mut PgConnection,
    schema: &str,
    steps: &[Step],
    pending: &[String],
) -> Result<()> {
    for step @ (version, name, sql) in steps {
        if !pending.iter().any(|pending| pending == name) {
            continue;
        }
        if sql.starts_with(NO_TRANSACTION) {
            drop_unfinished(db, schema, step).await?;
            // It makes nobody wait, and has to wait for the transactions that are open.
            sqlx::query("SET lock_timeout = 0").execute(&mut *db).await?;
            apply_up_to(db, steps, *version).await.map_err(failed)?;
        } else {
            let sql = format!("SET lock_timeout = '{LOCK_TIMEOUT}'");
            sqlx::query(AssertSqlSafe(sql)).execute(&mut *db).await?;
            apply_patiently(db, steps, step).await?;
        }
    }
    Ok(())
}

/// Applies a migration that needs locks.
async fn apply_patiently(db: &mut PgConnection, steps: &[Step], (version, name, _): &Step) -> Result<()> {
    let began = Instant::now();
    loop {
        let error = match apply_up_to(db, steps, *version).await {
            Ok(()) => return Ok(()),
            Err(error) if is_locked(&error) => error,
            Err(error) => return Err(failed(error)),
        };
        if began.elapsed() > PATIENCE {
            let why = format!(
                "the migration {name} found its tables in use for {} s: end the transactions that are open for long \
                 (pg_stat_activity), and migrate again: {error}",
                PATIENCE.as_secs()
            );
            return Err(StoreError::Unavailable(why.into()));
        }
        warn!(migration = name, "a table is in use; others go on, and the migration is tried again");
        tokio::time::sleep(GIVE_WAY).await;
    }
}

fn is_locked(error: &MigrateError) -> bool {
    let (MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) = error else {
        return false;
    };
    error.as_database_error().is_some_and(|error| error.code().as_deref() == Some(NOT_AVAILABLE))
}

/// Removes what an earlier try of building an index left: an index that is maintained and never used.
async fn drop_unfinished(db: &mut PgConnection, schema: &str, (_, name, sql): &Step) -> Result<()> {
    let unfinished = "SELECT c.relname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
                      JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND NOT i.indisvalid";
    let unfinished: Vec<String> = sqlx::query_scalar(unfinished).bind(schema).fetch_all(&mut *db).await?;
    for index in unfinished.iter().filter(|index| sql.split_whitespace().any(|word| word == index.as_str())) {
        info!(migration = name, index, "an index was not finished; it is built again");
        let sql = format!("DROP INDEX CONCURRENTLY IF EXISTS \"{schema}\".\"{index}\"");
        sqlx::query(AssertSqlSafe(sql)).execute(&mut *db).await?;
    }
    Ok(())
}
