//! New generations of tickets.

use async_trait::async_trait;
use fulfillment_domain::{OrderId, Ticket, TicketId};
use sqlx::PgConnection;

use super::PgStore;
use super::rows::events::insert_events;
use super::rows::history::note;
use super::rows::orders::{lock, want_if_listed};
use super::rows::seats::{pass_on_seat, take_seat};
use super::rows::tickets::{locked, replace_ticket};
use super::rows::values::At;
use super::settling::list_anew;
use crate::shared::cells::clean;
use crate::shared::reissuing::{self, DRAFTED, END_DRAFT, KEEP_DRAFT, NOTE_NUMBER, fits, wants_seat};
use crate::shared::withdrawing::sql;
use crate::{Draft, Drafted, Reissue, Reissues, Result};

#[async_trait]
impl Reissues for PgStore {
    async fn drafted(&self, id: TicketId) -> Result<Drafted> {
        let row = sqlx::query(DRAFTED).bind(id.0).fetch_optional(&self.pool).await?;
        row.as_ref().map_or(Ok(Drafted { draft: None, next: 1 }), reissuing::drafted)
    }

    async fn reserve(&self, id: TicketId, draft: &Draft, over: Option<&Draft>) -> Result<bool> {
        let mut tx = self.begin().await?;
        let lock = "SELECT 1 FROM tickets WHERE id = $1 AND erased_at IS NULL FOR NO KEY UPDATE";
        if sqlx::query(lock).bind(id.0).fetch_optional(&mut *tx).await?.is_none() {
            return Ok(false);
        }
        let there = sqlx::query(DRAFTED).bind(id.0).fetch_one(&mut *tx).await?;
        if !reissuing::may_keep(&there, draft, over)? {
            return Ok(false);
        }
        let now: At = sqlx::query_scalar("SELECT clock_timestamp()").fetch_one(&mut *tx).await?;
        let text = reissuing::draft_text(draft)?;
        sqlx::query(KEEP_DRAFT).bind(id.0).bind(now).bind(text).execute(&mut *tx).await?;
        let number = i64::from(draft.generation);
        sqlx::query(NOTE_NUMBER).bind(id.0).bind(number).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn reissue(&self, reissue: &Reissue) -> Result<Option<Ticket>> {
        let mut tx = self.begin().await?;
        // The order before its tickets, as everybody locks them.
        let lock = "SELECT 1 FROM orders WHERE order_id = $1 FOR NO KEY UPDATE";
        sqlx::query(lock).bind(reissue.ticket.order_id.0).execute(&mut *tx).await?;
        let live = match locked(&mut tx, reissue.ticket.id).await? {
            Some(live) if fits(&live, reissue) => live,
            _ => return Ok(None),
        };
        keep(&mut tx, &live, reissue).await?;
        let anew = wants_seat(&live, reissue);
        let conflict = if anew { Some(take_seat(&mut tx, &reissue.ticket).await?) } else { None };
        let row = reissuing::row(&live, reissue, conflict);
        replace_ticket(&mut tx, &row).await?;
        sqlx::query(END_DRAFT).bind(row.id.0).execute(&mut *tx).await?;
        if anew && !reissue.reinstates {
            pass_on_seat(&mut tx, &live).await?;
        }
        if reissue.reinstates {
            end_void(&mut tx, &row).await?;
            list_anew(&mut tx, row.order_id, self.refunds).await?;
            want_if_listed(&mut tx, row.order_id).await?;
        }
        let step = (live.lifecycle.status.as_str(), row.lifecycle.status.as_str());
        note(&mut tx, row.id, step, &clean(&reissue.who), Some(&reissuing::note(reissue))).await?;
        insert_events(&mut tx, &reissue.events.iter().collect::<Vec<_>>()).await?;
        crate::step!("before-reissue-commit");
        tx.commit().await?;
        Ok(Some(row))
    }

    async fn was_reissued(&self, id: TicketId, request: &str) -> Result<bool> {
        let sql = "SELECT 1 FROM ticket_revisions WHERE ticket_id = $1 AND request = $2";
        let query = sqlx::query(sql).bind(id.0).bind(clean(request));
        Ok(query.fetch_optional(&self.pool).await?.is_some())
    }

    async fn reinstate_order(&self, id: OrderId) -> Result<bool> {
        let mut tx = self.begin().await?;
        let sql = "UPDATE orders SET state = 'received', reason = NULL, due_at = clock_timestamp(), \
                   parked_at = NULL, attempts = 0, deaths = 0, tried_since = clock_timestamp(), \
                   updated_at = clock_timestamp() \
                   WHERE order_id = $1 AND voided_at IS NOT NULL AND frozen_at IS NULL AND payment_key <> '' \
                   AND erased_at IS NULL";
        let going = sqlx::query(sql).bind(id.0).execute(&mut *tx).await?.rows_affected() == 1;
        if going {
            lift(&mut tx, id).await?;
            list_anew(&mut tx, id, self.refunds).await?;
        }
        tx.commit().await?;
        Ok(going)
    }
}

async fn keep(db: &mut PgConnection, live: &Ticket, reissue: &Reissue) -> Result<()> {
    let sql = "INSERT INTO ticket_revisions (ticket_id, generation, superseded_at, who, why, request, record, cti) \
               VALUES ($1, $2, clock_timestamp(), $3, $4, $5, $6, $7)";
    sqlx::query(sql)
        .bind(live.id.0)
        .bind(i64::from(live.code.generation))
        .bind(clean(&reissue.who))
        .bind(reissue.reason.as_deref().map(clean))
        .bind(reissue.request.as_deref().map(clean))
        .bind(reissuing::record(live)?)
        .bind(hex::encode(live.code.cti))
        .execute(db)
        .await?;
    Ok(())
}

/// Ends the void of an order that has a live ticket again. Ordering is asked what was paid meanwhile. What is on record
/// does nothing to that ticket any more.
async fn end_void(db: &mut PgConnection, ticket: &Ticket) -> Result<()> {
    let order = ticket.order_id;
    let sql = "UPDATE orders SET state = 'issued', reason = NULL, parked_at = NULL, \
               refresh = refresh + CASE WHEN EXISTS \
                   (SELECT 1 FROM payments p WHERE p.order_id = orders.order_id AND p.late <> 0) THEN 1 ELSE 0 END, \
               due_at = CASE WHEN snapshot IS NOT NULL AND erased_at IS NULL AND (refresh > 0 OR EXISTS \
                   (SELECT 1 FROM payments p WHERE p.order_id = orders.order_id AND p.late <> 0)) THEN clock_timestamp() END, \
               updated_at = clock_timestamp() WHERE order_id = $1 AND voided_at IS NOT NULL";
    sqlx::query(sql).bind(order.0).execute(&mut *db).await?;
    let Some(now) = lock(db, order).await? else { return Ok(()) };
    sqlx::query(sql::DISMISS_FOR).bind(order.0).bind(ticket.id.0).bind(now).execute(&mut *db).await?;
    lift(db, order).await
}

/// Dismisses what is dismissed for every ticket of an order; payments that came while it was void are as good as any.
async fn lift(db: &mut PgConnection, order: OrderId) -> Result<()> {
    let Some(now) = lock(db, order).await? else { return Ok(()) };
    let sql = "UPDATE orders SET voided_at = NULL WHERE order_id = $1";
    sqlx::query(sql).bind(order.0).execute(&mut *db).await?;
    sqlx::query(sql::DISMISS).bind(order.0).bind(now).execute(&mut *db).await?;
    let sql = "UPDATE payments SET late = 0 WHERE order_id = $1";
    sqlx::query(sql).bind(order.0).execute(db).await?;
    Ok(())
}
