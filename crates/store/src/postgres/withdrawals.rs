//! What takes tickets back.

use std::collections::HashSet;
use std::time::Duration;

use async_trait::async_trait;
use fulfillment_domain::{OrderId, Ticket, TicketId, Withdrawal};
use sqlx::PgConnection;
use uuid::Uuid;

use super::PgStore;
use super::attention::put;
use super::erasures::keep_erased;
use super::inbox::insert_letters;
use super::outbox::insert_events;
use super::positions::advance;
use super::refreshes::want_if_listed;
use super::rows::{At, micros, rows_at_most};
use crate::shared::cells::{Row, clean, need};
use crate::shared::folding::fold;
use crate::shared::headers;
use crate::shared::intake::DeadLetter;
use crate::shared::ticket::{seat_keys, ticket_columns, ticket_from};
use crate::shared::withdrawing::{
    CANCELLATIONS, Case, End, Heard, NewWithdrawal, Ruling, case_from, decide, heard_columns, paid_from, sql,
    voided_event, withdrawal_columns, withdrawal_from,
};
use crate::{
    Announcing, DeadLetterRoute, Incoming, Position, Positions as _, RefundRules, Result, WithdrawalOutcome,
    WithdrawalRecord, WithdrawalState, Withdrawals,
};

#[async_trait]
impl Withdrawals for PgStore {
    async fn withdraw_read(
        &self,
        batch: &[Incoming<Withdrawal>],
        reached: &[Position],
        dead_letters: &DeadLetterRoute,
        announcing: &Announcing,
    ) -> Result<Vec<WithdrawalOutcome>> {
        if batch.is_empty() {
            self.advance(reached).await?;
            return Ok(Vec::new());
        }
        let mut tx = self.begin().await?;
        lock_orders(&mut tx, batch).await?;
        let mut outcomes = Vec::with_capacity(batch.len());
        let mut dead = Vec::new();
        for message in batch {
            outcomes.push(match &message.content {
                Ok(said) => {
                    let work = Settling { rules: self.refunds, announcing };
                    record(&mut tx, work, message, said, &mut dead).await?
                }
                Err(why) => {
                    dead.push(DeadLetter::unreadable(message, why));
                    WithdrawalOutcome::DeadLettered(why.clone())
                }
            });
        }
        let mut seen = HashSet::new();
        dead.retain(|letter| seen.insert(letter.fingerprint));
        if !dead.is_empty() {
            let rows = insert_letters(&mut tx, &dead).await?;
            let new = dead.iter().filter_map(|d| rows.get(&d.fingerprint[..]).map(|id| (d, *id)));
            if !dead_letters.destinations.is_empty() {
                let events: Vec<_> = new.map(|(letter, id)| letter.event(id, dead_letters)).collect();
                insert_events(&mut tx, &events.iter().collect::<Vec<_>>()).await?;
            }
        }
        let orders = batch.iter().filter_map(|m| m.content.as_ref().ok()).map(Withdrawal::order_id).collect();
        keep_erased(&mut tx, &orders).await?;
        drop_phantoms(&mut tx, &outcomes).await?;
        advance(&mut tx, reached).await?;
        tx.commit().await?;
        Ok(outcomes)
    }

    async fn void_ticket(&self, id: TicketId, reason: &str, announcing: &Announcing) -> Result<bool> {
        let mut tx = self.begin().await?;
        // The order before its tickets, as everybody locks them.
        let sql = "SELECT order_id FROM orders WHERE order_id = (SELECT order_id FROM tickets WHERE id = $1) \
                   FOR NO KEY UPDATE";
        let Some(row) = sqlx::query(sql).bind(id.0).fetch_optional(&mut *tx).await? else { return Ok(false) };
        let order = row.order_id()?;
        let Some(case) = case(&mut tx, order, self.refunds).await? else { return Ok(false) };
        if !case.tickets.iter().any(|t| t.id == id && t.voided_at.is_none()) {
            return Ok(false);
        }
        let ruling = Ruling::void_of(&case, id, reason);
        carry_out(&mut tx, &case, &ruling, "operator", announcing).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn lift_withdrawal(&self, key: &str, reason: &str) -> Result<bool> {
        let mut tx = self.begin().await?;
        // The order first: whoever settles it at this moment has done with this refund, or has not begun.
        let sql = "SELECT order_id FROM orders WHERE order_id = (SELECT order_id FROM withdrawals WHERE key = $1) \
                   FOR NO KEY UPDATE";
        let key = clean(key);
        let Some(row) = sqlx::query(sql).bind(&key).fetch_optional(&mut *tx).await? else { return Ok(false) };
        let order = row.order_id()?;
        let sql = "UPDATE withdrawals SET state = 'lifted', note = $2, updated_at = clock_timestamp() \
                   WHERE key = $1 AND state IN ('waiting', 'parked')";
        let done =
            sqlx::query(sql).bind(&key).bind(clean(reason)).execute(&mut *tx).await?.rows_affected() == 1;
        if done {
            put_aside(&mut tx, order).await?;
            list_anew(&mut tx, order, self.refunds).await?;
        }
        tx.commit().await?;
        Ok(done)
    }

    async fn lift_unpaid(&self, order: OrderId, reason: &str) -> Result<bool> {
        let mut tx = self.begin().await?;
        let Some(now) = lock(&mut tx, order).await? else { return Ok(false) };
        let query = sqlx::query(sql::LIFT_UNPAID).bind(order.0).bind(clean(reason)).bind(now);
        let lifted = query.execute(&mut *tx).await?.rows_affected();
        if lifted > 0 {
            put_aside(&mut tx, order).await?;
        }
        tx.commit().await?;
        Ok(lifted > 0)
    }

    async fn park_overdue(&self, age: Duration, limit: usize) -> Result<usize> {
        let mut tx = self.begin().await?;
        let sql = "SELECT key, order_id, clock_timestamp() AS now FROM withdrawals WHERE state = 'waiting' \
                   AND received_at < clock_timestamp() - $1 * interval '1 microsecond' ORDER BY received_at, key LIMIT $2";
        let query = sqlx::query_as(sql).bind(micros(age)).bind(rows_at_most(limit));
        let overdue: Vec<(String, Uuid, At)> = query.fetch_all(&mut *tx).await?;
        let orders: Vec<Uuid> = overdue.iter().map(|(_, order, _)| *order).collect();
        let sql = "SELECT 1 FROM orders WHERE order_id = ANY($1::uuid[]) ORDER BY order_id FOR NO KEY UPDATE";
        sqlx::query(sql).bind(orders).execute(&mut *tx).await?;
        let mut parked = 0;
        for (key, _, now) in &overdue {
            let query = sqlx::query(sql::PARK_OVERDUE).bind(key).bind(now);
            parked += usize::try_from(query.execute(&mut *tx).await?.rows_affected()).unwrap_or(usize::MAX);
        }
        tx.commit().await?;
        Ok(parked)
    }

    async fn open_withdrawals(&self, limit: usize) -> Result<Vec<WithdrawalRecord>> {
        let sql = concat!(
            "SELECT ",
            withdrawal_columns!(),
            " FROM withdrawals w WHERE w.state IN ('waiting', 'parked') ORDER BY w.received_at, w.key LIMIT $1"
        );
        let rows = sqlx::query(sql).bind(rows_at_most(limit)).fetch_all(&self.pool).await?;
        rows.iter().map(withdrawal_from).collect()
    }
}

/// What an order's withdrawals are settled by.
#[derive(Clone, Copy)]
pub(super) struct Settling<'a> {
    pub(super) rules: RefundRules,
    pub(super) announcing: &'a Announcing,
}

/// Locks an order's row, and answers with the time; nothing when there is none.
pub(super) async fn lock(db: &mut PgConnection, order: OrderId) -> Result<Option<At>> {
    let sql = "SELECT clock_timestamp() AS now FROM orders WHERE order_id = $1 FOR NO KEY UPDATE";
    let row = sqlx::query(sql).bind(order.0).fetch_optional(db).await?;
    row.map(|row| Ok(At(need("now", row.time("now")?)?))).transpose()
}

/// Takes an order off the list that nobody has paid and of which nothing is left. Its row is locked.
async fn put_aside(db: &mut PgConnection, order: OrderId) -> Result<()> {
    let Some(now) = lock(db, order).await? else { return Ok(()) };
    sqlx::query(sql::PUT_ASIDE).bind(order.0).bind(sql::NOBODY_PAID).bind(now).execute(db).await?;
    Ok(())
}

/// Makes and locks the rows of the orders that are named, in their order: a payment that comes at this moment waits.
async fn lock_orders(db: &mut PgConnection, batch: &[Incoming<Withdrawal>]) -> Result<()> {
    let said = batch.iter().filter_map(|m| m.content.as_ref().ok().map(|said| (m, said)));
    let mut keys = HashSet::new();
    let (mut names, mut orders) = (Vec::new(), Vec::new());
    for (message, said) in said {
        let key = NewWithdrawal::new(message, said)?.key;
        // Only the first of a key can be new; another that names another order is set apart.
        if keys.insert(key.clone()) {
            names.push(key);
            orders.push(said.order_id().0);
        }
    }
    // One under a known key of another order makes no order: it is set apart.
    let sql = "INSERT INTO orders (order_id, state, reason, payment_key, withdrawn, received_at, tried_since, \
               updated_at) \
               SELECT n.id, 'parked', 'awaiting payment', '', 1, clock_timestamp(), \
               clock_timestamp(), clock_timestamp() \
               FROM (SELECT DISTINCT n.id FROM unnest($1::uuid[], $2::text[]) AS n(id, key) \
                     WHERE NOT EXISTS (SELECT 1 FROM withdrawals w WHERE w.key = n.key AND w.order_id <> n.id)) AS n \
               ORDER BY n.id ON CONFLICT (order_id) DO UPDATE SET withdrawn = 1";
    sqlx::query(sql).bind(orders).bind(names).execute(db).await?;
    Ok(())
}

/// Takes the rows away again that were made for refunds which turned out to be another order's, told at the same moment.
async fn drop_phantoms(db: &mut PgConnection, outcomes: &[WithdrawalOutcome]) -> Result<()> {
    let set_apart = outcomes.iter().filter_map(|outcome| match outcome {
        WithdrawalOutcome::Quarantined(order) => Some(order.0),
        _ => None,
    });
    let orders: Vec<Uuid> = set_apart.collect();
    if orders.is_empty() {
        return Ok(());
    }
    let sql = "DELETE FROM orders o WHERE o.order_id = ANY($1::uuid[]) AND o.payment_key = '' \
               AND NOT EXISTS (SELECT 1 FROM withdrawals w WHERE w.order_id = o.order_id)";
    sqlx::query(sql).bind(orders).execute(db).await?;
    Ok(())
}

/// Records one, and does what follows from it. Its order is locked.
async fn record<'a>(
    db: &mut PgConnection,
    work: Settling<'_>,
    message: &'a Incoming<Withdrawal>,
    said: &'a Withdrawal,
    dead: &mut Vec<DeadLetter<'a, Withdrawal>>,
) -> Result<WithdrawalOutcome> {
    let mut new = NewWithdrawal::new(message, said)?;
    let order = said.order_id();
    if new.is_untimed() {
        new.place(&sqlx::query(CANCELLATIONS).bind(order.0).fetch_all(&mut *db).await?)?;
    }
    if !insert(db, message, &new).await? {
        let sql = concat!("SELECT ", heard_columns!(), " FROM withdrawals WHERE key = $1 FOR NO KEY UPDATE");
        let row = sqlx::query(sql).bind(&new.key).fetch_one(&mut *db).await?;
        match new.hear(&row)? {
            Heard::Contradiction(field) => {
                dead.push(DeadLetter::quarantined(message, order, new.contradiction(field)));
                return Ok(WithdrawalOutcome::Quarantined(order));
            }
            Heard::Repeat => {
                let sql = "UPDATE withdrawals SET duplicates = duplicates + 1 WHERE key = $1";
                sqlx::query(sql).bind(&new.key).execute(db).await?;
                return Ok(WithdrawalOutcome::Duplicate(order));
            }
            Heard::Moved(moved) => {
                let sql = "UPDATE withdrawals SET state = $2, heard = $3, note = NULL, reason = coalesce($4, reason), \
                           said_at = coalesce($5, said_at), updated_at = clock_timestamp(), hash = $6, payment_key = $7, \
                           amount = $8::text::numeric, currency = $9, names = $10 WHERE key = $1";
                sqlx::query(sql)
                    .bind(&new.key)
                    .bind(moved.state.as_str())
                    .bind(moved.heard)
                    .bind(said.reason().map(clean))
                    .bind(said.said_at().map(At))
                    .bind(&moved.hash[..])
                    .bind(moved.payment_key)
                    .bind(moved.amount.map(|a| a.to_string()))
                    .bind(moved.currency.map(|c| c.to_string()))
                    .bind(clean(&moved.names))
                    .execute(&mut *db)
                    .await?;
                insert_raw(db, message, &new).await?;
            }
        }
    }
    // Its reason can be personal, and would stand in the tickets' void.
    let sql = "UPDATE withdrawals SET reason = NULL WHERE key = $1 \
               AND EXISTS (SELECT 1 FROM orders o WHERE o.order_id = withdrawals.order_id AND o.erased_at IS NOT NULL)";
    sqlx::query(sql).bind(&new.key).execute(&mut *db).await?;
    settle(db, order, work).await?;
    want_if_listed(db, order).await?;
    let sql = "SELECT state FROM withdrawals WHERE key = $1";
    let state = sqlx::query(sql).bind(&new.key).fetch_one(db).await?.word("state")?;
    Ok(WithdrawalOutcome::Recorded(order, state))
}

/// Writes one and its raw message; false when its key is there.
async fn insert(
    db: &mut PgConnection,
    message: &Incoming<Withdrawal>,
    new: &NewWithdrawal<'_>,
) -> Result<bool> {
    let sql = "INSERT INTO withdrawals (key, kind, order_id, payment_key, amount, currency, names, reason, said_at, \
               hash, state, received_at, updated_at, heard, note) \
               SELECT $1, $2, $3, $4, $5::text::numeric, $6, $7, $8, $9, $10, $11, $12, clock_timestamp(), $13, $14 \
               WHERE NOT EXISTS (SELECT 1 FROM withdrawals WHERE key = $1) ON CONFLICT (key) DO NOTHING";
    let done = sqlx::query(sql)
        .bind(&new.key)
        .bind(new.said.kind())
        .bind(new.said.order_id().0)
        .bind(&new.payment_key)
        .bind(new.amount.map(|a| a.to_string()))
        .bind(new.currency.map(|c| c.to_string()))
        .bind(clean(&new.names))
        .bind(new.said.reason().map(clean))
        .bind(new.said.said_at().map(At))
        .bind(&new.hash[..])
        .bind(new.state().as_str())
        .bind(At(message.received_at))
        .bind(new.heard())
        .bind(new.note())
        .execute(&mut *db)
        .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    insert_raw(db, message, new).await?;
    Ok(true)
}

async fn insert_raw(
    db: &mut PgConnection,
    message: &Incoming<Withdrawal>,
    new: &NewWithdrawal<'_>,
) -> Result<()> {
    let sql = "INSERT INTO inbox (payment_key, order_id, source, source_timestamp, key, raw, headers, \
               outcome, received_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    sqlx::query(sql)
        .bind(&new.key)
        .bind(new.said.order_id().0)
        .bind(message.source.to_string().replace('\0', ""))
        .bind(message.source.timestamp())
        .bind(message.key.as_deref())
        .bind(&message.raw[..])
        .bind(headers::encode(&message.headers)?)
        .bind(new.said.kind())
        .bind(At(message.received_at))
        .execute(db)
        .await?;
    Ok(())
}

/// Does what follows from an order's withdrawals, whatever has come of it by now. The order's row is locked.
pub(super) async fn settle(db: &mut PgConnection, order: OrderId, work: Settling<'_>) -> Result<()> {
    let Some(case) = case(db, order, work.rules).await? else { return Ok(()) };
    carry_out(db, &case, &decide(&case), Ruling::WHO, work.announcing).await
}

/// Lists what of the order needs a person now. Its row is locked.
pub(super) async fn list_anew(db: &mut PgConnection, order: OrderId, rules: RefundRules) -> Result<()> {
    let Some(case) = case(db, order, rules).await? else { return Ok(()) };
    let ruling = Ruling::default();
    put(db, order, ruling.reasons(&case), &ruling.attention(&case)).await
}

pub(super) async fn case(db: &mut PgConnection, order: OrderId, rules: RefundRules) -> Result<Option<Case>> {
    let sql = "SELECT order_id, state, payment_key, frozen_at, voided_at, traceparent, clock_timestamp() AS now \
               FROM orders WHERE order_id = $1";
    let Some(row) = sqlx::query(sql).bind(order.0).fetch_optional(&mut *db).await? else { return Ok(None) };
    let mut case = case_from(&row, need("now", row.time("now")?)?, rules)?;
    let sql = "SELECT key, amount::text AS amount, currency, processed_at, late, folded_into FROM payments \
               WHERE order_id = $1 ORDER BY key";
    let rows = sqlx::query(sql).bind(order.0).fetch_all(&mut *db).await?;
    case.set_payments(rows.iter().map(paid_from).collect::<Result<_>>()?);
    case.withdrawals = of_order(db, order).await?;
    fold(&mut case);
    let sql = "SELECT p.key FROM withdrawals w JOIN payments p ON p.key = w.payment_key \
               WHERE w.order_id = $1 AND p.order_id <> $1";
    for row in sqlx::query(sql).bind(order.0).fetch_all(&mut *db).await? {
        case.elsewhere.insert(need("key", row.text("key")?)?);
    }
    let sql =
        concat!("SELECT ", ticket_columns!(), " FROM tickets WHERE order_id = $1 ORDER BY ticket_index");
    let rows = sqlx::query(sql).bind(order.0).fetch_all(&mut *db).await?;
    case.tickets = rows.iter().map(ticket_from).collect::<Result<_>>()?;
    if case.asks_for_charges() {
        let sql = "SELECT snapshot FROM orders WHERE order_id = $1";
        let snapshot: Option<Vec<u8>> = sqlx::query_scalar(sql).bind(order.0).fetch_one(db).await?;
        if let Some(snapshot) = snapshot {
            case.set_charges(&snapshot);
        }
    }
    Ok(Some(case))
}

/// An order's withdrawals, oldest first.
pub(super) async fn of_order(db: &mut PgConnection, order: OrderId) -> Result<Vec<WithdrawalRecord>> {
    let sql = concat!(
        "SELECT ",
        withdrawal_columns!(),
        " FROM withdrawals w WHERE w.order_id = $1 ORDER BY w.received_at, w.key"
    );
    let rows = sqlx::query(sql).bind(order.0).fetch_all(db).await?;
    rows.iter().map(withdrawal_from).collect()
}

pub(super) async fn carry_out(
    db: &mut PgConnection,
    case: &Case,
    ruling: &Ruling,
    who: &str,
    announcing: &Announcing,
) -> Result<()> {
    for settled in &ruling.settled {
        let sql = "UPDATE withdrawals SET state = $2, note = $3, bound_to = coalesce($4, bound_to), \
                   was_applied = greatest(was_applied, $5), updated_at = clock_timestamp() WHERE key = $1";
        sqlx::query(sql)
            .bind(&settled.key)
            .bind(settled.state.as_str())
            .bind(settled.note.as_deref().map(clean))
            .bind(&settled.bound_to)
            .bind(i64::from(settled.state == WithdrawalState::Applied))
            .execute(&mut *db)
            .await?;
    }
    let voided = void(db, &ruling.voided, who).await?;
    let mut events = Vec::new();
    for ticket in &voided {
        pass_on_seat(db, ticket).await?;
        if ticket.sequence > 0 {
            events.push(voided_event(ticket, announcing, case.traceparent.as_deref())?);
        }
    }
    insert_events(db, &events.iter().collect::<Vec<_>>()).await?;
    if let Some(end) = &ruling.end {
        finish(db, case.order_id, end).await?;
    }
    put(db, case.order_id, ruling.reasons(case), &ruling.attention(case)).await
}

/// Voids live tickets; one that was announced counts its `ticket-voided`.
async fn void(db: &mut PgConnection, tickets: &[(TicketId, String)], who: &str) -> Result<Vec<Ticket>> {
    if tickets.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = tickets.iter().map(|(id, _)| id.0).collect();
    let sql = "WITH n AS (SELECT * FROM unnest($1::uuid[], $2::text[]) AS n(id, why)), \
               old AS (SELECT id FROM tickets WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE), \
               done AS (UPDATE tickets t SET voided_at = clock_timestamp(), void_reason = n.why, \
               sequence = t.sequence + CASE WHEN t.sequence > 0 THEN 1 ELSE 0 END, updated_at = clock_timestamp() \
               FROM n JOIN old ON old.id = n.id WHERE t.id = n.id RETURNING t.id, t.status, n.why) \
               INSERT INTO ticket_history (ticket_id, at, from_status, to_status, who, why) \
               SELECT id, clock_timestamp(), status, status, $3, 'voided: ' || why FROM done";
    let reasons: Vec<&str> = tickets.iter().map(|(_, why)| why.as_str()).collect();
    sqlx::query(sql).bind(&ids).bind(reasons).bind(who).execute(&mut *db).await?;
    let sql = concat!(
        "SELECT ",
        ticket_columns!(),
        " FROM tickets WHERE id = ANY($1::uuid[]) ORDER BY ticket_index"
    );
    let rows = sqlx::query(sql).bind(ids).fetch_all(db).await?;
    rows.iter().map(ticket_from).collect()
}

/// Writes an order's end. A worker that has it in hand is fenced off where the order is void.
async fn finish(db: &mut PgConnection, order: OrderId, end: &End) -> Result<()> {
    let (state, why) = end.told();
    let sql = if *end == End::Issued {
        "UPDATE orders SET state = $2, reason = $3, worker = NULL, parked_at = NULL, attempts = 0, deaths = 0, \
         due_at = CASE WHEN refresh > 0 THEN clock_timestamp() END, updated_at = clock_timestamp() WHERE order_id = $1"
    } else {
        "UPDATE orders SET state = $2, reason = $3, worker = NULL, due_at = NULL, \
         parked_at = CASE WHEN $2 = 'parked' THEN coalesce(parked_at, clock_timestamp()) END, fence = fence + 1, \
         voided_at = coalesce(voided_at, clock_timestamp()), updated_at = clock_timestamp() WHERE order_id = $1"
    };
    sqlx::query(sql).bind(order.0).bind(state.as_str()).bind(why.map(clean)).execute(db).await?;
    Ok(())
}

/// Gives a voided ticket's seat to the next live ticket that has it, or frees it.
pub(super) async fn pass_on_seat(db: &mut PgConnection, voided: &Ticket) -> Result<()> {
    for seat in seat_keys(voided) {
        pass_on(db, voided, &seat).await?;
    }
    Ok(())
}

async fn pass_on(db: &mut PgConnection, voided: &Ticket, seat: &str) -> Result<()> {
    let sql =
        "SELECT ticket_id FROM seats WHERE event_id = $1 AND seat_key = $2 AND ticket_id = $3 FOR UPDATE";
    let query = sqlx::query(sql).bind(&voided.event_id).bind(seat).bind(voided.id.0);
    if query.fetch_optional(&mut *db).await?.is_none() {
        return Ok(());
    }
    let sql = "SELECT id FROM tickets WHERE event_id = $1 AND seat_key = $2 AND voided_at IS NULL \
               AND strpos(flags, 'seat_conflict') > 0 ORDER BY created_at, id LIMIT 1";
    let heir: Option<Uuid> =
        sqlx::query_scalar(sql).bind(&voided.event_id).bind(seat).fetch_optional(&mut *db).await?;
    if let Some(heir) = heir {
        let sql = "UPDATE seats SET ticket_id = $3 WHERE event_id = $1 AND seat_key = $2";
        sqlx::query(sql).bind(&voided.event_id).bind(seat).bind(heir).execute(db).await?;
    } else {
        let sql = "DELETE FROM seats WHERE event_id = $1 AND seat_key = $2";
        sqlx::query(sql).bind(&voided.event_id).bind(seat).execute(db).await?;
    }
    Ok(())
}
