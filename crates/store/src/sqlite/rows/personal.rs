//! Messages and dead letters, emptied of personal data.

use std::collections::BTreeSet;

use fulfillment_domain::OrderId;
use jiff::Timestamp;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use crate::Result;
use crate::shared::cells::{Row as _, rfc3339};
use crate::shared::erasing::{self, letter_event};
use crate::shared::headers;

/// A column of bytes or text with `$1` in it, a text as it stands in JSON.
macro_rules! mentions {
    ($column:literal) => {
        concat!("instr(lower(CAST(", $column, " AS TEXT)), lower($1)) > 0")
    };
}
pub(crate) use mentions;

/// Empties what was kept of an order's messages: raw ones, and dead letters with their events. Answers how many.
pub(crate) async fn empty_messages(
    db: &mut SqliteConnection,
    order: OrderId,
    now: &str,
) -> Result<(u64, u64)> {
    let id = order.to_string();
    let messages = sqlx::query(erasing::MESSAGES).bind(&id).bind(now).execute(&mut *db).await?;
    let sql = concat!(
        "SELECT id, fingerprint FROM dead_letters WHERE length(raw) > 0 AND (order_id = $1 OR ",
        mentions!("raw"),
        ")"
    );
    let rows = sqlx::query(sql).bind(&id).fetch_all(&mut *db).await?;
    Ok((messages.rows_affected(), empty_letters(db, &rows, now).await?))
}

/// Empties dead letters, and deletes their events. Answers how many.
pub(crate) async fn empty_letters(
    db: &mut SqliteConnection,
    letters: &[SqliteRow],
    now: &str,
) -> Result<u64> {
    for row in letters {
        let (none, nothing) = (headers::encode(&[])?, Vec::<u8>::new());
        let id: i64 = row.number("id")?;
        let query = sqlx::query(erasing::LETTER).bind(id).bind(now).bind(nothing).bind(none);
        query.execute(&mut *db).await?;
        let sql = "DELETE FROM outbox WHERE event_id = ?1";
        sqlx::query(sql).bind(letter_event(row)?.to_string()).execute(&mut *db).await?;
    }
    Ok(letters.len() as u64)
}

/// Of what has come just now, what is of orders that were erased is kept without its content.
pub(crate) async fn keep_erased(
    db: &mut SqliteConnection,
    now: Timestamp,
    orders: &BTreeSet<OrderId>,
) -> Result<()> {
    for order in orders {
        let id = order.to_string();
        let sql = "SELECT 1 FROM orders WHERE order_id = ?1 AND erased_at IS NOT NULL";
        if sqlx::query(sql).bind(&id).fetch_optional(&mut *db).await?.is_some() {
            empty_messages(db, *order, &rfc3339(now)).await?;
            for sql in erasing::BESIDE {
                sqlx::query(sql).bind(&id).execute(&mut *db).await?;
            }
        }
    }
    Ok(())
}
