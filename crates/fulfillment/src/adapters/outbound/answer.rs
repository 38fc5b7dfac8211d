//! What an HTTP answer, or the lack of one, says beside its body.

use std::error::Error as _;
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};

/// The longest wait that another side can ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);

/// `Retry-After` (RFC 9110, 10.2.3): seconds, or a date. A date is counted from the answer's own `Date`, so
/// that the two machines' clocks need not agree; without one it is not understood.
pub(in crate::adapters) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if text.starts_with(|c: char| c.is_ascii_digit()) {
        Duration::from_secs(text.parse().ok()?)
    } else {
        let (until, now) = (date(headers, &RETRY_AFTER)?, date(headers, &DATE)?);
        Duration::try_from(until.duration_since(now)).unwrap_or_default()
    };
    Some(wait.min(LONGEST_WAIT))
}

/// An HTTP date in its preferred form, which is RFC 2822's with `GMT` for the zone.
fn date(headers: &HeaderMap, name: &HeaderName) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(headers.get(name)?.to_str().ok()?).ok()
}

/// Why there was no whole answer, without the URL: it can hold a user's id, or a secret.
pub(in crate::adapters) fn describe(error: &reqwest::Error, timeout: Duration) -> String {
    if error.is_timeout() && !error.is_connect() {
        return format!("gives no answer within {}", humantime::format_duration(timeout));
    }
    let mut cause = error.source();
    let mut last = None;
    while let Some(inner) = cause {
        last = Some(inner.to_string());
        cause = inner.source();
    }
    let cause = last.unwrap_or_else(|| if error.is_timeout() { "timed out".into() } else { "failed".into() });
    if error.is_connect() {
        format!("cannot be reached: {cause}")
    } else {
        format!("ends the connection: {cause}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(retry_after: &str, date: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, retry_after.parse().unwrap());
        if let Some(date) = date {
            headers.insert(DATE, date.parse().unwrap());
        }
        headers
    }

    #[test]
    fn seconds_and_dates_are_understood() {
        let now = Some("Sun, 22 Nov 2026 18:30:00 GMT");
        for (text, date, wait) in [
            ("7", None, Some(7)),
            ("0", None, Some(0)),
            ("999999999999", None, Some(3600)),
            ("Sun, 22 Nov 2026 18:30:42 GMT", now, Some(42)),
            ("Sun, 22 Nov 2026 18:29:00 GMT", now, Some(0)),
            ("Sun, 22 Nov 2026 18:30:42 GMT", None, None),
            ("soon", now, None),
            ("-1", now, None),
            ("99999999999999999999999", None, None),
        ] {
            assert_eq!(retry_after(&headers(text, date)), wait.map(Duration::from_secs), "{text}");
        }
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}
