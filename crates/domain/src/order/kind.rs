//! Which lines are tickets: a fee, a discount or a voucher beside the seats admits nobody.

use super::reader::Reader;
use super::type_words::{Says, says};
use crate::fields::{Fields, Unreadable, string};
use crate::money::{Amount, Currency};

/// A line that admits nobody. It issues no ticket but counts in the order's total.
#[derive(Debug, Clone, PartialEq)]
pub struct Charge {
    /// The line's identity, as for a seat.
    pub line: String,
    /// What it is, or how it states that it admits nobody.
    pub kind: &'static str,
    /// How many.
    pub quantity: i64,
    /// The price of each; negative for a reduction.
    pub price: Amount,
    /// In what.
    pub currency: Currency,
}

impl Charge {
    /// The total price of the line; negative for a reduction.
    #[must_use]
    pub fn cost(&self) -> Amount {
        self.cost_of(self.quantity)
    }

    /// The price of this many units of it.
    #[must_use]
    pub fn cost_of(&self, quantity: i64) -> Amount {
        self.price.saturating_times(usize::try_from(quantity).unwrap_or_default())
    }
}

/// Why a line admits nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoAdmission {
    /// It has `admission: false`.
    Said,
    /// Its price is below zero.
    NegativePrice,
    /// Its type contains a word for this.
    Word(&'static str),
}

impl NoAdmission {
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Said => "admission: false",
            Self::NegativePrice => "a price below zero",
            Self::Word(word) => word,
        }
    }
}

/// Field names that platforms use for the type of a line.
const TYPES: [&str; 5] = ["type", "kind", "itemType", "lineType", "productType"];

/// Why the line admits nobody; `None` for a ticket. A seat or `admission: true` outweighs a word.
pub(super) fn no_admission(
    item: &mut Reader<'_, '_>,
    seated: bool,
    price: Option<Amount>,
) -> Option<NoAdmission> {
    let admission = item.optional("admission", Fields::boolean);
    for name in TYPES {
        // Read only for the note that it causes when it is unreadable.
        item.optional(name, texts);
    }
    if admission == Some(false) {
        return Some(NoAdmission::Said);
    }
    if price.is_some_and(Amount::is_negative) {
        return Some(NoAdmission::NegativePrice);
    }
    if admission == Some(true) || seated {
        return None;
    }
    match said(item.fields(), costs(item.fields())) {
        Some(Says::Nobody(word)) => Some(NoAdmission::Word(word)),
        Some(Says::Ticket | Says::Doubtful(_)) | None => None,
    }
}

/// Whether a line that admits nobody reduces the total, whatever the sign of its price: a discount is not bought.
pub(super) fn is_discount(item: &Fields<'_>) -> bool {
    said(item, false) == Some(Says::Nobody("discount"))
}

/// The word by which a line that is issued may admit nobody after all: an operator should check it.
pub(super) fn doubtful(item: &Fields<'_>, seated: bool) -> Option<&'static str> {
    if seated || item.boolean("admission").ok().flatten() == Some(true) {
        return None;
    }
    match said(item, costs(item)) {
        Some(Says::Doubtful(word)) => Some(word),
        Some(Says::Ticket | Says::Nobody(_)) | None => None,
    }
}

/// Whether the line has a price above zero. An unreadable price may be above zero.
fn costs(item: &Fields<'_>) -> bool {
    item.amount("price").map_or(true, |price| price > Some(Amount::ZERO))
}

/// What the types of the line state. In a list, a word for a ticket outweighs a word for a line that admits nobody,
/// which outweighs doubt. Two fields that disagree give doubt.
fn said(item: &Fields<'_>, costs: bool) -> Option<Says> {
    let nobody = |all: &[Says]| all.iter().find(|said| matches!(said, Says::Nobody(_))).copied();
    let all: Vec<Says> = TYPES
        .into_iter()
        .filter_map(|name| {
            let all: Vec<_> =
                texts(item, name).ok().flatten()?.iter().filter_map(|text| says(text, costs)).collect();
            let is_ticket = all.contains(&Says::Ticket).then_some(Says::Ticket);
            is_ticket.or_else(|| nobody(&all)).or(all.first().copied())
        })
        .collect();
    match (all.contains(&Says::Ticket), nobody(&all)) {
        (true, Some(Says::Nobody(word))) => Some(Says::Doubtful(word)),
        (true, _) => Some(Says::Ticket),
        (false, nobody) => nobody.or(all.first().copied()),
    }
}

/// A text, or a list of texts.
fn texts(fields: &Fields<'_>, name: &str) -> Result<Option<Vec<String>>, Unreadable> {
    if !fields.raw(name)?.is_some_and(|raw| raw.get().starts_with('[')) {
        return Ok(fields.text(name)?.map(|text| vec![text]));
    }
    let entries = fields.list(name)?.unwrap_or_default().into_iter().map(string);
    entries
        .collect::<Option<_>>()
        .map(Some)
        .ok_or_else(|| Unreadable::field(name, "is not a list of strings"))
}
