//! Parses response headers (`Retry-After`, `Link`, counts), and describes errors without the URL.

use std::error::Error as _;
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{CONTENT_RANGE, DATE, HeaderMap, HeaderName, LINK, RETRY_AFTER};

/// The longest wait that a server can ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);

/// `Retry-After` (RFC 9110, 10.2.3): seconds, or a date. A date is counted from the response's own `Date`, so that the
/// two machines' clocks need not agree; without a `Date` it is ignored.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
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

/// Why there was no complete response, without the URL, which can contain a user's id or a secret.
pub(crate) fn describe(error: &reqwest::Error, timeout: Duration) -> String {
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

/// The address of the next page of a list: the target of a `Link` with the relation `next` (RFC 8288).
pub(crate) fn next_link(headers: &HeaderMap) -> Option<String> {
    let links = headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok());
    links.flat_map(|value| value.split('<').skip(1)).find_map(|link| {
        let (target, parameters) = link.split_once('>')?;
        let is_next = parameters.split([';', ',']).any(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or_default();
            let mut relations = value.trim().trim_matches('"').split_ascii_whitespace();
            name.trim().eq_ignore_ascii_case("rel") && relations.any(|r| r.eq_ignore_ascii_case("next"))
        });
        is_next.then(|| target.trim().to_owned())
    })
}

/// The total number of entries of a list, if its headers have it: `X-Total-Count`, or `Content-Range: items 0-24/319`.
pub(crate) fn total(headers: &HeaderMap) -> u64 {
    let number = |text: &str| text.trim().parse().unwrap_or(0);
    let text =
        |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let range = text(&CONTENT_RANGE).rsplit_once('/').map_or("", |(_, all)| all);
    number(text(&HeaderName::from_static("x-total-count"))).max(number(range))
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

    #[test]
    fn the_next_link_is_found_among_others() {
        let with = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(LINK, value.parse().unwrap());
            }
            next_link(&headers)
        };
        for values in [
            &[r#"</orders?p=2>; rel="next""#][..],
            &["</orders?p=1>; rel=prev, </orders?p=2>; title=\"a, b\"; REL=next"],
            &[r#"</orders>; rel="first""#, r#"</orders?p=2>; rel="last next""#],
        ] {
            assert_eq!(with(values).as_deref(), Some("/orders?p=2"), "{values:?}");
        }
        for values in [
            &[][..],
            &["</orders>; rel=prev"],
            &["next"],
            &["<"],
            &["</a; rel=next"],
            &["</a>; rel=\"nextish\""],
        ] {
            assert_eq!(with(values), None, "{values:?}");
        }
    }

    #[test]
    fn totals_stand_in_two_headers() {
        let with = |name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            total(&headers)
        };
        assert_eq!(with("x-total-count", "250"), 250);
        assert_eq!(with("content-range", "items 0-24/319"), 319);
        assert_eq!((with("content-range", "items 0-24/*"), with("x-total-count", "many")), (0, 0));
    }
}
