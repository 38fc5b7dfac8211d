//! What two tickets for one seat have in common, and which places are no seats at all.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::ticket::Ticket;
use crate::zones;

/// What places for several people are called, in the languages of the page's labels. A label that begins with one is no
/// seat, whatever number follows: everybody at a table has the same.
const AREAS: &[&str] = &[
    // English
    "table",
    "block",
    "zone",
    "area",
    "standing",
    "floor",
    "level",
    "day",
    "general admission",
    "ga",
    "sector",
    "box",
    "tier",
    "stand",
    "terrace",
    "pit",
    "gate",
    "entrance",
    "parking",
    "lounge",
    "free seating",
    // Spanish
    "mesa",
    "bloque",
    "zona",
    "área",
    "de pie",
    "planta",
    "piso",
    "nivel",
    "día",
    "dia",
    "entrada general",
    "palco",
    "grada",
    "puerta",
    "asiento libre",
    // German
    "tisch",
    "bereich",
    "stehplatz",
    "stehplätze",
    "stehbereich",
    "etage",
    "stock",
    "ebene",
    "tag",
    "loge",
    "tribüne",
    "parkplatz",
    "innenraum",
    "eingang",
    "freie platzwahl",
    // French
    "bloc",
    "debout",
    "étage",
    "niveau",
    "jour",
    "tribune",
    "fosse",
    "porte",
    "secteur",
    "placement libre",
    // Portuguese
    "bloco",
    "setor",
    "em pé",
    "de pé",
    "andar",
    "nível",
    "camarote",
    "pista",
    "lugar não marcado",
    // Italian
    "tavolo",
    "blocco",
    "in piedi",
    "piano",
    "livello",
    "giorno",
    "settore",
    "prato",
    "tribuna",
    "posto unico",
    "posto non numerato",
    // Dutch
    "tafel",
    "blok",
    "gebied",
    "vak",
    "staanplaats",
    "staanplaatsen",
    "verdieping",
    "dag",
    "veld",
    "vrije plaatskeuze",
    // Polish
    "stolik",
    "stół",
    "strefa",
    "sektor",
    "obszar",
    "miejsca stojące",
    "miejsce stojące",
    "stojące",
    "piętro",
    "poziom",
    "dzień",
    "loża",
    "trybuna",
    "płyta",
    "miejsce nienumerowane",
    // Arabic
    "طاولة",
    "منطقة",
    "بلوك",
    "وقوف",
    "طابق",
    "مستوى",
    "يوم",
    "دخول عام",
    "جلوس حر",
    // Hebrew
    "שולחן",
    "אזור",
    "גוש",
    "בלוק",
    "עמידה",
    "קומה",
    "מפלס",
    "יום",
    "כניסה כללית",
    "ישיבה חופשית",
    // Chinese
    "桌",
    "区",
    "區",
    "站",
    "楼",
    "樓",
    "层",
    "層",
    "自由入座",
    // Japanese
    "テーブル",
    "ブロック",
    "ゾーン",
    "エリア",
    "スタンディング",
    "立見",
    "立ち見",
    "フロア",
    "レベル",
    "自由席",
    // Korean
    "테이블",
    "블록",
    "구역",
    "스탠딩",
    "입석",
    "층",
    "레벨",
    "자유석",
];

/// Whether a label alone names one seat: it has a digit and does not begin as an area does.
pub fn is_one_seat(label: &str) -> bool {
    label.chars().any(char::is_numeric) && !begins_as_an_area(&fold(label))
}

/// Whether a seat's number is the name of a place for several: "General admission", not "Table 5".
pub(crate) fn is_area(number: &str) -> bool {
    !number.chars().any(char::is_numeric) && begins_as_an_area(&fold(number))
}

fn begins_as_an_area(folded: &str) -> bool {
    AREAS.iter().any(|area| {
        // Chinese, Japanese and Korean have no spaces between words.
        let spaced = area.chars().all(|c| c < '\u{2e80}');
        folded.strip_prefix(area).is_some_and(|rest| !spaced || !rest.starts_with(char::is_alphabetic))
    })
}

/// Spaces and case do not tell two labels apart.
pub(crate) fn fold(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

impl Ticket {
    /// What two tickets of an event for one seat have in common, with the local date of its start where that is known:
    /// a seat is sold anew for each date. `None` for places that are no seats.
    pub fn seat_key(&self) -> Option<String> {
        let key = self.place_key()?;
        Some(match self.local_date() {
            Some(date) => format!("{key}\u{1f}on:{date}"),
            None => key,
        })
    }

    /// The key without the date, under which seats were taken before it was part of the key; `None` when that is what
    /// [`Self::seat_key`] says.
    pub fn undated_seat_key(&self) -> Option<String> {
        self.local_date().and_then(|_| self.place_key())
    }

    /// The day on which the event begins, where it takes place.
    pub fn local_date(&self) -> Option<Date> {
        Some(local_date(self.event_starts_at?, self.time_zone.as_deref()))
    }

    fn place_key(&self) -> Option<String> {
        if let Some(id) = &self.seat_id {
            return Some(format!("id:{id}"));
        }
        let number = self.seat_number.as_deref()?;
        if self.section.is_some() || self.row.is_some() {
            let parts = [self.section.as_deref(), self.row.as_deref(), Some(number)];
            let parts = parts.map(|part| fold(part.unwrap_or_default()));
            return (!begins_as_an_area(&parts[2])).then(|| format!("in:{}", parts.join("\u{1f}")));
        }
        is_one_seat(&self.seat).then(|| format!("at:{}", fold(&self.seat)))
    }
}

/// The day of a moment in a zone by its name; in UTC where that is unknown.
pub fn local_date(moment: Timestamp, zone: Option<&str>) -> Date {
    let zone = zone.and_then(zones::named).unwrap_or(TimeZone::UTC);
    moment.to_zoned_datetime(zone).date()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_one_seat() {
        for seat in
            ["A-01", "VIP - A1", "12", "Seat 12", "Balcony 3 left", "Taglio 4", "Daylight 7", "座席12", "أ 5"]
        {
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
            "스탠딩 204",
            "שולחן 4",
            "طاولة 9",
            "General admission 12",
            "GA 12",
        ] {
            assert!(!is_one_seat(area), "{area}");
        }
    }
}
