//! Messages and dead letters, emptied of personal data.

use std::collections::BTreeSet;

use fulfillment_domain::OrderId;
use sqlx::PgConnection;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::values::At;
use crate::Result;
use crate::shared::cells::Row as _;
use crate::shared::erasing::{self, letter_event};
use crate::shared::headers;

/// A column of bytes, and of text, with `$1` in it, a text as it stands in JSON. High bytes are escaped alike on both
/// sides.
macro_rules! mentions {
    (bytes $column:literal) => {
        concat!(
            "strpos(lower(encode(",
            $column,
            ", 'escape')), lower(encode(convert_to($1, 'UTF8'), 'escape'))) > 0"
        )
    };
    (text $column:literal) => {
        concat!("strpos(lower(", $column, "), lower($1)) > 0")
    };
}
pub(crate) use mentions;

/// Empties what was kept of an order's messages: raw ones, and dead letters with their events. Answers how many.
pub(crate) async fn empty_messages(db: &mut PgConnection, order: OrderId, now: At) -> Result<(u64, u64)> {
    let messages = sqlx::query(erasing::MESSAGES).bind(order.0).bind(now).execute(&mut *db).await?;
    let sql = concat!(
        "SELECT id, fingerprint FROM dead_letters WHERE length(raw) > 0 AND (order_id = $2 OR ",
        mentions!(bytes "raw"),
        ")"
    );
    let rows = sqlx::query(sql).bind(order.to_string()).bind(order.0).fetch_all(&mut *db).await?;
    Ok((messages.rows_affected(), empty_letters(db, &rows, now).await?))
}

/// Empties dead letters, and deletes their events. Answers how many.
pub(crate) async fn empty_letters(db: &mut PgConnection, letters: &[PgRow], now: At) -> Result<u64> {
    for row in letters {
        let (none, nothing) = (headers::encode(&[])?, Vec::<u8>::new());
        let id: i64 = row.number("id")?;
        let query = sqlx::query(erasing::LETTER).bind(id).bind(now).bind(nothing).bind(none);
        query.execute(&mut *db).await?;
        let sql = "DELETE FROM outbox WHERE event_id = $1";
        sqlx::query(sql).bind(letter_event(row)?).execute(&mut *db).await?;
    }
    Ok(letters.len() as u64)
}

/// Of what has come just now, what is of orders that were erased is kept without its content.
pub(crate) async fn keep_erased(db: &mut PgConnection, orders: &BTreeSet<OrderId>) -> Result<()> {
    if orders.is_empty() {
        return Ok(());
    }
    let sql = "SELECT order_id FROM orders WHERE order_id = ANY($1::uuid[]) AND erased_at IS NOT NULL";
    let ids: Vec<_> = orders.iter().map(|o| o.0).collect();
    let erased: Vec<Uuid> = sqlx::query_scalar(sql).bind(ids).fetch_all(&mut *db).await?;
    for order in erased.into_iter().map(OrderId) {
        let now: At = sqlx::query_scalar("SELECT clock_timestamp()").fetch_one(&mut *db).await?;
        empty_messages(db, order, now).await?;
        for sql in erasing::BESIDE {
            sqlx::query(sql).bind(order.0).execute(&mut *db).await?;
        }
    }
    Ok(())
}
