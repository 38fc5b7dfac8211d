//! Signed links of tickets and orders, and records that carry them.
//!
//! The link of an order opens the file of all its tickets. It ends with the next new generation of one of them, because
//! that ticket may belong to somebody else from then on. Nothing is stored of a link.

use std::sync::Arc;
use std::time::Duration;

use fulfillment_domain::{Clock, OrderId, ShownStatus, Ticket, TicketStatus, event_time};
use fulfillment_store::{OrderPages, OrderRecord};
use jiff::Timestamp;
use serde::Serialize;

use crate::keyring::Keys;
use crate::publishing::ticket_link;

/// Makes and checks signed links.
pub struct Linker {
    /// Their secrets.
    pub keys: Arc<Keys>,
    /// The base of links.
    pub public_url: String,
    /// How long after the event a link works; for ever without.
    pub life: Option<Duration>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
}

/// Why there is no link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoLink {
    /// It has been void since then.
    #[error("it is void, so its link opens nothing")]
    Voided,
    /// It was erased.
    #[error("its personal data and files were erased, so its link opens nothing")]
    Erased,
    /// It has no file yet.
    #[error("it has no file yet; once it is issued, it has a link")]
    NotIssued,
    /// Its tickets are of an earlier service, and cannot be drawn into one file.
    #[error("its tickets are of an earlier service and have a file each: use the links of the tickets")]
    EarlierService,
    /// Its event has been over for longer than `http.links_expire_after`.
    #[error("its event has been over for longer than http.links_expire_after, so links to it have expired")]
    Expired,
}

/// What a link to an order's file says of itself, beside its signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OrderLink {
    /// The sum of the tickets' generations when it was made.
    pub generations: u64,
    /// Until when it is good, in seconds since 1970, if it has a time of its own.
    pub until: Option<i64>,
}

impl Linker {
    /// The link to a ticket's PDF.
    ///
    /// # Errors
    /// [`NoLink`]
    pub fn ticket(&self, ticket: &Ticket) -> Result<String, NoLink> {
        match ticket.shown_status() {
            ShownStatus::Erased => return Err(NoLink::Erased),
            ShownStatus::Voided => return Err(NoLink::Voided),
            ShownStatus::Pending | ShownStatus::Failed => return Err(NoLink::NotIssued),
            ShownStatus::Generated | ShownStatus::Delivered => {}
        }
        if self.has_expired(over(ticket)) {
            return Err(NoLink::Expired);
        }
        Ok(ticket_link(&self.public_url, &self.keys.current().links, ticket, self.clock.now()))
    }

    /// The link to the file of all tickets of an order. `order` needs to have some of its tickets.
    ///
    /// # Errors
    /// [`NoLink`]
    pub fn order(&self, order: &OrderRecord, pages: OrderPages) -> Result<String, NoLink> {
        check_order(order, pages)?;
        if order.tickets.iter().map(over).max().is_some_and(|over| self.has_expired(over)) {
            return Err(NoLink::Expired);
        }
        Ok(self.order_link(order.order_id, pages.generations, None))
    }

    /// A link to an order's file that works for as long from now on as links do after an event, however long the event has
    /// been over; until when, if it ends.
    ///
    /// # Errors
    /// [`NoLink`]
    pub fn renewed_order(
        &self,
        order: &OrderRecord,
        pages: OrderPages,
    ) -> Result<(String, Option<Timestamp>), NoLink> {
        check_order(order, pages)?;
        let until = self.life.and_then(|life| self.clock.now().checked_add(life).ok());
        Ok((self.order_link(order.order_id, pages.generations, until), until))
    }

    fn order_link(&self, order: OrderId, generations: u64, until: Option<Timestamp>) -> String {
        let signature = self.keys.current().links.sign_order(order, generations, until, self.clock.now());
        let generations = if generations > 0 { format!("g={generations}&") } else { String::new() };
        let until = until.map(|until| format!("until={}&", until.as_second())).unwrap_or_default();
        format!("{}/orders/{order}/tickets.pdf?{generations}{until}s={signature}", self.public_url)
    }

    /// Whether this service signed such a link, good or not.
    pub fn signed_order(&self, order: OrderId, link: OrderLink, signature: &str) -> bool {
        self.keys.current().links.accept_order(order, link.generations, link.until, signature)
    }

    /// Whether links no longer work to what was over at this time.
    pub fn has_expired(&self, over: Timestamp) -> bool {
        let Some(life) = self.life else { return false };
        over.saturating_add(life).is_ok_and(|end| end < self.clock.now())
    }

    /// A ticket's record with what is not in it.
    pub fn record<'a>(&self, ticket: &'a Ticket) -> TicketRecord<'a> {
        TicketRecord::of(ticket, Some(self))
    }
}

/// Refuses an order whose file has no page.
fn check_order(order: &OrderRecord, pages: OrderPages) -> Result<(), NoLink> {
    if order.erased_at.is_some() {
        return Err(NoLink::Erased);
    }
    if pages.pages > 0 {
        return Ok(());
    }
    let live = || order.tickets.iter().filter(|ticket| ticket.lifecycle.voided_at.is_none());
    let is_issued = |ticket: &Ticket| {
        matches!(ticket.lifecycle.status, TicketStatus::Generated | TicketStatus::Delivered)
    };
    Err(if live().any(is_issued) {
        NoLink::EarlierService
    } else if order.voided_at.is_some() || !order.tickets.is_empty() && live().next().is_none() {
        NoLink::Voided
    } else {
        NoLink::NotIssued
    })
}

/// When the event of a ticket is over, for its links.
pub fn over(ticket: &Ticket) -> Timestamp {
    event_time::latest(ticket.event.starts_at, ticket.event.ends_at, ticket.lifecycle.issued_at)
}

/// The record of a ticket as people are shown it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TicketRecord<'a> {
    #[serde(flatten)]
    ticket: &'a Ticket,
    /// One word that also says that it is void or erased.
    shown_status: ShownStatus,
    /// Its signed link, while it opens something.
    pub ticket_pdf_url: Option<String>,
}

impl<'a> TicketRecord<'a> {
    /// With a link where links can be made.
    pub fn of(ticket: &'a Ticket, linker: Option<&Linker>) -> Self {
        let ticket_pdf_url = linker.and_then(|linker| linker.ticket(ticket).ok());
        Self { ticket, shown_status: ticket.shown_status(), ticket_pdf_url }
    }
}

/// The record of an order as people are shown it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WholeOrder<'a> {
    /// The signed link to the file of all its tickets, while it opens something.
    pub tickets_pdf_url: Option<String>,
    #[serde(flatten)]
    order: &'a OrderRecord,
    /// The last field, so that further ones can be appended to its JSON.
    tickets: Vec<TicketRecord<'a>>,
}

impl<'a> WholeOrder<'a> {
    /// With this link to all tickets, and one to each where links can be made.
    pub fn of(order: &'a OrderRecord, link: Option<String>, linker: Option<&Linker>) -> Self {
        let tickets = order.tickets.iter().map(|ticket| TicketRecord::of(ticket, linker)).collect();
        Self { tickets_pdf_url: link, order, tickets }
    }
}
