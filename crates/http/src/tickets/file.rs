//! A file as an HTTP response: validators, ranges and a file name (RFC 9110, 13 and 14; RFC 6266).

use std::num::NonZeroUsize;
use std::ops::RangeInclusive;

use axum::body::Body;
use axum::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
    IF_RANGE, RANGE, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use fulfillment_domain::{Ticket, ticket_number};
use http_range_header::parse_range_header_with_max_ranges;

use crate::problem::{Kind, Problem};

/// Answers with the whole file, a part of it, or 304 if the client has it already. `tag` is its strong `ETag`.
pub(crate) fn answer(
    method: &Method,
    headers: &HeaderMap,
    content: Bytes,
    tag: &str,
    name: &Name,
) -> Result<Response, Problem> {
    let common = [
        (ETAG, tag.to_owned()),
        (CACHE_CONTROL, "private, no-store".to_owned()),
        (VARY, "Accept".to_owned()),
    ];
    if known(headers, tag) {
        return Ok((StatusCode::NOT_MODIFIED, common).into_response());
    }
    let length = content.len();
    let described = [
        (CONTENT_TYPE, "application/pdf".to_owned()),
        (CONTENT_DISPOSITION, name.disposition()),
        (ACCEPT_RANGES, "bytes".to_owned()),
    ];
    match range(method, headers, length, tag) {
        Part::Whole => Ok((common, described, Body::from(content)).into_response()),
        Part::Bytes(part) => {
            let range = [(CONTENT_RANGE, format!("bytes {}-{}/{length}", part.start(), part.end()))];
            let part = content.slice(part);
            Ok((StatusCode::PARTIAL_CONTENT, common, described, range, Body::from(part)).into_response())
        }
        Part::Outside => {
            let problem = Problem::new(Kind::RangeNotSatisfiable, format!("The file has {length} bytes."));
            Err(match HeaderValue::try_from(format!("bytes */{length}")) {
                Ok(range) => problem.header(CONTENT_RANGE, range),
                Err(_) => problem,
            })
        }
    }
}

/// Whether `If-None-Match` names this file. Compared weakly, as RFC 9110 requires.
pub(crate) fn known(headers: &HeaderMap, tag: &str) -> bool {
    headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(','))
        .map(str::trim)
        .any(|given| given == "*" || given.strip_prefix("W/").unwrap_or(given) == tag)
}

#[derive(Debug, PartialEq, Eq)]
enum Part {
    Whole,
    Bytes(RangeInclusive<usize>),
    Outside,
}

/// The requested part. Several ranges, or an invalid one, give the whole file: RFC 9110 allows this.
fn range(method: &Method, headers: &HeaderMap, length: usize, tag: &str) -> Part {
    let asked = headers.get(RANGE).and_then(|v| v.to_str().ok());
    // A part of another version is useless: the whole current file is sent.
    let same = headers.get(IF_RANGE).is_none_or(|v| v.as_bytes() == tag.as_bytes());
    match asked {
        Some(asked) if *method == Method::GET && same => part(asked, length),
        _ => Part::Whole,
    }
}

fn part(asked: &str, length: usize) -> Part {
    let Ok(asked) = parse_range_header_with_max_ranges(asked, NonZeroUsize::MIN) else { return Part::Whole };
    let in_memory = |at: &u64| usize::try_from(*at).unwrap_or(usize::MAX);
    match asked.validate(length as u64).as_deref() {
        Ok([part]) => Part::Bytes(in_memory(part.start())..=in_memory(part.end())),
        _ => Part::Outside,
    }
}

/// The file name that the holder sees: the event and the ticket's number.
pub(crate) struct Name(String);

impl Name {
    pub(crate) fn of(ticket: &Ticket) -> Self {
        Self::with(ticket, &ticket_number::grouped(&ticket.number))
    }

    /// The file of all of an order's tickets.
    pub(crate) fn of_order(first: &Ticket) -> Self {
        Self::with(first, "tickets")
    }

    fn with(ticket: &Ticket, rest: &str) -> Self {
        let mut event: String = ticket
            .event
            .name
            .chars()
            // No characters that end a name, leave a folder, or reverse the extension (U+202E and similar).
            .map(|c| if c.is_control() || r#"/\:*?"<>|"#.contains(c) { ' ' } else { c })
            .filter(
                |c| !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'),
            )
            .take(80)
            .collect();
        event = event.split_whitespace().collect::<Vec<_>>().join(" ");
        let event = event.trim_start_matches('.');
        Self(format!("{} {rest}.pdf", if event.is_empty() { "Ticket" } else { event }))
    }

    /// `inline`, with an ASCII name for old clients and the real one in addition (RFC 6266, RFC 8187).
    pub(crate) fn disposition(&self) -> String {
        use std::fmt::Write as _;
        let ascii: String =
            self.0.chars().map(|c| if (' '..='~').contains(&c) && c != '%' { c } else { '_' }).collect();
        let mut header = format!("inline; filename=\"{ascii}\"");
        if ascii != self.0 {
            header.push_str("; filename*=UTF-8''");
            for byte in self.0.bytes() {
                if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                    header.push(char::from(byte));
                } else {
                    let _ = write!(header, "%{byte:02X}");
                }
            }
        }
        header
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_ten_bytes() {
        for (asked, expected) in [
            ("bytes=0-3", Part::Bytes(0..=3)),
            ("bytes=4-", Part::Bytes(4..=9)),
            ("bytes=-3", Part::Bytes(7..=9)),
            ("bytes=-30", Part::Bytes(0..=9)),
            ("bytes=9-99999999999999999999999", Part::Bytes(9..=9)),
            ("Bytes=9-9", Part::Bytes(9..=9)),
            ("bytes=10-", Part::Outside),
            ("bytes=99999999999999999999999-", Part::Outside),
            ("bytes=-0", Part::Outside),
            ("bytes=3-2", Part::Whole),
            ("bytes=0-1,3-4", Part::Whole),
            ("bytes=a-", Part::Whole),
            ("bytes=1-x", Part::Whole),
            ("bytes=+1-2", Part::Whole),
            ("bytes=-", Part::Whole),
            ("lines=1-2", Part::Whole),
            ("bytes", Part::Whole),
        ] {
            assert_eq!(part(asked, 10), expected, "{asked}");
        }
        assert_eq!(part("bytes=0-", 0), Part::Outside);
        assert_eq!(part("bytes=-1", 0), Part::Outside);
    }

    #[test]
    fn names_are_safe_and_readable() {
        assert_eq!(Name("Gala ABC.pdf".into()).disposition(), "inline; filename=\"Gala ABC.pdf\"");
        assert_eq!(
            Name("Über 100%.pdf".into()).disposition(),
            "inline; filename=\"_ber 100_.pdf\"; filename*=UTF-8''%C3%9Cber%20100%25.pdf"
        );
    }
}
