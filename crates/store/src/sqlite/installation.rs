//! The schema in SQLite, and the keys, secret and storage that belong to it.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, SqliteConnection};

use super::{SqliteStore, vacuum};
use crate::decide::migrations::{self, TABLE};
use crate::decide::sql_values::rfc3339;
use crate::error::unavailable;
use crate::refusing::{TakesNoWrites, is_refused, is_taken_again};
use crate::sql::{Sql as _, installation};
use crate::{Actor, Installation, MigrationReport, Registration, Result, StoreError, Vacuumed};

const MIGRATIONS: &[migrations::Step] = &[
    (1, "0001_init", include_str!("../../migrations/sqlite/0001_init.sql")),
    (2, "0002_templates", include_str!("../../migrations/sqlite/0002_templates.sql")),
    (3, "0003_withdrawals", include_str!("../../migrations/sqlite/0003_withdrawals.sql")),
    (4, "0004_reissues", include_str!("../../migrations/sqlite/0004_reissues.sql")),
    (5, "0005_dead_letters", include_str!("../../migrations/sqlite/0005_dead_letters.sql")),
    (6, "0006_erasures", include_str!("../../migrations/sqlite/0006_erasures.sql")),
    (7, "0007_attention", include_str!("../../migrations/sqlite/0007_attention.sql")),
    (8, "0008_positions", include_str!("../../migrations/sqlite/0008_positions.sql")),
    (9, "0009_refunds", include_str!("../../migrations/sqlite/0009_refunds.sql")),
    (10, "0010_another_payment", include_str!("../../migrations/sqlite/0010_another_payment.sql")),
    (11, "0011_notes", include_str!("../../migrations/sqlite/0011_notes.sql")),
    (13, "0013_drafts", include_str!("../../migrations/sqlite/0013_drafts.sql")),
    (15, "0015_codes", include_str!("../../migrations/sqlite/0015_codes.sql")),
    (16, "0016_erasing", include_str!("../../migrations/sqlite/0016_erasing.sql")),
    (17, "0017_people", include_str!("../../migrations/sqlite/0017_people.sql")),
    (20, "0020_tokens", include_str!("../../migrations/sqlite/0020_tokens.sql")),
    (21, "0021_leaked_keys", include_str!("../../migrations/sqlite/0021_leaked_keys.sql")),
    (22, "0022_erased_files", include_str!("../../migrations/sqlite/0022_erased_files.sql")),
    (24, "0024_audit", include_str!("../../migrations/sqlite/0024_audit.sql")),
    (26, "0026_events", include_str!("../../migrations/sqlite/0026_events.sql")),
    (28, "0028_check_ins", include_str!("../../migrations/sqlite/0028_check_ins.sql")),
    (29, "0029_deviations", include_str!("../../migrations/sqlite/0029_deviations.sql")),
    (30, "0030_door_devices", include_str!("../../migrations/sqlite/0030_door_devices.sql")),
    (31, "0031_set_at", include_str!("../../migrations/sqlite/0031_set_at.sql")),
    (32, "0032_search", include_str!("../../migrations/sqlite/0032_search.sql")),
    (33, "0033_counts", include_str!("../../migrations/sqlite/0033_counts.sql")),
];

#[async_trait]
impl Installation for SqliteStore {
    async fn migrate(&self) -> Result<MigrationReport> {
        // Several processes may start on one new file; the second has nothing left to do.
        let _turn = self.side_file("migrate.lock", |file| file.lock().map_err(unavailable)).await?;
        let mut db = self.write.acquire().await?;
        let pending = pending(&mut db).await?;
        if !pending.is_empty() {
            migrations::apply(&mut *db, MIGRATIONS).await?;
        }
        Ok(MigrationReport { version: MIGRATIONS.last().map_or(0, |m| m.0), applied: pending })
    }

    async fn pending_migrations(&self) -> Result<Vec<String>> {
        pending(&mut *self.read.acquire().await?).await
    }

    async fn begin_serving(&self) -> Result<MigrationReport> {
        let file = self.serving_lock().await?;
        if let Ok(mut serving) = self.serving.lock() {
            *serving = file;
        }
        let report = self.migrate().await?;
        // A due time in the future was written by a clock that has been set back since: it is due now.
        let now = rfc3339(self.now());
        let mut tx = self.begin().await?;
        let sql = "UPDATE orders SET worker = NULL, due_at = ?1, updated_at = ?1 \
                   WHERE worker IS NOT NULL OR (due_at > ?1 AND updated_at > ?1)";
        sqlx::query(sql).bind(&now).execute(&mut *tx).await?;
        let sql = "UPDATE outbox_delivery SET lent = 0, due_at = ?1 WHERE state = 'pending' AND lent = 1";
        sqlx::query(sql).bind(&now).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(report)
    }

    async fn ping(&self) -> Result<()> {
        installation::ping(self).await?;
        if !is_refused() {
            return Ok(());
        }
        // Reads go on when the disk is full: only a write finds out.
        let written = async {
            let mut tx = self.begin().await?;
            // The page is written, although its content stays.
            sqlx::query("UPDATE store_file SET id = id").execute(&mut *tx).await?;
            tx.commit().await
        };
        written.await.map_err(|error| unavailable(TakesNoWrites(error.to_string())))?;
        is_taken_again();
        Ok(())
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
        installation::event_number(self, event_id).await
    }

    async fn category_number(&self, event_id: &str, category: &str) -> Result<u16> {
        installation::category_number(self, event_id, category).await
    }

    async fn vacuum_needs(&self) -> Result<u64> {
        vacuum::needs(self).await
    }

    async fn vacuum(&self) -> Result<Vacuumed> {
        // No server starts meanwhile: its writes would wait too long.
        let _alone = self.serving_lock().await?;
        vacuum::run(self).await
    }

    async fn copy_to(&self, file: &Path) -> Result<()> {
        vacuum::copy(self, file).await
    }

    async fn close(&self) {
        self.read.close().await;
        self.write.close().await;
        if let Ok(mut serving) = self.serving.lock() {
            *serving = None;
        }
    }
}

impl SqliteStore {
    /// The lock that a server holds while it runs.
    async fn serving_lock(&self) -> Result<Option<File>> {
        let path = self.path.as_deref().map(|path| path.display().to_string()).unwrap_or_default();
        self.side_file("lock", move |file| {
            file.try_lock().map_err(|e| match e {
                TryLockError::WouldBlock => StoreError::InUse(format!(
                    "another server works on {path}: one file has one server. Stop it, or use PostgreSQL"
                )),
                TryLockError::Error(e) => unavailable(e),
            })
        })
        .await
    }

    /// Opens `<file>.<suffix>` and locks it, outside the async threads: a lock may block. A store in memory has no
    /// other process to lock out.
    async fn side_file(
        &self,
        suffix: &str,
        lock: impl FnOnce(&File) -> Result<()> + Send + 'static,
    ) -> Result<Option<File>> {
        let Some(path) = self.path.clone() else { return Ok(None) };
        let suffix = format!(".{suffix}");
        let opened = tokio::task::spawn_blocking(move || {
            let mut path = linked_to(path).into_os_string();
            path.push(suffix);
            let file =
                File::options().create(true).truncate(false).write(true).open(path).map_err(unavailable)?;
            lock(&file).map(|()| Some(file))
        });
        opened.await.map_err(unavailable)?
    }
}

/// The file itself, which need not exist yet, where its name is a link: two names of one file must have one lock.
fn linked_to(path: PathBuf) -> PathBuf {
    let mut path = std::path::absolute(&path).unwrap_or(path);
    // More links than any system follows.
    for _ in 0..64 {
        let Ok(target) = std::fs::read_link(&path) else { break };
        path = path.parent().map(|folder| folder.join(&target)).unwrap_or(target);
    }
    match (path.parent().map(std::fs::canonicalize), path.file_name()) {
        (Some(Ok(folder)), Some(name)) => folder.join(name),
        _ => path,
    }
}

async fn pending(db: &mut SqliteConnection) -> Result<Vec<String>> {
    let sql = "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')";
    let tables: Vec<String> = sqlx::query_scalar(sql).fetch_all(&mut *db).await?;
    if !tables.iter().any(|t| t == TABLE) {
        let foreign = migrations::in_the_way(tables);
        return if foreign.is_empty() {
            migrations::pending(MIGRATIONS, &[])
        } else {
            Err(migrations::foreign(&foreign, "the file"))
        };
    }
    let sql = format!("SELECT version FROM {TABLE} ORDER BY version");
    let applied: Vec<i64> = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&mut *db).await?;
    migrations::pending(MIGRATIONS, &applied)
}
