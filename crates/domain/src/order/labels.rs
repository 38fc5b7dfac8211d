//! Seat labels: split where every part is understood, and built from the parts.

use crate::fields::is_nothing;

/// The seat in the record, the events and the platform's own code for a place without a seat.
pub const NO_SEAT: &str = "N/A";

/// Section, row and seat of a label.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Parts {
    pub(super) section: Option<String>,
    pub(super) row: Option<String>,
    pub(super) number: Option<String>,
}

/// "Section A, Row 5, Seat 12" split into its parts. `None` when a part is not understood or occurs twice: such a label
/// is printed unchanged, because a part of it could identify another seat.
pub(super) fn parts_of_label(label: &str) -> Option<Parts> {
    let mut parts = Parts::default();
    for part in label.split(',') {
        let (word, value) = part.trim().split_once(char::is_whitespace)?;
        let value = value.trim();
        if value.split_whitespace().any(|inner| slot(&mut Parts::default(), inner).is_some()) {
            return None;
        }
        let slot = slot(&mut parts, word)?;
        if slot.replace(value.to_owned()).is_some() {
            return None;
        }
    }
    Some(parts)
}

/// The value of a field without the word for its kind, in the languages of the page's labels: "Row A" in `row` is row
/// A.
pub(super) fn bare(words: &str, value: String) -> String {
    match value.trim().split_once(char::is_whitespace) {
        Some((word, rest)) if words.split(' ').any(|known| known == word.to_lowercase()) => {
            rest.trim().to_owned()
        }
        _ => value,
    }
}

pub(super) const SECTION_WORDS: &str = "section sección seccion sektion sezione seção secção sectie sekcja";
pub(super) const ROW_WORDS: &str = "row fila reihe rang rangée fileira rij rząd";
pub(super) const SEAT_WORDS: &str =
    "seat asiento butaca platz sitz siège assento cadeira posto poltrona stoel miejsce fotel";

/// The part that the value after this word belongs to.
fn slot<'p>(parts: &'p mut Parts, word: &str) -> Option<&'p mut Option<String>> {
    match word.to_ascii_lowercase().as_str() {
        "section" => Some(&mut parts.section),
        "row" => Some(&mut parts.row),
        "seat" => Some(&mut parts.number),
        _ => None,
    }
}

/// The label of a place that has no label of its own: its number, "Section A, Row 5, Seat 12", or [`NO_SEAT`].
pub fn label_of(section: Option<&str>, row: Option<&str>, number: Option<&str>) -> String {
    match (section, row, number) {
        (None, None, Some(number)) => number.to_owned(),
        (None, None, None) => NO_SEAT.to_owned(),
        _ => [("Section", section), ("Row", row), ("Seat", number)]
            .iter()
            .filter_map(|(word, value)| value.map(|v| format!("{word} {v}")))
            .collect::<Vec<_>>()
            .join(", "),
    }
}

/// Whether a label is a placeholder for "no seat".
pub fn is_no_seat(label: &str) -> bool {
    is_nothing(label)
}
