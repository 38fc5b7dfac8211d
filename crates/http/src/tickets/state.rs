//! The state of tickets and orders, for callers that need nothing else: no personal data, no codes, no links, and no
//! texts, which could have any of them.

use axum::Json;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use fulfillment_config::Scope;
use fulfillment_domain::{Flags, OrderId, OrderState, ShownStatus, Ticket, TicketId, TicketStatus};
use fulfillment_pipeline::operations::links::{Linker, TicketRecord, WholeOrder};
use fulfillment_store::{CheckIn, OrderRecord};
use jiff::Timestamp;
use serde::Serialize;

use crate::access::Caller;

/// How much of a record a caller is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    Whole,
    State,
}

impl View {
    /// A token that may only bring something, or ask for states, is shown states.
    pub(crate) fn of(caller: &Caller) -> Self {
        if caller.has(&[Scope::Read, Scope::Admin]) { Self::Whole } else { Self::State }
    }

    /// A ticket as an answer.
    pub(crate) fn ticket(self, linker: &Linker, ticket: &Ticket) -> Response {
        let uncached = [(CACHE_CONTROL, "private, no-store")];
        match self {
            Self::Whole => (uncached, Json(linker.record(ticket))).into_response(),
            Self::State => (uncached, Json(TicketState::from(ticket))).into_response(),
        }
    }

    /// A ticket as an answer, with what the doors have scanned of it.
    pub(crate) fn ticket_scanned(
        self,
        linker: &Linker,
        ticket: &Ticket,
        check_ins: Vec<CheckIn>,
    ) -> Response {
        match self {
            Self::Whole => {
                let uncached = [(CACHE_CONTROL, "private, no-store")];
                (uncached, Json(Scanned { ticket: linker.record(ticket), check_ins })).into_response()
            }
            Self::State => self.ticket(linker, ticket),
        }
    }

    /// A ticket's JSON, appended.
    pub(crate) fn append(
        self,
        json: &mut Vec<u8>,
        linker: &Linker,
        ticket: &Ticket,
    ) -> serde_json::Result<()> {
        match self {
            Self::Whole => serde_json::to_writer(json, &linker.record(ticket)),
            Self::State => serde_json::to_writer(json, &TicketState::from(ticket)),
        }
    }

    /// An order's JSON, whose last field are the tickets. `link` opens the file of all of them.
    pub(crate) fn order(
        self,
        linker: &Linker,
        order: &OrderRecord,
        link: Option<String>,
    ) -> serde_json::Result<Vec<u8>> {
        match self {
            Self::Whole => serde_json::to_vec(&WholeOrder::of(order, link, Some(linker))),
            Self::State => serde_json::to_vec(&OrderProgress::from(order)),
        }
    }
}

/// The record of a ticket, with its check-ins.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Scanned<'a> {
    #[serde(flatten)]
    ticket: TicketRecord<'a>,
    check_ins: Vec<CheckIn>,
}

/// The state of a ticket.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TicketState<'a> {
    id: TicketId,
    order_id: OrderId,
    status: TicketStatus,
    shown_status: ShownStatus,
    ticket_index: u32,
    ticket_count: u32,
    generation: u32,
    generated_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
    voided_at: Option<Timestamp>,
    delivered_at: Option<Timestamp>,
    first_downloaded_at: Option<Timestamp>,
    erased_at: Option<Timestamp>,
    flags: &'a Flags,
}

impl<'a> From<&'a Ticket> for TicketState<'a> {
    fn from(ticket: &'a Ticket) -> Self {
        let lifecycle = &ticket.lifecycle;
        Self {
            id: ticket.id,
            order_id: ticket.order_id,
            status: lifecycle.status,
            shown_status: ticket.shown_status(),
            ticket_index: ticket.line.index,
            ticket_count: ticket.line.count,
            generation: ticket.code.generation,
            generated_at: ticket.document.generated_at,
            created_at: lifecycle.created_at,
            updated_at: lifecycle.updated_at,
            voided_at: lifecycle.voided_at,
            delivered_at: lifecycle.delivered_at,
            first_downloaded_at: lifecycle.first_downloaded_at,
            erased_at: lifecycle.erased_at,
            flags: &ticket.flags,
        }
    }
}

/// The state of an order.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OrderProgress<'a> {
    order_id: OrderId,
    state: OrderState,
    attempts: u32,
    next_attempt_at: Option<Timestamp>,
    received_at: Timestamp,
    updated_at: Timestamp,
    voided_at: Option<Timestamp>,
    erased_at: Option<Timestamp>,
    /// The last field, so that further ones can be appended to the JSON.
    tickets: Vec<TicketState<'a>>,
}

impl<'a> From<&'a OrderRecord> for OrderProgress<'a> {
    fn from(order: &'a OrderRecord) -> Self {
        Self {
            order_id: order.order_id,
            state: order.state,
            attempts: order.attempts,
            next_attempt_at: order.next_attempt_at,
            received_at: order.received_at,
            updated_at: order.updated_at,
            voided_at: order.voided_at,
            erased_at: order.erased_at,
            tickets: order.tickets.iter().map(TicketState::from).collect(),
        }
    }
}
