//! Parsing Ordering's answer as a whole: which fields are required, and which may be ignored.

use super::lines::Lines;
use super::reader::{Reader, Refusal, Remarks};
use super::reading::Reading;
use super::{Event, OrderSnapshot};
use crate::fields::{Fields, Unreadable};
use crate::id::OrderId;
use crate::locale::{self, Meaning};
use crate::ticket::Flags;

impl OrderSnapshot {
    /// Reads Ordering's answer about the order `asked`.
    ///
    /// # Errors
    /// [`Refusal`]: garbled, for another order, or against the contract, with every field at fault.
    pub fn parse(bytes: &[u8], asked: OrderId, reading: &Reading) -> Result<Self, Refusal> {
        let fields = Fields::parse(bytes).map_err(Refusal::Garbled)?;
        let mut remarks = Remarks::default();
        let mut answer = Reader::new(&fields, "", &mut remarks);
        if answer.required("orderId", Fields::guid).is_some_and(|id| id != asked.0) {
            return Err(Refusal::OtherOrder);
        }
        let event = Event::read(&mut answer, reading);
        let customer_email = answer.required("customerEmail", Fields::email).unwrap_or_default();
        let customer_name = answer.optional("customerName", Fields::text);
        let locale = answer.optional("locale", locale);
        let optional = [&customer_name, &locale].into_iter().flatten().map(String::len).sum::<usize>();
        let shared = event.text() + customer_email.len() + optional;
        let Lines { seats, charges } = Lines::read(&mut answer, reading, shared);
        let mut order = Self {
            order_id: asked,
            customer_email,
            customer_name,
            locale,
            event,
            seats,
            charges,
            notes: Vec::new(),
            flags: Flags::default(),
        };
        if order.total().is_some_and(|(total, _)| total.is_negative()) {
            answer.fault("items", "add up to less than zero");
        }
        (order.notes, order.flags) = remarks.finish()?;
        Ok(order)
    }
}

/// The buyer's locale as one BCP 47 tag, however it is written.
fn locale(fields: &Fields<'_>, name: &str) -> Result<Option<String>, Unreadable> {
    match fields.text(name)?.map(|text| locale::read(&text)) {
        Some(Meaning::Tag(tag)) => Ok(Some(tag)),
        Some(Meaning::Unknown) => Err(Unreadable::field(name, "is not a language tag")),
        Some(Meaning::None) | None => Ok(None),
    }
}
