//! The schema in PostgreSQL, and the keys, secret and storage that belong to it.

use std::path::Path;

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::{PgStore, migrating};
use crate::decide::migrations::{self, TABLE};
use crate::decide::sql_values::clean;
use crate::decide::ticket::index_key;
use crate::sql::{Sql as _, installation};
use crate::{Actor, Installation, MigrationReport, Registration, Result, StoreError, Vacuumed};

const MIGRATIONS: &[migrations::Step] = &[
    (1, "0001_init", include_str!("../../migrations/postgres/0001_init.sql")),
    (2, "0002_templates", include_str!("../../migrations/postgres/0002_templates.sql")),
    (3, "0003_withdrawals", include_str!("../../migrations/postgres/0003_withdrawals.sql")),
    (4, "0004_reissues", include_str!("../../migrations/postgres/0004_reissues.sql")),
    (5, "0005_dead_letters", include_str!("../../migrations/postgres/0005_dead_letters.sql")),
    (6, "0006_erasures", include_str!("../../migrations/postgres/0006_erasures.sql")),
    (7, "0007_attention", include_str!("../../migrations/postgres/0007_attention.sql")),
    (8, "0008_positions", include_str!("../../migrations/postgres/0008_positions.sql")),
    (9, "0009_refunds", include_str!("../../migrations/postgres/0009_refunds.sql")),
    (10, "0010_another_payment", include_str!("../../migrations/postgres/0010_another_payment.sql")),
    (11, "0011_notes", include_str!("../../migrations/postgres/0011_notes.sql")),
    (13, "0013_drafts", include_str!("../../migrations/postgres/0013_drafts.sql")),
    (15, "0015_codes", include_str!("../../migrations/postgres/0015_codes.sql")),
    (16, "0016_erasing", include_str!("../../migrations/postgres/0016_erasing.sql")),
    (17, "0017_people", include_str!("../../migrations/postgres/0017_people.sql")),
    (18, "0018_former_codes", include_str!("../../migrations/postgres/0018_former_codes.sql")),
    (19, "0019_withdrawn_tickets", include_str!("../../migrations/postgres/0019_withdrawn_tickets.sql")),
    (20, "0020_tokens", include_str!("../../migrations/postgres/0020_tokens.sql")),
    (21, "0021_leaked_keys", include_str!("../../migrations/postgres/0021_leaked_keys.sql")),
    (22, "0022_erased_files", include_str!("../../migrations/postgres/0022_erased_files.sql")),
    (23, "0023_tickets_of_key", include_str!("../../migrations/postgres/0023_tickets_of_key.sql")),
    (24, "0024_audit", include_str!("../../migrations/postgres/0024_audit.sql")),
    (25, "0025_past_events", include_str!("../../migrations/postgres/0025_past_events.sql")),
    (26, "0026_events", include_str!("../../migrations/postgres/0026_events.sql")),
    (27, "0027_tickets_of_event", include_str!("../../migrations/postgres/0027_tickets_of_event.sql")),
    (28, "0028_check_ins", include_str!("../../migrations/postgres/0028_check_ins.sql")),
    (29, "0029_deviations", include_str!("../../migrations/postgres/0029_deviations.sql")),
    (30, "0030_door_devices", include_str!("../../migrations/postgres/0030_door_devices.sql")),
    (31, "0031_set_at", include_str!("../../migrations/postgres/0031_set_at.sql")),
    (32, "0032_search", include_str!("../../migrations/postgres/0032_search.sql")),
    (33, "0033_counts", include_str!("../../migrations/postgres/0033_counts.sql")),
];

/// Why there is nothing to vacuum from here.
const NO_FILE: &str = "only the embedded store has a file to vacuum; PostgreSQL vacuums its tables by itself, \
     or at once by its statement VACUUM";

/// Why there is no copy from here.
const NO_COPY: &str = "PostgreSQL is copied by its own tools (pg_dump, pg_basebackup)";

#[async_trait]
impl Installation for PgStore {
    async fn migrate(&self) -> Result<MigrationReport> {
        // A separate connection: closing it releases the lock, whatever happens before.
        let mut db = self.pool.acquire().await?.detach();
        sqlx::query("SET statement_timeout = 0").execute(&mut db).await?;
        migrating::turn(&mut db, &self.schema).await?;
        let applied = self.migrate_alone(&mut db).await;
        db.close().await?;
        Ok(MigrationReport { version: MIGRATIONS.last().map_or(0, |m| m.0), applied: applied? })
    }

    async fn pending_migrations(&self) -> Result<Vec<String>> {
        self.pending(&mut *self.pool.acquire().await?).await
    }

    async fn begin_serving(&self) -> Result<MigrationReport> {
        self.migrate().await
    }

    async fn ping(&self) -> Result<()> {
        self.check().await
    }

    async fn registration(&self) -> Result<Registration> {
        installation::registration(&mut self.read().await?).await
    }

    async fn register(&self, wanted: &Registration) -> Result<Registration> {
        installation::register(self, wanted).await
    }

    async fn adopt_secret(&self, fingerprint: &str, by: &Actor) -> Result<()> {
        installation::adopt_secret(self, fingerprint, by).await
    }

    async fn event_number(&self, event_id: &str) -> Result<u32> {
        installation::event_number(self, &index_key(clean(event_id).into_owned())).await
    }

    async fn category_number(&self, event_id: &str, category: &str) -> Result<u16> {
        installation::category_number(
            self,
            &index_key(clean(event_id).into_owned()),
            &index_key(clean(category).into_owned()),
        )
        .await
    }

    async fn vacuum_needs(&self) -> Result<u64> {
        Err(StoreError::Incompatible(NO_FILE.to_owned()))
    }

    async fn vacuum(&self) -> Result<Vacuumed> {
        Err(StoreError::Incompatible(NO_FILE.to_owned()))
    }

    async fn copy_to(&self, _: &Path) -> Result<()> {
        Err(StoreError::Incompatible(NO_COPY.to_owned()))
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}

impl PgStore {
    async fn migrate_alone(&self, db: &mut PgConnection) -> Result<Vec<String>> {
        let pending = self.pending(db).await?;
        if pending.is_empty() {
            return Ok(pending);
        }
        let sql = "SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1)";
        let there: bool = sqlx::query_scalar(sql).bind(&self.schema).fetch_one(&mut *db).await?;
        if !there {
            // The name was checked when the store was opened.
            let sql = format!("CREATE SCHEMA \"{}\"", self.schema);
            sqlx::query(AssertSqlSafe(sql)).execute(&mut *db).await?;
        }
        migrating::apply(db, &self.schema, MIGRATIONS, &pending).await?;
        Ok(pending)
    }

    async fn pending(&self, db: &mut PgConnection) -> Result<Vec<String>> {
        let sql = "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                   WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')";
        let tables: Vec<String> = sqlx::query_scalar(sql).bind(&self.schema).fetch_all(&mut *db).await?;
        if !tables.iter().any(|t| t == TABLE) {
            let foreign = migrations::in_the_way(tables);
            return if foreign.is_empty() {
                migrations::pending(MIGRATIONS, &[])
            } else {
                Err(migrations::foreign(&foreign, &format!("the schema {}", self.schema)))
            };
        }
        let sql = format!("SELECT version FROM {TABLE} ORDER BY version");
        let applied: Vec<i64> = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&mut *db).await?;
        migrations::pending(MIGRATIONS, &applied)
    }
}
