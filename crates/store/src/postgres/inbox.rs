//! Payments in.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use async_trait::async_trait;
use fulfillment_domain::OrderId;
use sqlx::PgConnection;
use uuid::Uuid;

use super::rows::attention::list_closed;
use super::rows::letters::set_apart;
use super::rows::orders::want;
use super::rows::personal::keep_erased;
use super::rows::positions::advance;
use super::rows::values::At;
use super::settling::{Settling, settle};
use super::{COLLISIONS, PgStore, collided};
use crate::shared::adopting::IMPORTED;
use crate::shared::cells::clean;
use crate::shared::folding::{Standing, standing_columns, standing_from};
use crate::shared::headers;
use crate::shared::intake::{Intake, Known, NewPayment};
use crate::{Announcing, DeadLetterRoute, Inbox, Incoming, IngestOutcome, Position, Positions as _, Result};

#[async_trait]
impl Inbox for PgStore {
    async fn ingest_read(
        &self,
        batch: &[Incoming],
        reached: &[Position],
        route: &DeadLetterRoute,
        announcing: &Announcing,
    ) -> Result<Vec<IngestOutcome>> {
        if batch.is_empty() {
            self.advance(reached).await?;
            return Ok(Vec::new());
        }
        let intake = Intake::new(batch);
        for _ in 0..COLLISIONS {
            if let Some(outcomes) = self.try_ingest(&intake, reached, route, announcing).await? {
                return Ok(outcomes);
            }
        }
        Err(collided())
    }
}

impl PgStore {
    /// None when another batch wrote one of the keys after this one looked: nothing was written.
    async fn try_ingest(
        &self,
        intake: &Intake<'_>,
        reached: &[Position],
        route: &DeadLetterRoute,
        announcing: &Announcing,
    ) -> Result<Option<Vec<IngestOutcome>>> {
        let mut tx = self.begin().await?;
        let known = known(&mut tx, &intake.keys()).await?;
        let mut withdrawn = BTreeSet::new();
        let mut inserted = insert_orders(&mut tx, intake, &known, &mut withdrawn).await?;
        let imported = bind_imported(&mut tx, intake, &known, &inserted, &mut withdrawn).await?;
        inserted.extend(&imported);
        let standing = standing(&mut tx, intake, &known, &inserted).await?;
        let mut decided = intake.decide(&known, &inserted, standing);
        if !insert_payments(&mut tx, &decided.payments).await? {
            tx.rollback().await?;
            return Ok(None);
        }
        change_payments(&mut tx, &decided.changes()).await?;
        let (more, times): (Vec<_>, Vec<_>) = decided.more().into_iter().unzip();
        if !more.is_empty() {
            let closed = want(&mut tx, &more, &times).await?;
            list_closed(&mut tx, &closed).await?;
        }
        set_apart(&mut tx, &decided.dead, route).await?;
        Intake::call_imported(&imported, &mut decided.outcomes);
        let mut known_orders = decided.known_orders();
        known_orders.extend(imported);
        let late = late(&mut tx, &decided.payments, &mut withdrawn).await?;
        intake.call_late(&late, &mut decided.outcomes);
        for order in withdrawn {
            settle(&mut tx, order, Settling { rules: self.refunds, announcing }).await?;
        }
        keep_erased(&mut tx, &known_orders).await?;
        advance(&mut tx, reached).await?;
        tx.commit().await?;
        Ok(Some(decided.outcomes))
    }
}

/// Marks payments that came after their orders were void, and answers with their keys. Orders that withdrawals
/// bear on are added to `withdrawn`. The orders' rows are locked: they met those that were to be inserted.
async fn late(
    db: &mut PgConnection,
    payments: &[NewPayment<'_>],
    withdrawn: &mut BTreeSet<OrderId>,
) -> Result<HashSet<String>> {
    let asked = |p: &&NewPayment<'_>| !p.accepted || withdrawn.contains(&p.payment.order_id);
    let orders: Vec<_> = payments.iter().filter(asked).map(|p| p.payment.order_id.0).collect();
    // One that is known under another key has come before.
    let keys: Vec<_> = payments.iter().filter(asked).filter(|p| p.is_new()).map(|p| p.key).collect();
    let mut late = HashSet::new();
    if orders.is_empty() {
        return Ok(late);
    }
    let sql = "SELECT order_id FROM orders WHERE order_id = ANY($1::uuid[]) \
               AND (withdrawn <> 0 OR voided_at IS NOT NULL)";
    let found: Vec<Uuid> = sqlx::query_scalar(sql).bind(&orders).fetch_all(&mut *db).await?;
    withdrawn.extend(found.into_iter().map(OrderId));
    let sql = "UPDATE payments p SET late = 1 FROM orders o WHERE p.key = ANY($1::text[]) \
               AND o.order_id = p.order_id AND o.voided_at IS NOT NULL RETURNING p.key";
    let keys: Vec<String> = sqlx::query_scalar(sql).bind(keys).fetch_all(db).await?;
    late.extend(keys);
    Ok(late)
}

/// The keys on record.
async fn known(db: &mut PgConnection, keys: &[&str]) -> Result<HashMap<String, Known>> {
    let sql = concat!("SELECT ", standing_columns!(), " FROM payments WHERE key = ANY($1::text[])");
    let rows = sqlx::query(sql).bind(keys).fetch_all(db).await?;
    rows.iter().map(Known::from_row).collect()
}

async fn insert_orders(
    db: &mut PgConnection,
    intake: &Intake<'_>,
    known: &HashMap<String, Known>,
    withdrawn: &mut BTreeSet<OrderId>,
) -> Result<HashSet<OrderId>> {
    let orders = intake.new_orders(known);
    if orders.is_empty() {
        return Ok(HashSet::new());
    }
    // A row without a payment was made by a refund or cancellation that came before it.
    let sql = "INSERT INTO orders (order_id, state, payment_key, traceparent, due_at, received_at, tried_since, \
               updated_at) \
               SELECT n.id, 'received', n.key, n.trace, clock_timestamp(), n.at, n.at, clock_timestamp() \
               FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[]) AS n(id, key, trace, at) \
               ORDER BY n.id ON CONFLICT (order_id) DO UPDATE SET state = excluded.state, reason = NULL, \
               payment_key = excluded.payment_key, traceparent = excluded.traceparent, due_at = excluded.due_at, \
               parked_at = NULL, received_at = excluded.received_at, tried_since = excluded.tried_since, \
               updated_at = excluded.updated_at WHERE orders.payment_key = '' RETURNING order_id, withdrawn";
    let rows: Vec<(Uuid, i64)> = sqlx::query_as(sql)
        .bind(orders.keys().map(|o| o.0).collect::<Vec<_>>())
        .bind(orders.values().map(|(key, _)| *key).collect::<Vec<_>>())
        .bind(orders.values().map(|(_, m)| m.traceparent.as_deref().map(clean)).collect::<Vec<_>>())
        .bind(orders.values().map(|(_, m)| At(m.received_at)).collect::<Vec<_>>())
        .fetch_all(db)
        .await?;
    withdrawn.extend(rows.iter().filter(|(_, w)| *w != 0).map(|(id, _)| OrderId(*id)));
    Ok(rows.into_iter().map(|(id, _)| OrderId(id)).collect())
}

/// Binds orders that were taken over to the first payment that comes, and answers with them.
async fn bind_imported(
    db: &mut PgConnection,
    intake: &Intake<'_>,
    known: &HashMap<String, Known>,
    inserted: &HashSet<OrderId>,
    withdrawn: &mut BTreeSet<OrderId>,
) -> Result<HashSet<OrderId>> {
    let orders = intake.new_orders(known);
    let there = orders.iter().filter(|(order, _)| !inserted.contains(order));
    let (ids, keys): (Vec<_>, Vec<_>) = there.map(|(order, (key, _))| (order.0, *key)).unzip();
    if ids.is_empty() {
        return Ok(HashSet::new());
    }
    let sql = "WITH held AS (SELECT order_id FROM orders WHERE order_id = ANY($1::uuid[]) AND payment_key = $3 \
               ORDER BY order_id FOR NO KEY UPDATE) \
               UPDATE orders o SET payment_key = n.key, updated_at = clock_timestamp() \
               FROM held JOIN unnest($1::uuid[], $2::text[]) AS n(id, key) ON n.id = held.order_id \
               WHERE o.order_id = held.order_id RETURNING o.order_id, o.withdrawn";
    let query = sqlx::query_as(sql).bind(ids).bind(keys).bind(IMPORTED);
    let rows: Vec<(Uuid, i64)> = query.fetch_all(db).await?;
    withdrawn.extend(rows.iter().filter(|(_, w)| *w != 0).map(|(id, _)| OrderId(*id)));
    Ok(rows.into_iter().map(|(id, _)| OrderId(id)).collect())
}

/// The payments of orders that were there before. Their rows are locked: they met those that were to be inserted.
async fn standing(
    db: &mut PgConnection,
    intake: &Intake<'_>,
    known: &HashMap<String, Known>,
    inserted: &HashSet<OrderId>,
) -> Result<Vec<(OrderId, Standing)>> {
    let orders = intake.new_orders(known).into_keys().filter(|order| !inserted.contains(order));
    let orders: Vec<_> = orders.map(|order| order.0).collect();
    if orders.is_empty() {
        return Ok(Vec::new());
    }
    let sql = concat!(
        "SELECT ",
        standing_columns!(),
        " FROM payments WHERE order_id = ANY($1::uuid[]) AND folded_into IS NULL ORDER BY received_at, key"
    );
    sqlx::query(sql).bind(orders).fetch_all(db).await?.iter().map(standing_from).collect()
}

/// Counts repeats of payments that were on record, and folds payments into others. Locked sorted, in one statement.
async fn change_payments(db: &mut PgConnection, changes: &BTreeMap<&str, (i64, Option<&str>)>) -> Result<()> {
    if changes.is_empty() {
        return Ok(());
    }
    let sql = "WITH held AS (SELECT key FROM payments WHERE key = ANY($1::text[]) ORDER BY key FOR NO KEY UPDATE) \
               UPDATE payments p SET duplicates = p.duplicates + n.repeats, \
               folded_into = coalesce(n.folded, p.folded_into) \
               FROM held JOIN unnest($1::text[], $2::bigint[], $3::text[]) AS n(key, repeats, folded) \
               ON n.key = held.key WHERE p.key = held.key";
    sqlx::query(sql)
        .bind(changes.keys().copied().collect::<Vec<_>>())
        .bind(changes.values().map(|(repeats, _)| *repeats).collect::<Vec<_>>())
        .bind(changes.values().map(|(_, folded)| *folded).collect::<Vec<_>>())
        .execute(db)
        .await?;
    Ok(())
}

/// Writes payments and their raw messages; false when one of the keys is there by now.
async fn insert_payments(db: &mut PgConnection, payments: &[NewPayment<'_>]) -> Result<bool> {
    macro_rules! column {
        ($p:ident => $value:expr) => {
            payments.iter().map(|$p| $value).collect::<Vec<_>>()
        };
    }
    if payments.is_empty() {
        return Ok(true);
    }
    let sql = "INSERT INTO payments (key, order_id, payment_id, customer_id, amount, currency, processed_at, \
               hash, outcome, duplicates, received_at, transaction_id, folded_into, late) \
               SELECT key, order_id, payment_id, customer_id, amount::numeric, currency, processed_at, hash, \
               outcome, duplicates, received_at, transaction_id, folded_into, late \
               FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], \
               $7::timestamptz[], $8::bytea[], $9::text[], $10::bigint[], $11::timestamptz[], $12::text[], \
               $13::text[], $14::bigint[]) \
               AS n(key, order_id, payment_id, customer_id, amount, currency, processed_at, hash, outcome, \
               duplicates, received_at, transaction_id, folded_into, late) ORDER BY key ON CONFLICT DO NOTHING";
    let done = sqlx::query(sql)
        .bind(column!(p => p.key))
        .bind(column!(p => p.payment.order_id.0))
        .bind(column!(p => p.payment.payment_id.as_deref().map(clean)))
        .bind(column!(p => p.payment.customer_id.as_deref().map(clean)))
        .bind(column!(p => p.payment.amount.map(|a| a.to_string())))
        .bind(column!(p => p.payment.currency.map(|c| c.to_string())))
        .bind(column!(p => p.payment.processed_at.map(At)))
        .bind(column!(p => &p.hash[..]))
        .bind(column!(p => p.outcome()))
        .bind(column!(p => p.duplicates))
        .bind(column!(p => At(p.message.received_at)))
        .bind(column!(p => p.payment.transaction_id.as_deref().map(clean)))
        .bind(column!(p => p.folded_into()))
        .bind(column!(p => p.arrival().stored()))
        .execute(&mut *db)
        .await?;
    if done.rows_affected() != payments.len() as u64 {
        return Ok(false);
    }
    let headers = payments.iter().map(|p| headers::encode(&p.message.headers)).collect::<Result<Vec<_>>>()?;
    let sql = "INSERT INTO inbox (payment_key, order_id, source, source_timestamp, key, raw, headers, outcome, \
               received_at) SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[], $4::bigint[], \
               $5::bytea[], $6::bytea[], $7::bytea[], $8::text[], $9::timestamptz[])";
    sqlx::query(sql)
        .bind(column!(p => p.key))
        .bind(column!(p => p.payment.order_id.0))
        .bind(column!(p => p.message.source.to_string().replace('\0', "")))
        .bind(column!(p => p.message.source.timestamp()))
        .bind(column!(p => p.message.key.as_deref()))
        .bind(column!(p => &p.message.raw[..]))
        .bind(headers)
        .bind(column!(p => p.outcome()))
        .bind(column!(p => At(p.message.received_at)))
        .execute(db)
        .await?;
    Ok(true)
}
