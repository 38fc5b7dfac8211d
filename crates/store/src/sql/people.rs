//! The index of people.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use fulfillment_domain::OrderId;
use serde_json::json;
use uuid::Uuid;

use super::rows::search::{self, LockedOrder};
use super::{Db, Sql, Transaction as _};
use crate::Result;
use crate::decide::sql_values::{Row, SqlValue, need};
use crate::people::{FoundIn, People, PersonKey, ReadKeys};

/// The order's id of what is not an order.
const NO_ORDER: OrderId = OrderId(Uuid::nil());

/// Orders read for the lists alone, for each that may be read for people.
const UNLISTED: usize = 5;

/// Orders and dead letters by their entries in the index. By `$1`, what similar addresses have in common.
pub(crate) const ALIKE: &str = "SELECT p.order_id, p.letter_id, p.hash, o.order_id AS owner FROM people p \
     LEFT JOIN dead_letters l ON l.id = p.letter_id LEFT JOIN orders o ON o.order_id = l.order_id WHERE p.alike = $1";

#[async_trait]
impl<S: Sql> People for S {
    async fn note_people(&self, limit: usize, keys: ReadKeys<'_>) -> Result<usize> {
        let waiting = "SELECT 1 WHERE EXISTS (SELECT 1 FROM index_unread) OR EXISTS (SELECT 1 FROM people_backfill \
                       WHERE orders_after IS NOT NULL OR letters_after IS NOT NULL) \
                       OR EXISTS (SELECT 1 FROM search_backfill WHERE orders_after IS NOT NULL)";
        if !self.read().await?.exists(waiting, &[]).await? {
            return Ok(0);
        }
        let mut tx = self.begin().await?;
        tx.without_limit().await?;
        let mut batch = Batch::default();
        batch.take_queued(&mut tx, limit).await?;
        batch.take_earlier(&mut tx, limit.saturating_sub(batch.orders.len() + batch.letters.len())).await?;
        batch.take_unlisted(&mut tx, limit.saturating_sub(batch.orders.len() + batch.letters.len())).await?;
        let read = batch.orders.len() + batch.letters.len() + batch.unlisted.len();
        // An order that is erased meanwhile enters the index no more: its row is locked until the end.
        let sql = "SELECT order_id, received_at, erased_at FROM orders WHERE order_id @any($1) ORDER BY order_id @lock";
        let all = SqlValue::orders(batch.orders.union(&batch.unlisted).copied());
        let rows = tx.fetch_all(sql, &[all]).await?;
        let locked = rows.iter().map(locked_from).collect::<Result<Vec<_>>>()?;
        let open = locked.iter().filter(|order| !order.is_erased && batch.orders.contains(&order.order_id));
        let open: Vec<_> = open.map(|order| order.order_id).collect();
        // What was queued is deleted before its texts are read: whatever is written after this read is queued again.
        batch.unqueue(&mut tx).await?;
        search::index(&mut tx, &locked).await?;
        let mut noted = BTreeMap::<(OrderId, i64), BTreeSet<PersonKey>>::new();
        for (order, text) in texts_of_orders(&mut tx, &open).await? {
            noted.entry((order, 0)).or_default().extend(keys(&text));
        }
        for letter in &batch.letters {
            for text in texts_of_letter(&mut tx, *letter).await? {
                noted.entry((NO_ORDER, *letter)).or_default().extend(keys(&text));
            }
        }
        let people = noted.iter().flat_map(|(of, people)| people.iter().map(move |person| (of, person)));
        let people = people.map(|((order, letter), person)| {
            json!({ "order_id": order.0, "letter_id": letter, "hash": hex::encode(person.hash),
                "alike": hex::encode(person.alike) })
        });
        let people: Vec<_> = people.collect();
        if !people.is_empty() {
            let sql = "INSERT INTO people (order_id, letter_id, hash, alike) \
                       SELECT n.order_id, n.letter_id, @unhex(n.hash), @unhex(n.alike) \
                       FROM @records(order_id uuid, letter_id bigint, hash text, alike text) WHERE TRUE \
                       ON CONFLICT DO NOTHING";
            tx.execute(sql, &[serde_json::Value::from(people).to_string().into()]).await?;
        }
        tx.commit().await?;
        Ok(read)
    }

    async fn people_alike(&self, alike: &[u8; 16]) -> Result<Vec<(FoundIn, [u8; 16])>> {
        let rows = self.read().await?.fetch_all(ALIKE, &[alike.into()]).await?;
        let found = rows.iter().map(|row| {
            let letter: i64 = row.number("letter_id")?;
            let found_in = match (letter, row.uuid("owner")?) {
                (0, _) => FoundIn::Order(row.order_id()?),
                (_, Some(owner)) => FoundIn::Order(OrderId(owner)),
                (letter, None) => FoundIn::Letter(letter),
            };
            Ok((found_in, need("hash", row.array("hash")?)?))
        });
        found.collect()
    }

    async fn texts_of(&self, found_in: FoundIn) -> Result<Vec<Vec<u8>>> {
        let mut tx = self.snapshot().await?;
        let texts = match found_in {
            FoundIn::Order(order) => {
                let texts = texts_of_orders(&mut tx, &[order]).await?;
                let mut texts: Vec<_> = texts.into_iter().map(|(_, text)| text).collect();
                let sql = "SELECT raw FROM dead_letters WHERE order_id = $1";
                for row in tx.fetch_all(sql, &[order.into()]).await? {
                    texts.extend(row.bytes("raw")?);
                }
                texts
            }
            FoundIn::Letter(letter) => texts_of_letter(&mut tx, letter).await?,
        };
        tx.commit().await?;
        Ok(texts)
    }
}

fn locked_from(row: &impl Row) -> Result<LockedOrder> {
    Ok(LockedOrder {
        order_id: row.order_id()?,
        received_at: need("received_at", row.time("received_at")?)?,
        is_erased: row.time("erased_at")?.is_some(),
    })
}

/// What one call reads.
#[derive(Default)]
struct Batch {
    orders: BTreeSet<OrderId>,
    letters: BTreeSet<i64>,
    /// Orders that are read for the lists alone.
    unlisted: BTreeSet<OrderId>,
    /// The last entry of the queue.
    last: i64,
}

impl Batch {
    async fn take_queued<D: Db>(&mut self, db: &mut D, limit: usize) -> Result<()> {
        if D::LOCKS {
            // Where an older program that runs beside this one queues what it writes, and what it left there.
            let sql = "WITH moved AS (DELETE FROM people_unread RETURNING order_id, letter_id) \
                       INSERT INTO index_unread (order_id, letter_id) SELECT order_id, letter_id FROM moved";
            db.execute(sql, &[]).await?;
        }
        let sql = "SELECT id, order_id, letter_id FROM index_unread ORDER BY id LIMIT $1";
        for row in db.fetch_all(sql, &[SqlValue::limit(limit)]).await? {
            self.last = row.number("id")?;
            match row.number("letter_id")? {
                0 => self.orders.insert(row.order_id()?),
                letter => self.letters.insert(letter),
            };
        }
        Ok(())
    }

    /// Takes rows from before the index, and remembers how far.
    async fn take_earlier(&mut self, db: &mut impl Db, limit: usize) -> Result<()> {
        let sql = "SELECT orders_after AS order_id, letters_after FROM people_backfill WHERE id = 1 @lock";
        let row = db.fetch_one(sql, &[]).await?;
        if let Some(after) = row.uuid("order_id")? {
            let sql = "SELECT order_id FROM orders WHERE order_id > $1 ORDER BY order_id LIMIT $2";
            let rows = db.fetch_all(sql, &[after.into(), SqlValue::limit(limit)]).await?;
            let last = rows.last().map(Row::order_id).transpose()?;
            for row in &rows {
                self.orders.insert(row.order_id()?);
            }
            if limit > 0 {
                let sql = "UPDATE people_backfill SET orders_after = $1 WHERE id = 1";
                db.execute(sql, &[last.map(|order| order.0).into()]).await?;
            }
        }
        if let Some(after) = row.int("letters_after")? {
            let sql = "SELECT id FROM dead_letters WHERE id > $1 ORDER BY id LIMIT $2";
            let rows = db.fetch_all(sql, &[after.into(), SqlValue::limit(limit)]).await?;
            let ids = rows.iter().map(|row| row.number("id")).collect::<Result<Vec<i64>>>()?;
            if limit > 0 {
                let sql = "UPDATE people_backfill SET letters_after = $1 WHERE id = 1";
                db.execute(sql, &[ids.last().copied().into()]).await?;
            }
            self.letters.extend(ids);
        }
        Ok(())
    }

    /// Takes orders that are to be read anew for the lists, of which less is read than for people.
    async fn take_unlisted(&mut self, db: &mut impl Db, limit: usize) -> Result<()> {
        if limit == 0 {
            return Ok(());
        }
        let sql = "SELECT orders_after AS order_id FROM search_backfill WHERE id = 1 @lock";
        let Some(after) = db.fetch_one(sql, &[]).await?.uuid("order_id")? else { return Ok(()) };
        let sql = "SELECT order_id FROM orders WHERE order_id > $1 ORDER BY order_id LIMIT $2";
        let rows =
            db.fetch_all(sql, &[after.into(), SqlValue::limit(limit.saturating_mul(UNLISTED))]).await?;
        let orders = rows.iter().map(Row::order_id).collect::<Result<Vec<_>>>()?;
        let sql = "UPDATE search_backfill SET orders_after = $1 WHERE id = 1";
        db.execute(sql, &[orders.last().map(|order| order.0).into()]).await?;
        self.unlisted.extend(orders);
        Ok(())
    }

    async fn unqueue(&self, db: &mut impl Db) -> Result<()> {
        let sql = "DELETE FROM index_unread WHERE order_id @any($1) AND id <= $2 AND letter_id = 0";
        let orders = SqlValue::orders(self.orders.iter().copied());
        db.execute(sql, &[orders, self.last.into()]).await?;
        for letter in &self.letters {
            let sql = "DELETE FROM index_unread WHERE letter_id = $1 AND id <= $2";
            db.execute(sql, &[(*letter).into(), self.last.into()]).await?;
        }
        Ok(())
    }
}

async fn texts_of_orders(db: &mut impl Db, orders: &[OrderId]) -> Result<Vec<(OrderId, Vec<u8>)>> {
    let mut texts = Vec::new();
    if orders.is_empty() {
        return Ok(texts);
    }
    let orders = [SqlValue::orders(orders.iter().copied())];
    let sql = "SELECT order_id, customer_email, customer_name, holder_email, holder_name, void_reason \
               FROM tickets WHERE order_id @any($1)";
    for row in db.fetch_all(sql, &orders).await? {
        for column in ["customer_email", "customer_name", "holder_email", "holder_name", "void_reason"] {
            if let Some(text) = row.text(column)? {
                texts.push((row.order_id()?, text.into_bytes()));
            }
        }
    }
    for sql in [
        "SELECT t.order_id, d.draft AS content FROM ticket_drafts d JOIN tickets t ON t.id = d.ticket_id \
         WHERE t.order_id @any($1)",
        "SELECT t.order_id, r.record AS content FROM ticket_revisions r JOIN tickets t ON t.id = r.ticket_id \
         WHERE t.order_id @any($1)",
        "SELECT t.order_id, r.why AS content FROM ticket_revisions r JOIN tickets t ON t.id = r.ticket_id \
         WHERE t.order_id @any($1) AND r.why IS NOT NULL",
        "SELECT t.order_id, c.override_reason AS content FROM check_ins c JOIN tickets t ON t.id = c.ticket_id \
         WHERE t.order_id @any($1) AND c.override_reason IS NOT NULL",
    ] {
        for row in db.fetch_all(sql, &orders).await? {
            texts.push((row.order_id()?, need("content", row.text("content")?)?.into_bytes()));
        }
    }
    for sql in [
        "SELECT order_id, snapshot AS content FROM orders WHERE order_id @any($1) AND snapshot IS NOT NULL",
        "SELECT order_id, refused_answer AS content FROM orders WHERE order_id @any($1) \
         AND refused_answer IS NOT NULL",
        "SELECT order_id, raw AS content FROM inbox WHERE order_id @any($1) AND raw IS NOT NULL",
    ] {
        for row in db.fetch_all(sql, &orders).await? {
            texts.push((row.order_id()?, need("content", row.bytes("content")?)?));
        }
    }
    Ok(texts)
}

async fn texts_of_letter(db: &mut impl Db, letter: i64) -> Result<Vec<Vec<u8>>> {
    let row = db.fetch_optional("SELECT raw FROM dead_letters WHERE id = $1", &[letter.into()]).await?;
    row.iter().filter_map(|row| row.bytes("raw").transpose()).collect()
}
