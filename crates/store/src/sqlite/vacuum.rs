//! Writes the database file anew, without what was deleted from it.

use std::path::Path;

use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};

use super::SqliteStore;
use super::clearing::{apart, empty_log, fill_gaps};
use crate::{Result, StoreError, Vacuumed};

/// The free bytes that a vacuum needs: it writes a copy beside the file, and that copy into the write-ahead log.
pub(super) async fn needs(store: &SqliteStore) -> Result<u64> {
    let mut db = store.read.acquire().await?;
    let sql = "SELECT (page_count - freelist_count) * page_size * 2 \
               FROM pragma_page_count, pragma_freelist_count, pragma_page_size";
    let bytes: i64 = sqlx::query_scalar(sql).fetch_one(&mut *db).await?;
    Ok(u64::try_from(bytes).unwrap_or(0))
}

pub(super) async fn run(store: &SqliteStore) -> Result<Vacuumed> {
    let Some(path) = &store.path else {
        return Err(StoreError::Incompatible("a store in memory has no file to vacuum".to_owned()));
    };
    let mut db = apart(path).await?;
    let before = size(&mut db).await?;
    keep_copies_beside(&mut db, path).await?;
    sqlx::query("VACUUM").execute(&mut db).await?;
    fill_gaps(&mut db).await?;
    empty_log(&mut db).await?;
    sqlx::query("UPDATE store_file SET overwritten = TRUE WHERE id = 1").execute(&mut db).await?;
    let now = size(&mut db).await?;
    db.close().await?;
    Ok(Vacuumed { before, now })
}

/// Writes a copy of one moment: a reader of the write-ahead log, which holds up nobody.
pub(super) async fn copy(store: &SqliteStore, to: &Path) -> Result<()> {
    let Some(path) = &store.path else {
        return Err(StoreError::Incompatible("a store in memory has no file to copy".to_owned()));
    };
    let to = to.to_str().ok_or_else(|| {
        StoreError::Incompatible(format!("{} is no file name that SQLite can write to", to.display()))
    })?;
    let mut db = apart(path).await?;
    sqlx::query("VACUUM INTO ?").bind(to).execute(&mut db).await?;
    db.close().await?;
    Ok(())
}

/// The copy is made in the file's folder, whose free disk was checked: a system's temporary folder may be in memory.
async fn keep_copies_beside(db: &mut SqliteConnection, path: &Path) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = folder.display().to_string().replace('\'', "''");
    let sql = format!("PRAGMA temp_store_directory = '{folder}'");
    sqlx::query(AssertSqlSafe(sql)).execute(db).await?;
    Ok(())
}

async fn size(db: &mut SqliteConnection) -> Result<u64> {
    let sql = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
    let bytes: i64 = sqlx::query_scalar(sql).fetch_one(db).await?;
    Ok(u64::try_from(bytes).unwrap_or(0))
}
