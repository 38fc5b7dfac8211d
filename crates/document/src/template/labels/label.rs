//! Labels: the page's own words, and their texts in a language.

use crate::template::field::{Field, Values};

/// The labels in one language.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Language {
    /// Lower-case tags that select this language, the most specific first.
    pub(crate) tags: &'static [&'static str],
    pub(super) texts: [&'static str; LABELS.len()],
}

/// The labels' names in templates, in the order of each language's texts.
pub(super) const LABELS: [&str; 24] = [
    "starts",
    "doors",
    "ends",
    "venue",
    "address",
    "section",
    "row",
    "seat",
    "category",
    "holder",
    "price",
    "number",
    "customer",
    "order",
    "ticket_id",
    "issued",
    "ticket",
    "index",
    "fold",
    "code",
    "notice",
    "organizer",
    "free",
    "free_seating",
];

const SEAT: usize = 7;
pub(super) const INDEX: usize = 17;
pub(super) const CODE: usize = 19;
pub(super) const FREE: usize = 22;

/// A label by its index in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Label(pub(super) usize);

impl Label {
    /// "QR code of ticket 7K3M9 QXT2F": read instead of the code.
    pub(crate) const CODE: Self = Self(CODE);
    /// "Free": a price of zero.
    pub(crate) const FREE: Self = Self(FREE);
    /// "Free seating": printed instead of a seat.
    pub(crate) const FREE_SEATING: Self = Self(23);
    /// "Seat", before its number.
    pub(crate) const SEAT: Self = Self(SEAT);
    /// "Order".
    pub(crate) const ORDER: Self = Self(13);
    /// "Ticket".
    pub(crate) const TICKET: Self = Self(16);

    pub(crate) fn named(name: &str) -> Option<Self> {
        LABELS.iter().position(|known| *known == name).map(Self)
    }

    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        LABELS.iter().copied()
    }

    /// Whether it has placeholders for the ticket's values.
    pub(crate) fn has_fields(self) -> bool {
        matches!(self.0, INDEX | CODE)
    }

    /// The label's fixed words in a language, without its placeholders.
    pub(crate) fn words(self, language: &'static Language) -> impl Iterator<Item = &'static str> {
        language.texts[self.0].split('{').map(|piece| piece.split_once('}').map_or(piece, |(_, after)| after))
    }

    /// The label in a language, placeholders not filled in.
    pub(crate) fn text(self, language: &Language) -> String {
        language.texts[self.0].to_owned()
    }

    /// Writes the label in a language with the ticket's values.
    pub(crate) fn fill(self, language: &Language, values: &Values, out: &mut String) {
        let mut rest = language.texts[self.0];
        while let Some((before, name, after)) = placeholder(rest) {
            out.push_str(before);
            if let Some(field) = Field::named(name) {
                out.push_str(values.get(field));
            }
            rest = after;
        }
        out.push_str(rest);
    }
}

/// The first placeholder, with the text before and after it.
pub(super) fn placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('{')?;
    let (name, after) = rest.split_once('}')?;
    Some((before, name, after))
}
