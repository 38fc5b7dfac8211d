//! New generations of tickets.

use async_trait::async_trait;
use fulfillment_domain::{OrderId, Ticket, TicketId};
use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::SqliteStore;
use super::rows::events::insert_events;
use super::rows::history::{Transition, note};
use super::rows::orders::want_if_listed;
use super::rows::seats::{pass_on_seat, take_seat};
use super::rows::tickets::{replace_ticket, ticket};
use super::settling::list_anew;
use crate::shared::cells::{clean, rfc3339};
use crate::shared::reissuing::{self, DRAFTED, END_DRAFT, KEEP_DRAFT, NOTE_NUMBER, fits, wants_seat};
use crate::shared::withdrawing::sql;
use crate::{Draft, Drafted, Reissue, Reissues, Result};

#[async_trait]
impl Reissues for SqliteStore {
    async fn drafted(&self, id: TicketId) -> Result<Drafted> {
        let row = sqlx::query(DRAFTED).bind(id.to_string()).fetch_optional(&self.read).await?;
        row.as_ref().map_or(Ok(Drafted { draft: None, next: 1 }), reissuing::drafted)
    }

    async fn reserve(&self, id: TicketId, draft: &Draft, over: Option<&Draft>) -> Result<bool> {
        let mut tx = self.begin().await?;
        let now = rfc3339(self.now());
        let living = "SELECT 1 FROM tickets WHERE id = ?1 AND erased_at IS NULL";
        if sqlx::query(living).bind(id.to_string()).fetch_optional(&mut *tx).await?.is_none() {
            return Ok(false);
        }
        let there = sqlx::query(DRAFTED).bind(id.to_string()).fetch_one(&mut *tx).await?;
        if !reissuing::may_keep(&there, draft, over)? {
            return Ok(false);
        }
        let text = reissuing::draft_text(draft)?;
        sqlx::query(KEEP_DRAFT).bind(id.to_string()).bind(now).bind(text).execute(&mut *tx).await?;
        let number = draft.generation;
        sqlx::query(NOTE_NUMBER).bind(id.to_string()).bind(number).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn reissue(&self, reissue: &Reissue) -> Result<Option<Ticket>> {
        let mut tx = self.begin().await?;
        let now = self.now();
        let live = match ticket(&mut tx, reissue.ticket.id).await? {
            Some(live) if fits(&live, reissue) => live,
            _ => return Ok(None),
        };
        keep(&mut tx, now, &live, reissue).await?;
        let anew = wants_seat(&live, reissue);
        let conflict = if anew { Some(take_seat(&mut tx, &reissue.ticket).await?) } else { None };
        let row = reissuing::row(&live, reissue, conflict);
        replace_ticket(&mut tx, &row).await?;
        sqlx::query(END_DRAFT).bind(row.id.to_string()).execute(&mut *tx).await?;
        if anew && !reissue.reinstates {
            pass_on_seat(&mut tx, &live).await?;
        }
        if reissue.reinstates {
            end_void(&mut tx, now, &row).await?;
            list_anew(&mut tx, now, row.order_id, self.refunds).await?;
            want_if_listed(&mut tx, now, row.order_id).await?;
        }
        let why = reissuing::note(reissue);
        let (from, to) = (live.lifecycle.status.as_str(), row.lifecycle.status.as_str());
        let step = Transition { ticket: row.id, from, to, who: &reissue.who, why: Some(&why) };
        note(&mut tx, now, step).await?;
        insert_events(&mut tx, now, &reissue.events).await?;
        crate::step!("before-reissue-commit");
        tx.commit().await?;
        Ok(Some(row))
    }

    async fn was_reissued(&self, id: TicketId, request: &str) -> Result<bool> {
        let sql = "SELECT 1 FROM ticket_revisions WHERE ticket_id = ?1 AND request = ?2";
        let query = sqlx::query(sql).bind(id.to_string()).bind(clean(request));
        Ok(query.fetch_optional(&self.read).await?.is_some())
    }

    async fn reinstate_order(&self, id: OrderId) -> Result<bool> {
        let mut tx = self.begin().await?;
        let now = self.now();
        let sql = "UPDATE orders SET state = 'received', reason = NULL, due_at = ?2, parked_at = NULL, \
                   attempts = 0, deaths = 0, tried_since = ?2, updated_at = ?2 \
                   WHERE order_id = ?1 AND voided_at IS NOT NULL AND frozen_at IS NULL AND payment_key <> '' \
                   AND erased_at IS NULL";
        let query = sqlx::query(sql).bind(id.to_string()).bind(rfc3339(now));
        let going = query.execute(&mut *tx).await?.rows_affected() == 1;
        if going {
            lift(&mut tx, now, id).await?;
            list_anew(&mut tx, now, id, self.refunds).await?;
        }
        tx.commit().await?;
        Ok(going)
    }
}

async fn keep(db: &mut SqliteConnection, now: Timestamp, live: &Ticket, reissue: &Reissue) -> Result<()> {
    let sql = "INSERT INTO ticket_revisions (ticket_id, generation, superseded_at, who, why, request, record, cti) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    sqlx::query(sql)
        .bind(live.id.to_string())
        .bind(live.code.generation)
        .bind(rfc3339(now))
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
async fn end_void(db: &mut SqliteConnection, now: Timestamp, ticket: &Ticket) -> Result<()> {
    let order = ticket.order_id.to_string();
    let sql = "UPDATE orders SET state = 'issued', reason = NULL, parked_at = NULL, \
               refresh = refresh + CASE WHEN EXISTS \
                   (SELECT 1 FROM payments p WHERE p.order_id = orders.order_id AND p.late <> 0) THEN 1 ELSE 0 END, \
               due_at = CASE WHEN snapshot IS NOT NULL AND erased_at IS NULL AND (refresh > 0 OR EXISTS \
                   (SELECT 1 FROM payments p WHERE p.order_id = orders.order_id AND p.late <> 0)) THEN ?2 END, updated_at = ?2 \
               WHERE order_id = ?1 AND voided_at IS NOT NULL";
    sqlx::query(sql).bind(&order).bind(rfc3339(now)).execute(&mut *db).await?;
    let query = sqlx::query(sql::DISMISS_FOR).bind(&order).bind(ticket.id.to_string());
    query.bind(rfc3339(now)).execute(&mut *db).await?;
    lift(db, now, ticket.order_id).await
}

/// Dismisses what is dismissed for every ticket of an order; payments that came while it was void are as good as any.
async fn lift(db: &mut SqliteConnection, now: Timestamp, order: OrderId) -> Result<()> {
    let sql = "UPDATE orders SET voided_at = NULL WHERE order_id = ?1";
    sqlx::query(sql).bind(order.to_string()).execute(&mut *db).await?;
    sqlx::query(sql::DISMISS).bind(order.to_string()).bind(rfc3339(now)).execute(&mut *db).await?;
    let sql = "UPDATE payments SET late = 0 WHERE order_id = ?1";
    sqlx::query(sql).bind(order.to_string()).execute(db).await?;
    Ok(())
}
