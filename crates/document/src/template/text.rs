//! Texts with placeholders: `{event.name}`, `{label.seat}`, `{text.footer}`.

use std::collections::BTreeMap;

use super::field::{FIELDS, Field, Values};
use super::labels::{Label, Language};

/// A text with its placeholders: parts with a separator between those that are not empty.
#[derive(Clone, Debug, Default)]
pub(crate) struct Text {
    parts: Vec<Part>,
    separator: String,
    /// Whether it says something of the ticket, rather than only naming things.
    has_fields: bool,
    /// Whether it is the same for all tickets of an event.
    shared: bool,
}

#[derive(Clone, Debug)]
struct Part {
    pieces: Vec<Piece>,
    has_fields: bool,
}

#[derive(Clone, Debug)]
enum Piece {
    Literal(String),
    Field(Field),
    Label(Label),
    /// A text of the template's own, by name.
    Own(String),
}

/// The template's own texts: by name, then by language; the empty language is for all others.
pub(crate) type OwnTexts = BTreeMap<String, BTreeMap<String, String>>;

/// The values and words that placeholders are filled in with.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) values: &'a Values,
    pub(crate) language: &'static Language,
    /// The page's language, a lower-case tag.
    pub(crate) tag: &'a str,
    pub(crate) own: &'a OwnTexts,
}

impl Text {
    /// Parses the parts. `own` returns whether the template has a text of that name.
    ///
    /// # Errors
    /// The error message.
    pub(crate) fn parse(
        parts: &[String],
        separator: String,
        own: impl Fn(&str) -> bool,
    ) -> Result<Self, String> {
        let parts = parts.iter().map(|part| Part::parse(part, &own)).collect::<Result<Vec<_>, _>>()?;
        let pieces = || parts.iter().flat_map(|part| &part.pieces);
        let shared = pieces().all(|piece| match piece {
            Piece::Field(field) => field.known().shared,
            Piece::Label(label) => !label.has_fields(),
            Piece::Literal(_) | Piece::Own(_) => true,
        });
        let has_fields = parts.iter().any(|part| part.has_fields);
        Ok(Self { parts, separator, has_fields, shared })
    }

    /// Whether it says something of the ticket, rather than only naming things.
    pub(crate) fn has_fields(&self) -> bool {
        self.has_fields
    }

    /// Whether it is only a label: it has no value of the ticket, but a word that names one.
    pub(crate) fn only_names(&self) -> bool {
        let mut pieces = self.parts.iter().flat_map(|part| &part.pieces);
        !self.has_fields && pieces.any(|piece| matches!(piece, Piece::Label(label) if !label.has_fields()))
    }

    /// Whether there is something to draw. A text is left out if none of its placeholders has a value.
    pub(crate) fn is_live(&self, source: Source<'_>) -> bool {
        !self.has_fields || self.parts.iter().any(|part| part.has_fields && part.is_live(source))
    }

    /// The text that all tickets of an event share: the text itself where it is the same for all, else the words around
    /// what differs.
    pub(crate) fn shared_texts(&self, source: Source<'_>) -> Vec<String> {
        if self.shared {
            return vec![self.fill(source)];
        }
        let mut out = Vec::new();
        for piece in self.parts.iter().flat_map(|part| &part.pieces) {
            match piece {
                Piece::Literal(text) => out.push(text.clone()),
                Piece::Label(label) => out.extend(label.words(source.language).map(str::to_owned)),
                Piece::Own(name) => out.push(own_text(source, name).to_owned()),
                Piece::Field(_) => {}
            }
        }
        out
    }

    /// The text filled in; empty where it is not live.
    pub(crate) fn fill(&self, source: Source<'_>) -> String {
        let mut out = String::new();
        if !self.is_live(source) {
            return out;
        }
        let mut first = true;
        for part in self.parts.iter().filter(|part| part.is_live(source)) {
            if !std::mem::take(&mut first) {
                out.push_str(&self.separator);
            }
            for piece in &part.pieces {
                match piece {
                    Piece::Literal(text) => out.push_str(text),
                    Piece::Field(field) => out.push_str(source.values.get(*field)),
                    Piece::Label(label) => label.fill(source.language, source.values, &mut out),
                    Piece::Own(name) => out.push_str(own_text(source, name)),
                }
            }
        }
        out
    }
}

impl Part {
    fn parse(text: &str, own: &impl Fn(&str) -> bool) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let from = &rest[at..];
            if let Some(after) = from.strip_prefix("{{").or_else(|| from.strip_prefix("}}")) {
                literal.push_str(&from[..1]);
                rest = after;
                continue;
            }
            let name = from.strip_prefix('{').ok_or("a } without its {; write }} for one that is printed")?;
            let end = name.find('}').ok_or("a { without its }; write {{ for one that is printed")?;
            if !literal.is_empty() {
                pieces.push(Piece::Literal(std::mem::take(&mut literal)));
            }
            pieces.push(Piece::named(&name[..end], own)?);
            rest = &name[end + 1..];
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        let has_fields = pieces.iter().any(|piece| matches!(piece, Piece::Field(_) | Piece::Own(_)));
        Ok(Self { pieces, has_fields })
    }

    fn is_live(&self, source: Source<'_>) -> bool {
        !self.has_fields
            || self.pieces.iter().any(|piece| match piece {
                Piece::Field(field) => !source.values.get(*field).is_empty(),
                Piece::Own(name) => !own_text(source, name).is_empty(),
                Piece::Literal(_) | Piece::Label(_) => false,
            })
    }
}

impl Piece {
    fn named(name: &str, own: &impl Fn(&str) -> bool) -> Result<Self, String> {
        if let Some(label) = name.strip_prefix("label.") {
            return Label::named(label).map(Self::Label).ok_or_else(|| {
                format!(
                    "there is no label {label:?}; there are {}",
                    Label::names().collect::<Vec<_>>().join(", ")
                )
            });
        }
        if let Some(text) = name.strip_prefix("text.") {
            return if own(text) {
                Ok(Self::Own(text.to_owned()))
            } else {
                Err(format!("the template has no text {text:?} in \"texts\""))
            };
        }
        Field::named(name).map(Self::Field).ok_or_else(|| {
            let names = FIELDS.iter().map(|known| known.name).collect::<Vec<_>>().join(", ");
            format!("there is no placeholder {name:?}; there are {names}, label.… and text.…")
        })
    }
}

/// A text of the template's own in the page's language, else for all languages.
fn own_text<'a>(source: Source<'a>, name: &str) -> &'a str {
    let Some(by_language) = source.own.get(name) else { return "" };
    let short = source.tag.split('-').next().unwrap_or_default();
    [source.tag, short, ""].iter().find_map(|tag| by_language.get(*tag)).map_or("", String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::labels::language;

    fn filled(parts: &[&str], given: &[(Field, &str)]) -> String {
        let parts: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
        let text = Text::parse(&parts, " · ".to_owned(), |name| name == "footer").unwrap();
        let value = |known: &crate::template::field::FieldSpec| {
            given.iter().find(|(field, _)| *field == known.field).map_or("", |(_, text)| text).to_owned()
        };
        let values = Values::from_fn(value);
        let own = OwnTexts::from([(
            "footer".to_owned(),
            BTreeMap::from([(String::new(), "Bye".to_owned()), ("de".to_owned(), "Tschüss".to_owned())]),
        )]);
        text.fill(Source { values: &values, language: language("de"), tag: "de-at", own: &own })
    }

    #[test]
    fn parts_without_values_go() {
        let seat = ["{label.row} {seat.row}", "{label.seat} {seat.number}"];
        let (row, number) = ((Field::SeatRow, "12"), (Field::SeatNumber, "7"));
        assert_eq!(filled(&seat, &[row, number]), "Reihe 12 · Platz 7");
        assert_eq!(filled(&seat, &[number]), "Platz 7");
        assert_eq!(filled(&seat, &[]), "");
        assert_eq!(filled(&["{label.row}"], &[]), "Reihe");
        assert_eq!(filled(&["{{x}} {text.footer}"], &[]), "{x} Tschüss");
    }

    #[test]
    fn wrong_placeholders_are_refused() {
        for text in ["{", "}", "{event}", "{label.nothing}", "{text.nothing}", "{}", "{seat.row", "{{seat}"] {
            let wrong = Text::parse(&[text.to_owned()], String::new(), |_| false);
            assert!(wrong.is_err(), "{text}");
        }
    }
}
