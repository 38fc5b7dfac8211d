//! The values that are printed on a ticket's page.

use jiff::Timestamp;
use uuid::Uuid;

use super::bundle::TemplateHash;

/// Everything a ticket's page is made of. Strings are formatted for people, in the event's time zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketPage {
    /// The ticket's id, printed in full.
    pub ticket_id: Uuid,
    /// The ticket's number, which people read out on the phone; printed in groups where it has no separators of its
    /// own.
    pub ticket_number: String,
    /// The order's id, printed in full.
    pub order_id: Uuid,
    /// The event's name, the page's title.
    pub event_name: String,
    /// The event's organizer.
    pub organizer_name: Option<String>,
    /// Where it takes place.
    pub venue_name: Option<String>,
    /// The venue's address. Its line breaks are kept where there is room for them; otherwise commas separate the lines.
    pub venue_address: Option<String>,
    /// When it starts.
    pub starts: Option<String>,
    /// When the doors open.
    pub doors: Option<String>,
    /// When it ends.
    pub ends: Option<String>,
    /// The ticket holder's name, where tickets are personalised.
    pub holder_name: Option<String>,
    /// The buyer: an e-mail address or an id.
    pub customer: String,
    /// The seat's section.
    pub section: Option<String>,
    /// The seat's row.
    pub row: Option<String>,
    /// The seat, or what is printed for it ("Standing", "General admission"). Empty, with neither section nor row:
    /// "Free seating" in the page's language.
    pub seat: String,
    /// There is a seat, but it is not known which: nothing is printed for it, not even "Free seating".
    pub seat_unknown: bool,
    /// The price category.
    pub category: Option<String>,
    /// The price with its currency, for instance "49.90 EUR". None where it is free: the page says so in its language.
    pub price: Option<String>,
    /// The ticket's index in the order, counted from 1.
    pub ticket_index: u32,
    /// How many tickets the order has.
    pub ticket_count: u32,
    /// The document's creation date. A date outside the years 0 to 9999 is left out of the file.
    pub issued_at: Timestamp,
    /// The same, as printed.
    pub issued: String,
    /// The QR code's content, "TK1:...": it takes the least room if it has only QR alphanumeric characters.
    pub code: String,
    /// A BCP 47 tag: the document's language, the reading direction, and which Chinese characters' forms are meant.
    pub locale: Option<String>,
    /// The template to draw with, one that the renderer keeps; by default, the A4 template that ships.
    pub template: Option<TemplateHash>,
}
