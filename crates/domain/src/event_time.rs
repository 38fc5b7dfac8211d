//! Dates and times of events: the spellings that platforms write, and which values are plausible.

use jiff::civil::{Date, DateTime};
use jiff::fmt::temporal::Pieces;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use crate::fields::{Fields, Unreadable};
use crate::instant::{end_of_day, since_1970};
use crate::zones;

/// Dates of other years are placeholders: `0001-01-01`, `1900-01-01`, `9999-12-31`.
const YEARS: std::ops::Range<i16> = 2000..2200;

/// Why such a date is ignored.
pub(crate) const NO_DATE: &str = "is a date before 2000 or after 2199, a placeholder";

/// How long before the start, and how long after it, doors may open.
const EARLY: SignedDuration = SignedDuration::from_hours(2 * 24);
const LATE: SignedDuration = SignedDuration::from_hours(24);

/// A day without an hour is recorded as its noon: every hour of that day is within this distance, also on a day on
/// which the clock is set back.
const HALF_A_DAY: SignedDuration = SignedDuration::from_hours(13);

/// The longest time from an event's start to its end.
const LONGEST: SignedDuration = SignedDuration::from_hours(400 * 24);

/// A date or time as it is written, before its zone is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// A point in time, with the offset it is written at. An offset of zero does not identify the place.
    Instant(Timestamp, Option<Offset>),
    /// The wall clock of a place that is not named.
    Clock(DateTime),
    /// A day without an hour.
    Day(Date),
}

/// Whether the time is plausible for an event. The year is taken in UTC, because records store UTC only.
pub fn is_date(at: Timestamp) -> bool {
    YEARS.contains(&Offset::UTC.to_datetime(at).year())
}

/// Why an end or a doors time is not plausible beside this start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unbelievable {
    /// An end.
    #[error("is before the start")]
    BeforeStart,
    /// An end.
    #[error("is more than 400 days after the start")]
    LongAfterStart,
    /// Doors.
    #[error("is more than 2 days before the start")]
    Early,
    /// Doors.
    #[error("is more than 24 hours after the start")]
    Late,
    /// Doors.
    #[error("is after the end")]
    AfterEnd,
}

/// A recorded start, if it is plausible: records of earlier versions may have others.
pub fn believed_start(start: Option<Timestamp>) -> Option<Timestamp> {
    start.filter(|at| is_date(*at))
}

/// A recorded doors time, if it is plausible beside this start and this end. `day_alone`: one of them is a day without
/// an hour.
pub fn believed_doors(
    doors: Option<Timestamp>,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    day_alone: bool,
) -> Option<Timestamp> {
    doors.filter(|at| is_date(*at) && check_doors(*at, start, end, day_alone).is_ok())
}

/// A recorded end, if it is plausible beside this start. `day_alone`: one of them is a day without an hour.
pub fn believed_end(end: Option<Timestamp>, start: Option<Timestamp>, day_alone: bool) -> Option<Timestamp> {
    end.filter(|at| is_date(*at) && check_end(*at, start, day_alone).is_ok())
}

/// The latest of `at` and an event's recorded start and end, as far as they are plausible. A wrong end changes nothing,
/// and neither does one in the past.
pub fn latest(start: Option<Timestamp>, end: Option<Timestamp>, at: Timestamp) -> Timestamp {
    let start = believed_start(start);
    // An end before the start counts as the start.
    let end = believed_end(end, start, true);
    [start, end].into_iter().flatten().fold(at, Timestamp::max)
}

/// Whether a doors time is plausible. Doors may open after the start, but not after the end.
pub fn check_doors(
    doors: Timestamp,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    day_alone: bool,
) -> Result<(), Unbelievable> {
    let slack = if day_alone { HALF_A_DAY } else { SignedDuration::ZERO };
    let after = |other: Option<Timestamp>| other.map(|other| other.duration_until(doors));
    match (after(start), after(end)) {
        (Some(after), _) if after < -EARLY => Err(Unbelievable::Early),
        (Some(after), _) if after > LATE + slack => Err(Unbelievable::Late),
        (_, Some(after)) if after > slack => Err(Unbelievable::AfterEnd),
        _ => Ok(()),
    }
}

/// Whether an end is plausible.
pub fn check_end(end: Timestamp, start: Option<Timestamp>, day_alone: bool) -> Result<(), Unbelievable> {
    let slack = if day_alone { HALF_A_DAY } else { SignedDuration::ZERO };
    match start.map(|start| start.duration_until(end)) {
        Some(after) if after < -slack => Err(Unbelievable::BeforeStart),
        Some(after) if after > LONGEST => Err(Unbelievable::LongAfterStart),
        _ => Ok(()),
    }
}

impl Written {
    /// Reads a field, of text or a number. `None` when it is absent, null or blank.
    ///
    /// # Errors
    /// It is not a date or time in any known spelling, or not a plausible one.
    pub fn read(fields: &Fields<'_>, name: &str) -> Result<Option<Self>, Unreadable> {
        let Some(text) = fields.text(name)? else { return Ok(None) };
        Self::parse(&text).map(Some).map_err(|reason| Unreadable::field(name, reason))
    }

    /// Reads RFC 3339 with or without offset, a date alone, RFC 2822, seconds or milliseconds since 1970, and
    /// `/Date(...)/` of ASP.NET.
    fn parse(text: &str) -> Result<Self, &'static str> {
        let written = since_1970(text)
            .map(|at| offset_of_date(text).map_or(Self::Instant(at, None), |offset| at_offset(at, offset)))
            .or_else(|| pieces(text))
            .or_else(|| rfc_2822(text))
            .ok_or_else(|| {
                if stands_for_none(text) { NO_DATE } else { "is not a date or time in a known spelling" }
            })?;
        if YEARS.contains(&written.year()) {
            return Ok(written);
        }
        Err(NO_DATE)
    }

    /// The year as it is written.
    fn year(self) -> i16 {
        match self {
            Self::Instant(at, offset) => offset.unwrap_or(Offset::UTC).to_datetime(at).year(),
            Self::Clock(clock) => clock.year(),
            Self::Day(day) => day.year(),
        }
    }
}

/// Whether a text that is not a plausible date is a placeholder: a number that programs write for "no date", or
/// `/Date(...)/` with any number.
fn stands_for_none(text: &str) -> bool {
    let number = text.strip_prefix("/Date(").and_then(|rest| rest.strip_suffix(")/")).map(|inside| {
        let digits = inside.strip_prefix('-').unwrap_or(inside);
        digits.split(['+', '-']).next().unwrap_or_default()
    });
    // The values of MySQL, of 1970, and of .NET's year 1 in seconds and milliseconds.
    number.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
        || text.starts_with("0000-00-00")
        || ["0", "-62135596800", "-62135596800000"].contains(&text)
}

fn at_offset(at: Timestamp, offset: Offset) -> Written {
    Written::Instant(at, (offset != Offset::UTC).then_some(offset))
}

/// RFC 3339, also without an offset or without an hour. The zone in brackets is read by [`zone_in`].
fn pieces(text: &str) -> Option<Written> {
    let (text, _) = bracketed(text);
    let next = end_of_day(text);
    let pieces = Pieces::parse(next.as_deref().unwrap_or(text)).ok()?;
    let Some(time) = pieces.time() else { return Some(Written::Day(pieces.date())) };
    let clock = pieces.date().to_datetime(time);
    let Some(offset) = pieces.to_numeric_offset() else { return Some(Written::Clock(clock)) };
    // A time too late for any instant is too late for an event.
    Some(offset.to_timestamp(clock).map_or(Written::Clock(clock), |at| at_offset(at, offset)))
}

/// Splits a time from the suffixes of RFC 9557 and Java, and returns the zone they name:
/// `2026-12-22T19:30+01:00[Europe/Vienna][u-ca=iso8601]`.
fn bracketed(text: &str) -> (&str, Option<&str>) {
    let mut zone = None;
    let mut rest = text.trim_end();
    while let Some((before, inside)) = rest.strip_suffix(']').and_then(|rest| rest.rsplit_once('[')) {
        let inside = inside.strip_prefix('!').unwrap_or(inside);
        zone = if inside.contains('=') { zone } else { Some(inside) };
        rest = before.trim_end();
    }
    (rest, zone)
}

/// The zone that a time names in brackets behind it.
///
/// # Errors
/// Its name is not known.
pub(crate) fn zone_in(fields: &Fields<'_>, name: &str) -> Result<Option<TimeZone>, Unreadable> {
    let Some(text) = fields.text(name)? else { return Ok(None) };
    let Some(zone) = bracketed(&text).1 else { return Ok(None) };
    zones::named(zone).map(Some).ok_or_else(|| Unreadable::field(name, "is not a known time zone"))
}

/// `Tue, 22 Dec 2026 19:30:00 +0100`
fn rfc_2822(text: &str) -> Option<Written> {
    let at = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(at_offset(at.timestamp(), at.offset()))
}

/// The offset of `/Date(1798050600000+0100)/`: it tells where the time was written, not when.
fn offset_of_date(text: &str) -> Option<Offset> {
    let inside = text.strip_prefix("/Date(")?.strip_suffix(")/")?;
    zones::named(&inside[inside.find(['+', '-'])?..])?.to_fixed_offset().ok()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    fn parse(json: &str) -> Result<Option<Written>, Unreadable> {
        let object = format!(r#"{{"at":{json}}}"#);
        let fields = Fields::parse(object.as_bytes()).unwrap();
        Written::read(&fields, "at")
    }

    fn instant(text: &str, offset: i32) -> Written {
        let offset = (offset != 0).then(|| Offset::from_seconds(offset * 60).unwrap());
        Written::Instant(text.parse().unwrap(), offset)
    }

    #[test]
    fn every_spelling_of_a_time_is_read() {
        let at = "2026-12-22T18:30:00Z";
        for (json, expected) in [
            (r#""2026-12-22T19:30:00+01:00""#, instant(at, 60)),
            (r#""2026-12-22T19:30+01:00[Europe/Berlin]""#, instant(at, 60)),
            (r#""2026-12-22T18:30Z[!Europe/Berlin][u-ca=iso8601]""#, instant(at, 0)),
            (r#""2026-12-22T19:30[Europe/Berlin]""#, Written::Clock(date(2026, 12, 22).at(19, 30, 0, 0))),
            (r#""2026-12-22 [Nowhere]""#, Written::Day(date(2026, 12, 22))),
            (r#""2026-12-22T18:30:00.0000000Z""#, instant(at, 0)),
            (r#""2026-12-22T18:30:00+00:00""#, instant(at, 0)),
            (r#""2026-12-22T18:30:00-00:00""#, instant(at, 0)),
            (r#""2026-12-22 14:30:00-0400""#, instant(at, -240)),
            (r#""Tue, 22 Dec 2026 19:30:00 +0100""#, instant(at, 60)),
            (r#""Tue, 22 Dec 2026 18:30:00 GMT""#, instant(at, 0)),
            ("1797964200", instant(at, 0)),
            (r#""1797964200""#, instant(at, 0)),
            ("1797964200000", instant(at, 0)),
            ("1.7979642e9", instant(at, 0)),
            ("1797964200.000", instant(at, 0)),
            ("1797964200000000", instant(at, 0)),
            ("1797964200.0", instant(at, 0)),
            (r#""\/Date(1797964200000)\/""#, instant(at, 0)),
            (r#""/Date(1797964200000+0100)/""#, instant(at, 60)),
            (r#""/Date(1797964200000-0400)/""#, instant(at, -240)),
            (r#""2026-12-22T19:30:00""#, Written::Clock(date(2026, 12, 22).at(19, 30, 0, 0))),
            (r#""2026-12-22 19:30""#, Written::Clock(date(2026, 12, 22).at(19, 30, 0, 0))),
            (r#""2026-12-22""#, Written::Day(date(2026, 12, 22))),
            (r#""20261222""#, Written::Day(date(2026, 12, 22))),
            ("20261222", Written::Day(date(2026, 12, 22))),
        ] {
            assert_eq!(parse(json), Ok(Some(expected)), "{json}");
        }
        for absent in ["null", r#""""#, r#"" ""#] {
            assert_eq!(parse(absent), Ok(None), "{absent}");
        }
    }

    #[test]
    fn placeholders_are_no_dates_in_any_spelling() {
        for json in [
            r#""0001-01-01T00:00:00""#,
            r#""0001-01-01""#,
            r#""1900-01-01T00:00:00Z""#,
            r#""1999-12-31""#,
            r#""2200-01-01""#,
            r#""9999-12-31T23:59:59.9999999""#,
            r#""9999-12-31T23:59:59.9999999Z""#,
            r#""9999-12-31T23:59:59+01:00""#,
            r#""Mon, 01 Jan 1900 00:00:00 GMT""#,
        ] {
            let reason = parse(json).unwrap_err().reason;
            assert!(reason.contains("a placeholder"), "{json}: {reason}");
        }
        for json in [
            "0",
            "-1",
            "-62135596800000",
            r#""0""#,
            "253402300799999",
            r#""/Date(-62135596800000)/""#,
            r#""TBA""#,
            r#""0000-00-00""#,
            r#""0000-00-00 00:00:00""#,
            r#""22.12.2026 19:30""#,
            r#""12/22/2026""#,
            r#""2026-13-01""#,
            r#""/Date(x)/""#,
            "true",
            "[2026,12,22]",
            "{}",
            "1e400",
        ] {
            assert!(parse(json).is_err(), "{json}");
        }
    }

    #[test]
    fn ends_and_doors_that_contradict_the_start_are_not_believed() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let start = Some(at("2026-12-22T18:30:00Z"));
        for (end, day_alone, expected) in [
            ("2026-12-22T18:30:00Z", false, Ok(())),
            ("2026-12-22T18:29:59Z", false, Err(Unbelievable::BeforeStart)),
            ("2026-12-22T12:00:00Z", true, Ok(())),
            ("2026-12-21T12:00:00Z", true, Err(Unbelievable::BeforeStart)),
            ("2028-01-26T18:30:00Z", false, Ok(())),
            ("2028-01-26T18:30:01Z", false, Err(Unbelievable::LongAfterStart)),
        ] {
            assert_eq!(check_end(at(end), start, day_alone), expected, "{end}");
        }
        assert_eq!(check_end(at("2001-01-01T00:00:00Z"), None, false), Ok(()));
        let end = Some(at("2026-12-24T22:00:00Z"));
        for (doors, end, day_alone, expected) in [
            ("2026-12-20T18:30:00Z", end, false, Ok(())),
            ("2026-12-20T18:29:59Z", end, false, Err(Unbelievable::Early)),
            ("2026-12-23T18:30:00Z", end, false, Ok(())),
            ("2026-12-23T18:30:01Z", end, false, Err(Unbelievable::Late)),
            ("2026-12-22T20:00:00Z", Some(at("2026-12-22T20:00:00Z")), false, Ok(())),
            ("2026-12-22T20:00:01Z", Some(at("2026-12-22T20:00:00Z")), false, Err(Unbelievable::AfterEnd)),
            ("2026-12-22T20:00:01Z", Some(at("2026-12-22T12:00:00Z")), true, Ok(())),
        ] {
            assert_eq!(check_doors(at(doors), start, end, day_alone), expected, "{doors}");
        }
        assert_eq!(check_doors(at("2026-12-24T22:00:01Z"), None, end, false), Err(Unbelievable::AfterEnd));
    }

    proptest! {
        #[test]
        fn what_is_read_is_a_date(text in "([-+0-9:.TZ/eE ()Date\\[\\]]{0,30}|\\PC{0,30})") {
            if let Ok(Some(written)) = parse(&serde_json::to_string(&text).unwrap()) {
                prop_assert!(YEARS.contains(&written.year()), "{written:?}");
            }
        }

        /// A number can be read in one unit only, and gives the same time in each spelling.
        #[test]
        fn units_do_not_overlap(seconds in 946_684_800_i64..7_258_118_400) {
            let at = Timestamp::from_second(seconds).unwrap();
            for zeros in ["", "000", "000000"] {
                prop_assert_eq!(parse(&format!("{seconds}{zeros}")), Ok(Some(Written::Instant(at, None))));
            }
        }
    }
}
