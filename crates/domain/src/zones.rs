//! Time zones by name: IANA's, those of Windows and Rails, and fixed offsets.

mod display;

use std::collections::HashMap;
use std::sync::LazyLock;

use icu_time::zone::WindowsParser;
use icu_time::zone::iana::IanaParserExtended;
use jiff::tz::{Offset, TimeZone};

/// The widest offset that a place on earth has.
const WIDEST: i32 = 14 * 3600;

/// The zone of this name: IANA's in upper or lower case (`Europe/Berlin`), one of Windows (`W. Europe Standard Time`),
/// a display name (`(UTC+01:00) Amsterdam, Berlin`, `Eastern Time (US & Canada)`), or a fixed offset (`+02:00`,
/// `UTC+2`, `GMT-5`). `None` for an unknown name.
pub fn named(name: &str) -> Option<TimeZone> {
    let name = name.trim();
    if let Some(offset) = fixed(name) {
        return Some(TimeZone::fixed(offset));
    }
    of_name(name).or_else(|| display::zone(name))
}

/// The zone of an IANA or Windows name.
fn of_name(name: &str) -> Option<TimeZone> {
    let known = TimeZone::get(name).ok().filter(|zone| zone.iana_name().is_some() && !zone.is_unknown());
    known.or_else(|| TimeZone::get(of_windows(name)?).ok())
}

/// The name that [`named`] reads back as this zone: its IANA name, or `+02:00` for a fixed offset.
pub fn name_of(zone: &TimeZone) -> String {
    match (zone.iana_name(), zone.to_fixed_offset()) {
        (Some(name), _) => name.to_owned(),
        (None, Ok(offset)) => written(offset),
        (None, Err(_)) => "UTC".to_owned(),
    }
}

/// `+02:00`, with seconds only where there are some.
fn written(offset: Offset) -> String {
    let (sign, seconds) = (if offset.seconds() < 0 { '-' } else { '+' }, offset.seconds().unsigned_abs());
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match seconds {
        0 => format!("{sign}{hours:02}:{minutes:02}"),
        _ => format!("{sign}{hours:02}:{minutes:02}:{seconds:02}"),
    }
}

/// An offset by itself or after UTC or GMT: `+02:00`, `-0330`, `UTC+2`, `GMT -5`, `Z`. Three digits alone are not an
/// offset.
fn fixed(name: &str) -> Option<Offset> {
    if name.eq_ignore_ascii_case("z") {
        return Some(Offset::UTC);
    }
    let after = |word: &str| {
        let (start, rest) = name.split_at_checked(word.len())?;
        start.eq_ignore_ascii_case(word).then_some(rest.trim_start())
    };
    let named = after("UTC").or_else(|| after("GMT"));
    let text = named.unwrap_or(name);
    let (sign, digits) = match text.chars().next()? {
        '+' => (1, &text[1..]),
        '-' => (-1, &text[1..]),
        '\u{2212}' => (-1, &text['\u{2212}'.len_utf8()..]),
        _ => return None,
    };
    let digits = digits.trim_start();
    let parts: Vec<&str> = match (digits.split(':').collect::<Vec<_>>(), digits.len()) {
        (parts, _) if parts.len() > 1 => parts,
        (_, 1 | 2) => vec![digits],
        // -300 is more likely minutes than 3:00, and JavaScript and .NET disagree on its sign.
        (_, 3) if named.is_none() => return None,
        (_, 3 | 4) => digits.split_at_checked(digits.len() - 2).map(|(h, m)| vec![h, m])?,
        _ => return None,
    };
    let number = |part: &&str, most: i32| {
        let plain = (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        part.parse::<i32>().ok().filter(|n| plain && *n <= most)
    };
    let seconds = match &parts[..] {
        [hours] => number(hours, 14)? * 3600,
        [hours, minutes] => number(hours, 14)? * 3600 + number(minutes, 59)? * 60,
        [hours, minutes, seconds] => {
            number(hours, 14)? * 3600 + number(minutes, 59)? * 60 + number(seconds, 59)?
        }
        _ => return None,
    };
    Offset::from_seconds(sign * seconds).ok().filter(|offset| offset.seconds().abs() <= WIDEST)
}

/// The IANA name in CLDR's windowsZones. In summer .NET also calls a zone "W. Europe Daylight Time".
fn of_windows(name: &str) -> Option<&'static str> {
    static IANA: LazyLock<HashMap<icu_time::TimeZone, &'static str>> = LazyLock::new(|| {
        IanaParserExtended::new().iter().map(|known| (known.time_zone, known.canonical)).collect()
    });
    let standard = ["Daylight Time", "Summer Time"]
        .iter()
        .find_map(|summer| name.strip_suffix(summer))
        .map(|zone| format!("{zone}Standard Time"));
    let zone = WindowsParser::new().parse(standard.as_deref().unwrap_or(name), None)?;
    IANA.get(&zone).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(name: &str) -> Option<String> {
        named(name).map(|zone| name_of(&zone))
    }

    #[test]
    fn zones_are_known_by_every_name() {
        for (name, zone) in [
            ("Europe/Berlin", "Europe/Berlin"),
            ("europe/BERLIN", "Europe/Berlin"),
            ("W. Europe Standard Time", "Europe/Berlin"),
            ("W. Europe Daylight Time", "Europe/Berlin"),
            ("Tokyo Standard Time", "Asia/Tokyo"),
            ("Eastern Standard Time", "America/New_York"),
            ("GMT Standard Time", "Europe/London"),
            ("+02:00", "+02:00"),
            ("UTC+2", "+02:00"),
            ("utc +02:00", "+02:00"),
            ("GMT-5", "-05:00"),
            ("\u{2212}0330", "-03:30"),
            ("+0530", "+05:30"),
            ("UTC+530", "+05:30"),
            ("UTC", "UTC"),
            ("Z", "UTC"),
            ("+00:00", "UTC"),
            ("UTC-11", "-11:00"),
            // The sign is POSIX's, as in IANA's names.
            ("Etc/GMT-2", "Etc/GMT-2"),
        ] {
            assert_eq!(told(name).as_deref(), Some(zone), "{name}");
            assert_eq!(told(zone).as_deref(), Some(zone), "{name}");
        }
        for unknown in [
            "",
            "Local",
            "CEST",
            "UTC+",
            "UTC+15",
            "+2:60",
            "+",
            "++2",
            "+1:2:3:4",
            "Etc/Unknown",
            "-300",
            "-240",
            "+530",
            "300",
            "-60",
            "-1440",
            "+99999",
        ] {
            assert_eq!(told(unknown), None, "{unknown}");
        }
    }

    /// Every name of CLDR 48's windowsZones, which .NET and Java applications are configured with.
    #[test]
    fn zones_of_windows_are_in_the_database() {
        for name in [
            "Dateline Standard Time",
            "Hawaiian Standard Time",
            "Alaskan Standard Time",
            "Pacific Standard Time",
            "Mountain Standard Time",
            "Central Standard Time",
            "SA Pacific Standard Time",
            "Atlantic Standard Time",
            "Newfoundland Standard Time",
            "E. South America Standard Time",
            "Argentina Standard Time",
            "Greenwich Standard Time",
            "Romance Standard Time",
            "Central Europe Standard Time",
            "Central European Standard Time",
            "E. Europe Standard Time",
            "FLE Standard Time",
            "GTB Standard Time",
            "Israel Standard Time",
            "Egypt Standard Time",
            "South Africa Standard Time",
            "Turkey Standard Time",
            "Russian Standard Time",
            "Arab Standard Time",
            "Arabian Standard Time",
            "Iran Standard Time",
            "India Standard Time",
            "Nepal Standard Time",
            "SE Asia Standard Time",
            "China Standard Time",
            "Singapore Standard Time",
            "Korea Standard Time",
            "AUS Eastern Standard Time",
            "Cen. Australia Standard Time",
            "New Zealand Standard Time",
            "Samoa Standard Time",
        ] {
            assert!(named(name).is_some_and(|zone| zone.iana_name().is_some()), "{name}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_name_is_read_and_a_known_one_kept(name in "([A-Za-z]{0,4}[+\u{2212}-]?[0-9:]{0,8}|\\PC{0,12})") {
            if let Some(zone) = named(&name) {
                proptest::prop_assert_eq!(named(&name_of(&zone)), Some(zone));
            }
        }
    }
}
