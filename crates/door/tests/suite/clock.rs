//! Tests of the time by which a scan is judged.

use fulfillment_door::{MAX_CLOCK_OFFSET, MAX_ONLINE_DELAY, MAX_SCAN_AGE, TimeError, corrected_time, day_of};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use crate::common::time;

const RECEIVED: &str = "2026-12-22T20:00:00Z";

fn corrected(scanned: &str, offset_ms: i64, offline: bool) -> Result<String, TimeError> {
    let scanned = (!scanned.is_empty()).then(|| time(scanned));
    corrected_time(scanned, offset_ms, time(RECEIVED), offline).map(|at| at.to_string())
}

#[test]
fn a_scan_has_the_corrected_time_of_its_device() {
    for (scanned, offset_ms, offline, wanted) in [
        ("2026-12-22T19:30:00Z", 0, true, "2026-12-22T19:30:00Z"),
        ("2026-12-22T19:30:00Z", -3_600_000, true, "2026-12-22T18:30:00Z"),
        ("2026-12-22T18:30:00Z", 3_600_000, true, "2026-12-22T19:30:00Z"),
        ("2026-12-22T19:30:00.1239Z", 1, true, "2026-12-22T19:30:00.124Z"),
        // Nothing is scanned after it was received.
        ("2026-12-22T21:00:00Z", 0, true, RECEIVED),
        ("2026-12-22T21:00:00Z", 0, false, RECEIVED),
        // An online scan has just been made.
        ("2026-12-22T19:59:00Z", 0, false, "2026-12-22T19:59:00Z"),
        ("2026-12-22T19:58:00Z", 0, false, "2026-12-22T19:58:00Z"),
        ("2026-12-22T19:57:59Z", 0, false, RECEIVED),
        ("2001-01-01T00:00:00Z", 0, false, RECEIVED),
        ("", 0, false, RECEIVED),
    ] {
        assert_eq!(corrected(scanned, offset_ms, offline).unwrap(), wanted, "{scanned} {offset_ms}");
    }
}

#[test]
fn a_time_far_away_is_refused() {
    let most = i64::try_from(MAX_CLOCK_OFFSET.as_millis()).unwrap();
    for (scanned, offset_ms, offline, wanted) in [
        ("", 0, true, TimeError::Missing),
        (RECEIVED, most + 1, true, TimeError::Offset),
        (RECEIVED, -most - 1, false, TimeError::Offset),
        (RECEIVED, i64::MAX, true, TimeError::Offset),
        (RECEIVED, i64::MIN, true, TimeError::Offset),
        ("2026-09-23T19:59:59Z", 0, true, TimeError::TooOld),
        ("2027-01-22T20:00:01Z", 0, true, TimeError::TooLate),
        ("2027-01-22T20:00:01Z", 0, false, TimeError::TooLate),
    ] {
        let error = corrected(scanned, offset_ms, offline).unwrap_err();
        assert_eq!(error, wanted, "{scanned} {offset_ms}");
        let field = if wanted == TimeError::Offset { "clockOffsetMs: " } else { "scannedAt: " };
        assert!(error.to_string().starts_with(field), "{error}");
    }
    assert!(corrected("2026-09-23T20:00:00Z", 0, true).is_ok());
    assert!(corrected("2027-01-22T20:00:00Z", -most, true).is_ok());
    assert_eq!(MAX_SCAN_AGE, SignedDuration::from_hours(90 * 24));
}

#[test]
fn an_entry_counts_for_the_day_of_the_event() {
    let at = time("2026-12-22T23:30:00Z");
    assert_eq!(day_of(at, &TimeZone::UTC).to_string(), "2026-12-22");
    assert_eq!(day_of(at, &TimeZone::fixed(Offset::constant(1))).to_string(), "2026-12-23");
}

fn any_time() -> impl Strategy<Value = Timestamp> {
    let (min, max) = (Timestamp::MIN.as_nanosecond(), Timestamp::MAX.as_nanosecond());
    let near = time(RECEIVED).as_nanosecond();
    let day = 86_400_000_000_000;
    prop_oneof![min..=max, near - 100 * day..near + 100 * day, Just(min), Just(max)]
        .prop_map(|ns| Timestamp::from_nanosecond(ns).unwrap())
}

proptest! {
    #[test]
    fn any_times_give_a_time_within_limits(
        scanned in prop::option::of(any_time()),
        offset_ms in prop_oneof![any::<i64>(), -3_000_000_000..3_000_000_000_i64],
        received in any_time(),
        offline in any::<bool>(),
    ) {
        if let Ok(at) = corrected_time(scanned, offset_ms, received, offline) {
            let most = if offline { MAX_SCAN_AGE } else { MAX_ONLINE_DELAY };
            let ago = received.duration_since(at);
            prop_assert!(at <= received && ago <= most + SignedDuration::from_millis(1), "{ago:?}");
            // Corrected once, it stays.
            prop_assert_eq!(corrected_time(Some(at), 0, at, offline), Ok(at));
        }
    }
}
