//! A ticket's place, seated or standing, read from an item's fields and its label.

use serde_json::value::RawValue;

use super::labels::{
    NO_SEAT, ROW_WORDS, SEAT_WORDS, SECTION_WORDS, bare, is_no_seat, label_of, parts_of_label,
};
use super::reader::{Reader, Remarks};
use crate::fields::{Fields, Unreadable};
use crate::seat::is_area;
use crate::ticket::Flag;

/// A seat or standing place, as an item describes it.
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
    /// Reads `seatId`, `section`, `row`, `seatNumber` (or `seat`) and `seatLabel`; splits "Section A, Row 5, Seat 12".
    ///
    /// # Errors
    /// A field that cannot be read.
    pub fn read(item: &Fields<'_>) -> Result<Self, Unreadable> {
        let mut remarks = Remarks::strict();
        let place = Self::of(&mut Reader::new(item, "", &mut remarks));
        remarks.first_fault().map_or(Ok(place), Err)
    }

    pub(super) fn of(item: &mut Reader<'_, '_>) -> Self {
        let given_label = item.optional("seatLabel", Fields::text).filter(|label| !is_no_seat(label));
        let mut place = Self::written(item);
        if let Some(label) = &given_label {
            let number = place.number.clone();
            place.take_apart(label);
            place.number = number.or(place.number);
        } else if let Some(label) = place.number.clone() {
            place.take_apart(&label);
        }
        let Self { section, row, number, .. } = &place;
        // A label that is understood but lacks what the fields state is not complete.
        let says_all = |label: &String| {
            let said = parts_of_label(label);
            said.is_none_or(|said| {
                [said.section, said.row, said.number] == [section, row, number].map(Clone::clone)
            })
        };
        place.label = given_label
            .filter(says_all)
            .unwrap_or_else(|| label_of(section.as_deref(), row.as_deref(), number.as_deref()));
        if place.section.is_none() && place.row.is_none() {
            // The label already contains it; as a number it would be one seat.
            place.number = place.number.take().filter(|number| !is_area(number) || *number != place.label);
        }
        place.flag_unreadable(item);
        place
    }

    /// Flags a place whose fields are present but unreadable. It has a seat, so the page must not say "Free seating".
    pub(super) fn flag_unreadable(&self, item: &mut Reader<'_, '_>) {
        let mut names = ["seatNumber", "seat", "seatLabel", "section", "row"].iter();
        let mut lists = ["seats", "seatNumbers", "seatLabels", "seatIds"].iter();
        let in_list = |name: &&str| {
            let list = item.fields().raw(name).ok().flatten().map(RawValue::get).unwrap_or_default();
            !["", "[]", "\"\""].contains(&list) && list.starts_with(['[', '"'])
        };
        let unread = names.any(|name| item.fields().text(name).is_err()) || lists.any(in_list);
        if self.label == NO_SEAT && unread {
            let whose = if item.path().is_empty() { "the order" } else { item.path() };
            let note = format!("{whose} has a seat that cannot be read: the page says nothing in its place");
            item.flag(Flag::SeatLeftOut, note);
        }
    }

    /// The place as its fields have it, without a label.
    pub(super) fn written(item: &mut Reader<'_, '_>) -> Self {
        let mut part = |name| item.optional(name, Fields::text).filter(|part: &String| !is_no_seat(part));
        let number = part("seatNumber").or_else(|| part("seat"));
        let section = part("section").map(|section| bare(SECTION_WORDS, section));
        let row = part("row").map(|row| bare(ROW_WORDS, row));
        // The number goes beside its section or row; alone it is what the page prints.
        let number = if section.is_some() || row.is_some() {
            number.map(|number| bare(SEAT_WORDS, number))
        } else {
            number
        };
        Self {
            seat_id: item.decisive("seatId", Fields::optional_id),
            section,
            row,
            number,
            label: String::new(),
        }
    }

    /// Takes section, row and seat from a label that is understood and does not contradict the fields.
    pub(super) fn take_apart(&mut self, label: &str) {
        let Some(parts) = parts_of_label(label) else { return };
        let agree = |a: &Option<String>, b: &Option<String>| a.is_none() || b.is_none() || a == b;
        if agree(&self.section, &parts.section) && agree(&self.row, &parts.row) {
            self.section = self.section.take().or(parts.section);
            self.row = self.row.take().or(parts.row);
            self.number = parts.number;
        }
    }

    /// Whether it is a place for one person: an area given as the number ("General admission") is for several.
    pub(super) fn names_one_seat(&self) -> bool {
        self.seat_id.is_some() || self.number.as_deref().is_some_and(|number| !is_area(number))
    }

    /// Whether it is a seat.
    pub(super) fn is_seated(&self) -> bool {
        self.row.is_some() || self.names_one_seat()
    }
}
