//! What of an order and its tickets is read for a list, and the rows that are made of it.

use fulfillment_domain::{Flags, OrderId, OrderState, ShownStatus, TicketId, TicketStatus};
use jiff::Timestamp;
use uuid::Uuid;

use crate::Result;
use crate::decide::sql_values::{Row, need};
use crate::listed::{OrderRow, TicketRow};

/// The columns of [`ticket_from`].
macro_rules! listed_ticket_columns {
    () => {
        "id, order_id, ticket_number, ticket_index, event_id, event_number, event_name, seat, section, row_label, \
         seat_number, customer_email, customer_name, holder_email, holder_name, status, voided_at, erased_at, generation, \
         kid, cti, flags, issued_at, created_at, last_error, organizer_id"
    };
}
pub(crate) use listed_ticket_columns;

/// The columns of [`order_from`]; `o` are orders, and `s` their rows in `search_orders`.
macro_rules! listed_order_columns {
    () => {
        "o.order_id, o.state, o.reason, o.attempts, o.worker, o.due_at, o.received_at, o.updated_at, o.erased_at, \
         s.issued_at"
    };
}
pub(crate) use listed_order_columns;

/// A ticket, without what no list needs.
#[derive(Debug, Clone)]
pub(crate) struct TicketFacts {
    pub(crate) id: TicketId,
    pub(crate) order_id: OrderId,
    pub(crate) number: String,
    pub(crate) index: u32,
    pub(crate) event_id: String,
    pub(crate) event_number: u32,
    pub(crate) event_name: String,
    pub(crate) organizer_id: Option<String>,
    pub(crate) seat: String,
    pub(crate) section: Option<String>,
    pub(crate) row: Option<String>,
    pub(crate) seat_number: Option<String>,
    pub(crate) customer_email: String,
    pub(crate) customer_name: Option<String>,
    pub(crate) holder_email: Option<String>,
    pub(crate) holder_name: Option<String>,
    pub(crate) status: TicketStatus,
    pub(crate) voided_at: Option<Timestamp>,
    pub(crate) erased_at: Option<Timestamp>,
    pub(crate) generation: u32,
    pub(crate) kid: String,
    pub(crate) cti: [u8; 10],
    pub(crate) flags: Flags,
    pub(crate) issued_at: Timestamp,
    pub(crate) created_at: Timestamp,
    pub(crate) last_error: Option<String>,
}

impl Default for TicketFacts {
    fn default() -> Self {
        Self {
            id: TicketId(Uuid::nil()),
            order_id: OrderId(Uuid::nil()),
            number: String::new(),
            index: 1,
            event_id: String::new(),
            event_number: 0,
            event_name: String::new(),
            organizer_id: None,
            seat: String::new(),
            section: None,
            row: None,
            seat_number: None,
            customer_email: String::new(),
            customer_name: None,
            holder_email: None,
            holder_name: None,
            status: TicketStatus::Generated,
            voided_at: None,
            erased_at: None,
            generation: 0,
            kid: String::new(),
            cti: [0; 10],
            flags: Flags::default(),
            issued_at: Timestamp::UNIX_EPOCH,
            created_at: Timestamp::UNIX_EPOCH,
            last_error: None,
        }
    }
}

impl TicketFacts {
    /// The status that is shown.
    pub(crate) fn shown(&self) -> ShownStatus {
        ShownStatus::of(self.status, self.voided_at.is_some(), self.erased_at.is_some())
    }

    /// When it was first issued: a reissue has a later time printed on it.
    pub(crate) fn first_issued_at(&self) -> Timestamp {
        if self.generation == 0 { self.issued_at } else { self.created_at.min(self.issued_at) }
    }

    /// Its row.
    pub(crate) fn row(&self) -> TicketRow {
        TicketRow {
            id: self.id,
            ticket_number: self.number.clone(),
            order_id: self.order_id,
            ticket_index: self.index,
            event_id: self.event_id.clone(),
            event_name: self.event_name.clone(),
            seat: self.seat.clone(),
            customer_name: self.customer_name.clone(),
            holder_name: self.holder_name.clone(),
            status: self.shown(),
            voided_at: self.voided_at,
            erased_at: self.erased_at,
            generation: self.generation,
            kid: self.kid.clone(),
            flags: self.flags.clone(),
            issued_at: self.issued_at,
            last_error: self.last_error.clone(),
        }
    }
}

/// An order, and those of its tickets that were read.
#[derive(Debug, Clone)]
pub(crate) struct OrderFacts {
    pub(crate) order_id: OrderId,
    pub(crate) state: OrderState,
    pub(crate) reason: Option<String>,
    pub(crate) attempts: u32,
    pub(crate) next_attempt_at: Option<Timestamp>,
    pub(crate) received_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) issued_at: Option<Timestamp>,
    pub(crate) erased_at: Option<Timestamp>,
    /// By index.
    pub(crate) tickets: Vec<TicketFacts>,
}

impl OrderFacts {
    /// Its row.
    pub(crate) fn row(&self) -> OrderRow {
        let first = self.tickets.first();
        let mut event_names = Vec::new();
        for ticket in &self.tickets {
            if !event_names.contains(&ticket.event_name) {
                event_names.push(ticket.event_name.clone());
            }
        }
        let count = |tickets: usize| u32::try_from(tickets).unwrap_or(u32::MAX);
        OrderRow {
            order_id: self.order_id,
            state: self.state,
            reason: self.reason.clone(),
            attempts: self.attempts,
            next_attempt_at: self.next_attempt_at,
            received_at: self.received_at,
            updated_at: self.updated_at,
            issued_at: self.issued_at,
            customer_name: first.and_then(|ticket| ticket.customer_name.clone()),
            customer_email: first
                .map(|ticket| ticket.customer_email.clone())
                .filter(|email| !email.is_empty()),
            event_names,
            tickets: count(self.tickets.len()),
            voided_tickets: count(self.tickets.iter().filter(|ticket| ticket.voided_at.is_some()).count()),
            erased_at: self.erased_at,
        }
    }
}

/// Reads a ticket.
pub(crate) fn ticket_from(row: &impl Row) -> Result<TicketFacts> {
    Ok(TicketFacts {
        id: need("id", row.ticket_id("id")?)?,
        order_id: row.order_id()?,
        number: need("ticket_number", row.text("ticket_number")?)?,
        index: row.number("ticket_index")?,
        event_id: need("event_id", row.text("event_id")?)?,
        event_number: row.number("event_number")?,
        event_name: need("event_name", row.text("event_name")?)?,
        organizer_id: row.text("organizer_id")?,
        seat: need("seat", row.text("seat")?)?,
        section: row.text("section")?,
        row: row.text("row_label")?,
        seat_number: row.text("seat_number")?,
        customer_email: need("customer_email", row.text("customer_email")?)?,
        customer_name: row.text("customer_name")?,
        holder_email: row.text("holder_email")?,
        holder_name: row.text("holder_name")?,
        status: row.word("status")?,
        voided_at: row.time("voided_at")?,
        erased_at: row.time("erased_at")?,
        generation: row.number("generation")?,
        kid: need("kid", row.text("kid")?)?,
        cti: need("cti", row.array("cti")?)?,
        flags: Flags::from_stored(&need("flags", row.text("flags")?)?),
        issued_at: need("issued_at", row.time("issued_at")?)?,
        created_at: need("created_at", row.time("created_at")?)?,
        last_error: row.text("last_error")?,
    })
}

/// Reads an order, without tickets. While a worker holds it there is no next attempt.
pub(crate) fn order_from(row: &impl Row) -> Result<OrderFacts> {
    let held = row.text("worker")?.is_some();
    Ok(OrderFacts {
        order_id: row.order_id()?,
        state: row.word("state")?,
        reason: row.text("reason")?,
        attempts: row.number("attempts")?,
        next_attempt_at: if held { None } else { row.time("due_at")? },
        received_at: need("received_at", row.time("received_at")?)?,
        updated_at: need("updated_at", row.time("updated_at")?)?,
        issued_at: row.time("issued_at")?,
        erased_at: row.time("erased_at")?,
        tickets: Vec::new(),
    })
}
