//! Migrations of the schema, and detection of another service's tables.

use std::borrow::Cow;

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator};

use crate::error::unavailable;
use crate::{Result, StoreError};

/// Where applied migrations are recorded. A name of our own: an earlier service may have used sqlx too.
pub(crate) const TABLE: &str = "fulfillment_migrations";

/// The version that added positions: what was stored earlier was read without any.
pub(crate) const POSITIONS: i64 = 8;

/// Tables that an earlier service may have left under the same names.
const OURS: &[&str] = &[
    "installation",
    "keys",
    "events",
    "categories",
    "payments",
    "orders",
    "inbox",
    "dead_letters",
    "tickets",
    "seats",
    "ticket_history",
    "outbox",
    "outbox_delivery",
    "ticket_revisions",
    "ticket_drafts",
    "templates",
    "template_files",
    "withdrawals",
    "withdrawal_dismissals",
    "order_attention",
    "kafka_positions",
    "erasure_requests",
    "store_file",
    "people",
    "audit",
    "people_unread",
    "index_unread",
    "search_orders",
    "search_words",
    "search_backfill",
    "people_backfill",
    "api_tokens",
    "revoked_keys",
    "key_reissues",
    "erased_files",
    "event_cancellations",
    "doors",
    "check_ins",
    "door_counts",
    "door_deviations",
    "door_devices",
    "event_counts",
    "minute_counts",
];

/// Where a .NET service records its own migrations: a schema that has it belongs to another service.
const EF_CORE: &str = "__efmigrationshistory";

/// Those of these tables that ours must not coexist with. Other services quote their names, so `Tickets` and `tickets`
/// could both exist.
pub(crate) fn in_the_way(tables: Vec<String>) -> Vec<String> {
    let ours = |name: &String| OURS.iter().chain([&EF_CORE]).any(|o| o.eq_ignore_ascii_case(name));
    tables.into_iter().filter(ours).collect()
}

/// How the SQL of a migration begins that is not run in a transaction. It is one statement, such as `CREATE INDEX
/// CONCURRENTLY`, and repeating it does no harm.
pub(crate) const NO_TRANSACTION: &str = "-- no-transaction";

/// A migration: its version, its name, its SQL.
pub(crate) type Step = (i64, &'static str, &'static str);

/// sqlx's migrator of these steps.
fn migrator(steps: &[Step]) -> Migrator {
    let migrations = steps.iter().map(|(version, name, sql)| {
        let alone = sql.starts_with(NO_TRANSACTION);
        Migration::new(*version, Cow::Borrowed(*name), MigrationType::Simple, sql.into_sql_str(), alone)
    });
    let mut migrator = Migrator::with_migrations(migrations.collect());
    migrator.dangerous_set_table_name(TABLE);
    // Each implementation holds its own lock during all migrations.
    migrator.set_locking(false);
    migrator
}

/// Applies what is not applied yet, each migration in a transaction of its own.
pub(crate) async fn apply<C: Migrate>(db: &mut C, steps: &[Step]) -> Result<()> {
    for (version, ..) in steps {
        apply_up_to(db, steps, *version).await.map_err(failed)?;
    }
    Ok(())
}

/// Applies what is not applied yet up to a version.
pub(crate) async fn apply_up_to<C: Migrate>(
    db: &mut C,
    steps: &[Step],
    version: i64,
) -> Result<(), MigrateError> {
    crate::step!("before-a-migration");
    migrator(steps).run_direct(Some(version), db, false).await
}

/// The names of the steps that are not applied yet.
///
/// # Errors
/// When a version is applied that this program does not have.
pub(crate) fn pending(steps: &[Step], applied: &[i64]) -> Result<Vec<String>> {
    let newest = steps.last().map_or(0, |s| s.0);
    if let Some(newer) = applied.iter().find(|v| **v > newest) {
        return Err(StoreError::Incompatible(format!(
            "the schema is at version {newer}, this program knows versions up to {newest}: run a newer program"
        )));
    }
    Ok(steps.iter().filter(|s| !applied.contains(&s.0)).map(|s| s.1.to_owned()).collect())
}

/// The error for tables of another service in the place of ours.
pub(crate) fn foreign(tables: &[String], whose: &str) -> StoreError {
    StoreError::Incompatible(format!(
        "{whose} has tables of another service under the names {}: nothing was altered. Name another schema \
         or file, or move those tables away",
        tables.join(", ")
    ))
}

/// What a failed migration means.
pub(crate) fn failed(error: MigrateError) -> StoreError {
    match error {
        MigrateError::Execute(e) | MigrateError::ExecuteMigration(e, _) => crate::error::classify(e),
        MigrateError::VersionMismatch(version) => StoreError::Incompatible(format!(
            "migration {version} was applied in another form than this program has: run the program that applied it"
        )),
        other => unavailable(other),
    }
}
