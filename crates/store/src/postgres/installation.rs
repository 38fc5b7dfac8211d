//! The schema, and which keys, secret and storage belong to it.

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::PgStore;
use super::rows::values::At;
use crate::shared::cells::{Row, clean, need};
use crate::shared::migrations::{self, TABLE};
use crate::shared::ticket::index_key;
use crate::shared::too_many_categories;
use crate::{Installation, KeyRecord, MigrationReport, Registration, Result};

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
];

#[async_trait]
impl Installation for PgStore {
    async fn migrate(&self) -> Result<MigrationReport> {
        // A connection of its own: closing it gives the lock back, whatever happens before.
        let mut db = self.pool.acquire().await?.detach();
        sqlx::query("SET statement_timeout = 0").execute(&mut db).await?;
        sqlx::query("SET lock_timeout = 0").execute(&mut db).await?;
        // Several processes may start on one empty database; the second finds everything done.
        let lock = "SELECT pg_advisory_lock(hashtextextended('fulfillment migrate ' || $1, 0))";
        sqlx::query(lock).bind(&self.schema).execute(&mut db).await?;
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
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }

    async fn registration(&self) -> Result<Registration> {
        registration(&mut *self.pool.acquire().await?).await
    }

    async fn register(&self, wanted: &Registration) -> Result<Registration> {
        let mut tx = self.begin().await?;
        let sql = "INSERT INTO installation (id, secret_fingerprint, storage_marker) VALUES (1, $1, $2) \
                   ON CONFLICT (id) DO UPDATE SET \
                   secret_fingerprint = coalesce(installation.secret_fingerprint, excluded.secret_fingerprint), \
                   storage_marker = coalesce(installation.storage_marker, excluded.storage_marker)";
        sqlx::query(sql)
            .bind(&wanted.secret_fingerprint)
            .bind(wanted.storage_marker)
            .execute(&mut *tx)
            .await?;
        // The row above is locked until the end: whoever registers at the same moment sees what stands then.
        let stands = registration(&mut tx).await?;
        if wanted.keys.is_empty() || !stands.admits(wanted) {
            tx.commit().await?;
            return Ok(stands);
        }
        let sql = "INSERT INTO keys (kid, public_key, created_at) \
                   SELECT * FROM unnest($1::text[], $2::bytea[], $3::timestamptz[]) AS n(kid, key, at) \
                   ORDER BY kid ON CONFLICT DO NOTHING";
        sqlx::query(sql)
            .bind(wanted.keys.iter().map(|k| k.kid.as_str()).collect::<Vec<_>>())
            .bind(wanted.keys.iter().map(|k| &k.public_key[..]).collect::<Vec<_>>())
            .bind(wanted.keys.iter().map(|k| At(k.created_at)).collect::<Vec<_>>())
            .execute(&mut *tx)
            .await?;
        let stands = registration(&mut tx).await?;
        tx.commit().await?;
        Ok(stands)
    }

    async fn adopt_secret(&self, fingerprint: &str) -> Result<()> {
        let sql = "INSERT INTO installation (id, secret_fingerprint) VALUES (1, $1) \
                   ON CONFLICT (id) DO UPDATE SET secret_fingerprint = excluded.secret_fingerprint";
        sqlx::query(sql).bind(fingerprint).execute(&self.pool).await?;
        Ok(())
    }

    async fn event_number(&self, event_id: &str) -> Result<u32> {
        let event = index_key(clean(event_id).into_owned());
        let known = "SELECT number FROM events WHERE event_id = $1";
        let row = sqlx::query(known).bind(&event).fetch_optional(&self.pool).await?;
        if let Some(row) = row {
            return row.number("number");
        }
        let mut tx = self.begin().await?;
        sqlx::query(NUMBERS_LOCK).execute(&mut *tx).await?;
        let sql = "INSERT INTO events (event_id, number) \
                   SELECT $1, coalesce(max(number), 0) + 1 FROM events ON CONFLICT DO NOTHING";
        sqlx::query(sql).bind(&event).execute(&mut *tx).await?;
        let number = sqlx::query(known).bind(&event).fetch_one(&mut *tx).await?.number("number")?;
        tx.commit().await?;
        Ok(number)
    }

    async fn category_number(&self, event_id: &str, category: &str) -> Result<u16> {
        let event = index_key(clean(event_id).into_owned());
        let category = index_key(clean(category).into_owned());
        let known = "SELECT number FROM categories WHERE event_id = $1 AND category = $2";
        let row = sqlx::query(known).bind(&event).bind(&category).fetch_optional(&self.pool).await?;
        if let Some(row) = row {
            return row.number("number");
        }
        let mut tx = self.begin().await?;
        sqlx::query(NUMBERS_LOCK).execute(&mut *tx).await?;
        let sql = "INSERT INTO categories (event_id, category, number) \
                   SELECT $1, $2, coalesce(max(number), 0) + 1 FROM categories WHERE event_id = $1 \
                   ON CONFLICT DO NOTHING";
        sqlx::query(sql).bind(&event).bind(&category).execute(&mut *tx).await?;
        let row = sqlx::query(known).bind(&event).bind(&category).fetch_one(&mut *tx).await?;
        let number = row.number("number").map_err(|_| too_many_categories())?;
        tx.commit().await?;
        Ok(number)
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}

/// Numbers are given one after the other: two at once would take the same.
const NUMBERS_LOCK: &str =
    "SELECT pg_advisory_xact_lock(hashtextextended('fulfillment numbers ' || current_schema(), 0))";

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
        migrations::apply(db, MIGRATIONS).await?;
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

async fn registration(db: &mut PgConnection) -> Result<Registration> {
    let mut found = Registration::default();
    let sql = "SELECT secret_fingerprint, storage_marker FROM installation WHERE id = 1";
    if let Some(row) = sqlx::query(sql).fetch_optional(&mut *db).await? {
        found.secret_fingerprint = row.text("secret_fingerprint")?;
        found.storage_marker = row.uuid("storage_marker")?;
    }
    let sql = "SELECT kid, public_key, created_at FROM keys ORDER BY created_at, kid";
    for row in sqlx::query(sql).fetch_all(&mut *db).await? {
        found.keys.push(KeyRecord {
            kid: need("kid", row.text("kid")?)?,
            public_key: need("public_key", row.array("public_key")?)?,
            created_at: need("created_at", row.time("created_at")?)?,
        });
    }
    Ok(found)
}
