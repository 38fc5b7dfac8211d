//! What a ticket's page says.

use jiff::Timestamp;
use uuid::Uuid;

use super::bundle::TemplateHash;

/// Everything a ticket's page is made of. Strings are as people are to read them: formatted, in the event's time zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketPage {
    /// The ticket's id, printed in full.
    pub ticket_id: Uuid,
    /// The number a person reads out on the phone; printed in groups where it has no separators of its own.
    pub ticket_number: String,
    /// The order's id, printed in full.
    pub order_id: Uuid,
    /// The event's name, the page's title.
    pub event_name: String,
    /// Who holds the event.
    pub organizer_name: Option<String>,
    /// Where it takes place.
    pub venue_name: Option<String>,
    /// The venue's address. Its lines stay lines where there is room for them, else they are parted by commas.
    pub venue_address: Option<String>,
    /// When it starts.
    pub starts: Option<String>,
    /// When the doors open.
    pub doors: Option<String>,
    /// When it ends.
    pub ends: Option<String>,
    /// Whose ticket it is, where tickets are named.
    pub holder_name: Option<String>,
    /// The buyer: an e-mail address or an id.
    pub customer: String,
    /// The seat's section.
    pub section: Option<String>,
    /// The seat's row.
    pub row: Option<String>,
    /// The seat, or what is printed for it ("Standing", "General admission"). Empty, with neither section nor row: "Free
    /// seating" in the page's language.
    pub seat: String,
    /// There is a seat, and nobody here knows which: nothing is printed in its place, "Free seating" least of all.
    pub seat_unknown: bool,
    /// The price category.
    pub category: Option<String>,
    /// The price with its currency, for instance "49.90 EUR". None where it is free: the page says so in its language.
    pub price: Option<String>,
    /// Which of the order's tickets it is, counted from 1.
    pub ticket_index: u32,
    /// How many tickets the order has.
    pub ticket_count: u32,
    /// The document's creation date. Outside the years 0 to 9999 it is left out of the file.
    pub issued_at: Timestamp,
    /// The same, as printed.
    pub issued: String,
    /// The QR code's content, "TK1:...": of QR alphanumeric characters it takes the least room.
    pub code: String,
    /// A BCP 47 tag: the document's language, the reading direction, and which Chinese characters' forms are meant.
    pub locale: Option<String>,
    /// The template to draw by, one that the renderer keeps; without one, the A4 page that ships.
    pub template: Option<TemplateHash>,
}
