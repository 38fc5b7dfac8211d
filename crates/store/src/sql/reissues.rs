//! Statements that reissue and reinstate tickets.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use fulfillment_domain::{OrderId, Ticket, TicketId};

use super::rows::audit::audit;
use super::rows::deviations::Deviations;
use super::rows::history::note;
use super::rows::locks;
use super::rows::orders::{lock, want_if_listed};
use super::rows::seats::{pass_on, rows_of};
use super::rows::tickets::locked;
use super::settling::list_anew;
use super::{Batches, Db, Sql, Transaction as _};
use crate::decide::freezing::{Asking, SeatOf, asks};
use crate::decide::reissuing::{self, DRAFTED, END_DRAFT, KEEP_DRAFT, NOTE_NUMBER, fits, wants_seat};
use crate::decide::ticket::{ticket_columns, ticket_from};
use crate::decide::withdrawing::sql;
use crate::{Action, Actor, AuditEntry, Draft, Drafted, Reissue, Reissues, Result};

#[async_trait]
impl<S: Sql> Reissues for S {
    async fn drafted(&self, id: TicketId) -> Result<Drafted> {
        let row = self.read().await?.fetch_optional(DRAFTED, &[id.into()]).await?;
        row.as_ref().map_or(Ok(Drafted { draft: None, next: 1 }), reissuing::drafted)
    }

    async fn reserve(&self, id: TicketId, draft: &Draft, over: Option<&Draft>) -> Result<bool> {
        let mut tx = self.begin().await?;
        let sql = "SELECT 1 FROM tickets WHERE id = $1 AND erased_at IS NULL @lock";
        if !tx.exists(sql, &[id.into()]).await? {
            return Ok(false);
        }
        let there = tx.fetch_one(DRAFTED, &[id.into()]).await?;
        if !reissuing::may_keep(&there, draft, over)? {
            return Ok(false);
        }
        let (now, text) = (tx.now().await?, reissuing::draft_text(draft)?);
        tx.execute(KEEP_DRAFT, &[id.into(), now.into(), text.into()]).await?;
        tx.execute(NOTE_NUMBER, &[id.into(), draft.generation.into()]).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn reissue(&self, reissue: &Reissue) -> Result<Option<Ticket>> {
        let mut tx = self.begin().await?;
        let (id, order) = (reissue.ticket.id, reissue.ticket.order_id);
        lock(&mut tx, order).await?;
        // Only the owner of its order's lock gives it another generation or another seat.
        let sql = concat!("SELECT ", ticket_columns!(), " FROM tickets WHERE id = $1");
        let row = tx.fetch_optional(sql, &[id.into()]).await?;
        let before = match row.as_ref().map(ticket_from).transpose()? {
            Some(before) if fits(&before, reissue) => before,
            _ => return Ok(None),
        };
        if reissue.reinstates {
            locks::payments_of(&mut tx, [order]).await?;
            locks::withdrawals_of(&mut tx, [order]).await?;
        }
        let Seats { conflict, left } = take_seats(&mut tx, &before, reissue).await?;
        let live = match locked(&mut tx, id).await? {
            Some(live) if fits(&live, reissue) => live,
            _ => return Ok(None),
        };
        keep(&mut tx, &live, reissue).await?;
        let row = reissuing::row(&live, reissue, conflict);
        tx.replace_ticket(&row).await?;
        tx.execute(END_DRAFT, &[row.id.into()]).await?;
        pass_on(&mut tx, left).await?;
        if reissue.reinstates {
            end_void(&mut tx, &row).await?;
            list_anew(&mut tx, row.order_id, self.refunds()).await?;
            want_if_listed(&mut tx, &BTreeSet::from([row.order_id])).await?;
        }
        let step = (live.lifecycle.status.as_str(), row.lifecycle.status.as_str());
        note(&mut tx, row.id, step, reissue.by.name(), Some(&reissuing::note(reissue))).await?;
        let mut deviations = Deviations::default();
        if live.code.cti != row.code.cti {
            deviations.void(&live);
        }
        deviations.replace(&row);
        deviations.write(&mut tx, &[]).await?;
        tx.insert_events(&reissue.events).await?;
        let action = if reissue.reinstates { Action::ReinstateTicket } else { Action::ReissueTicket };
        audit(&mut tx, AuditEntry::new(&reissue.by, action).order(order).ticket(id)).await?;
        crate::step!("before-reissue-commit");
        tx.commit().await?;
        Ok(Some(row))
    }

    async fn was_reissued(&self, id: TicketId, request: &str) -> Result<bool> {
        let sql = "SELECT 1 FROM ticket_revisions WHERE ticket_id = $1 AND request = $2";
        self.read().await?.exists(sql, &[id.into(), request.into()]).await
    }

    async fn reinstate_order(&self, id: OrderId, by: &Actor) -> Result<bool> {
        let mut tx = self.begin().await?;
        let sql = "UPDATE orders SET state = 'received', reason = NULL, due_at = @now, parked_at = NULL, \
                   attempts = 0, deaths = 0, tried_since = @now, updated_at = @now \
                   WHERE order_id = $1 AND voided_at IS NOT NULL AND frozen_at IS NULL AND payment_key <> '' \
                   AND erased_at IS NULL";
        let going = tx.execute(sql, &[id.into()]).await? == 1;
        if going {
            locks::payments_of(&mut tx, [id]).await?;
            locks::withdrawals_of(&mut tx, [id]).await?;
            lift(&mut tx, id).await?;
            list_anew(&mut tx, id, self.refunds()).await?;
            audit(&mut tx, AuditEntry::new(by, Action::ReinstateOrder).order(id)).await?;
        }
        tx.commit().await?;
        Ok(going)
    }
}

/// The seats of a new generation.
#[derive(Default)]
struct Seats {
    /// Whether another ticket has its seat, if it had to ask for it.
    conflict: Option<bool>,
    /// The seats that it leaves.
    left: BTreeSet<SeatOf>,
}

/// Takes the seat of a new generation, and locks those that it leaves, together.
async fn take_seats(db: &mut impl Batches, before: &Ticket, reissue: &Reissue) -> Result<Seats> {
    if !wants_seat(before, reissue) {
        return Ok(Seats::default());
    }
    let wanted = asks(&reissue.ticket);
    let mut seats: BTreeMap<_, _> = wanted.iter().cloned().collect();
    let mut left = BTreeSet::new();
    if !reissue.reinstates {
        for (seat, owner) in rows_of(db, std::iter::once(before)).await? {
            if owner == before.id && wanted.as_ref().is_none_or(|(wanted, _)| *wanted != seat) {
                seats.insert(seat.clone(), Asking::lock(owner));
                left.insert(seat);
            }
        }
    }
    let owners = db.take_seats(seats).await?;
    let owner = wanted.and_then(|(seat, _)| owners.get(&seat).copied());
    Ok(Seats { conflict: Some(owner.is_some_and(|owner| owner != before.id)), left })
}

async fn keep(db: &mut impl Db, live: &Ticket, reissue: &Reissue) -> Result<()> {
    let sql = "INSERT INTO ticket_revisions (ticket_id, generation, superseded_at, who, why, request, record, cti) \
               VALUES ($1, $2, @now, $3, $4, $5, $6, $7)";
    let (reason, request) = (reissue.reason.as_ref().into(), reissue.request.as_ref().into());
    let (record, cti) = (reissuing::record(live)?.into(), hex::encode(live.code.cti).into());
    let generation = live.code.generation.into();
    let cells = [live.id.into(), generation, reissue.by.name().into(), reason, request, record, cti];
    db.execute(sql, &cells).await?;
    if reissue.reason.is_some() {
        // Whoever is named in the reason is found by it.
        let sql = "INSERT INTO index_unread (order_id, letter_id) VALUES ($1, 0)";
        db.execute(sql, &[live.order_id.into()]).await?;
    }
    Ok(())
}

/// Ends the void of an order that has a live ticket again. Ordering is asked about payments made meanwhile. Recorded
/// withdrawals do not affect that ticket any more.
async fn end_void(db: &mut impl Db, ticket: &Ticket) -> Result<()> {
    let order = ticket.order_id;
    let sql = "UPDATE orders SET state = 'issued', reason = NULL, parked_at = NULL, \
               refresh = refresh + CASE WHEN EXISTS \
                   (SELECT 1 FROM payments p WHERE p.order_id = orders.order_id AND p.late <> 0) THEN 1 ELSE 0 END, \
               due_at = CASE WHEN snapshot IS NOT NULL AND erased_at IS NULL AND (refresh > 0 OR EXISTS \
                   (SELECT 1 FROM payments p WHERE p.order_id = orders.order_id AND p.late <> 0)) THEN @now END, \
               updated_at = @now WHERE order_id = $1 AND voided_at IS NOT NULL";
    db.execute(sql, &[order.into()]).await?;
    let now = db.now().await?;
    db.execute(sql::DISMISS_FOR, &[order.into(), ticket.id.into(), now.into()]).await?;
    lift(db, order).await
}

/// Dismisses the withdrawals that are dismissed for every ticket of an order; payments that arrived while it was void
/// are valid. The rows of both are locked.
async fn lift(db: &mut impl Db, order: OrderId) -> Result<()> {
    db.execute("UPDATE orders SET voided_at = NULL WHERE order_id = $1", &[order.into()]).await?;
    db.execute("UPDATE payments SET late = 0 WHERE order_id = $1", &[order.into()]).await?;
    let now = db.now().await?;
    db.execute(sql::DISMISS, &[order.into(), now.into()]).await?;
    Ok(())
}
