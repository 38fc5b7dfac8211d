//! Decides the result of a batch of freezes, without a database.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use fulfillment_domain::order::NOTHING_ADMITS;
use fulfillment_domain::seat::local_date;
use fulfillment_domain::{Flag, OrderId, OrderState, Ticket, TicketId};
use jiff::Timestamp;
use jiff::civil::Date;

use crate::decide::event_records::Recorded;
use crate::decide::sql_values::{Row, clean};
use crate::decide::ticket::{as_stored, seat_key, undated_seat_key};
use crate::{Freeze, Result};

/// An order's row under its lock.
#[derive(Debug, Clone)]
pub(crate) struct Locked {
    pub(crate) fence: i64,
    pub(crate) state: OrderState,
    pub(crate) worker: Option<String>,
    pub(crate) frozen: bool,
    /// Refunds or cancellations name it.
    pub(crate) withdrawn: bool,
}

/// Reads `order_id, fence, state, worker, frozen_at, withdrawn`.
pub(crate) fn locked_from(row: &impl Row) -> Result<(OrderId, Locked)> {
    let locked = Locked {
        fence: row.number("fence")?,
        state: row.word("state")?,
        worker: row.text("worker")?,
        frozen: row.time("frozen_at")?.is_some(),
        withdrawn: row.number::<i64>("withdrawn")? != 0,
    };
    Ok((row.order_id()?, locked))
}

/// The orders under their locks.
pub(crate) type Orders = HashMap<OrderId, Locked>;

/// The order, if `fence` is that of its last claim and it has not been voided since.
pub(crate) fn fenced(orders: &Orders, order: OrderId, fence: i64) -> Option<&Locked> {
    orders.get(&order).filter(|o| o.fence == fence && o.state != OrderState::Voided)
}

/// The order, if it is also still lent under that fence.
pub(crate) fn lent(orders: &Orders, order: OrderId, fence: i64) -> Option<&Locked> {
    fenced(orders, order, fence).filter(|o| o.worker.is_some())
}

/// What to do with one order of the batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Its claim is stale.
    Stale,
    /// Another ticket has one of its tickets' numbers.
    NumberTaken(String),
    /// It has its tickets already.
    Stored,
    /// Its tickets are to be written.
    Fresh,
}

/// Decides the steps. `taken` are those of the batch's numbers that are recorded already.
pub(crate) fn plan(batch: &[Freeze], orders: &Orders, taken: &HashSet<String>) -> Vec<Step> {
    let mut done = HashSet::new();
    let mut given: HashSet<&str> = HashSet::new();
    let mut steps = Vec::with_capacity(batch.len());
    for freeze in batch {
        let Some(order) = fenced(orders, freeze.order_id, freeze.fence) else {
            steps.push(Step::Stale);
            continue;
        };
        if order.frozen || done.contains(&freeze.order_id) {
            steps.push(Step::Stored);
            continue;
        }
        let mut own = HashSet::new();
        let clash = freeze
            .tickets
            .iter()
            .map(|t| t.number.as_str())
            .find(|number| taken.contains(*number) || given.contains(number) || !own.insert(*number));
        if let Some(number) = clash {
            steps.push(Step::NumberTaken(number.to_owned()));
            continue;
        }
        given.extend(own);
        done.insert(freeze.order_id);
        steps.push(Step::Fresh);
    }
    steps
}

/// The events that the batch's answers are about, each once.
pub(crate) fn events_of(batch: &[Freeze]) -> BTreeSet<&str> {
    batch.iter().filter_map(|freeze| freeze.said.as_deref()).map(|said| said.event_id.as_str()).collect()
}

/// Reads `event_id, text`: the numbers that are taken, where there is no event, and what Ordering said, where there is
/// one.
pub(crate) fn known_from(rows: &[impl Row]) -> Result<(HashSet<String>, Recorded)> {
    let (mut taken, mut recorded) = (HashSet::new(), Recorded::new());
    for row in rows {
        let text = row.text("text")?;
        match row.text("event_id")? {
            Some(event) => drop(recorded.insert(event, text)),
            None => taken.extend(text),
        }
    }
    Ok((taken, recorded))
}

/// An order's state after its freeze, and the reason: an order without tickets is finished.
pub(crate) fn frozen_as(freeze: &Freeze) -> (OrderState, Option<&'static str>) {
    if freeze.tickets.is_empty() {
        return (OrderState::Issued, Some(NOTHING_ADMITS));
    }
    (OrderState::Enriched, None)
}

/// An event's seat.
pub(crate) type SeatOf = (String, String);

/// The owners of seats, by seat.
pub(crate) type Owners = HashMap<SeatOf, TicketId>;

/// A ticket that asks for a seat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asking {
    pub(crate) ticket: TicketId,
    /// The key under which earlier tickets took the seat, whatever their date.
    pub(crate) undated: Option<String>,
    date: Option<Date>,
}

/// The seat that a ticket asks for.
pub(crate) fn asks(ticket: &Ticket) -> Option<(SeatOf, Asking)> {
    let asking = Asking { ticket: ticket.id, undated: undated_seat_key(ticket), date: ticket.local_date() };
    seat_of(ticket).map(|seat| (seat, asking))
}

impl Asking {
    /// Asks for a seat whose row exists, so that it is locked.
    pub(crate) fn lock(ticket: TicketId) -> Self {
        Self { ticket, undated: None, date: None }
    }

    /// The seat's owner: `owner` has it under its key, `holder` under the undated one, for the same date or for any.
    pub(crate) fn owner(&self, owner: TicketId, holder: Option<Holder>) -> TicketId {
        let same_date = |holder: &Holder| {
            let date = holder.starts.map(|at| local_date(at, holder.zone.as_deref()));
            date.is_none() || date == self.date
        };
        let holder = holder.filter(|holder| owner == self.ticket && same_date(holder));
        holder.map_or(owner, |holder| holder.ticket)
    }
}

/// A ticket that has a seat under the undated key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holder {
    ticket: TicketId,
    starts: Option<Timestamp>,
    zone: Option<String>,
}

/// Reads `holder, holder_starts, holder_zone`; `None` where no ticket has the seat under that key.
pub(crate) fn holder_from(row: &impl Row) -> Result<Option<Holder>> {
    let Some(ticket) = row.ticket_id("holder")? else { return Ok(None) };
    Ok(Some(Holder { ticket, starts: row.time("holder_starts")?, zone: row.text("holder_zone")? }))
}

/// The seats of the fresh orders, each with the first ticket that asks for it, sorted.
pub(crate) fn seats(batch: &[Freeze], steps: &[Step]) -> BTreeMap<SeatOf, Asking> {
    let mut seats = BTreeMap::new();
    for ticket in fresh(batch, steps).flat_map(|freeze| &freeze.tickets) {
        if let Some((seat, asking)) = asks(ticket) {
            seats.entry(seat).or_insert(asking);
        }
    }
    seats
}

/// The freezes to be written.
pub(crate) fn fresh<'a>(batch: &'a [Freeze], steps: &'a [Step]) -> impl Iterator<Item = &'a Freeze> {
    batch.iter().zip(steps).filter(|(_, step)| **step == Step::Fresh).map(|(freeze, _)| freeze)
}

/// The tickets as they are written, flagged where another ticket has the seat.
pub(crate) fn flagged(freeze: &Freeze, owners: &Owners) -> Vec<Ticket> {
    let flag = |ticket: &Ticket| {
        let mut ticket = as_stored(ticket.clone());
        let owner = seat_of(&ticket).and_then(|seat| owners.get(&seat));
        if owner.is_some_and(|owner| *owner != ticket.id) {
            ticket.flags.insert(Flag::SeatConflict);
        }
        ticket
    };
    freeze.tickets.iter().map(flag).collect()
}

fn seat_of(ticket: &Ticket) -> Option<SeatOf> {
    seat_key(ticket).map(|seat| (clean(&ticket.event.id).into_owned(), seat))
}
