//! Removes what was erased from the database's files.
//!
//! With `secure_delete` SQLite overwrites deleted rows and freed pages. Two places remain: the write-ahead log, which has
//! the pages of before, and the gap between the index of a page and its rows, where moved rows leave copies.

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use sqlx::{ConnectOptions as _, Connection as _, Row as _, SqliteConnection};

use super::{SqliteStore, options};
use crate::error::unavailable;
use crate::{Cleared, Result};

/// How long to wait for other connections to leave the write-ahead log.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long one attempt may hold up writers, and the pause before the next.
const ATTEMPT: Duration = Duration::from_millis(250);
/// Pages read at a time, and written in one transaction.
const PAGES: usize = 2048;
/// Below this number of pages (64 GiB) the first byte of a page distinguishes rows from the rest: other pages begin
/// with the number of a page.
const TELLABLE: i64 = 1 << 24;

/// Clears the files; a store in memory has none.
pub(super) async fn clear(store: &SqliteStore) -> Result<Cleared> {
    let Some(path) = &store.path else { return Ok(Cleared { needs_vacuum: false }) };
    let mut db = apart(path).await?;
    let filled = fill_gaps(&mut db).await?;
    empty_log(&mut db).await?;
    let sql = "SELECT overwritten FROM store_file WHERE id = 1";
    let overwritten: bool = sqlx::query_scalar(sql).fetch_one(&mut db).await?;
    db.close().await?;
    Ok(Cleared { needs_vacuum: !(filled && overwritten) })
}

/// A separate connection: its settings differ, and an attempt that is given up must leave no other in a strange state.
pub(super) async fn apart(path: &Path) -> Result<SqliteConnection> {
    Ok(options(path).create_if_missing(false).connect().await?)
}

/// Writes the write-ahead log into the database file and truncates it, as soon as no other connection uses it.
pub(super) async fn empty_log(db: &mut SqliteConnection) -> Result<()> {
    let attempt = format!("PRAGMA busy_timeout = {}", ATTEMPT.as_millis());
    sqlx::query(sqlx::AssertSqlSafe(attempt)).execute(&mut *db).await?;
    let emptied = async {
        loop {
            // The first column: whether others were in the way.
            let row = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut *db).await?;
            if row.try_get::<i64, _>(0)? == 0 {
                return Ok(());
            }
            tokio::time::sleep(ATTEMPT).await;
        }
    };
    tokio::time::timeout(PATIENCE, emptied).await.unwrap_or_else(|_| {
        Err(unavailable(format!(
            "another connection has kept the write-ahead log in use for {} seconds, and the log still has what was erased",
            PATIENCE.as_secs()
        )))
    })
}

/// Overwrites the unused part of every page that has any content there. False when this SQLite cannot, or the file is
/// too large or vacuums itself.
pub(super) async fn fill_gaps(db: &mut SqliteConnection) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM pragma_module_list WHERE name = 'sqlite_dbpage')";
    let able: bool = sqlx::query_scalar(sql).fetch_one(&mut *db).await?;
    let pages: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(&mut *db).await?;
    // A file that vacuums itself has maps of its pages, which begin like pages of rows.
    let maps: i64 = sqlx::query_scalar("PRAGMA auto_vacuum").fetch_one(&mut *db).await?;
    if !able || pages >= TELLABLE || maps != 0 {
        return Ok(false);
    }
    for first in (1..=pages).step_by(PAGES) {
        let sql = "WITH RECURSIVE n (at) AS (SELECT ?1 UNION ALL SELECT at + 1 FROM n LIMIT ?2) \
                   SELECT p.pgno, p.data FROM n CROSS JOIN sqlite_dbpage p ON p.pgno = n.at";
        let count = i64::try_from(PAGES).unwrap_or(i64::MAX);
        let rows = sqlx::query(sql).bind(first).bind(count).fetch_all(&mut *db).await?;
        let mut soiled = Vec::new();
        for row in rows {
            let number = row.try_get(0)?;
            if cleaned(number, row.try_get(1)?).is_some() {
                soiled.push(number);
            }
        }
        overwrite(db, &soiled).await?;
    }
    Ok(true)
}

async fn overwrite(db: &mut SqliteConnection, pages: &[i64]) -> Result<()> {
    if pages.is_empty() {
        return Ok(());
    }
    let mut tx = db.begin_with("BEGIN IMMEDIATE").await?;
    for number in pages {
        let sql = "SELECT data FROM sqlite_dbpage WHERE pgno = ?1";
        let page: Option<Vec<u8>> = sqlx::query_scalar(sql).bind(number).fetch_optional(&mut *tx).await?;
        if let Some(clean) = page.and_then(|page| cleaned(*number, &page)) {
            let sql = "UPDATE sqlite_dbpage SET data = ?2 WHERE pgno = ?1";
            sqlx::query(sql).bind(number).bind(clean).execute(&mut *tx).await?;
        }
    }
    Ok(tx.commit().await?)
}

/// The page with an empty gap; `None` when it is empty already.
fn cleaned(number: i64, page: &[u8]) -> Option<Vec<u8>> {
    let gap = gap(number, page)?;
    if page.get(gap.clone())?.iter().all(|byte| *byte == 0) {
        return None;
    }
    let mut page = page.to_vec();
    page.get_mut(gap)?.fill(0);
    Some(page)
}

/// The unused bytes between a page's index and its rows; `None` for a page without rows. The format:
/// <https://www.sqlite.org/fileformat2.html#b_tree_pages>.
fn gap(number: i64, page: &[u8]) -> Option<Range<usize>> {
    // The first page begins with the header of the file.
    let header = if number == 1 { 100 } else { 0 };
    let index = header
        + match page.get(header)? {
            2 | 5 => 12,
            10 | 13 => 8,
            _ => return None,
        };
    let two = |at: usize| Some(usize::from(u16::from_be_bytes([*page.get(at)?, *page.get(at + 1)?])));
    let start = index + 2 * two(header + 3)?;
    // 65,536 does not fit.
    let end = match two(header + 5)? {
        0 => 65_536,
        end => end,
    };
    (start <= end && end <= page.len()).then_some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(kind: u8, rows: u8, content: u16) -> Vec<u8> {
        let mut page = vec![7; 512];
        page[..8].copy_from_slice(&[kind, 0, 0, 0, rows, 0, 0, 0]);
        page[5..7].copy_from_slice(&content.to_be_bytes());
        page
    }

    #[test]
    fn the_gap_lies_between_the_index_and_the_rows() {
        assert_eq!(gap(2, &page(13, 3, 400)), Some(14..400));
        assert_eq!(gap(2, &page(5, 3, 400)), Some(18..400));
        assert_eq!(gap(2, &page(0, 3, 400)), None, "a page of another kind");
        assert_eq!(gap(2, &page(13, 255, 400)), None, "an index that runs into the rows");
        assert_eq!(gap(2, &page(13, 3, 513)), None, "rows beyond the end");
        assert_eq!(gap(1, &page(13, 3, 400)), None, "the file's header comes first");
    }

    #[test]
    fn only_the_gap_is_overwritten() {
        let before = page(13, 3, 400);
        let after = cleaned(2, &before).unwrap();
        assert_eq!((&after[..14], &after[400..]), (&before[..14], &before[400..]));
        assert!(after[14..400].iter().all(|byte| *byte == 0));
        assert_eq!(cleaned(2, &after), None, "nothing is left to do");
    }
}
