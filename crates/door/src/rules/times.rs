//! Times of a rules document: RFC 3339 as written there, so that every reader takes the same ones.

use jiff::Timestamp;
use serde::de::{Deserialize, Deserializer, Error};

/// Reads an optional time. `jiff` alone takes far more than RFC 3339: no seconds, basic format, zone names.
pub(super) fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    let time: Option<Timestamp> = has_form(text.as_bytes()).then(|| text.parse().ok()).flatten();
    let Some(time) = time else {
        return Err(D::Error::custom("a time like 2026-12-22T19:30:00+01:00 is wanted here (RFC 3339)"));
    };
    // Written in UTC, where the year may be the one before or after.
    if !(2000..2200).contains(&jiff::tz::Offset::UTC.to_datetime(time).year()) {
        return Err(D::Error::custom("the year is not one from 2000 to 2199"));
    }
    Ok(Some(time))
}

/// Whether a text has the form of RFC 3339: `2026-12-22T19:30:00`, a fraction or none, and `Z` or an offset.
fn has_form(text: &[u8]) -> bool {
    let is_like = |text: &[u8], form: &[u8]| {
        text.len() == form.len()
            && text.iter().zip(form).all(|(byte, like)| match like {
                b'0' => byte.is_ascii_digit(),
                b'T' => byte.eq_ignore_ascii_case(like),
                _ => byte == like,
            })
    };
    let Some((time, rest)) = text.split_at_checked("0000-00-00T00:00:00".len()) else { return false };
    let rest = match rest.strip_prefix(b".") {
        Some(fraction) => {
            let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
            // `jiff` has nanoseconds.
            if !(1..=9).contains(&digits) {
                return false;
            }
            &fraction[digits..]
        }
        None => rest,
    };
    let offset = match rest {
        [b'Z' | b'z'] => true,
        [b'+' | b'-', offset @ ..] => is_like(offset, b"00:00"),
        _ => false,
    };
    offset && is_like(time, b"0000-00-00T00:00:00")
}
