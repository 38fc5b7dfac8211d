//! Read-back of printed codes. Before a ticket counts as generated, the code on its page is decoded by a reader that
//! shares no code with the encoder and tolerates no wrong module: a page whose code scans badly must not be issued.

use fulfillment_domain::Ticket;
use fulfillment_qr::{Symbol, text_of_modules};

/// The share of tickets whose code is read back: one in this many, every one for 1. The ticket itself decides which, so
/// that a redraw checks the same ones.
#[derive(Debug, Clone, Copy)]
pub struct ReadBack(pub u32);

impl ReadBack {
    pub(super) fn is_due(self, ticket: &Ticket) -> bool {
        ticket.id.0.as_u128().is_multiple_of(u128::from(self.0.max(1)))
    }
}

/// Compares what the modules say with what they should say; the error is why the ticket fails.
pub(super) fn check(symbol: &Symbol, payload: &str) -> Result<(), String> {
    let rows = symbol.rows();
    match text_of_modules(rows.len(), |x, y| rows[y][x]) {
        Ok(text) if text == payload => Ok(()),
        Ok(_) => Err("the code on its page says something else than its ticket".into()),
        Err(error) => Err(format!("the code on its page cannot be read back: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use fulfillment_document::{PdfRenderer, Renderer as _, TicketPage};

    use super::*;

    fn page(code: &str) -> TicketPage {
        TicketPage {
            ticket_id: uuid::Uuid::from_u128(1),
            ticket_number: "7Q2FK9XM4D".into(),
            order_id: uuid::Uuid::from_u128(2),
            event_name: "Gala".into(),
            organizer_name: None,
            venue_name: None,
            venue_address: None,
            starts: None,
            doors: None,
            ends: None,
            holder_name: None,
            customer: "a@example.org".into(),
            section: None,
            row: None,
            seat: "A-01".into(),
            seat_unknown: false,
            category: None,
            price: Some("1 EUR".into()),
            ticket_index: 1,
            ticket_count: 1,
            issued_at: jiff::Timestamp::UNIX_EPOCH,
            issued: "1970-01-01".into(),
            code: code.into(),
            locale: None,
            template: None,
        }
    }

    #[test]
    fn what_is_drawn_is_read_back() {
        let renderer = PdfRenderer::with_fonts(Vec::new()).unwrap();
        for length in [1, 20, 112, 178, 189, 260] {
            let payload = format!("TK1:{}", "A7".repeat(length / 2));
            let drawn = renderer.render(&page(&payload)).unwrap().code.unwrap();
            assert_eq!(check(&drawn, &payload), Ok(()), "{length}");
            assert!(check(&drawn, "TK1:OTHER").unwrap_err().contains("something else"));
        }
    }

    #[test]
    fn one_in_so_many_is_proven_and_always_the_same() {
        let ticket = |id| {
            let order = fulfillment_domain::OrderId(uuid::Uuid::from_u128(1));
            let mut ticket = fulfillment_store::conformance::fixtures::ticket(order, 1);
            ticket.id = fulfillment_domain::TicketId(uuid::Uuid::from_u128(id));
            ticket
        };
        assert!((0..20).all(|id| ReadBack(1).is_due(&ticket(id))));
        assert_eq!((0..20).filter(|id| ReadBack(5).is_due(&ticket(*id))).count(), 4);
    }
}
