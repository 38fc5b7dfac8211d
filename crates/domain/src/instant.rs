//! Parsing points in time, in the spellings that producers use.

use jiff::fmt::rfc2822;
use jiff::{Timestamp, civil, tz::TimeZone};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

/// Reads RFC 3339, also with 24:00 as the end of a day and without an offset (as UTC), RFC 2822, seconds, milliseconds
/// or microseconds since 1970, and `/Date(…)/`.
pub fn parse_time(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let next = end_of_day(text);
    let text = next.as_deref().unwrap_or(text);
    text.parse::<Timestamp>()
        .ok()
        .or_else(|| since_1970(text))
        .or_else(|| {
            let local: civil::DateTime = text.parse().ok()?;
            TimeZone::UTC.to_timestamp(local).ok()
        })
        .or_else(|| rfc2822::DateTimeParser::new().parse_timestamp(text).ok())
}

/// A time whose hour is 24, ISO 8601's end of a day, as the midnight of the next; `None` of any other text.
pub fn end_of_day(text: &str) -> Option<String> {
    let (day, time) = text.split_once(['T', 't', ' '])?;
    let rest = time.strip_prefix("24")?;
    let clock =
        rest.find(|c: char| !matches!(c, ':' | '.' | ',') && !c.is_ascii_digit()).unwrap_or(rest.len());
    if rest[..clock].contains(|c: char| c.is_ascii_digit() && c != '0') {
        return None;
    }
    let next = day.parse::<civil::Date>().ok()?.tomorrow().ok()?;
    // Date and time are either both extended or both basic.
    let next = if rest.starts_with(':') { next.to_string() } else { next.strftime("%Y%m%d").to_string() };
    Some(format!("{next}T00{rest}"))
}

/// `1795372200`, with a fraction, in thousandths or millionths of a second, or in `/Date(1795372200000+0100)/`. Only
/// the years 2000 to 2199: another number is not meant as a time.
pub fn since_1970(text: &str) -> Option<Timestamp> {
    const YEAR_2000: i64 = 946_684_800;
    const YEAR_2200: i64 = 7_258_118_400;
    let (number, units) = match text.strip_prefix("/Date(").and_then(|rest| rest.strip_suffix(")/")) {
        // The offset of a `/Date(…)/` says where it was written; the number is UTC all the same.
        Some(inner) => (inner.split(['+', '-']).next().unwrap_or_default(), &[1_000][..]),
        None => (text, &[1, 1_000, 1_000_000][..]),
    };
    if number.len() > 24 || !number.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return None;
    }
    let number: Decimal = number.parse().ok()?;
    units.iter().find_map(|unit| {
        let seconds = number.checked_div(Decimal::from(*unit))?;
        if seconds < Decimal::from(YEAR_2000) || seconds >= Decimal::from(YEAR_2200) {
            return None;
        }
        let nanoseconds = seconds.checked_mul(Decimal::from(1_000_000_000_i64))?.trunc().to_i128()?;
        Timestamp::from_nanosecond(nanoseconds).ok()
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_moment_in_every_spelling() {
        let moment: Timestamp = "2026-11-22T18:30:00Z".parse().unwrap();
        for text in [
            "2026-11-22T18:30:00",
            "2026-11-22 18:30:00",
            "2026-11-22T19:30:00+01:00",
            "2026-11-22T19:30:00.0000000+01:00",
            "1795372200",
            "1795372200.000",
            "1795372200000",
            "1795372200000000",
            "/Date(1795372200000)/",
            "/Date(1795372200000+0100)/",
            "Sun, 22 Nov 2026 18:30:00 GMT",
            "Sun, 22 Nov 2026 19:30:00 +0100",
        ] {
            assert_eq!(parse_time(text), Some(moment), "{text}");
        }
    }

    #[test]
    fn the_end_of_a_day_is_midnight_of_the_next() {
        let moment = parse_time("2027-01-01T00:00:00Z");
        for text in [
            "2026-12-31T24:00:00",
            "2026-12-31T24:00:00Z",
            "2026-12-31T24:00",
            "2026-12-31 24:00:00.0000000",
            "2026-12-31T24:00:00+00:00",
            "2026-12-31T24:00:00,0Z",
        ] {
            assert_eq!(parse_time(text), moment, "{text}");
        }
        for none in
            ["2026-12-31T24:00:01Z", "2026-12-31T24:01", "2026-02-30T24:00:00Z", "9999-12-31T24:00:00Z"]
        {
            assert_eq!(parse_time(none), None, "{none}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in
            ["", "TBA", "yesterday", "7", "20261399", "-1795372200", "/Date()/", "/Date(TBA)/", "1e9", "."]
        {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }

    #[test]
    fn as_dotnet_writes_them() {
        let utc = parse_time("2026-11-22T18:30:00.1234567Z").unwrap();
        assert_eq!(parse_time("2026-11-22T18:30:00.1234567"), Some(utc));
        assert_eq!(parse_time("2026-11-22T19:30:00.1234567+01:00"), Some(utc));
        assert_eq!(parse_time("1795372200.1234567"), Some(utc));
    }

    proptest! {
        #[test]
        fn seconds_and_milliseconds_are_one_moment(second in 946_684_800_i64..7_258_118_400, ms in 0_i64..1000) {
            let moment = Timestamp::from_millisecond(second * 1000 + ms).unwrap();
            for text in [
                format!("{second}.{ms:03}"),
                format!("{}", second * 1000 + ms),
                format!("/Date({})/", second * 1000 + ms),
                moment.to_string(),
            ] {
                prop_assert_eq!(parse_time(&text), Some(moment), "{}", text);
            }
        }

        #[test]
        fn the_end_of_any_day_is_the_next_one_s_midnight(days in 0..60_000_i32, offset in "Z|[+-]0[0-9]:[03]0|") {
            let day = civil::date(2000, 1, 1).checked_add(jiff::Span::new().days(days)).unwrap();
            let next = parse_time(&format!("{}T00:00:00{offset}", day.tomorrow().unwrap()));
            prop_assert!(next.is_some());
            prop_assert_eq!(parse_time(&format!("{day}T24:00:00{offset}")), next);
        }

        #[test]
        fn any_text_is_a_time_or_none(text in "\\PC*|/Date\\([0-9+.-]*\\)/|[0-9.]{0,30}") {
            let _ = parse_time(&text);
        }
    }
}
