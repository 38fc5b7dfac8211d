//! The lines of an order, read from Ordering's items: one ticket for each place.

use std::collections::HashSet;

use super::MAX_TICKETS;
use super::answer::{Reader, Remarks};
use super::labels::{label_of, parts_of_label};
use super::reading::Reading;
use crate::fields::{Fields, Unreadable};
use crate::money::{Amount, Currency};
use crate::ticket::Flag;

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

/// Where somebody sits or stands, as an item says it.
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
    /// A field that cannot be read.
    pub fn read(item: &Fields<'_>) -> Result<Self, Unreadable> {
        let mut remarks = Remarks::strict();
        let place = Self::of(&mut Reader::new(item, "", &mut remarks));
        remarks.first_fault().map_or(Ok(place), Err)
    }

    fn of(item: &mut Reader<'_, '_>) -> Self {
        let (mut section, mut row) =
            (item.optional("section", Fields::text), item.optional("row", Fields::text));
        let mut number = item.optional("seatNumber", Fields::text);
        let given_label = item.optional("seatLabel", Fields::text);
        if section.is_none() && row.is_none() {
            let (s, r, n) = parts_of_label(given_label.as_deref().or(number.as_deref()).unwrap_or(""));
            if n.is_some() {
                (section, row, number) = (s, r, n);
            }
        }
        let label =
            given_label.unwrap_or_else(|| label_of(section.as_deref(), row.as_deref(), number.as_deref()));
        Self { seat_id: item.decisive("seatId", Fields::identifier), section, row, number, label }
    }
}

/// What the lines of an answer come to.
#[derive(Debug)]
pub(super) struct Lines {
    /// One for each ticket, in the answer's order.
    pub(super) seats: Vec<Seat>,
}

impl Lines {
    /// Reads `items`, or the answer's own seat when there are none.
    pub(super) fn read(answer: &mut Reader<'_, '_>, reading: &Reading) -> Self {
        let mut currencies = Currencies {
            order: answer.optional("currency", currency).or(reading.paid_in),
            default: reading.currency,
            assumed: false,
        };
        let items = answer.decisive("items", Fields::objects).unwrap_or_default();
        let seats = if items.is_empty() {
            vec![Seat::unlisted(answer, currencies.of(None))]
        } else {
            read_items(answer, &items, &mut currencies, reading.max_tickets)
        };
        if currencies.assumed {
            let note =
                format!("neither the order nor its payment says a currency: {} was taken", reading.currency);
            answer.flag(Flag::CurrencyAssumed, note);
        }
        Self { seats }
    }
}

impl Seat {
    /// The one seat of an answer without `items`.
    fn unlisted(answer: &mut Reader<'_, '_>, currency: Currency) -> Self {
        let label = answer.optional("seatNumber", Fields::text).unwrap_or_else(|| "N/A".into());
        let (section, row, number) = parts_of_label(&label);
        Self {
            line: "pos:0".into(),
            unit: 0,
            item_id: None,
            seat_id: answer.decisive("seatId", Fields::identifier),
            section: answer.optional("section", Fields::text).or(section),
            row: answer.optional("row", Fields::text).or(row),
            number: number.or_else(|| Some(label.clone())),
            label,
            holder_name: answer.optional("holderName", Fields::text),
            holder_email: answer.optional("holderEmail", Fields::text),
            category: answer.optional("category", Fields::text),
            price: answer.required("price", Fields::amount).unwrap_or_default(),
            currency,
        }
    }
}

fn read_items<'a>(
    answer: &mut Reader<'_, 'a>,
    items: &[Fields<'a>],
    currencies: &mut Currencies,
    max_tickets: usize,
) -> Vec<Seat> {
    let mut seats = Vec::with_capacity(items.len().min(max_tickets));
    let mut lines = HashSet::with_capacity(items.len());
    for (position, item) in items.iter().enumerate() {
        let mut item = answer.nested(item, &format!("items[{position}]"));
        let (seat, quantity) = read_item(&mut item, position, currencies);
        if !lines.insert(seat.line.clone()) {
            item.fault("itemId", "is there twice");
        }
        if seats.len() + quantity > max_tickets {
            answer.fault("items", format!("has more than {max_tickets} tickets"));
            return seats;
        }
        for unit in 0..u32::try_from(quantity).unwrap_or(u32::MAX) {
            seats.push(Seat { unit, ..seat.clone() });
        }
    }
    seats
}

fn read_item(item: &mut Reader<'_, '_>, position: usize, currencies: &mut Currencies) -> (Seat, usize) {
    let item_id = item.decisive("itemId", Fields::identifier);
    let Place { seat_id, section, row, number, label } = Place::of(item);
    let named = number.is_some() || seat_id.is_some();
    let quantity = match item.decisive("quantity", Fields::integer) {
        Some(n) if n < 1 => {
            item.fault("quantity", "is below 1");
            1
        }
        Some(n) if n > 1 && named => {
            item.fault("quantity", "is above 1 for a named seat");
            1
        }
        n => usize::try_from(n.unwrap_or(1)).unwrap_or(usize::MAX).min(MAX_TICKETS + 1),
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
        holder_name: item.optional("holderName", Fields::text),
        holder_email: item.optional("holderEmail", Fields::text),
        category: item.optional("category", Fields::text),
        price: item.required("price", Fields::amount).unwrap_or_default(),
        currency: currencies.of(item.optional("currency", currency)),
        item_id,
        seat_id,
    };
    (seat, quantity)
}

/// The currencies of an order's lines.
struct Currencies {
    /// Of lines without one of their own: the answer's, else the payment's.
    order: Option<Currency>,
    default: Currency,
    /// Whether a line has the default.
    assumed: bool,
}

impl Currencies {
    fn of(&mut self, line: Option<Currency>) -> Currency {
        line.or(self.order).unwrap_or_else(|| {
            self.assumed = true;
            self.default
        })
    }
}

fn currency(fields: &Fields<'_>, name: &str) -> Result<Option<Currency>, Unreadable> {
    let Some(text) = fields.text(name)? else { return Ok(None) };
    text.parse().map(Some).map_err(|_| Unreadable::field(name, "is not an ISO 4217 code"))
}
