//! The lines of an order, read from Ordering's items: one ticket for each place.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::counts::{self, Understood};
use super::kind::{Charge, NoAdmission, doubtful, is_discount, no_admission};
use super::labels::{NO_SEAT, is_no_seat};
use super::place::Place;
use super::reader::Reader;
use super::reading::Reading;
use super::{MAX_TEXT_IN_ALL, MAX_TICKETS};
use crate::fields::{Fields, Unreadable};
use crate::money::{Amount, Currency};
use crate::seat::{fold, is_one_seat};
use crate::ticket::{self, Flag};

/// The most currencies that a note names.
const CURRENCIES_NAMED: usize = 5;

/// One seat or one place: one ticket is made for it.
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
    /// The holder's name.
    pub holder_name: Option<String>,
    /// The holder's own address.
    pub holder_email: Option<String>,
    /// Ticket category.
    pub category: Option<String>,
    /// What it cost.
    pub price: Amount,
    /// The currency of the price.
    pub currency: Currency,
}

impl Seat {
    /// The seat as stored with its ticket, with its category's number in codes.
    pub fn frozen(&self, category_number: u16) -> ticket::Seat {
        ticket::Seat {
            label: self.label.clone(),
            id: self.seat_id.clone(),
            section: self.section.clone(),
            row: self.row.clone(),
            number: self.number.clone(),
            category: self.category.clone(),
            category_number,
        }
    }
}

/// The lines of an answer, as read.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// One for each ticket, in the answer's order.
    pub(super) seats: Vec<Seat>,
    /// The lines that admit nobody.
    pub(super) charges: Vec<Charge>,
}

impl Lines {
    /// Reads `items`, or the answer's own seat when there are none. `shared` is the size of the text that every ticket
    /// has besides its seat.
    pub(super) fn read(answer: &mut Reader<'_, '_>, reading: &Reading, shared: usize) -> Self {
        let mut currencies = Currencies {
            order: answer.optional("currency", currency).or(reading.paid_in),
            default: reading.currency,
            assumed: false,
        };
        let max_tickets = reading.max_tickets;
        let items = answer.decisive("items", Fields::list).unwrap_or_default();
        let mut lines = Self::default();
        if items.is_empty() {
            lines.seats.push(Seat::unlisted(answer, currencies.of(None)));
        }
        let mut known = HashSet::with_capacity(items.len());
        let mut places = Vec::new();
        let mut emptied = Vec::new();
        let mut text = 0_usize;
        for (position, item) in items.iter().enumerate() {
            let item = match Fields::parse(item.get().as_bytes()) {
                Ok(item) => item,
                Err(e) => {
                    answer.fault(&format!("items[{position}]"), e.reason);
                    continue;
                }
            };
            let mut item = answer.nested(&item, &format!("items[{position}]"));
            let line = Line::read(&mut item, position, &mut currencies);
            if line.admits_nobody.is_none() && line.quantity == 0 {
                emptied.push(position);
                continue;
            }
            if line.admits_nobody.is_none() && !known.insert(line.seat.line.clone()) {
                item.fault("itemId", "is there twice");
            }
            if let Some(why) = line.admits_nobody {
                lines.charges.push(line.charge(&mut item, why));
                places.push(position);
                continue;
            }
            let quantity = usize::try_from(line.quantity).unwrap_or(usize::MAX).min(MAX_TICKETS + 1);
            if lines.seats.len() + quantity > max_tickets {
                answer.fault("items", format!("has more than {max_tickets} tickets"));
                return lines;
            }
            // Checked before the seats are created: this much text need not fit into memory.
            text = text.saturating_add(quantity.saturating_mul(shared.saturating_add(line.seat.text())));
            if text > MAX_TEXT_IN_ALL {
                answer.fault(
                    "items",
                    format!("has tickets with more than {MAX_TEXT_IN_ALL} bytes of text in all"),
                );
                return lines;
            }
            for unit in 0..u32::try_from(quantity).unwrap_or(u32::MAX) {
                lines.seats.push(Seat { unit, ..line.seat.clone() });
            }
        }
        if lines.seats.is_empty() {
            // No ticket is left, but a buyer may be owed one.
            for position in emptied {
                answer.fault(&format!("items[{position}].quantity"), "is below 1");
            }
        }
        if currencies.assumed {
            let note =
                format!("neither the order nor its payment says a currency: {} was taken", reading.currency);
            answer.flag(Flag::CurrencyAssumed, note);
        }
        // A fee may name the item that it is for. The id belongs to the ticket then, and the fee is identified by its
        // position.
        for (charge, position) in lines.charges.iter_mut().zip(places) {
            if known.contains(&charge.line) {
                charge.line = format!("pos:{position}");
            }
        }
        lines.flag_currencies(answer);
        number_labels(&mut lines.seats);
        let tickets = i64::try_from(lines.seats.len()).unwrap_or(i64::MAX);
        let units = lines.charges.iter().fold(tickets, |sum, charge| sum.saturating_add(charge.quantity));
        counts::compare(answer, Understood { items: items.len(), tickets, units });
        lines
    }

    /// Flags lines that cannot be added up: the payment is not compared with them.
    fn flag_currencies(&self, answer: &mut Reader<'_, '_>) {
        let of_charges = self.charges.iter().map(|charge| charge.currency);
        let all = self.seats.iter().map(|seat| seat.currency).chain(of_charges);
        let all: BTreeSet<_> = all.map(|currency| currency.to_string()).collect();
        if all.len() > 1 {
            let mut named: Vec<_> = all.iter().take(CURRENCIES_NAMED).map(String::as_str).collect();
            if all.len() > CURRENCIES_NAMED {
                named.push("and more");
            }
            let note = format!(
                "the lines are in several currencies ({}): they were not added up and compared with the payment",
                named.join(", ")
            );
            answer.flag(Flag::SeveralCurrencies, note);
        }
    }
}

impl Seat {
    /// The one seat of an answer without `items`. Its label is the answer's, even where it can be split.
    fn unlisted(answer: &mut Reader<'_, '_>, currency: Currency) -> Self {
        let mut place = Place::written(answer);
        let label = answer.optional("seatLabel", Fields::text).filter(|label| !is_no_seat(label));
        let label = place.number.clone().or(label).unwrap_or_else(|| NO_SEAT.into());
        place.take_apart(&label);
        place.label.clone_from(&label);
        place.flag_unreadable(answer);
        let price = answer.required("price", Fields::amount).unwrap_or_default();
        if price.is_negative() {
            answer.fault("price", "is below zero");
        }
        Self::of(answer, "pos:0".into(), None, Place { label, ..place }, price, currency)
    }

    fn of(
        object: &mut Reader<'_, '_>,
        line: String,
        item_id: Option<String>,
        place: Place,
        price: Amount,
        currency: Currency,
    ) -> Self {
        let Place { seat_id, section, row, number, label } = place;
        Self {
            line,
            unit: 0,
            item_id,
            seat_id,
            section,
            row,
            number,
            label,
            holder_name: object.optional("holderName", Fields::text),
            holder_email: object.optional("holderEmail", Fields::email),
            category: object.optional("category", Fields::text),
            price,
            currency,
        }
    }

    /// The size of its text in bytes.
    fn text(&self) -> usize {
        let Self { item_id, seat_id, section, row, number, holder_name, holder_email, category, .. } = self;
        let optional = [item_id, seat_id, section, row, number, holder_name, holder_email, category];
        let optional: usize = optional.into_iter().flatten().map(String::len).sum();
        optional + self.line.len() + self.label.len()
    }
}

/// Turns a label that identifies one seat into its number; a label that occurs twice is a place for several.
fn number_labels(seats: &mut [Seat]) {
    let is_bare = |s: &Seat| s.seat_id.is_none() && s.section.is_none() && s.row.is_none();
    let mut times: HashMap<String, usize> = HashMap::new();
    for seat in seats.iter().filter(|seat| is_bare(seat)) {
        *times.entry(fold(&seat.label)).or_default() += 1;
    }
    for seat in seats.iter_mut().filter(|seat| is_bare(seat) && is_one_seat(&seat.label)) {
        let once = times.get(&fold(&seat.label)) == Some(&1);
        seat.number = if once { seat.number.take().or_else(|| Some(seat.label.clone())) } else { None };
    }
}

/// One entry of `items`.
struct Line {
    seat: Seat,
    quantity: i64,
    admits_nobody: Option<NoAdmission>,
}

impl Line {
    fn read(item: &mut Reader<'_, '_>, position: usize, currencies: &mut Currencies) -> Self {
        let faults = item.faults();
        let item_id = item.decisive("itemId", Fields::optional_id_from_zero);
        let place = Place::of(item);
        let price = item.decisive("price", Fields::amount);
        // An item with an unreadable seat id still has a seat.
        let seated = place.is_seated() || item.fields().identifier("seatId").is_err();
        let admits_nobody = no_admission(item, seated, price);
        let quantity = if admits_nobody.is_some() {
            // No ticket is made of it, so its faults do not hold any ticket back.
            item.forgive(faults);
            item.optional("quantity", Fields::integer).unwrap_or(1)
        } else {
            Self::admitted(item, place.names_one_seat())
        };
        if quantity == 0 && admits_nobody.is_none() {
            item.forgive(faults);
            let note = format!("{} has the quantity 0: it issues no ticket", item.path());
            item.flag(Flag::DetailLeftOut, note);
        } else {
            counts::nested(item, quantity.max(1));
            let doubt = if admits_nobody.is_none() { doubtful(item.fields(), seated) } else { None };
            if let Some(word) = doubt {
                let path = item.path();
                let note =
                    format!("the line {path} is of the type {word}, which may admit nobody: it was issued");
                item.flag(Flag::LineAssumed, note);
            }
        }
        let line = match (&item_id, &place.seat_id) {
            (Some(id), _) => format!("item:{id}"),
            (None, Some(id)) => format!("seat:{id}"),
            (None, None) => format!("pos:{position}"),
        };
        let currency = currencies.of(item.optional("currency", currency));
        let seat = Seat::of(item, line, item_id, place, price.unwrap_or_default(), currency);
        Self { seat, quantity, admits_nobody }
    }

    /// The number of tickets of the line: none if it was edited away.
    fn admitted(item: &mut Reader<'_, '_>, named: bool) -> i64 {
        let quantity = item.decisive("quantity", Fields::integer).unwrap_or(1);
        if quantity == 0 {
            return 0;
        }
        if matches!(item.fields().raw("price"), Ok(None)) {
            item.fault("price", "is missing");
        }
        if quantity < 1 {
            item.fault("quantity", "is below 1");
        } else if quantity > 1 && named {
            item.fault("quantity", "is above 1 for a named seat");
        }
        let quantity = quantity.max(1);
        for name in ["seatCount", "ticketCount"] {
            counts::count(item, name, quantity);
        }
        quantity
    }

    /// The line as one that admits nobody, with its note. A reduction has a negative price, or a negative quantity, or
    /// is a discount by its type.
    fn charge(self, item: &mut Reader<'_, '_>, why: NoAdmission) -> Charge {
        let Self { seat: Seat { line, price, currency, .. }, quantity, .. } = self;
        let is_off = quantity < 0 || is_discount(item.fields());
        let price = if is_off && !price.is_negative() { Amount(-price.0) } else { price };
        let quantity = quantity.saturating_abs();
        let kind = why.kind();
        let path = item.path();
        let note =
            format!("{path} admits nobody and issues no ticket: {kind}, {quantity} x {price} {currency}");
        match why {
            NoAdmission::Word(_) => item.flag(Flag::LineLeftOut, format!("{note}; only its type says so")),
            NoAdmission::Said | NoAdmission::NegativePrice => item.note(note),
        }
        Charge { line, kind, quantity, price, currency }
    }
}

/// The currencies of an order's lines.
struct Currencies {
    /// The currency of lines without their own: the answer's, else the payment's.
    order: Option<Currency>,
    default: Currency,
    /// Whether a line uses the default.
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
