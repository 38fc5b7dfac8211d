//! A ticket as an earlier service recorded it.

use jiff::Timestamp;

use crate::fields::{Fields, Unreadable};
use crate::id::{OrderId, TicketId};
use crate::money::{Amount, Currency};
use crate::ticket::TicketStatus;

/// A row of the earlier service's tickets: its id (of any UUID version), its file's path, its old code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlierTicket {
    /// The ticket's id, as the earlier service generated it.
    pub id: TicketId,
    /// The order it belongs to.
    pub order_id: OrderId,
    /// Who bought it.
    pub customer_email: String,
    /// The event's name.
    pub event_name: String,
    /// The seat as printed.
    pub seat: String,
    /// What it cost.
    pub price: Amount,
    /// The currency of the price.
    pub currency: Currency,
    /// Its status.
    pub status: TicketStatus,
    /// The content of its code.
    pub code: String,
    /// Where its file was.
    pub pdf_path: Option<String>,
    /// When the file was made.
    pub generated_at: Option<Timestamp>,
    /// When the row was created.
    pub created_at: Option<Timestamp>,
}

impl EarlierTicket {
    /// Reads a row as an object of its columns, in any spelling: `id`, `order_id`, `customer_email`, `event_name`,
    /// `seat`, `price`, `currency` (USD where there is none), `status` (by name or by number from 0), `qr_code_data`,
    /// `ticket_pdf_path`, `generated_at`, `created_at`.
    ///
    /// # Errors
    /// An id, the price, the status or the code cannot be read.
    pub fn read(fields: &Fields<'_>) -> Result<Self, Unreadable> {
        let first = |names: [&str; 2]| Ok(fields.text(names[0])?.or(fields.text(names[1])?));
        let id = fields.guid("id")?.or(fields.guid("ticketId")?);
        let missing = |name: &str| Unreadable::field(name, "is missing");
        let currency = fields.text("currency")?.map(|text| text.parse()).transpose();
        Ok(Self {
            id: TicketId(id.ok_or_else(|| missing("id"))?),
            order_id: OrderId(fields.guid("orderId")?.ok_or_else(|| missing("orderId"))?),
            customer_email: fields.email("customerEmail")?.unwrap_or_default(),
            event_name: fields.text("eventName")?.unwrap_or_default(),
            seat: first(["seat", "seatNumber"])?.unwrap_or_else(|| "N/A".to_owned()),
            price: fields.amount("price")?.ok_or_else(|| missing("price"))?,
            currency: currency
                .map_err(|_| Unreadable::field("currency", "is not a currency"))?
                .unwrap_or(Currency::USD),
            status: status(fields)?,
            code: first(["qrCodeData", "qrCode"])?.ok_or_else(|| missing("qrCodeData"))?,
            pdf_path: first(["ticketPdfPath", "pdfPath"])?,
            generated_at: fields.time("generatedAt")?,
            created_at: fields.time("createdAt")?,
        })
    }

    /// Whether it was issued. A ticket that was pending or failed is issued by its payment instead.
    pub fn is_issued(&self) -> bool {
        matches!(self.status, TicketStatus::Generated | TicketStatus::Delivered)
    }
}

/// By name, in any case, or by number as .NET stores an enum.
fn status(fields: &Fields<'_>) -> Result<TicketStatus, Unreadable> {
    use TicketStatus::{Delivered, Failed, Generated, Pending};
    let text = fields.text("status")?.ok_or_else(|| Unreadable::field("status", "is missing"))?;
    let known = [Pending, Generated, Failed, Delivered].into_iter().enumerate();
    let mut named = known.filter(|(n, s)| text.eq_ignore_ascii_case(s.as_str()) || text == n.to_string());
    let unknown = || Unreadable::field("status", "must be Pending, Generated, Failed or Delivered");
    named.next().map(|(_, status)| status).ok_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<EarlierTicket, Unreadable> {
        EarlierTicket::read(&Fields::parse(json.as_bytes()).unwrap())
    }

    const IDS: &str =
        r#""Id":"3F2504E0-4F89-41D3-9A0C-0305E82C3301","OrderId":"7d444840-9dc0-11d1-b245-5ffdce74fad2""#;

    #[test]
    fn rows_are_read_in_any_spelling() {
        let pascal = read(&format!(
            r#"{{{IDS},"CustomerEmail":"a@b","EventName":"Gala","Seat":"A-1","Price":59.50,"Currency":"EUR",
            "Status":1,"QrCodeData":"x:y:z","TicketPdfPath":"/app/data/tickets/x.pdf",
            "GeneratedAt":"2026-11-22T18:30:00.1234567","CreatedAt":"2026-11-22T18:29:00+00:00"}}"#
        ))
        .unwrap();
        assert_eq!(pascal.id.to_string(), "3f2504e0-4f89-41d3-9a0c-0305e82c3301");
        assert_eq!((pascal.price.to_string().as_str(), pascal.status), ("59.50", TicketStatus::Generated));
        assert!(pascal.is_issued() && pascal.generated_at > pascal.created_at);
        let snake = read(&format!(
            r#"{{{IDS},"customer_email":"","event_name":"Gala","seat":"A-1","price":"59.50","status":"DELIVERED",
            "qr_code_data":"x","ticket_pdf_path":"","generated_at":""}}"#
        ))
        .unwrap();
        assert_eq!(
            (snake.currency, snake.pdf_path, snake.status),
            (Currency::USD, None, TicketStatus::Delivered)
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        let field = |json: &str| read(json).unwrap_err().field;
        assert_eq!(field("{}").as_deref(), Some("id"));
        let with = |rest: &str| field(&format!("{{{IDS},{rest}}}"));
        assert_eq!(with(r#""status":1,"qrCode":"x""#).as_deref(), Some("price"));
        assert_eq!(with(r#""price":1,"qrCode":"x""#).as_deref(), Some("status"));
        assert_eq!(with(r#""price":1,"status":7,"qrCode":"x""#).as_deref(), Some("status"));
        assert_eq!(with(r#""price":1,"status":"generated""#).as_deref(), Some("qrCodeData"));
        let failed = read(&format!(r#"{{{IDS},"price":1,"status":"Failed","qrCode":"x"}}"#)).unwrap();
        assert!(!failed.is_issued());
    }
}
