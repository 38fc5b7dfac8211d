//! The event's times: start, doors and end from the answer, and their time zone.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

use super::reader::Reader;
use super::reading::{LocalTimes, Reading};
use crate::event_time::{NO_DATE, Unbelievable, Written, check_doors, check_end, is_date, zone_in};
use crate::fields::Fields;
use crate::ticket::Flag;
use crate::zones;

/// The fields of an event's times.
const NAMES: [&str; 3] = ["eventStartsAt", "doorsAt", "eventEndsAt"];

/// An event's times and their zone.
#[derive(Debug)]
pub(super) struct Times {
    pub(super) starts_at: Option<Timestamp>,
    pub(super) doors_at: Option<Timestamp>,
    pub(super) ends_at: Option<Timestamp>,
    /// In the form that [`zones::named`] reads.
    pub(super) zone: String,
}

impl Times {
    /// Reads `eventStartsAt`, `doorsAt`, `eventEndsAt` and `timeZone`. What is unreadable or implausible is ignored.
    pub(super) fn read(answer: &mut Reader<'_, '_>, reading: &Reading) -> Self {
        let told = NAMES.map(|name| {
            let written = answer.optional(name, Written::read)?;
            Some(Told { name, written, zone: zone_of(answer, name) })
        });
        let all = || told.iter().flatten();
        let offset = all().find_map(|told| match told.written {
            Written::Instant(at, offset) => Some((at, offset?)),
            Written::Clock(_) | Written::Day(_) => None,
        });
        let place = Place::read(answer, reading, all().find_map(|told| told.zone.clone()), offset);
        let [starts, doors, ends] = told;
        let is_day =
            |told: &Option<Told>| told.as_ref().is_some_and(|told| matches!(told.written, Written::Day(_)));
        let of_end = is_day(&starts) || is_day(&ends);
        let of_doors = of_end || is_day(&doors);
        let starts_at = place.time(answer, starts, |_| Ok(()), Flag::StartWithoutHour);
        let ends_at = place.time(answer, ends, |at| check_end(at, starts_at, of_end), Flag::EndWithoutHour);
        let believed = |at| check_doors(at, starts_at, ends_at, of_doors);
        let doors_at = place.time(answer, doors, believed, Flag::DoorsWithoutHour);
        Self { starts_at, doors_at, ends_at, zone: zones::name_of(&place.zone) }
    }
}

/// A time that could be read.
struct Told {
    /// Its field.
    name: &'static str,
    written: Written,
    /// The zone that it names in brackets.
    zone: Option<TimeZone>,
}

/// The zone that a time names in brackets.
fn zone_of(answer: &mut Reader<'_, '_>, name: &str) -> Option<TimeZone> {
    zone_in(answer.fields(), name).unwrap_or_else(|unknown| {
        answer.flag(Flag::TimeZoneUnknown, format!("{name} {}", unknown.reason));
        None
    })
}

/// The event's place, as far as its times are concerned.
struct Place {
    /// The zone in which its times are shown.
    zone: TimeZone,
    /// The zone of a time without an offset. `None` where it is not stated: then it is UTC.
    clock: Option<TimeZone>,
}

impl Place {
    /// `timeZone`, else the zone that a time names itself, else the offset that a time is written at, else the zone of
    /// the settings.
    fn read(
        answer: &mut Reader<'_, '_>,
        reading: &Reading,
        bracketed: Option<TimeZone>,
        offset: Option<(Timestamp, Offset)>,
    ) -> Self {
        let name = answer.optional("timeZone", Fields::text);
        let named = name.as_deref().and_then(zones::named);
        if name.is_some() && named.is_none() {
            let note = "timeZone is not a known time zone: the offsets of the times were used";
            answer.flag(Flag::TimeZoneUnknown, note);
        }
        let zone = named.or(bracketed).or_else(|| {
            let (at, offset) = offset?;
            let usual = reading.zone.to_offset(at) == offset;
            Some(if usual { reading.zone.clone() } else { TimeZone::fixed(offset) })
        });
        let clock = match reading.local_times {
            LocalTimes::Zone => zone.clone(),
            LocalTimes::Utc => Some(TimeZone::UTC),
        };
        Self { zone: zone.unwrap_or_else(|| reading.zone.clone()), clock }
    }

    /// A time as it is recorded; a day without an hour is recorded as its noon and flagged.
    fn time(
        &self,
        answer: &mut Reader<'_, '_>,
        told: Option<Told>,
        believed: impl Fn(Timestamp) -> Result<(), Unbelievable>,
        without_hour: Flag,
    ) -> Option<Timestamp> {
        let Told { name, written, zone } = told?;
        let (at, note) = match written {
            Written::Instant(at, _) => (Some(at), None),
            Written::Clock(clock) => of_clock(clock, zone.as_ref().or(self.clock.as_ref())),
            Written::Day(day) => (self.noon(day), Some((without_hour, "is a day: no hour is printed"))),
        };
        let Some(at) = at else {
            answer.left_out(name, "is not a time that can be stored");
            return None;
        };
        // The written year was in range, but the record's readers see the UTC year, which may not be.
        if !is_date(at) {
            answer.left_out(name, NO_DATE);
            return None;
        }
        if let Err(unbelievable) = believed(at) {
            answer.left_out(name, &unbelievable.to_string());
            return None;
        }
        if let Some((flag, note)) = note {
            answer.flag(flag, format!("{name} {note}"));
        }
        if let Some(zone) = zone {
            let hour = zone.to_offset(at);
            if self.zone.to_offset(at) != hour {
                let note = format!("{name} names another zone than the one that it is printed in");
                answer.flag(Flag::TimeAssumed, note);
            }
            if matches!(written, Written::Instant(_, Some(offset)) if offset != hour) {
                let note = format!(
                    "{name} has an offset that the zone it names does not have: the offset was taken"
                );
                answer.flag(Flag::TimeAssumed, note);
            }
        }
        Some(at)
    }

    fn noon(&self, day: Date) -> Option<Timestamp> {
        self.zone.to_timestamp(day.at(12, 0, 0, 0)).ok()
    }
}

/// A wall clock's time. A time that occurs twice is the first; a skipped time is moved later by the gap.
fn of_clock(clock: DateTime, zone: Option<&TimeZone>) -> (Option<Timestamp>, Option<(Flag, &'static str)>) {
    let ambiguous = zone.unwrap_or(&TimeZone::UTC).to_ambiguous_timestamp(clock);
    let note = match ambiguous.offset() {
        _ if zone.is_none() => Some("has neither an offset nor a zone: it was read as UTC"),
        AmbiguousOffset::Unambiguous { .. } => None,
        AmbiguousOffset::Fold { .. } => Some("is an hour that comes twice that night: the first was taken"),
        AmbiguousOffset::Gap { .. } => Some("is an hour that the clock skips that night: the next was taken"),
    };
    (ambiguous.compatible().ok(), note.map(|note| (Flag::TimeAssumed, note)))
}

#[cfg(test)]
mod tests {
    use super::super::{Event, OrderSnapshot};
    use super::*;
    use crate::id::OrderId;

    const ORDER: &str = "7d444840-9dc0-11d1-b245-5ffdce74fad2";

    fn order(rest: &str, reading: &Reading) -> OrderSnapshot {
        let json = format!(
            r#"{{"orderId":"{ORDER}","customerEmail":"a@example.org","eventId":"e1","eventName":"Gala","price":1,"currency":"EUR",{rest}}}"#
        );
        let id: OrderId = ORDER.parse().unwrap();
        OrderSnapshot::parse(json.as_bytes(), id, reading).unwrap()
    }

    /// Start, zone and flags.
    fn start(rest: &str, reading: &Reading) -> (String, String, String) {
        let order = order(rest, reading);
        let start = order.event.starts_at.map(|at| at.to_string()).unwrap_or_default();
        (start, order.event.time_zone, order.flags.to_stored())
    }

    fn said(rest: &str) -> (String, String, String) {
        start(rest, &Reading::default())
    }

    fn three(a: &str, b: &str, c: &str) -> (String, String, String) {
        (a.into(), b.into(), c.into())
    }

    #[test]
    fn a_wall_clock_is_that_of_the_zone_beside_it() {
        let answer = r#""eventStartsAt":"2026-12-22T19:30:00","timeZone":"Europe/Berlin""#;
        assert_eq!(said(answer), three("2026-12-22T18:30:00Z", "Europe/Berlin", ""));
        let utc = Reading { local_times: LocalTimes::Utc, ..Reading::default() };
        assert_eq!(start(answer, &utc), three("2026-12-22T19:30:00Z", "Europe/Berlin", ""));
        for (zone, at, kept) in [
            ("W. Europe Standard Time", "2026-12-22T18:30:00Z", "Europe/Berlin"),
            ("europe/berlin", "2026-12-22T18:30:00Z", "Europe/Berlin"),
            ("(GMT-05:00) Eastern Time (US & Canada)", "2026-12-23T00:30:00Z", "America/New_York"),
            ("UTC+2", "2026-12-22T17:30:00Z", "+02:00"),
            ("-05:00", "2026-12-23T00:30:00Z", "-05:00"),
        ] {
            let answer = format!(r#""eventStartsAt":"2026-12-22T19:30:00","timeZone":"{zone}""#);
            assert_eq!(said(&answer), three(at, kept, ""), "{zone}");
        }
    }

    #[test]
    fn an_instant_is_that_instant_whatever_the_zone() {
        for time in ["2026-12-22T18:30:00Z", "2026-12-22T19:30:00+01:00", "2026-12-22T13:30:00-05:00"] {
            let answer = format!(r#""eventStartsAt":"{time}","timeZone":"Europe/Berlin""#);
            assert_eq!(said(&answer), three("2026-12-22T18:30:00Z", "Europe/Berlin", ""), "{time}");
        }
    }

    #[test]
    fn an_offset_without_a_zone_is_where_times_are_told() {
        let at = |time: &str| format!(r#""eventStartsAt":"{time}""#);
        assert_eq!(said(&at("2026-12-22T19:30:00-05:00")), three("2026-12-23T00:30:00Z", "-05:00", ""));
        // An offset of zero does not identify the place: the zone is the setting's.
        let berlin = Reading { zone: zones::named("Europe/Berlin").unwrap(), ..Reading::default() };
        for utc in ["2026-12-22T18:30:00Z", "2026-12-22T18:30:00+00:00"] {
            assert_eq!(start(&at(utc), &berlin), three("2026-12-22T18:30:00Z", "Europe/Berlin", ""));
        }
        // An offset that the setting's zone has at that time means that zone, with its name.
        let local = at("2026-12-22T19:30:00+01:00");
        assert_eq!(start(&local, &berlin), three("2026-12-22T18:30:00Z", "Europe/Berlin", ""));
        assert_eq!(start(&at("2026-07-22T19:30:00+01:00"), &berlin).1, "+01:00");
        // A wall clock's time beside it gets that offset too.
        let order = order(
            r#""eventStartsAt":"2026-12-22T19:30:00-05:00","eventEndsAt":"2026-12-22T22:00:00""#,
            &Reading::default(),
        );
        assert_eq!(order.event.ends_at.unwrap().to_string(), "2026-12-23T03:00:00Z");
    }

    #[test]
    fn without_zone_and_offset_a_time_is_utc_and_flagged() {
        let answer = r#""eventStartsAt":"2026-12-22T19:30:00""#;
        assert_eq!(said(answer), three("2026-12-22T19:30:00Z", "UTC", "time_assumed"));
        let notes = order(answer, &Reading::default()).notes;
        assert_eq!(notes, ["eventStartsAt has neither an offset nor a zone: it was read as UTC"]);
    }

    #[test]
    fn an_unknown_zone_is_flagged_and_the_offset_used() {
        let answer = r#""eventStartsAt":"2026-12-22T19:30:00+02:00","timeZone":"Middle Earth""#;
        assert_eq!(said(answer), three("2026-12-22T17:30:00Z", "+02:00", "time_zone_unknown"));
        let answer = r#""eventStartsAt":"2026-12-22T19:30:00","timeZone":"Middle Earth""#;
        assert_eq!(said(answer), three("2026-12-22T19:30:00Z", "UTC", "time_zone_unknown,time_assumed"));
    }

    #[test]
    fn a_zone_in_brackets_is_the_zone_unless_another_is_named() {
        let vienna = "2026-12-22T18:30:00Z";
        for (time, zone, at, kept, flags) in [
            ("2026-12-22T19:30:00+01:00[Europe/Vienna]", "", vienna, "Europe/Vienna", ""),
            ("2026-12-22T18:30:00Z[Europe/Vienna]", "", vienna, "Europe/Vienna", ""),
            ("2026-12-22T19:30[Europe/Vienna]", "", vienna, "Europe/Vienna", ""),
            ("2026-12-22T13:30:00-05:00[America/New_York]", "", vienna, "America/New_York", ""),
            ("2026-12-22T19:30[W. Europe Standard Time]", "", vienna, "Europe/Berlin", ""),
            ("2026-12-22[Europe/Vienna]", "", "2026-12-22T11:00:00Z", "Europe/Vienna", "start_without_hour"),
            ("2026-10-25T02:30[Europe/Vienna]", "", "2026-10-25T00:30:00Z", "Europe/Vienna", "time_assumed"),
            // The same offset under another name.
            ("2026-12-22T19:30:00+01:00[Europe/Vienna]", "Europe/Berlin", vienna, "Europe/Berlin", ""),
            ("2026-12-22T19:30:00+01:00[Europe/Vienna]", "UTC", vienna, "UTC", "time_assumed"),
            (
                "2026-12-22T19:30[Europe/Vienna]",
                "America/New_York",
                vienna,
                "America/New_York",
                "time_assumed",
            ),
            ("2026-12-22T20:30:00+02:00[Europe/Vienna]", "", vienna, "Europe/Vienna", "time_assumed"),
            (
                "2026-12-22T19:30:00+01:00[Europe/Vienna]",
                "Nowhere",
                vienna,
                "Europe/Vienna",
                "time_zone_unknown",
            ),
            ("2026-12-22T19:30:00+01:00[Nowhere]", "", vienna, "+01:00", "time_zone_unknown"),
            ("2026-12-22T19:30[Nowhere]", "Europe/Berlin", vienna, "Europe/Berlin", "time_zone_unknown"),
        ] {
            let answer = format!(r#""eventStartsAt":"{time}","timeZone":"{zone}""#);
            assert_eq!(said(&answer), three(at, kept, flags), "{answer}");
        }
        // A time that names its zone uses that zone, whatever the setting.
        let utc = Reading { local_times: LocalTimes::Utc, ..Reading::default() };
        let answer = r#""eventStartsAt":"2026-12-22T19:30[Europe/Vienna]""#;
        assert_eq!(start(answer, &utc), three(vienna, "Europe/Vienna", ""));
        // The other times use that zone too.
        let answer = r#""eventStartsAt":"2026-12-22T19:30[Europe/Vienna]","eventEndsAt":"2026-12-22T22:00""#;
        assert_eq!(
            order(answer, &Reading::default()).event.ends_at.unwrap().to_string(),
            "2026-12-22T21:00:00Z"
        );
    }

    #[test]
    fn an_offset_in_minutes_is_no_zone() {
        for minutes in ["-300", r#""-300""#, "-240.0", "330", r#""+120""#] {
            let answer = format!(r#""eventStartsAt":"2026-12-22T19:30:00-05:00","timeZone":{minutes}"#);
            assert_eq!(
                said(&answer),
                three("2026-12-23T00:30:00Z", "-05:00", "time_zone_unknown"),
                "{minutes}"
            );
        }
        let answer = r#""eventStartsAt":"2026-12-22T19:30:00","timeZone":"-0500""#;
        assert_eq!(said(answer), three("2026-12-23T00:30:00Z", "-05:00", ""));
    }

    #[test]
    fn what_stands_for_no_date_is_called_so() {
        for time in [
            r#""/Date(-62135596800000)/""#,
            r#""/Date(-62135596800000+0100)/""#,
            r#""/Date(0)/""#,
            r#""/Date(253402300799999)/""#,
            r#""0000-00-00 00:00:00""#,
            "-62135596800",
            "-62135596800000",
            "0",
            r#""0""#,
        ] {
            let notes = order(&format!(r#""eventStartsAt":{time}"#), &Reading::default()).notes;
            assert!(notes[0].ends_with("a placeholder"), "{time}: {notes:?}");
        }
        for time in ["7", r#""TBA""#, r#""/Date(TBA)/""#, r#""/Date()/""#] {
            let notes = order(&format!(r#""eventStartsAt":{time}"#), &Reading::default()).notes;
            assert!(notes[0].ends_with("in a known spelling"), "{time}: {notes:?}");
        }
    }

    #[test]
    fn hours_that_come_twice_or_never_are_noted() {
        for (time, at, note) in [
            ("2026-10-25T02:30:00", "2026-10-25T00:30:00Z", "comes twice"),
            ("2026-03-29T02:30:00", "2026-03-29T01:30:00Z", "skips"),
        ] {
            let answer = format!(r#""eventStartsAt":"{time}","timeZone":"Europe/Berlin""#);
            assert_eq!(said(&answer), three(at, "Europe/Berlin", "time_assumed"));
            assert!(order(&answer, &Reading::default()).notes[0].contains(note));
        }
    }

    #[test]
    fn a_day_alone_is_that_day_where_the_event_is() {
        for (zone, at, kept) in [
            (r#","timeZone":"Pacific/Kiritimati""#, "2026-12-21T22:00:00Z", "Pacific/Kiritimati"),
            (r#","timeZone":"Pacific/Pago_Pago""#, "2026-12-22T23:00:00Z", "Pacific/Pago_Pago"),
            ("", "2026-12-22T12:00:00Z", "UTC"),
        ] {
            let answer = format!(r#""eventStartsAt":"2026-12-22"{zone}"#);
            assert_eq!(said(&answer), three(at, kept, "start_without_hour"));
        }
        let utc = Reading { local_times: LocalTimes::Utc, ..Reading::default() };
        let answer = r#""eventStartsAt":"2026-12-22","timeZone":"Asia/Tokyo""#;
        assert_eq!(start(answer, &utc).0, "2026-12-22T03:00:00Z");
    }

    #[test]
    fn dates_that_are_none_are_left_out_and_noted() {
        for time in
            [r#""0001-01-01T00:00:00""#, r#""9999-12-31""#, r#""1900-01-01T00:00:00Z""#, "0", r#""TBA""#]
        {
            let answer = format!(r#""eventStartsAt":{time},"eventEndsAt":"2026-12-22T22:00:00Z""#);
            assert_eq!(said(&answer), three("", "UTC", "detail_left_out"), "{time}");
            let order = order(&answer, &Reading::default());
            assert!(
                order.event.ends_at.is_some() && order.notes[0].starts_with("eventStartsAt was left out")
            );
        }
    }

    #[test]
    fn a_date_at_the_edge_of_the_years_is_none_and_noted() {
        let none = three("", "", "detail_left_out");
        for (time, zone) in [
            ("2199-12-31T23:30:00-05:00", "UTC"),
            ("2199-12-31T23:30:00", "America/New_York"),
            ("2199-12-31T24:00:00Z", "UTC"),
            ("2199-12-31", "-12:00"),
            ("2000-01-01T00:30:00+01:00", "UTC"),
            ("2000-01-01T00:30:00", "Europe/Berlin"),
            ("Tue, 31 Dec 2199 23:30:00 -0500", "UTC"),
            ("2199-12-31T23:30:00-05:00[America/New_York]", "UTC"),
        ] {
            for name in ["eventStartsAt", "doorsAt", "eventEndsAt"] {
                let answer = format!(r#""{name}":"{time}","timeZone":"{zone}""#);
                let order = order(&answer, &Reading::default());
                let Event { starts_at, doors_at, ends_at, .. } = order.event;
                assert_eq!((starts_at, doors_at, ends_at), (None, None, None), "{answer}");
                assert_eq!(order.flags.to_stored(), none.2, "{answer}");
                assert!(order.notes[0].starts_with(&format!("{name} was left out")), "{:?}", order.notes);
            }
        }
        let late = r#""eventStartsAt":"2199-12-31T18:30:00-05:00""#;
        assert_eq!(said(late).0, "2199-12-31T23:30:00Z");
    }

    #[test]
    fn the_end_of_a_day_is_midnight_of_the_next() {
        for (time, zone, at, flags) in [
            ("2026-12-22T24:00:00", "Europe/Berlin", "2026-12-22T23:00:00Z", ""),
            ("2026-12-22T24:00:00+01:00", "Europe/Berlin", "2026-12-22T23:00:00Z", ""),
            ("2026-12-22T24:00Z", "UTC", "2026-12-23T00:00:00Z", ""),
            ("2026-12-31 24:00:00.000", "UTC", "2027-01-01T00:00:00Z", ""),
            ("20261222T240000Z", "UTC", "2026-12-23T00:00:00Z", ""),
            ("2026-12-22T24:00:01", "UTC", "", "detail_left_out"),
            ("2026-12-22T24:30:00Z", "UTC", "", "detail_left_out"),
            ("2026-12-22T25:00:00Z", "UTC", "", "detail_left_out"),
        ] {
            let answer = format!(r#""eventStartsAt":"{time}","timeZone":"{zone}""#);
            assert_eq!(said(&answer), three(at, zone, flags), "{time}");
        }
    }

    #[test]
    fn what_contradicts_the_start_is_left_out_and_flagged() {
        let times = |doors: &str, ends: &str| {
            let answer = format!(
                r#""eventStartsAt":"2026-12-22T18:30:00Z","doorsAt":"{doors}","eventEndsAt":"{ends}""#
            );
            let order = order(&answer, &Reading::default());
            (order.event.doors_at.is_some(), order.event.ends_at.is_some(), order.flags.to_stored())
        };
        for (doors, ends, kept) in [
            ("2026-12-22T17:00:00Z", "2026-12-22T22:00:00Z", (true, true)),
            ("2026-12-20T18:30:00Z", "2028-01-26T18:30:00Z", (true, true)),
            ("2026-12-22T19:30:00Z", "2026-12-22T22:00:00Z", (true, true)),
            ("2026-12-20T18:29:59Z", "2026-12-22T22:00:00Z", (false, true)),
            ("2026-12-22T22:30:00Z", "2026-12-22T22:00:00Z", (false, true)),
            ("2026-12-23T19:30:00Z", "2026-12-26T22:00:00Z", (false, true)),
            ("2026-12-22T17:00:00Z", "2026-12-22T14:00:00Z", (true, false)),
            ("2026-12-22T19:30:00Z", "2026-12-22T14:00:00Z", (true, false)),
            ("2026-12-22T17:00:00Z", "2028-01-26T18:30:01Z", (true, false)),
        ] {
            let flags = if kept == (true, true) { "" } else { "detail_left_out" };
            assert_eq!(times(doors, ends), (kept.0, kept.1, flags.to_owned()), "{doors} {ends}");
        }
        // A day covers each of its hours.
        let (doors, ends, flags) = times("2026-12-22", "2026-12-22");
        assert_eq!((doors, ends, flags.as_str()), (true, true, "doors_without_hour,end_without_hour"));
        assert_eq!(times("2026-12-22T17:00:00Z", "2026-12-21").2, "detail_left_out");
    }
}
