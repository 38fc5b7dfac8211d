//! Settings of published events: spelling, links, destinations.

use std::sync::Arc;

use fulfillment_domain::event::Publication;
use fulfillment_domain::links::LinkSecrets;
use fulfillment_domain::{Spelling, Ticket};
use fulfillment_store::Announcing;
use jiff::Timestamp;

/// How events are written.
#[derive(Debug, Clone)]
pub struct Publishing {
    /// Spelling of their fields.
    pub spelling: Spelling,
    /// The base of `ticketPdfUrl`.
    pub public_url: String,
    /// The destinations, in addition to the stream.
    pub destinations: Vec<String>,
    /// How the store writes `event-updated`.
    pub of_events: Arc<Announcing>,
}

/// The signed link to a ticket's PDF.
pub(crate) fn ticket_link(base: &str, secrets: &LinkSecrets, ticket: &Ticket, now: Timestamp) -> String {
    let signature = secrets.sign(ticket.id, ticket.code.generation, now);
    format!("{base}/tickets/{}.pdf?s={signature}", ticket.id)
}

impl Publishing {
    /// The signed link to a ticket's PDF.
    pub(crate) fn link(&self, secrets: &LinkSecrets, ticket: &Ticket, now: Timestamp) -> String {
        ticket_link(&self.public_url, secrets, ticket, now)
    }

    pub(crate) fn publication<'a>(&'a self, link: &'a str, traceparent: Option<&'a str>) -> Publication<'a> {
        let Self { spelling, destinations, .. } = self;
        Publication { spelling: *spelling, ticket_pdf_url: link, traceparent, destinations }
    }
}
