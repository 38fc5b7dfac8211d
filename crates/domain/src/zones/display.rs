//! Zones by their display names: those of Windows ("(UTC+01:00) Amsterdam, Berlin, Bern") and of Rails ("Eastern Time
//! (US & Canada)").

use std::collections::HashMap;
use std::sync::LazyLock;

use icu_time::zone::iana::IanaParserExtended;
use jiff::civil::date;
use jiff::tz::{Offset, TimeZone};

use super::{fixed, of_name};

/// Names that are not a city of the database, in lower case.
const OTHERS: &[(&str, &str)] = &[
    ("abu dhabi", "Asia/Dubai"),
    ("alaska", "America/Anchorage"),
    ("arizona", "America/Phoenix"),
    ("atlantic time (canada)", "America/Halifax"),
    ("beijing", "Asia/Shanghai"),
    ("bern", "Europe/Zurich"),
    ("brasilia", "America/Sao_Paulo"),
    ("central america", "America/Guatemala"),
    ("central time (us & canada)", "America/Chicago"),
    ("chennai", "Asia/Kolkata"),
    ("coordinated universal time", "UTC"),
    ("eastern time (us & canada)", "America/New_York"),
    ("edinburgh", "Europe/London"),
    ("hawaii", "Pacific/Honolulu"),
    ("indiana (east)", "America/Indiana/Indianapolis"),
    ("islamabad", "Asia/Karachi"),
    ("mountain time (us & canada)", "America/Denver"),
    ("mumbai", "Asia/Kolkata"),
    ("new delhi", "Asia/Kolkata"),
    ("newfoundland", "America/St_Johns"),
    ("osaka", "Asia/Tokyo"),
    ("pacific time (us & canada)", "America/Los_Angeles"),
    ("pretoria", "Africa/Johannesburg"),
    ("sapporo", "Asia/Tokyo"),
    ("saskatchewan", "America/Regina"),
    ("st. petersburg", "Europe/Moscow"),
    ("wellington", "Pacific/Auckland"),
];

/// Continents and oceans: the first part of a zone with a city's name, unlike "US/Eastern" or "Etc/GMT-2".
const PARTS: [&str; 8] =
    ["Africa", "America", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific"];

/// The zone of a display name: one place, or several with an offset. The offset alone would be wrong for half of the
/// year; it and all known places must agree.
pub(super) fn zone(name: &str) -> Option<TimeZone> {
    let (stated, places) = offset(name).map_or((None, name), |(offset, rest)| (Some(offset), rest));
    if let Some(zone) = stated.and_then(|_| of_name(places)) {
        return agrees(&zone, stated).then_some(zone);
    }
    let places = places.split(',').map(|place| of_place(place.trim()));
    let known: Option<Vec<_>> = places.filter(|zone| stated.is_none() || zone.is_some()).collect();
    let known = known?;
    let first = known.first()?;
    let alike = known.iter().all(|zone| hours(zone) == hours(first));
    (alike && agrees(first, stated)).then(|| first.clone())
}

/// "(UTC+01:00) Berlin" without its offset.
fn offset(name: &str) -> Option<(Offset, &str)> {
    let (offset, rest) = name.strip_prefix('(')?.split_once(')')?;
    let zero = ["utc", "gmt"].iter().any(|word| offset.eq_ignore_ascii_case(word));
    Some((if zero { Offset::UTC } else { fixed(offset)? }, rest.trim()))
}

fn of_place(place: &str) -> Option<TimeZone> {
    let place = place.to_lowercase();
    let other = OTHERS.iter().find(|(name, _)| *name == place).map(|(_, zone)| *zone);
    TimeZone::get(other.or_else(|| CITIES.get(&place).copied().flatten())?).ok()
}

/// The cities of the database; `None` for a name that two of them have.
static CITIES: LazyLock<HashMap<String, Option<&'static str>>> = LazyLock::new(|| {
    let mut cities = HashMap::new();
    for known in IanaParserExtended::new().iter_all() {
        let Some((part, city)) = known.normalized.split_once('/') else { continue };
        // In Australia these are directions.
        let is_city = !city.contains('/') && !["North", "South", "West"].contains(&city);
        if PARTS.contains(&part) && is_city {
            let zone = cities.entry(city.replace('_', " ").to_lowercase()).or_insert(Some(known.canonical));
            *zone = zone.filter(|zone| *zone == known.canonical);
        }
    }
    cities
});

/// Whether a zone has this offset in winter or summer.
fn agrees(zone: &TimeZone, stated: Option<Offset>) -> bool {
    stated.is_none_or(|stated| hours(zone).contains(&Some(stated)))
}

/// A zone's offsets in both halves of a year: places with the same offsets are treated as one zone.
fn hours(zone: &TimeZone) -> [Option<Offset>; 2] {
    [1, 7].map(|month| {
        let at = zone.to_timestamp(date(2026, month, 15).at(12, 0, 0, 0)).ok()?;
        Some(zone.to_offset(at))
    })
}

#[cfg(test)]
mod tests {
    use super::super::{name_of, named};

    #[test]
    fn displayed_names_are_zones_where_all_of_them_agrees() {
        for (name, zone) in [
            ("(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna", "Europe/Amsterdam"),
            ("(GMT+01:00) Berlin", "Europe/Berlin"),
            // In summer, as written by programs that use the current offset.
            ("(GMT+2:00) Berlin", "Europe/Berlin"),
            ("(GMT+01:00) Europe/Berlin", "Europe/Berlin"),
            ("(UTC-05:00) Eastern Time (US & Canada)", "America/New_York"),
            ("(GMT-05:00) Eastern Time (US & Canada)", "America/New_York"),
            ("Eastern Time (US & Canada)", "America/New_York"),
            ("Pacific Time (US & Canada)", "America/Los_Angeles"),
            ("Berlin", "Europe/Berlin"),
            ("London", "Europe/London"),
            ("Edinburgh", "Europe/London"),
            ("Buenos Aires", "America/Argentina/Buenos_Aires"),
            ("(UTC+00:00) Dublin, Edinburgh, Lisbon, London", "Europe/Dublin"),
            ("(UTC) Coordinated Universal Time", "UTC"),
            ("(UTC+05:30) Chennai, Kolkata, Mumbai, New Delhi", "Asia/Kolkata"),
            ("(UTC+10:00) Canberra, Melbourne, Sydney", "Australia/Sydney"),
            ("(UTC+09:30) Adelaide", "Australia/Adelaide"),
        ] {
            assert_eq!(named(name).map(|zone| name_of(&zone)).as_deref(), Some(zone), "{name}");
        }
        for unknown in [
            "(UTC+01:00)",
            "(UTC+01:00) ",
            "(UTC+01:00) Middle Earth",
            "(UTC+05:00) Berlin",
            // Bolivia has a place of this name too.
            "(UTC-07:00) La Paz, Mazatlan",
            "Berlin, Lisbon",
            "Berlin, Middle Earth",
            "Eastern",
            "South",
            "GMT-2 Berlin",
            "(Berlin)",
            ",",
        ] {
            assert_eq!(named(unknown), None, "{unknown}");
        }
    }
}
