//! Removes personal data from messages and dead letters.

use std::collections::BTreeSet;

use fulfillment_domain::OrderId;
use jiff::Timestamp;
use uuid::Uuid;

use crate::Result;
use crate::decide::dead_letter::{DeadLetter, orders_named};
use crate::decide::erasing::{self, letter_event};
use crate::decide::headers;
use crate::decide::sql_values::{Row, SqlValue};
use crate::sql::Db;

/// How many letters are read at a time: one can be a megabyte.
const AT_A_TIME: usize = 32;

/// The dead letters that are about an order, by id, as [`empty_letters`] takes them. Each letter is read, as what arrives
/// later is: no index knows how a message spells an id.
pub(crate) async fn letters_of<D: Db>(db: &mut D, order: OrderId) -> Result<Vec<D::Row>> {
    let sql = "SELECT id, fingerprint, order_id, raw, key FROM dead_letters WHERE id > $1 AND length(raw) > 0 \
               ORDER BY id LIMIT $2";
    let mut letters = Vec::new();
    let mut after: i64 = 0;
    loop {
        let page = db.fetch_all(sql, &[after.into(), SqlValue::limit(AT_A_TIME)]).await?;
        let Some(last) = page.last() else { break };
        after = last.number("id")?;
        for row in &page {
            let about_it = row.uuid("order_id")? == Some(order.0);
            if about_it || names(row, order)? {
                // Without its content.
                let id: i64 = row.number("id")?;
                let sql = "SELECT id, fingerprint FROM dead_letters WHERE id = $1";
                letters.push(db.fetch_one(sql, &[id.into()]).await?);
            }
        }
    }
    Ok(letters)
}

fn names(letter: &impl Row, order: OrderId) -> Result<bool> {
    let texts = [letter.bytes("raw")?, letter.bytes("key")?];
    Ok(texts.iter().flatten().any(|text| orders_named(text).contains(&order)))
}

/// Empties dead letters, and deletes their events. Returns how many.
pub(crate) async fn empty_letters<R: Row>(db: &mut impl Db, letters: &[R], now: Timestamp) -> Result<u64> {
    for row in letters {
        let (nothing, none) = (SqlValue::Bytes(&[]), headers::encode(&[])?);
        let id: i64 = row.number("id")?;
        db.execute(erasing::LETTER, &[id.into(), now.into(), nothing, (&none).into()]).await?;
        db.execute("DELETE FROM outbox WHERE event_id = $1", &[letter_event(row)?.into()]).await?;
        let sql = "DELETE FROM people WHERE order_id = $1 AND letter_id = $2";
        db.execute(sql, &[OrderId(Uuid::nil()).into(), id.into()]).await?;
    }
    Ok(letters.len() as u64)
}

/// Empties what has just arrived for orders that were erased: `orders` are those that the messages name, and `dead` the
/// messages that became dead letters. The orders' rows are locked.
pub(crate) async fn keep_erased(
    db: &mut impl Db,
    orders: &BTreeSet<OrderId>,
    dead: &[DeadLetter<'_>],
) -> Result<()> {
    if orders.is_empty() {
        return Ok(());
    }
    let sql = "SELECT order_id FROM orders WHERE order_id @any($1) AND erased_at IS NOT NULL";
    let rows = db.fetch_all(sql, &[SqlValue::orders(orders.iter().copied())]).await?;
    let erased = rows.iter().map(Row::order_id).collect::<Result<BTreeSet<_>>>()?;
    if erased.is_empty() {
        return Ok(());
    }
    let now = db.now().await?;
    for order in &erased {
        db.execute(erasing::MESSAGES, &[(*order).into(), now.into()]).await?;
    }
    for letter in dead.iter().filter(|letter| letter.orders().any(|order| erased.contains(&order))) {
        let sql = "SELECT id, fingerprint FROM dead_letters WHERE fingerprint = $1 AND length(raw) > 0";
        let rows = db.fetch_all(sql, &[(&letter.fingerprint).into()]).await?;
        empty_letters(db, &rows, now).await?;
    }
    for order in &erased {
        for sql in erasing::BESIDE {
            db.execute(sql, &[(*order).into()]).await?;
        }
    }
    Ok(())
}
