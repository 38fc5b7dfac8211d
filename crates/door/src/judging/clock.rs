//! The time of a scan: what its device says, corrected, and held against the time at which it was received.

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};

/// The largest `clockOffsetMs` in either direction. A clock further off does not get through TLS for long, because
/// certificates expire.
pub const MAX_CLOCK_OFFSET: SignedDuration = SignedDuration::from_hours(31 * 24);
/// How long before its receipt an offline scan may have been made.
pub const MAX_SCAN_AGE: SignedDuration = SignedDuration::from_hours(90 * 24);
/// How long before its receipt an online scan may have been made; a longer delay is taken for a wrong clock.
pub const MAX_ONLINE_DELAY: SignedDuration = SignedDuration::from_mins(2);

/// Why a scan has no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// An offline scan does not say when it was made.
    #[error("scannedAt: a scan made offline has to say when")]
    Missing,
    /// The difference of the clocks is not believable.
    #[error("clockOffsetMs: the device's clock is more than 31 days off: set it")]
    Offset,
    /// The scan was made too long ago.
    #[error("scannedAt: more than 90 days before the scan was received")]
    TooOld,
    /// The scan says that it was made long after it was received.
    #[error("scannedAt: more than 31 days after the scan was received: set the device's clock")]
    TooLate,
}

/// The time by which a scan is judged and ordered: `scanned_at` plus `clock_offset_ms` (what to add to the device's clock
/// to get the server's), in whole milliseconds.
///
/// It is never after `received_at`. An online scan has just been made: if it claims to be older than
/// [`MAX_ONLINE_DELAY`], or says nothing, its time is `received_at`, so that a wrong clock admits nobody early.
///
/// ```
/// use fulfillment_door::corrected_time;
///
/// // A device whose clock is an hour slow uploads a scan that it has made offline.
/// let scanned = "2026-12-22T18:00:00Z".parse()?;
/// let received = "2026-12-22T21:00:00Z".parse()?;
/// let at = corrected_time(Some(scanned), 3_600_000, received, true)?;
/// assert_eq!(at.to_string(), "2026-12-22T19:00:00Z");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn corrected_time(
    scanned_at: Option<Timestamp>,
    clock_offset_ms: i64,
    received_at: Timestamp,
    offline: bool,
) -> Result<Timestamp, TimeError> {
    let offset = SignedDuration::from_millis(clock_offset_ms);
    if offset.abs() > MAX_CLOCK_OFFSET {
        return Err(TimeError::Offset);
    }
    let received = in_milliseconds(received_at);
    let Some(scanned_at) = scanned_at else {
        return if offline { Err(TimeError::Missing) } else { Ok(received) };
    };
    let ago = received_at.duration_since(scanned_at) - offset;
    if ago < -MAX_CLOCK_OFFSET {
        return Err(TimeError::TooLate);
    }
    if !offline && ago > MAX_ONLINE_DELAY {
        return Ok(received);
    }
    if ago > MAX_SCAN_AGE {
        return Err(TimeError::TooOld);
    }
    match scanned_at.checked_add(offset) {
        Ok(at) => Ok(in_milliseconds(at).min(received)),
        // Beyond the years that there are: it was not after the receipt.
        Err(_) => Err(TimeError::TooOld),
    }
}

/// Stores and scanners keep milliseconds, and must not order scans by what they lose.
fn in_milliseconds(at: Timestamp) -> Timestamp {
    let below = at.as_nanosecond().rem_euclid(1_000_000);
    at.checked_sub(SignedDuration::from_nanos_i128(below)).unwrap_or(at)
}

/// The day that an entry counts for, in the event's time zone.
#[must_use]
pub fn day_of(at: Timestamp, zone: &TimeZone) -> Date {
    zone.to_datetime(at).date()
}
