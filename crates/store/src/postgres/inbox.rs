//! The inbox in PostgreSQL: ingestion of messages.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use async_trait::async_trait;
use fulfillment_domain::OrderId;
use sqlx::PgConnection;
use uuid::Uuid;

use super::PgStore;
use super::rows::dead_letters::set_apart;
use super::rows::positions::advance;
use super::rows::values::At;
use crate::decide::facts::{Earlier, Facts, Known, earlier_columns};
use crate::decide::folding::{standing_columns, standing_from};
use crate::decide::headers;
use crate::decide::intake::{First, Intake, NewPayment};
use crate::decide::sql_values::clean;
use crate::sql::event_changes::{change_events, changed_events, number_events};
use crate::sql::recording::{drop_phantoms, mark, named, record};
use crate::sql::rows::attention::list_closed;
use crate::sql::rows::audit::audit_entered;
use crate::sql::rows::orders::{want, want_if_listed};
use crate::sql::rows::personal::keep_erased;
use crate::sql::settling::{Settling, settle};
use crate::sql::{COLLISIONS, collided};
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
        number_events(self, &intake).await?;
        for _ in 0..COLLISIONS {
            if let Some(outcomes) = self.try_ingest(&intake, reached, route, announcing).await? {
                return Ok(outcomes);
            }
        }
        Err(collided())
    }
}

impl PgStore {
    /// None when another batch wrote one of the keys after this one read them: nothing was written.
    async fn try_ingest(
        &self,
        intake: &Intake<'_>,
        reached: &[Position],
        route: &DeadLetterRoute,
        announcing: &Announcing,
    ) -> Result<Option<Vec<IngestOutcome>>> {
        let mut tx = self.begin().await?;
        let named = named(&mut tx, intake).await?;
        let (facts, locked) = facts(&mut tx, intake, &named).await?;
        let mut decided = intake.decide(facts);
        start_announced(&mut tx, &decided.started).await?;
        bind_imported(&mut tx, &decided.bound).await?;
        mark(&mut tx, &named).await?;
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
        let recorded = record(&mut tx, intake, &mut decided).await?;
        let to_settle = decided.to_settle.union(&recorded.orders).copied().collect();
        let changed = changed_events(intake);
        let work = Settling { rules: self.refunds, announcing, has_seats: false, noted: &changed };
        settle(&mut tx, &to_settle, work).await?;
        want_if_listed(&mut tx, &recorded.orders).await?;
        recorded.tell(&mut tx, &mut decided.outcomes).await?;
        change_events(&mut tx, intake, &mut decided, announcing).await?;
        set_apart(&mut tx, decided.dead_once(), route).await?;
        keep_erased(&mut tx, &decided.known_orders(intake), &decided.dead).await?;
        drop_phantoms(&mut tx, intake, &decided.outcomes, &locked).await?;
        audit_entered(&mut tx, intake, &decided.outcomes).await?;
        advance(&mut tx, reached).await?;
        tx.commit().await?;
        Ok(Some(decided.outcomes.into_iter().flatten().collect()))
    }
}

/// Creates the missing orders of new payments, refunds and cancellations, locks all that the batch writes about, and
/// returns what was recorded before, and which orders were only locked.
async fn facts(
    db: &mut PgConnection,
    intake: &Intake<'_>,
    named: &BTreeSet<OrderId>,
) -> Result<(Facts, BTreeSet<OrderId>)> {
    let known = known(db, &intake.keys()).await?;
    let firsts = intake.firsts(&known);
    let mut rows: BTreeMap<OrderId, Option<First<'_>>> = named.iter().map(|order| (*order, None)).collect();
    rows.extend(firsts.iter().map(|(order, first)| (*order, Some(*first))));
    let others = intake.touched(&known).into_iter().filter(|order| !rows.contains_key(order));
    let locked = existing(db, others.map(|order| order.0).collect()).await?;
    rows.extend(locked.iter().map(|order| (*order, None)));
    let made = make_orders(db, &rows).await?;
    let there: Vec<_> = firsts.keys().filter(|order| !made.contains(&order.0)).map(|order| order.0).collect();
    if there.is_empty() {
        return Ok((Facts { known, ..Facts::default() }, locked));
    }
    let sql = concat!("SELECT ", earlier_columns!(), " FROM orders WHERE order_id = ANY($1::uuid[])");
    let rows = sqlx::query(sql).bind(&there).fetch_all(&mut *db).await?;
    let earlier = rows.iter().map(Earlier::from_row).collect::<Result<_>>()?;
    let sql = concat!(
        "SELECT ",
        standing_columns!(),
        " FROM payments WHERE order_id = ANY($1::uuid[]) AND folded_into IS NULL ORDER BY received_at, key"
    );
    let rows = sqlx::query(sql).bind(there).fetch_all(db).await?;
    let standing = rows.iter().map(standing_from).collect::<Result<_>>()?;
    Ok((Facts { known, earlier, standing }, locked))
}

/// Those of these orders that exist.
async fn existing(db: &mut PgConnection, orders: Vec<Uuid>) -> Result<BTreeSet<OrderId>> {
    if orders.is_empty() {
        return Ok(BTreeSet::new());
    }
    let sql = "SELECT order_id FROM orders WHERE order_id = ANY($1::uuid[])";
    let found: Vec<Uuid> = sqlx::query_scalar(sql).bind(orders).fetch_all(db).await?;
    Ok(found.into_iter().map(OrderId).collect())
}

/// The payments recorded under these keys.
async fn known(db: &mut PgConnection, keys: &[&str]) -> Result<HashMap<String, Known>> {
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let sql = concat!("SELECT ", standing_columns!(), " FROM payments WHERE key = ANY($1::text[])");
    let rows = sqlx::query(sql).bind(keys).fetch_all(db).await?;
    rows.iter().map(Known::from_row).collect()
}

/// Creates orders and returns the new ones; without a payment they wait for it. The others are locked: an update whose
/// condition is false locks its row.
async fn make_orders(
    db: &mut PgConnection,
    rows: &BTreeMap<OrderId, Option<First<'_>>>,
) -> Result<HashSet<Uuid>> {
    if rows.is_empty() {
        return Ok(HashSet::new());
    }
    let sql = "INSERT INTO orders (order_id, state, reason, payment_key, traceparent, due_at, received_at, tried_since, \
               updated_at) \
               SELECT n.id, CASE WHEN n.key IS NULL THEN 'parked' ELSE 'received' END, \
               CASE WHEN n.key IS NULL THEN 'awaiting payment' END, coalesce(n.key, ''), n.trace, \
               CASE WHEN n.key IS NOT NULL THEN clock_timestamp() END, coalesce(n.at, clock_timestamp()), \
               coalesce(n.at, clock_timestamp()), clock_timestamp() \
               FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[]) AS n(id, key, trace, at) \
               ORDER BY n.id ON CONFLICT (order_id) DO UPDATE SET payment_key = orders.payment_key WHERE false \
               RETURNING order_id";
    let firsts = || rows.values().copied();
    let trace = |(_, message): First<'_>| message.traceparent.as_deref().map(|t| clean(t).into_owned());
    let made: Vec<Uuid> = sqlx::query_scalar(sql)
        .bind(rows.keys().map(|o| o.0).collect::<Vec<_>>())
        .bind(firsts().map(|first| first.map(|(key, _)| key)).collect::<Vec<_>>())
        .bind(firsts().map(|first| first.and_then(trace)).collect::<Vec<_>>())
        .bind(firsts().map(|first| first.map(|(_, m)| At(m.received_at))).collect::<Vec<_>>())
        .fetch_all(db)
        .await?;
    Ok(made.into_iter().collect())
}

/// Starts orders that refunds or cancellations created: their first payments have arrived.
async fn start_announced(db: &mut PgConnection, started: &BTreeMap<OrderId, First<'_>>) -> Result<()> {
    if started.is_empty() {
        return Ok(());
    }
    let sql = "UPDATE orders o SET state = 'received', reason = NULL, payment_key = n.key, traceparent = n.trace, \
               due_at = clock_timestamp(), parked_at = NULL, received_at = n.at, tried_since = n.at, \
               updated_at = clock_timestamp() \
               FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[]) AS n(id, key, trace, at) \
               WHERE o.order_id = n.id";
    sqlx::query(sql)
        .bind(started.keys().map(|o| o.0).collect::<Vec<_>>())
        .bind(started.values().map(|(key, _)| *key).collect::<Vec<_>>())
        .bind(started.values().map(|(_, m)| m.traceparent.as_deref().map(clean)).collect::<Vec<_>>())
        .bind(started.values().map(|(_, m)| At(m.received_at)).collect::<Vec<_>>())
        .execute(db)
        .await?;
    Ok(())
}

/// Binds imported orders to their first payments.
async fn bind_imported(db: &mut PgConnection, bound: &BTreeMap<OrderId, First<'_>>) -> Result<()> {
    if bound.is_empty() {
        return Ok(());
    }
    let (ids, keys): (Vec<_>, Vec<_>) = bound.iter().map(|(order, (key, _))| (order.0, *key)).unzip();
    let sql = "UPDATE orders o SET payment_key = n.key, updated_at = clock_timestamp() \
               FROM unnest($1::uuid[], $2::text[]) AS n(id, key) WHERE o.order_id = n.id";
    sqlx::query(sql).bind(ids).bind(keys).execute(db).await?;
    Ok(())
}

/// Counts repeats of recorded payments, and folds payments into others. Locked in sorted order, in one statement.
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

/// Writes payments and their raw messages; false when one of the keys exists by then.
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
