//! Seat keys, which are equal for two tickets of one seat, and places that are not single seats.

mod words;

use std::collections::HashSet;
use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::ticket::Ticket;
use crate::zones;

/// Whether a label alone identifies one seat: it has a digit and is not an area's.
pub fn is_one_seat(label: &str) -> bool {
    label.chars().any(char::is_numeric) && !names_an_area(&fold(label))
}

/// Whether a seat's number names a place for several: "General admission", not "Table 5".
pub(crate) fn is_area(number: &str) -> bool {
    !number.chars().any(char::is_numeric) && names_an_area(&fold(number))
}

/// Whether a label begins as an area does, or is a name and a number with a word for an area and none for a seat:
/// "North Stand 2", not "West Stand A12" nor "Row 5 Seat 12 Gate 3".
fn names_an_area(folded: &str) -> bool {
    match AREAS.first_in(folded) {
        Some(0) => true,
        Some(_) => SEATS.first_in(folded).is_none() && is_numbered_name(folded),
        None => false,
    }
}

/// Whether a label consists of words, with at most a number at its end. A single letter is a row.
fn is_numbered_name(folded: &str) -> bool {
    let is_unspaced = |word: &str| word.chars().any(|c| c >= UNSPACED);
    let is_name =
        |word: &&str| is_unspaced(word) || word.chars().count() > 1 && word.chars().all(char::is_alphabetic);
    let words: Vec<_> = words(folded).collect();
    let Some((last, names)) = words.split_last() else { return false };
    names.iter().all(is_name) && (is_name(last) || last.chars().all(char::is_numeric))
}

/// The known words for areas.
static AREAS: LazyLock<Known> = LazyLock::new(|| Known::of(words::AREAS));
static SEATS: LazyLock<Known> = LazyLock::new(|| Known::of(words::SEATS));

/// The most words in a known name: "lugar não marcado".
const LONGEST: usize = 3;

/// The first character of the scripts without spaces between words: Chinese, Japanese and Korean.
const UNSPACED: char = '\u{2e80}';

struct Known {
    /// Names of one or more words.
    spaced: HashSet<&'static str>,
    /// In scripts without spaces.
    unspaced: Vec<&'static str>,
}

impl Known {
    fn of(lists: &[&'static str]) -> Self {
        let all = lists.iter().flat_map(|list| list.split(", "));
        let (spaced, unspaced): (Vec<_>, _) = all.partition(|name| name.chars().all(|c| c < UNSPACED));
        Self { spaced: spaced.into_iter().collect(), unspaced }
    }

    /// The first position of a known name in a label: 0, or later.
    fn first_in(&self, folded: &str) -> Option<usize> {
        let words: Vec<_> = words(folded).map(letters).collect();
        let at = |start: usize| {
            let rest = &words[start..];
            (1..=LONGEST.min(rest.len())).any(|len| self.spaced.contains(rest[..len].join(" ").as_str()))
        };
        let spaced = (0..words.len()).find(|start| at(*start));
        let unspaced = self.unspaced.iter().filter_map(|name| folded.find(name)).min();
        spaced.into_iter().chain(unspaced).min()
    }
}

fn words(folded: &str) -> impl Iterator<Item = &str> {
    folded.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// The leading letters of a word: "table" in "table5".
fn letters(word: &str) -> &str {
    word.split(|c: char| !c.is_alphabetic()).next().unwrap_or_default()
}

/// A label normalised for comparison: spaces and case are ignored.
pub(crate) fn fold(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

impl Ticket {
    /// The key that two tickets of an event for one seat share, with the local date of its start where that is known: a
    /// seat is sold again for each date. `None` for places that are not single seats.
    pub fn seat_key(&self) -> Option<String> {
        let key = self.place_key()?;
        Some(match self.local_date() {
            Some(date) => format!("{key}\u{1f}on:{date}"),
            None => key,
        })
    }

    /// The key without the date, used for seats that were taken before the date was part of it; `None` when it is the
    /// same as [`Self::seat_key`].
    pub fn undated_seat_key(&self) -> Option<String> {
        self.local_date().and_then(|_| self.place_key())
    }

    /// The day on which the event begins, in the event's zone.
    pub fn local_date(&self) -> Option<Date> {
        Some(local_date(self.event.starts_at?, self.event.time_zone.as_deref()))
    }

    fn place_key(&self) -> Option<String> {
        if let Some(id) = &self.seat.id {
            return Some(format!("id:{id}"));
        }
        let number = self.seat.number.as_deref()?;
        if self.seat.section.is_some() || self.seat.row.is_some() {
            let parts = [self.seat.section.as_deref(), self.seat.row.as_deref(), Some(number)];
            let parts = parts.map(|part| fold(part.unwrap_or_default()));
            return (!names_an_area(&parts[2])).then(|| format!("in:{}", parts.join("\u{1f}")));
        }
        is_one_seat(&self.seat.label).then(|| format!("at:{}", fold(&self.seat.label)))
    }
}

/// The day of a moment in a zone given by name; in UTC if the zone is unknown.
pub fn local_date(moment: Timestamp, zone: Option<&str>) -> Date {
    let zone = zone.and_then(zones::named).unwrap_or(TimeZone::UTC);
    moment.to_zoned_datetime(zone).date()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_one_seat() {
        for seat in [
            "A-01",
            "VIP - A1",
            "12",
            "A12",
            "P-12",
            "Seat 12",
            "Row 5 Seat 12",
            "Platz 7",
            "Balcony 3 left",
            "Taglio 4",
            "Daylight 7",
            "座席12",
            "2楼5排12座",
            "2階5列12番",
            "أ 5",
            "Row 5, Seat 12, Gate 3",
            "Upper circle row 4 seat 7",
            "Stalls A 12",
            "Parkett Links, 12",
            "Sitzplatz Mitte 12",
            "Grand 3",
            "West Stand A12",
            "Dress Circle 12",
            "Orchestra Left 12",
            "VIP Box A 12",
            "Understand 4",
            "12 left",
            "VIP 7",
        ] {
            assert!(is_one_seat(seat), "{seat}");
        }
        for area in [
            "",
            "N/A",
            "Standing",
            "General Admission",
            "Table 5",
            "TABLE-5",
            "table5",
            "Tisch 12",
            "Block B2",
            "Zone  1",
            "Day 2",
            "Étage 3",
            "piętro 2",
            "Stehplatz 100",
            "桌12",
            "テーブル5",
            "1階",
            "스탠딩 204",
            "שולחן 4",
            "طاولة 9",
            "General admission 12",
            "GA 12",
            "Category 1",
            "Cat. 1",
            "North Stand 2",
            "Kategorie 2",
            "VIP Kategorie 2",
            "Tribüne Nord 3",
            "Nordtribüne Block 3",
            "Golden Circle 1",
            "VIP Golden Circle 1",
            "Bloc B2",
            "Price level 3",
            "VIP-Box 4",
            "Catégorie Or 1",
            "第2スタンド",
            "יציע צפוני 3",
            "Place debout 3",
            "Posto non numerato 7",
        ] {
            assert!(!is_one_seat(area), "{area}");
        }
    }
}
