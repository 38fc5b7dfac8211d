//! Ordering's answer, and what an order is to this service.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::Serialize;

use crate::fields::{Fields, Unreadable};
use crate::id::OrderId;
use crate::money::{Amount, Currency};
use crate::ticket::UnknownWord;

/// The most tickets one order can have. A setting may lower it.
pub const MAX_TICKETS: usize = 10_000;

/// What Ordering calls an event whose name it does not know yet.
pub const PENDING_NAME: &str = "Event Details Pending";

/// Where an order stands. Each state has its reason beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OrderState {
    /// Paid; Ordering has not been heard yet, or not to satisfaction.
    Received,
    /// Frozen: its tickets exist, their files are being made.
    Enriched,
    /// Every ticket has its file.
    Issued,
    /// Given up for now, visibly: tried again slowly, or by hand.
    Parked,
    /// Cancelled or refunded in full.
    Voided,
}

impl OrderState {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Received, Self::Enriched, Self::Issued, Self::Parked, Self::Voided];

    /// The name, as the record has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Enriched => "enriched",
            Self::Issued => "issued",
            Self::Parked => "parked",
            Self::Voided => "voided",
        }
    }
}

impl fmt::Display for OrderState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for OrderState {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL
            .into_iter()
            .find(|s| s.as_str() == text)
            .ok_or_else(|| UnknownWord { what: "order state", word: text.to_owned() })
    }
}

/// Why an answer of Ordering's is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No JSON object: half a body, or somebody else answering. Worth asking again soon.
    #[error("the answer {0}")]
    Garbled(Unreadable),
    /// An answer for another order.
    #[error("the answer is for another order")]
    OtherOrder,
    /// JSON that does not fit the contract.
    #[error("the answer does not fit: {0}")]
    Misfit(Unreadable),
}

/// An accepted answer: the order as it was when its tickets were frozen.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderSnapshot {
    /// The order asked for.
    pub order_id: OrderId,
    /// An e-mail address, or a signed-in customer's user id (no `@` in it).
    pub customer_email: String,
    /// The buyer's name.
    pub customer_name: Option<String>,
    /// The buyer's locale.
    pub locale: Option<String>,
    /// What is being attended.
    pub event: Event,
    /// One for each ticket, in the order's order. Never empty.
    pub seats: Vec<Seat>,
}

/// The event, as far as Ordering tells.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names are the contract's")]
pub struct Event {
    pub id: String,
    pub name: String,
    pub starts_at: Option<Timestamp>,
    pub ends_at: Option<Timestamp>,
    pub doors_at: Option<Timestamp>,
    pub time_zone: Option<String>,
    pub venue_name: Option<String>,
    pub venue_address: Option<String>,
    pub organizer_id: Option<String>,
    pub organizer_name: Option<String>,
}

/// One seat, or one place: what one ticket is for.
#[derive(Debug, Clone, PartialEq)]
pub struct Seat {
    /// The line's identity: `item:<id>`, else `seat:<id>`, else `pos:<n>`.
    pub line: String,
    /// From 0, within the line.
    pub unit: u32,
    /// Ordering's item.
    pub item_id: Option<String>,
    /// Ordering's seat.
    pub seat_id: Option<String>,
    /// Section of the venue.
    pub section: Option<String>,
    /// Row.
    pub row: Option<String>,
    /// Seat within the row.
    pub number: Option<String>,
    /// As printed.
    pub label: String,
    /// Whose seat it is.
    pub holder_name: Option<String>,
    /// The holder's own address.
    pub holder_email: Option<String>,
    /// Ticket category.
    pub category: Option<String>,
    /// What it cost.
    pub price: Amount,
    /// In what.
    pub currency: Currency,
}

impl OrderSnapshot {
    /// Reads Ordering's answer to the question for `asked`.
    ///
    /// # Errors
    /// [`Refusal`]: garbled, for another order, or against the contract, with the field at fault.
    pub fn parse(bytes: &[u8], asked: OrderId, max_tickets: usize) -> Result<Self, Refusal> {
        let fields = Fields::parse(bytes).map_err(Refusal::Garbled)?;
        match fields.guid("orderId").map_err(Refusal::Misfit)? {
            Some(id) if id != asked.0 => return Err(Refusal::OtherOrder),
            Some(_) => {}
            None => return Err(Refusal::Misfit(Unreadable::field("orderId", "is missing"))),
        }
        Self::read(&fields, asked, max_tickets).map_err(Refusal::Misfit)
    }

    fn read(fields: &Fields<'_>, order_id: OrderId, max_tickets: usize) -> Result<Self, Unreadable> {
        let required = |name: &str| fields.text(name)?.ok_or_else(|| Unreadable::field(name, "is missing"));
        let event = Event {
            id: fields.identifier("eventId")?.ok_or_else(|| Unreadable::field("eventId", "is missing"))?,
            name: required("eventName")?,
            starts_at: fields.time("eventStartsAt")?,
            ends_at: fields.time("eventEndsAt")?,
            doors_at: fields.time("doorsAt")?,
            time_zone: fields.text("timeZone")?,
            venue_name: fields.text("venueName")?,
            venue_address: fields.text("venueAddress")?,
            organizer_id: fields.identifier("organizerId")?,
            organizer_name: fields.text("organizerName")?,
        };
        let currency = currency(fields)?.unwrap_or(Currency::USD);
        let items = fields.objects("items")?.unwrap_or_default();
        let seats = if items.is_empty() {
            let label = fields.text("seatNumber")?.unwrap_or_else(|| "N/A".into());
            let price = fields.amount("price")?.ok_or_else(|| Unreadable::field("price", "is missing"))?;
            vec![Seat::unlisted(fields, label, price, currency)?]
        } else {
            read_items(&items, currency, max_tickets)?
        };
        Ok(Self {
            order_id,
            customer_email: required("customerEmail")?,
            customer_name: fields.text("customerName")?,
            locale: fields.text("locale")?,
            event,
            seats,
        })
    }

    /// Whether Ordering itself does not know the event's name yet.
    pub fn name_is_pending(&self) -> bool {
        self.event.name.eq_ignore_ascii_case(PENDING_NAME)
    }

    /// Whether the customer is given as a user id that Identity may turn into an address.
    pub fn customer_is_user_id(&self) -> bool {
        !self.customer_email.contains('@')
    }

    /// The sum of the seats' prices when they share one currency.
    pub fn total(&self) -> Option<(Amount, Currency)> {
        let currency = self.seats.first()?.currency;
        let mut sum = rust_decimal::Decimal::ZERO;
        for seat in &self.seats {
            if seat.currency != currency {
                return None;
            }
            sum = sum.checked_add(seat.price.0)?;
        }
        Some((Amount(sum), currency))
    }
}

impl Seat {
    /// The one seat of an answer without `items`.
    fn unlisted(
        fields: &Fields<'_>,
        label: String,
        price: Amount,
        currency: Currency,
    ) -> Result<Self, Unreadable> {
        let (section, row, number) = parts_of_label(&label);
        Ok(Self {
            line: "pos:0".into(),
            unit: 0,
            item_id: None,
            seat_id: fields.identifier("seatId")?,
            section: fields.text("section")?.or(section),
            row: fields.text("row")?.or(row),
            number: number.or_else(|| Some(label.clone())),
            label,
            holder_name: fields.text("holderName")?,
            holder_email: fields.text("holderEmail")?,
            category: fields.text("category")?,
            price,
            currency,
        })
    }
}

fn read_items(
    items: &[Fields<'_>],
    order_currency: Currency,
    max_tickets: usize,
) -> Result<Vec<Seat>, Unreadable> {
    let mut seats = Vec::with_capacity(items.len());
    let mut lines = HashSet::with_capacity(items.len());
    for (position, item) in items.iter().enumerate() {
        let at = |e: Unreadable| Unreadable {
            field: Some(format!("items[{position}].{}", e.field.as_deref().unwrap_or("?"))),
            reason: e.reason,
        };
        let (seat, quantity) = read_item(item, position, order_currency).map_err(at)?;
        if !lines.insert(seat.line.clone()) {
            return Err(at(Unreadable::field("itemId", "is there twice")));
        }
        if seats.len() + quantity > max_tickets {
            return Err(Unreadable::field("items", format!("has more than {max_tickets} tickets")));
        }
        for unit in 0..u32::try_from(quantity).unwrap_or(u32::MAX) {
            seats.push(Seat { unit, ..seat.clone() });
        }
    }
    Ok(seats)
}

/// Where somebody sits or stands, as an item tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Ordering's seat.
    pub seat_id: Option<String>,
    /// Section of the venue.
    pub section: Option<String>,
    /// Row.
    pub row: Option<String>,
    /// Seat within the row.
    pub number: Option<String>,
    /// As printed.
    pub label: String,
}

impl Place {
    /// Reads `seatId`, `section`, `row`, `seatNumber` and `seatLabel`; "Section A, Row 5, Seat 12" is taken apart.
    ///
    /// # Errors
    /// A field of another type.
    pub fn read(item: &Fields<'_>) -> Result<Self, Unreadable> {
        let (mut section, mut row) = (item.text_or_number("section")?, item.text_or_number("row")?);
        let mut number = item.text_or_number("seatNumber")?;
        let given_label = item.text("seatLabel")?;
        if section.is_none() && row.is_none() {
            let (s, r, n) = parts_of_label(given_label.as_deref().or(number.as_deref()).unwrap_or(""));
            if n.is_some() {
                (section, row, number) = (s, r, n);
            }
        }
        let label =
            given_label.unwrap_or_else(|| label_of(section.as_deref(), row.as_deref(), number.as_deref()));
        Ok(Self { seat_id: item.identifier("seatId")?, section, row, number, label })
    }
}

fn read_item(
    item: &Fields<'_>,
    position: usize,
    order_currency: Currency,
) -> Result<(Seat, usize), Unreadable> {
    let item_id = item.identifier("itemId")?;
    let Place { seat_id, section, row, number, label } = Place::read(item)?;
    let named = number.is_some() || seat_id.is_some();
    let quantity = match item.integer("quantity")? {
        None => 1,
        Some(n) if n < 1 => return Err(Unreadable::field("quantity", "is below 1")),
        Some(n) if n > 1 && named => {
            return Err(Unreadable::field("quantity", "is above 1 for a named seat"));
        }
        Some(n) => usize::try_from(n).unwrap_or(usize::MAX).min(MAX_TICKETS + 1),
    };
    let seat = Seat {
        line: match (&item_id, &seat_id) {
            (Some(id), _) => format!("item:{id}"),
            (None, Some(id)) => format!("seat:{id}"),
            (None, None) => format!("pos:{position}"),
        },
        unit: 0,
        section,
        row,
        number,
        label,
        holder_name: item.text("holderName")?,
        holder_email: item.text("holderEmail")?,
        category: item.text("category")?,
        price: item.amount("price")?.ok_or_else(|| Unreadable::field("price", "is missing"))?,
        currency: currency(item)?.unwrap_or(order_currency),
        item_id,
        seat_id,
    };
    Ok((seat, quantity))
}

fn currency(fields: &Fields<'_>) -> Result<Option<Currency>, Unreadable> {
    fields
        .text("currency")?
        .map(|c| c.parse().map_err(|_| Unreadable::field("currency", "is not an ISO 4217 code")))
        .transpose()
}

/// "Section A, Row 5, Seat 12" taken apart; anything else stays a label.
fn parts_of_label(label: &str) -> (Option<String>, Option<String>, Option<String>) {
    let mut found = [None, None, None];
    for part in label.split(',') {
        let Some((word, value)) = part.trim().split_once(char::is_whitespace) else {
            return (None, None, None);
        };
        let slot = match word.to_ascii_lowercase().as_str() {
            "section" => 0,
            "row" => 1,
            "seat" => 2,
            _ => return (None, None, None),
        };
        found[slot] = Some(value.trim().to_owned());
    }
    let [section, row, number] = found;
    (section, row, number)
}

fn label_of(section: Option<&str>, row: Option<&str>, number: Option<&str>) -> String {
    match (section, row, number) {
        (None, None, Some(number)) => number.to_owned(),
        (None, None, None) => "N/A".to_owned(),
        _ => [("Section", section), ("Row", row), ("Seat", number)]
            .iter()
            .filter_map(|(word, value)| value.map(|v| format!("{word} {v}")))
            .collect::<Vec<_>>()
            .join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "7d444840-9dc0-11d1-b245-5ffdce74fad2";

    fn parse(rest: &str) -> Result<OrderSnapshot, Refusal> {
        let json = format!(
            r#"{{"orderId":"{ID}","customerEmail":"a@example.org","eventId":"e1","eventName":"Gala"{rest}}}"#
        );
        OrderSnapshot::parse(json.as_bytes(), ID.parse().unwrap(), MAX_TICKETS)
    }

    fn misfit(rest: &str) -> Option<String> {
        match parse(rest) {
            Err(Refusal::Misfit(e)) => e.field,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_answer_without_items_is_one_ticket() {
        let order =
            parse(r#","seatNumber":"Section A, Row 5, Seat 12","price":49.90,"currency":"EUR","items":[]"#)
                .unwrap();
        let [seat] = &order.seats[..] else { panic!() };
        assert_eq!(seat.label, "Section A, Row 5, Seat 12");
        assert_eq!(
            (seat.section.as_deref(), seat.row.as_deref(), seat.number.as_deref()),
            (Some("A"), Some("5"), Some("12"))
        );
        assert_eq!((seat.line.as_str(), seat.price.to_string().as_str()), ("pos:0", "49.90"));
        for free in ["A-01", "VIP - A1", "N/A"] {
            let order = parse(&format!(r#","seatNumber":"{free}","price":1"#)).unwrap();
            assert_eq!(order.seats[0].label, free);
            assert_eq!(order.seats[0].section, None);
            assert_eq!(order.seats[0].currency, Currency::USD);
        }
    }

    #[test]
    fn every_item_is_its_tickets() {
        let order = parse(
            r#","currency":"EUR","items":[
            {"itemId":"i1","section":"A","row":5,"seatNumber":"12","price":10.00},
            {"seatId":2,"seatLabel":"Box 3","price":20},
            {"quantity":3,"category":"Standing","price":5,"currency":"CHF"}]"#,
        )
        .unwrap();
        let keys: Vec<_> = order.seats.iter().map(|s| (s.line.as_str(), s.unit)).collect();
        assert_eq!(keys, [("item:i1", 0), ("seat:2", 0), ("pos:2", 0), ("pos:2", 1), ("pos:2", 2)]);
        assert_eq!(order.seats[0].label, "Section A, Row 5, Seat 12");
        assert_eq!(order.seats[1].label, "Box 3");
        assert_eq!(order.seats[2].label, "N/A");
        assert_eq!(order.total(), None);
    }

    #[test]
    fn totals_are_exact() {
        let order = parse(r#","items":[{"price":0.1},{"price":0.2}]"#).unwrap();
        assert_eq!(order.total().unwrap().0.to_string(), "0.3");
    }

    #[test]
    fn what_does_not_fit_is_named() {
        assert_eq!(misfit("").as_deref(), Some("price"));
        assert_eq!(misfit(r#","items":[{"price":1,"quantity":0}]"#).as_deref(), Some("items[0].quantity"));
        assert_eq!(
            misfit(r#","items":[{"price":1,"seatNumber":"4","quantity":2}]"#).as_deref(),
            Some("items[0].quantity")
        );
        assert_eq!(misfit(r#","items":[{"price":1,"quantity":10001}]"#).as_deref(), Some("items"));
        assert_eq!(
            misfit(r#","items":[{"itemId":"a","price":1},{"itemId":"a","price":1}]"#).as_deref(),
            Some("items[1].itemId")
        );
        assert_eq!(misfit(r#","items":[{"price":"x"}]"#).as_deref(), Some("items[0].price"));
    }

    #[test]
    fn answers_for_others_and_halves_are_refused() {
        let other = ID.replace('7', "8").parse().unwrap();
        let json = format!(r#"{{"orderId":"{ID}"}}"#);
        assert_eq!(OrderSnapshot::parse(json.as_bytes(), other, 10), Err(Refusal::OtherOrder));
        let half = &json.as_bytes()[..20];
        assert!(matches!(OrderSnapshot::parse(half, other, 10), Err(Refusal::Garbled(_))));
    }

    #[test]
    fn a_nul_in_a_name_is_dropped() {
        let order = parse(r#","seatNumber":"1","price":1,"customerName":"Zo\u0000e""#).unwrap();
        assert_eq!(order.customer_name.as_deref(), Some("Zoe"));
    }
}
