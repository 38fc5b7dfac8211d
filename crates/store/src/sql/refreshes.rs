//! Refreshes of issued orders, which may have grown.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use fulfillment_domain::{Flag, OrderId, Ticket, TicketId};

use super::rows::attention::put;
use super::rows::audit::audit;
use super::rows::event_records::note_one;
use super::rows::locks;
use super::rows::orders::{asked, want};
use super::rows::seats::rows_of;
use super::rows::tickets::tickets_with;
use super::settling::{Settling, facts_of, settle};
use super::{Batches, COLLISIONS, Db, Sql, Transaction as _, collided};
use crate::decide::column::Column;
use crate::decide::freezing::{self, Asking, SeatOf, Step};
use crate::decide::later;
use crate::decide::order::notes_cell;
use crate::decide::refreshing::{self, Verdict, decide};
use crate::decide::sql_values::{Row as _, SqlValue, clean, need};
use crate::decide::ticket::{ticket_columns, ticket_from};
use crate::{
    Action, Actor, Announcing, AskOutcome, AuditEntry, Found, NewLines, RefreshOutcome, Refreshed, Refreshes,
    Result,
};

#[async_trait]
impl<S: Sql> Refreshes for S {
    async fn refreshed(&self, refreshed: &Refreshed) -> Result<RefreshOutcome> {
        for _ in 0..COLLISIONS {
            if let Some(outcome) = try_refresh(self, refreshed).await? {
                return Ok(outcome);
            }
        }
        Err(collided())
    }

    async fn ask_ordering(&self, order: OrderId, issue: bool, by: &Actor) -> Result<AskOutcome> {
        let mut tx = self.begin().await?;
        let outcome = asked(&mut tx, order).await?.map_or(AskOutcome::Unknown, |(asked, _)| asked.outcome);
        if matches!(outcome, AskOutcome::Asked | AskOutcome::Later) {
            want(&mut tx, &[order], &[1]).await?;
            let sql = "UPDATE orders SET refresh_issue = $2 WHERE order_id = $1 AND refresh_issue < $2";
            tx.execute(sql, &[order.into(), issue.into()]).await?;
            audit(&mut tx, AuditEntry::new(by, Action::AskOrdering).order(order)).await?;
        }
        tx.commit().await?;
        Ok(outcome)
    }
}

/// None when another order took a number meanwhile: nothing was written.
async fn try_refresh(store: &impl Sql, refreshed: &Refreshed) -> Result<Option<RefreshOutcome>> {
    let mut tx = store.begin().await?;
    let order = refreshed.order_id;
    let Some((asked, now)) = asked(&mut tx, order).await? else { return Ok(Some(RefreshOutcome::Stale)) };
    let Some(facts) = facts_of(&mut tx, order, store.refunds()).await? else {
        return Ok(Some(RefreshOutcome::Stale));
    };
    if !asked.is_lent(refreshed.fence) {
        return Ok(Some(RefreshOutcome::Stale));
    }
    let verdict = decide(&facts, refreshed, asked.issue, now);
    if let (true, Found::Lines(lines)) = (verdict.grows, &refreshed.found) {
        let numbers = SqlValue::texts(lines.freeze.tickets.iter().map(|t| t.number.as_str()));
        let sql = "SELECT ticket_number FROM tickets WHERE ticket_number @any($1)";
        if let Some(taken) = tx.fetch_all(sql, &[numbers]).await?.first() {
            let number = need("ticket_number", taken.text("ticket_number")?)?;
            return Ok(Some(RefreshOutcome::NumberTaken(number)));
        }
        if asked.withdrawn {
            locks::withdrawals_of(&mut tx, [order]).await?;
        }
        // The withdrawals may void its other tickets too.
        let others = facts.tickets.iter().filter(|t| asked.withdrawn && !t.is_void).map(|t| t.id);
        let others = tickets_with(&mut tx, others).await?;
        let others = rows_of(&mut tx, others.values()).await?;
        if !grow(&mut tx, lines, &verdict, others).await? {
            return Ok(None);
        }
        if asked.withdrawn {
            locks::tickets_of(&mut tx, [order]).await?;
        }
    }
    if verdict.exact {
        unflag(&mut tx, order).await?;
    }
    put(&mut tx, order, &refreshing::GROUP, &verdict.wanted).await?;
    if let Found::Lines(lines) = &refreshed.found {
        let notes = notes_cell(&refreshing::notes_with(asked.notes, &verdict, lines))?;
        let sql = "UPDATE orders SET notes = $2 WHERE order_id = $1 AND notes <> $2";
        tx.execute(sql, &[order.into(), notes.into()]).await?;
    }
    end(&mut tx, refreshed, &verdict).await?;
    let outcome = if verdict.grows {
        if asked.withdrawn {
            let announcing = &Announcing::default();
            let said = refreshed.said.as_ref().map(|said| clean(&said.event_id));
            let noted: Vec<_> = said.iter().map(AsRef::as_ref).collect();
            let work = Settling { rules: store.refunds(), announcing, has_seats: true, noted: &noted };
            settle(&mut tx, &BTreeSet::from([order]), work).await?;
        }
        RefreshOutcome::Grown(unfinished(&mut tx, order).await?)
    } else {
        RefreshOutcome::Unchanged
    };
    if let Some(said) = &refreshed.said {
        note_one(&mut tx, said).await?;
    }
    crate::step!("before-refresh-commit");
    tx.commit().await?;
    Ok(Some(outcome))
}

/// Writes new tickets. False when another batch wrote one of them first. The rows of other seats are locked together
/// with theirs.
async fn grow(
    db: &mut impl Batches,
    lines: &NewLines,
    verdict: &Verdict,
    others: BTreeMap<SeatOf, TicketId>,
) -> Result<bool> {
    let batch = std::slice::from_ref(&lines.freeze);
    let mut seats = freezing::seats(batch, &[Step::Fresh]);
    for (seat, owner) in others {
        seats.entry(seat).or_insert_with(|| Asking::lock(owner));
    }
    let owners = db.take_seats(seats).await?;
    let mut tickets = freezing::flagged(&lines.freeze, &owners);
    for ticket in tickets.iter_mut().filter(|_| !verdict.exact) {
        ticket.flags.insert(Flag::AmountMismatch);
    }
    tickets.sort_by(|a, b| a.number.cmp(&b.number));
    db.insert_tickets(&tickets).await
}

/// Removes the flag from the tickets whose amounts match now.
async fn unflag(db: &mut impl Db, order: OrderId) -> Result<()> {
    let mut by_flags = BTreeMap::<_, Vec<_>>::new();
    let sql = "SELECT id, flags FROM tickets WHERE order_id = $1 AND @strpos(flags, 'amount_mismatch') > 0";
    for row in db.fetch_all(sql, &[order.into()]).await? {
        let left = refreshing::unflagged(&Column::read(&row, "flags")?);
        by_flags.entry(left.to_stored()).or_default().push(need("id", row.ticket_id("id")?)?);
    }
    locks::tickets(db, by_flags.values().flatten().copied()).await?;
    for (flags, tickets) in by_flags {
        let sql = "UPDATE tickets SET flags = $2, updated_at = @now WHERE id @any($1)";
        db.execute(sql, &[SqlValue::tickets(tickets), flags.into()]).await?;
    }
    Ok(())
}

/// Writes the order's new state: with new tickets it stays lent until they have their files.
async fn end(db: &mut impl Db, refreshed: &Refreshed, verdict: &Verdict) -> Result<()> {
    let (order, asks) = (refreshed.order_id.into(), refreshed.asks.into());
    if let (true, Found::Lines(lines)) = (verdict.grows, &refreshed.found) {
        let sql = "UPDATE orders SET state = 'enriched', snapshot = $2, refresh = @greatest(refresh - $3, 0), \
                   refresh_issue = 0, attempts = 0, parked_at = NULL, updated_at = @now WHERE order_id = $1";
        db.execute(sql, &[order, (&lines.freeze.snapshot).into(), asks]).await?;
    } else if let Some(after) = refreshed.ask_again.filter(|_| verdict.again) {
        let sql = "UPDATE orders SET refresh_issue = 0, worker = NULL, deaths = 0, parked_at = NULL, due_at = $2, \
                   updated_at = @now WHERE order_id = $1";
        let due = later(db.now().await?, after).into();
        db.execute(sql, &[order, due]).await?;
    } else {
        let sql = "UPDATE orders SET refresh = @greatest(refresh - $2, 0), refresh_issue = 0, worker = NULL, \
                   deaths = 0, attempts = 0, parked_at = NULL, due_at = CASE WHEN refresh > $2 THEN @now END, \
                   updated_at = @now WHERE order_id = $1";
        db.execute(sql, &[order, asks]).await?;
    }
    Ok(())
}

async fn unfinished(db: &mut impl Db, order: OrderId) -> Result<Vec<Ticket>> {
    let sql = concat!(
        "SELECT ",
        ticket_columns!(),
        " FROM tickets WHERE order_id = $1 AND status IN ('Pending', 'Failed') AND voided_at IS NULL \
         ORDER BY ticket_index"
    );
    db.fetch_all(sql, &[order.into()]).await?.iter().map(ticket_from).collect()
}
