//! What takes tickets back.

use std::time::Duration;

use async_trait::async_trait;
use fulfillment_domain::{OrderId, OutboxEvent, Ticket, TicketId, Withdrawal};
use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::SqliteStore;
use super::attention::put;
use super::erasures::keep_erased;
use super::inbox::insert_letter;
use super::outbox::insert_events;
use super::positions::advance;
use super::refreshes::want_if_listed;
use super::rows::{Transition, note};
use crate::shared::cells::{Row, clean, need, rfc3339};
use crate::shared::folding::fold;
use crate::shared::intake::DeadLetter;
use crate::shared::ticket::{seat_keys, ticket_columns, ticket_from};
use crate::shared::withdrawing::{
    CANCELLATIONS, Case, End, Heard, NewWithdrawal, Ruling, case_from, decide, heard_columns, paid_from, sql,
    voided_event, withdrawal_columns, withdrawal_from,
};
use crate::shared::{earlier, headers};
use crate::{
    Announcing, DeadLetterRoute, Incoming, Position, Positions as _, RefundRules, Result, WithdrawalOutcome,
    WithdrawalRecord, WithdrawalState, Withdrawals,
};

#[async_trait]
impl Withdrawals for SqliteStore {
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
        let now = self.now();
        let mut outcomes = Vec::with_capacity(batch.len());
        let mut dead = Vec::new();
        for message in batch {
            outcomes.push(match &message.content {
                Ok(said) => {
                    let work = Settling { now, rules: self.refunds, announcing };
                    record(&mut tx, work, message, said, &mut dead).await?
                }
                Err(why) => {
                    dead.push(DeadLetter::unreadable(message, why));
                    WithdrawalOutcome::DeadLettered(why.clone())
                }
            });
        }
        let mut events = Vec::new();
        for letter in &dead {
            if let Some(id) = insert_letter(&mut tx, letter).await?
                && !dead_letters.destinations.is_empty()
            {
                events.push(letter.event(id, dead_letters));
            }
        }
        insert_events(&mut tx, now, &events).await?;
        let orders = batch.iter().filter_map(|m| m.content.as_ref().ok()).map(Withdrawal::order_id).collect();
        keep_erased(&mut tx, now, &orders).await?;
        advance(&mut tx, now, reached).await?;
        tx.commit().await?;
        Ok(outcomes)
    }

    async fn void_ticket(&self, id: TicketId, reason: &str, announcing: &Announcing) -> Result<bool> {
        let mut tx = self.begin().await?;
        let now = self.now();
        let sql = "SELECT order_id FROM tickets WHERE id = ?1 AND voided_at IS NULL";
        let Some(row) = sqlx::query(sql).bind(id.to_string()).fetch_optional(&mut *tx).await? else {
            return Ok(false);
        };
        let order = row.order_id()?;
        let Some(case) = case(&mut tx, now, order, self.refunds).await? else { return Ok(false) };
        let ruling = Ruling::void_of(&case, id, reason);
        carry_out(&mut tx, &case, &ruling, "operator", announcing).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn lift_withdrawal(&self, key: &str, reason: &str) -> Result<bool> {
        let mut tx = self.begin().await?;
        let now = self.now();
        let sql = "UPDATE withdrawals SET state = 'lifted', note = ?2, updated_at = ?3 \
                   WHERE key = ?1 AND state IN ('waiting', 'parked') RETURNING order_id";
        let query = sqlx::query(sql).bind(key).bind(clean(reason)).bind(rfc3339(now));
        let Some(row) = query.fetch_optional(&mut *tx).await? else { return Ok(false) };
        let order = row.order_id()?;
        put_aside(&mut tx, now, order).await?;
        list_anew(&mut tx, now, order, self.refunds).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn lift_unpaid(&self, order: OrderId, reason: &str) -> Result<bool> {
        let mut tx = self.begin().await?;
        let now = self.now();
        let query = sqlx::query(sql::LIFT_UNPAID).bind(order.to_string()).bind(clean(reason));
        let lifted = query.bind(rfc3339(now)).execute(&mut *tx).await?.rows_affected();
        if lifted > 0 {
            put_aside(&mut tx, now, order).await?;
        }
        tx.commit().await?;
        Ok(lifted > 0)
    }

    async fn park_overdue(&self, age: Duration, limit: usize) -> Result<usize> {
        let mut tx = self.begin().await?;
        let now = self.now();
        let sql = "SELECT key FROM withdrawals WHERE state = 'waiting' AND received_at < ?1 \
                   ORDER BY received_at, key LIMIT ?2";
        let query = sqlx::query_scalar(sql).bind(rfc3339(earlier(now, age)));
        let keys: Vec<String> =
            query.bind(i64::try_from(limit).unwrap_or(i64::MAX)).fetch_all(&mut *tx).await?;
        for key in &keys {
            sqlx::query(sql::PARK_OVERDUE).bind(key).bind(rfc3339(now)).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(keys.len())
    }

    async fn open_withdrawals(&self, limit: usize) -> Result<Vec<WithdrawalRecord>> {
        let sql = concat!(
            "SELECT ",
            withdrawal_columns!(),
            " FROM withdrawals w WHERE w.state IN ('waiting', 'parked') ORDER BY w.received_at, w.key LIMIT ?1"
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = sqlx::query(sql).bind(limit).fetch_all(&self.read).await?;
        rows.iter().map(withdrawal_from).collect()
    }
}

/// What an order's withdrawals are settled by.
#[derive(Clone, Copy)]
pub(super) struct Settling<'a> {
    pub(super) now: Timestamp,
    pub(super) rules: RefundRules,
    pub(super) announcing: &'a Announcing,
}

/// Takes an order off the list that nobody has paid and of which nothing is left.
async fn put_aside(db: &mut SqliteConnection, now: Timestamp, order: OrderId) -> Result<()> {
    let query = sqlx::query(sql::PUT_ASIDE).bind(order.to_string()).bind(sql::NOBODY_PAID);
    query.bind(rfc3339(now)).execute(db).await?;
    Ok(())
}

/// Records one, and does what follows from it.
async fn record<'a>(
    db: &mut SqliteConnection,
    work: Settling<'_>,
    message: &'a Incoming<Withdrawal>,
    said: &'a Withdrawal,
    dead: &mut Vec<DeadLetter<'a, Withdrawal>>,
) -> Result<WithdrawalOutcome> {
    let mut new = NewWithdrawal::new(message, said)?;
    let (order, now) = (said.order_id(), rfc3339(work.now));
    if new.is_untimed() {
        new.place(&sqlx::query(CANCELLATIONS).bind(order.to_string()).fetch_all(&mut *db).await?)?;
    }
    let sql = concat!("SELECT ", heard_columns!(), " FROM withdrawals WHERE key = ?1");
    match sqlx::query(sql).bind(&new.key).fetch_optional(&mut *db).await? {
        None => {
            let sql = "INSERT INTO orders (order_id, state, reason, payment_key, withdrawn, received_at, tried_since, \
                       updated_at) VALUES (?1, 'parked', 'awaiting payment', '', 1, ?2, ?2, ?2) \
                       ON CONFLICT (order_id) DO UPDATE SET withdrawn = 1";
            sqlx::query(sql).bind(order.to_string()).bind(&now).execute(&mut *db).await?;
            insert(db, &now, message, &new).await?;
        }
        Some(row) => match new.hear(&row)? {
            Heard::Contradiction(field) => {
                dead.push(DeadLetter::quarantined(message, order, new.contradiction(field)));
                return Ok(WithdrawalOutcome::Quarantined(order));
            }
            Heard::Repeat => {
                let sql = "UPDATE withdrawals SET duplicates = duplicates + 1 WHERE key = ?1";
                sqlx::query(sql).bind(&new.key).execute(db).await?;
                return Ok(WithdrawalOutcome::Duplicate(order));
            }
            Heard::Moved(moved) => {
                let sql = "UPDATE withdrawals SET state = ?2, heard = ?3, note = NULL, reason = coalesce(?4, reason), \
                           said_at = coalesce(?5, said_at), updated_at = ?6, hash = ?7, payment_key = ?8, \
                           amount = ?9, currency = ?10, names = ?11 WHERE key = ?1";
                sqlx::query(sql)
                    .bind(&new.key)
                    .bind(moved.state.as_str())
                    .bind(moved.heard)
                    .bind(said.reason().map(clean))
                    .bind(said.said_at().map(rfc3339))
                    .bind(&now)
                    .bind(&moved.hash[..])
                    .bind(moved.payment_key)
                    .bind(moved.amount.map(|a| a.to_string()))
                    .bind(moved.currency.map(|c| c.to_string()))
                    .bind(clean(&moved.names))
                    .execute(&mut *db)
                    .await?;
                insert_raw(db, message, &new).await?;
            }
        },
    }
    // Its reason can be personal, and would stand in the tickets' void.
    let sql = "UPDATE withdrawals SET reason = NULL WHERE key = ?1 \
               AND EXISTS (SELECT 1 FROM orders o WHERE o.order_id = withdrawals.order_id AND o.erased_at IS NOT NULL)";
    sqlx::query(sql).bind(&new.key).execute(&mut *db).await?;
    settle(db, order, work).await?;
    want_if_listed(db, work.now, order).await?;
    let sql = "SELECT state FROM withdrawals WHERE key = ?1";
    let state = sqlx::query(sql).bind(&new.key).fetch_one(db).await?.word("state")?;
    Ok(WithdrawalOutcome::Recorded(order, state))
}

async fn insert(
    db: &mut SqliteConnection,
    now: &str,
    message: &Incoming<Withdrawal>,
    new: &NewWithdrawal<'_>,
) -> Result<()> {
    let sql = "INSERT INTO withdrawals (key, kind, order_id, payment_key, amount, currency, names, reason, said_at, \
               hash, state, received_at, updated_at, heard, note) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";
    sqlx::query(sql)
        .bind(&new.key)
        .bind(new.said.kind())
        .bind(new.said.order_id().to_string())
        .bind(&new.payment_key)
        .bind(new.amount.map(|a| a.to_string()))
        .bind(new.currency.map(|c| c.to_string()))
        .bind(clean(&new.names))
        .bind(new.said.reason().map(clean))
        .bind(new.said.said_at().map(rfc3339))
        .bind(&new.hash[..])
        .bind(new.state().as_str())
        .bind(rfc3339(message.received_at))
        .bind(now)
        .bind(new.heard())
        .bind(new.note())
        .execute(&mut *db)
        .await?;
    insert_raw(db, message, new).await
}

async fn insert_raw(
    db: &mut SqliteConnection,
    message: &Incoming<Withdrawal>,
    new: &NewWithdrawal<'_>,
) -> Result<()> {
    let sql = "INSERT INTO inbox (payment_key, order_id, source, source_timestamp, key, raw, headers, \
               outcome, received_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    sqlx::query(sql)
        .bind(&new.key)
        .bind(new.said.order_id().to_string())
        .bind(message.source.to_string())
        .bind(message.source.timestamp())
        .bind(message.key.as_deref())
        .bind(&message.raw[..])
        .bind(headers::encode(&message.headers)?)
        .bind(new.said.kind())
        .bind(rfc3339(message.received_at))
        .execute(db)
        .await?;
    Ok(())
}

/// Does what follows from an order's withdrawals, whatever has come of it by now.
pub(super) async fn settle(db: &mut SqliteConnection, order: OrderId, work: Settling<'_>) -> Result<()> {
    let Some(case) = case(db, work.now, order, work.rules).await? else { return Ok(()) };
    carry_out(db, &case, &decide(&case), Ruling::WHO, work.announcing).await
}

/// Lists what of the order needs a person now.
pub(super) async fn list_anew(
    db: &mut SqliteConnection,
    now: Timestamp,
    order: OrderId,
    rules: RefundRules,
) -> Result<()> {
    let Some(case) = case(db, now, order, rules).await? else { return Ok(()) };
    let ruling = Ruling::default();
    put(db, now, order, ruling.reasons(&case), &ruling.attention(&case)).await
}

pub(super) async fn case(
    db: &mut SqliteConnection,
    now: Timestamp,
    order: OrderId,
    rules: RefundRules,
) -> Result<Option<Case>> {
    let id = order.to_string();
    let sql = "SELECT order_id, state, payment_key, frozen_at, voided_at, traceparent FROM orders WHERE order_id = ?1";
    let Some(row) = sqlx::query(sql).bind(&id).fetch_optional(&mut *db).await? else { return Ok(None) };
    let mut case = case_from(&row, now, rules)?;
    let sql = "SELECT key, amount, currency, processed_at, late, folded_into FROM payments WHERE order_id = ?1 ORDER BY key";
    let rows = sqlx::query(sql).bind(&id).fetch_all(&mut *db).await?;
    case.set_payments(rows.iter().map(paid_from).collect::<Result<_>>()?);
    case.withdrawals = of_order(db, order).await?;
    fold(&mut case);
    let sql = "SELECT p.key FROM withdrawals w JOIN payments p ON p.key = w.payment_key \
               WHERE w.order_id = ?1 AND p.order_id <> ?1";
    for row in sqlx::query(sql).bind(&id).fetch_all(&mut *db).await? {
        case.elsewhere.insert(need("key", row.text("key")?)?);
    }
    let sql =
        concat!("SELECT ", ticket_columns!(), " FROM tickets WHERE order_id = ?1 ORDER BY ticket_index");
    let rows = sqlx::query(sql).bind(&id).fetch_all(&mut *db).await?;
    case.tickets = rows.iter().map(ticket_from).collect::<Result<_>>()?;
    if case.asks_for_charges() {
        let sql = "SELECT snapshot FROM orders WHERE order_id = ?1";
        let snapshot: Option<Vec<u8>> = sqlx::query_scalar(sql).bind(&id).fetch_one(db).await?;
        if let Some(snapshot) = snapshot {
            case.set_charges(&snapshot);
        }
    }
    Ok(Some(case))
}

/// An order's withdrawals, oldest first.
pub(super) async fn of_order(db: &mut SqliteConnection, order: OrderId) -> Result<Vec<WithdrawalRecord>> {
    let sql = concat!(
        "SELECT ",
        withdrawal_columns!(),
        " FROM withdrawals w WHERE w.order_id = ?1 ORDER BY w.received_at, w.key"
    );
    let rows = sqlx::query(sql).bind(order.to_string()).fetch_all(db).await?;
    rows.iter().map(withdrawal_from).collect()
}

pub(super) async fn carry_out(
    db: &mut SqliteConnection,
    case: &Case,
    ruling: &Ruling,
    who: &str,
    announcing: &Announcing,
) -> Result<()> {
    let now = case.now;
    for settled in &ruling.settled {
        let sql = "UPDATE withdrawals SET state = ?2, note = ?3, bound_to = coalesce(?4, bound_to), \
                   was_applied = max(was_applied, ?5), updated_at = ?6 WHERE key = ?1";
        sqlx::query(sql)
            .bind(&settled.key)
            .bind(settled.state.as_str())
            .bind(settled.note.as_deref().map(clean))
            .bind(&settled.bound_to)
            .bind(settled.state == WithdrawalState::Applied)
            .bind(rfc3339(now))
            .execute(&mut *db)
            .await?;
    }
    let mut events: Vec<OutboxEvent> = Vec::new();
    for (id, why) in &ruling.voided {
        let ticket = void(db, now, *id, why, who).await?;
        if ticket.sequence > 0 {
            events.push(voided_event(&ticket, announcing, case.traceparent.as_deref())?);
        }
    }
    insert_events(db, now, &events).await?;
    if let Some(end) = &ruling.end {
        finish(db, now, case.order_id, end).await?;
    }
    put(db, now, case.order_id, ruling.reasons(case), &ruling.attention(case)).await
}

/// Voids a live ticket; one that was announced counts its `ticket-voided`.
async fn void(
    db: &mut SqliteConnection,
    now: Timestamp,
    id: TicketId,
    why: &str,
    who: &str,
) -> Result<Ticket> {
    let sql = concat!(
        "UPDATE tickets SET voided_at = ?2, void_reason = ?3, updated_at = ?2, \
         sequence = sequence + (sequence > 0) WHERE id = ?1 RETURNING ",
        ticket_columns!()
    );
    let query = sqlx::query(sql).bind(id.to_string()).bind(rfc3339(now)).bind(why);
    let ticket = ticket_from(&query.fetch_one(&mut *db).await?)?;
    pass_on_seat(db, &ticket).await?;
    let status = ticket.status.as_str();
    let told = format!("voided: {why}");
    let step = Transition { ticket: id, from: status, to: status, who, why: Some(&told) };
    note(db, now, step).await?;
    Ok(ticket)
}

/// Writes an order's end. A worker that has it in hand is fenced off where the order is void.
async fn finish(db: &mut SqliteConnection, now: Timestamp, order: OrderId, end: &End) -> Result<()> {
    let (state, why) = end.told();
    let sql = if *end == End::Issued {
        "UPDATE orders SET state = ?2, reason = ?3, worker = NULL, parked_at = NULL, attempts = 0, deaths = 0, \
         due_at = CASE WHEN refresh > 0 THEN ?4 END, updated_at = ?4 WHERE order_id = ?1"
    } else {
        "UPDATE orders SET state = ?2, reason = ?3, worker = NULL, due_at = NULL, \
         parked_at = CASE WHEN ?2 = 'parked' THEN coalesce(parked_at, ?4) END, fence = fence + 1, \
         voided_at = coalesce(voided_at, ?4), updated_at = ?4 WHERE order_id = ?1"
    };
    let query = sqlx::query(sql).bind(order.to_string()).bind(state.as_str()).bind(why.map(clean));
    query.bind(rfc3339(now)).execute(db).await?;
    Ok(())
}

/// Gives a voided ticket's seat to the next live ticket that has it, or frees it.
pub(super) async fn pass_on_seat(db: &mut SqliteConnection, voided: &Ticket) -> Result<()> {
    for seat in seat_keys(voided) {
        pass_on(db, voided, &seat).await?;
    }
    Ok(())
}

async fn pass_on(db: &mut SqliteConnection, voided: &Ticket, seat: &str) -> Result<()> {
    let sql = "SELECT id FROM tickets WHERE event_id = ?1 AND seat_key = ?2 AND voided_at IS NULL \
               AND instr(flags, 'seat_conflict') > 0 ORDER BY created_at, id LIMIT 1";
    let heir: Option<String> =
        sqlx::query_scalar(sql).bind(&voided.event_id).bind(seat).fetch_optional(&mut *db).await?;
    let sql = match heir {
        Some(_) => "UPDATE seats SET ticket_id = ?4 WHERE event_id = ?1 AND seat_key = ?2 AND ticket_id = ?3",
        None => "DELETE FROM seats WHERE event_id = ?1 AND seat_key = ?2 AND ticket_id = ?3",
    };
    let query = sqlx::query(sql).bind(&voided.event_id).bind(seat).bind(voided.id.to_string());
    match heir {
        Some(heir) => query.bind(heir).execute(db).await?,
        None => query.execute(db).await?,
    };
    Ok(())
}
