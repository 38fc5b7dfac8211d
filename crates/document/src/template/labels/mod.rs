//! What a page says of itself, by language.
//!
//! To add a language, add a [`Language`] to `latin` or `others` and to [`LANGUAGES`]; a label that is left out does not
//! compile. A label may have placeholders of the ticket.

mod latin;
mod others;

use super::text::Source;

/// The labels in one language.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Language {
    /// Lower-case tags that are read as this language, from the most exact.
    pub(crate) tags: &'static [&'static str],
    texts: [&'static str; LABELS.len()],
}

/// What templates call the labels, in the order of each language's texts.
const LABELS: [&str; 24] = [
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
const INDEX: usize = 17;
const CODE: usize = 19;
const FREE: usize = 22;

/// A label by its place in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Label(usize);

impl Label {
    /// "QR code of ticket 7K3M9 QXT2F": what is said in place of the code.
    pub(crate) const CODE: Self = Self(CODE);
    /// "Free": a price of zero.
    pub(crate) const FREE: Self = Self(FREE);
    /// "Free seating": what is said in place of a seat.
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

    /// Whether it has placeholders of the ticket.
    pub(crate) fn has_fields(self) -> bool {
        matches!(self.0, INDEX | CODE)
    }

    /// The label's words in the source's language, without what is filled in between them.
    pub(crate) fn words(self, source: Source<'_>) -> impl Iterator<Item = &'static str> {
        source.language.texts[self.0]
            .split('{')
            .map(|piece| piece.split_once('}').map_or(piece, |(_, after)| after))
    }

    /// The label in a language, as it stands.
    pub(crate) fn text(self, language: &Language) -> String {
        language.texts[self.0].to_owned()
    }

    /// Writes the label in the source's language.
    pub(crate) fn fill(self, source: Source<'_>, out: &mut String) {
        let mut rest = source.language.texts[self.0];
        while let Some((before, name, after)) = placeholder(rest) {
            out.push_str(before);
            if let Some(field) = super::field::Field::named(name) {
                out.push_str(source.values.get(field));
            }
            rest = after;
        }
        out.push_str(rest);
    }
}

/// The first placeholder with what is before and after it.
fn placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('{')?;
    let (name, after) = rest.split_once('}')?;
    Some((before, name, after))
}

/// The labels for a page's language, a lower-case tag; English where there are none.
pub(crate) fn language(tag: &str) -> &'static Language {
    let matches = |language: &&Language| {
        let prefix = |known: &str| {
            tag.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        };
        language.tags.iter().any(|known| prefix(known))
    };
    LANGUAGES.iter().find(matches).unwrap_or(&LANGUAGES[0])
}

/// Every language, English first; traditional Chinese before the rest of Chinese.
pub(crate) static LANGUAGES: [Language; 14] = [
    latin::ENGLISH,
    latin::SPANISH,
    latin::GERMAN,
    latin::FRENCH,
    latin::PORTUGUESE,
    latin::ITALIAN,
    latin::DUTCH,
    latin::POLISH,
    others::ARABIC,
    others::HEBREW,
    others::TRADITIONAL_CHINESE,
    others::SIMPLIFIED_CHINESE,
    others::JAPANESE,
    others::KOREAN,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::field::Field;

    #[test]
    fn languages_are_found_by_prefix() {
        for (tag, first) in [
            ("", "Starts"),
            ("en-gb", "Starts"),
            ("de-at", "Beginn"),
            ("den", "Starts"),
            ("zh-hant-tw", "開始"),
            ("zh-cn", "开始"),
            ("zh", "开始"),
            ("pt-br", "Início"),
            ("iw", "התחלה"),
            ("tlh", "Starts"),
        ] {
            assert_eq!(language(tag).texts[0], first, "{tag}");
        }
    }

    #[test]
    fn labels_have_the_placeholders_they_should() {
        for language in &LANGUAGES {
            for (index, text) in language.texts.iter().enumerate() {
                let mut fields = Vec::new();
                let mut rest = *text;
                while let Some((_, name, after)) = placeholder(rest) {
                    fields.push(Field::named(name).unwrap_or_else(|| panic!("{name} in {text}")));
                    rest = after;
                }
                assert!(!text.is_empty() && !rest.contains(['{', '}']), "{text}");
                assert_eq!(!fields.is_empty(), Label(index).has_fields(), "{text}");
                if index == INDEX {
                    assert!(fields.contains(&Field::TicketIndex) && fields.contains(&Field::TicketCount));
                }
            }
        }
        assert_eq!((LABELS[INDEX], LABELS[CODE], LABELS[FREE]), ("index", "code", "free"));
        assert_eq!(
            (Label::named("order"), Label::named("ticket")),
            (Some(Label::ORDER), Some(Label::TICKET))
        );
        assert_eq!(Label::named("free_seating"), Some(Label::FREE_SEATING));
        assert_eq!(Label::named("seat"), Some(Label::SEAT));
    }
}
