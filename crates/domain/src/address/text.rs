//! Finds addresses in texts and messages.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::Value;
use unicode_normalization::char::is_combining_mark;

use super::Address;
use crate::readings;

/// How deep JSON in a text in JSON is read.
const DEPTH: u8 = 4;

/// Every address in a text, with each reading of those that can be read in several ways.
pub(super) fn all(text: &str) -> BTreeSet<Address> {
    let mut found = BTreeSet::new();
    collect(text, &mut found);
    found
}

/// The addresses in a text, each in its first reading.
pub(super) fn principal(text: &str) -> BTreeSet<Address> {
    let text = visible(text);
    let text = decoded(&text).map_or(text, Cow::Owned);
    candidates(&text).into_iter().filter_map(|readings| readings.into_iter().next()).collect()
}

/// Collects the addresses in a message.
pub(super) fn visit(bytes: &[u8], found: &mut BTreeSet<Address>) {
    visit_to(bytes, DEPTH, found);
}

fn visit_to(bytes: &[u8], depth: u8, found: &mut BTreeSet<Address>) {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if let Ok(value) = serde_json::from_slice::<Value>(bytes) {
        return visit_value(&value, depth, found);
    }
    let text = readings::unescaped(bytes);
    collect(&String::from_utf8_lossy(&text), found);
    if depth > 0 {
        for content in readings::encoded(&text) {
            visit_to(&content, depth - 1, found);
        }
    }
}

fn visit_value(value: &Value, depth: u8, found: &mut BTreeSet<Address>) {
    match value {
        Value::String(text) => visit_text(text, depth, found),
        Value::Array(values) => values.iter().for_each(|value| visit_value(value, depth, found)),
        Value::Object(fields) => {
            for (name, value) in fields {
                collect(name, found);
                visit_value(value, depth, found);
                if let (readings::ENCODED, Value::String(text)) = (name.as_str(), value)
                    && depth > 0
                    && let Some(content) = readings::decoded(text.as_bytes())
                {
                    visit_to(&content, depth - 1, found);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn visit_text(text: &str, depth: u8, found: &mut BTreeSet<Address>) {
    let nested = text.trim_start().starts_with(['{', '[', '"']) && depth > 0;
    match nested.then(|| serde_json::from_str::<Value>(text)) {
        Some(Ok(value)) => visit_value(&value, depth - 1, found),
        _ => collect(text, found),
    }
}

fn collect(text: &str, found: &mut BTreeSet<Address>) {
    // Most texts have none.
    if !text.contains(['@', '\u{ff20}', '\u{fe6b}', '%']) {
        return;
    }
    let text = visible(text);
    found.extend(candidates(&text).into_iter().flatten());
    if let Some(decoded) = decoded(&text) {
        found.extend(candidates(&decoded).into_iter().flatten());
    }
}

/// The readings of each address in a text, the likeliest first.
fn candidates(text: &str) -> Vec<Vec<Address>> {
    let ats = text.char_indices().filter(|(_, c)| is_at(*c));
    let readings = ats.map(|(at, c)| readings(&text[..at], &text[at + c.len_utf8()..]));
    readings.filter(|readings| !readings.is_empty()).collect()
}

/// The readings of what is before and after an `@`.
fn readings(before: &str, after: &str) -> Vec<Address> {
    let domain = after.find(|c| !in_domain(c)).map_or(after, |end| &after[..end]);
    let local = match before.strip_suffix('"') {
        Some(quoted) => quoted.rsplit_once('"').map_or("", |(_, local)| local),
        None => before.rfind(ends_local).map_or(before, |end| {
            let width = before[end..].chars().next().map_or(1, char::len_utf8);
            &before[end + width..]
        }),
    };
    let local = local.trim_matches(['\'', '.', '`', '*']);
    // `email=ada@example.org`: these signs may be in an address, and more often are before one.
    let short = local.rsplit(['=', '&', '?', '/', '|', '{', '}', '#', '!', '*']).next().unwrap_or(local);
    // `ada@example.org` with letters of another script directly after it.
    let ascii = domain.find(|c: char| !c.is_ascii()).map(|end| &domain[..end]).filter(|d| d.contains('.'));
    let mut readings = Vec::new();
    for domain in [Some(domain), ascii].into_iter().flatten() {
        for local in [local, short] {
            let address = Address::new(local, domain);
            readings.extend(address.filter(|address| !readings.contains(address)));
        }
    }
    readings
}

fn is_at(c: char) -> bool {
    ['@', '\u{ff20}', '\u{fe6b}'].contains(&c)
}

fn in_domain(c: char) -> bool {
    c.is_alphanumeric() || is_combining_mark(c) || ['-', '.', '\u{3002}', '\u{ff0e}', '\u{ff61}'].contains(&c)
}

/// What no address has before its `@` unless it is quoted.
fn ends_local(c: char) -> bool {
    let of_other_scripts = "\u{3001}\u{ff0c}\u{ff1b}\u{ff1a}\u{ff08}\u{ff09}\u{ff1c}\u{ff1e}\u{300a}\u{300b}\
                            \u{300c}\u{300d}\u{3010}\u{3011}\u{ab}\u{bb}\u{201c}\u{201d}\u{201e}\u{2018}";
    c.is_whitespace()
        || c.is_control()
        || is_at(c)
        || "\"(),:;<>[]\\".contains(c)
        || of_other_scripts.contains(c)
}

/// The text without characters that are not seen.
fn visible(text: &str) -> Cow<'_, str> {
    let hidden = |c: char| matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{feff}');
    if text.contains(hidden) { Cow::Owned(text.replace(hidden, "")) } else { Cow::Borrowed(text) }
}

/// The text with what is escaped as in links, if anything is.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    let mut any = false;
    while let Some((first, others)) = rest.split_first() {
        let code = || {
            let digits = std::str::from_utf8(others.get(..2)?).ok()?;
            u8::from_str_radix(digits, 16).ok()
        };
        if let Some(byte) = (*first == b'%').then(code).flatten() {
            bytes.push(byte);
            rest = &others[2..];
            any = true;
        } else {
            bytes.push(*first);
            rest = others;
        }
    }
    any.then(|| String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    use super::*;

    fn found(bytes: &[u8]) -> Vec<String> {
        Address::all_in_message(bytes).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn addresses_in_messages() {
        for (message, addresses) in [
            (r#"{"email":"ada\u002Btickets\u0040example.org"}"#, vec!["ada+tickets@example.org"]),
            (r#"{"email":"o\u0027brien@example.org"}"#, vec!["o'brien@example.org"]),
            (
                r#"{"to":"Ada <ada@example.org>; \"Bob\" <bob@example.org>,eve@example.org."}"#,
                vec!["ada@example.org", "bob@example.org", "eve@example.org"],
            ),
            (r#"{"note":"\nada@example.org"}"#, vec!["ada@example.org"]),
            (
                r#"{"body":"{\"email\":\"\\u006eada@example.org\",\"x\":\"\\nada@example.org\"}"}"#,
                vec!["ada@example.org", "nada@example.org"],
            ),
            (
                r#"{"ada@example.org":[1,{"x":["mailto:bob@example.org"]}]}"#,
                vec!["ada@example.org", "bob@example.org"],
            ),
            // Not JSON: cut off, or in a binary envelope.
            (
                r#"{"email":"\u0061da\u002Bx@example.org","note":"\nbob@example.org"#,
                vec!["ada+x@example.org", "bob@example.org"],
            ),
            ("\0\0\0\0\x07{\"email\":\"zo\\u00EB@example.org\"}", vec!["zo\u{eb}@example.org"]),
            ("\u{feff}{\"email\":\"ada@example.org\"}", vec!["ada@example.org"]),
            (r#"{"a":"\ud83d\ude00","n":1.50,"e":"no address"}"#, vec![]),
        ] {
            assert_eq!(found(message.as_bytes()), addresses, "{message}");
        }
        assert_eq!(found(b"\xff\xfe ada@example.org \xff"), ["ada@example.org"]);
    }

    #[test]
    fn addresses_in_base64_of_cloud_events() {
        let encoded = STANDARD.encode(r#"{"email":"ada\u0040example.org"}"#);
        for message in [
            format!(r#"{{"specversion":"1.0","data_base64":"{encoded}"}}"#),
            format!(r#"{{"specversion":"1.0","data\u005fbase64":"{encoded}"#),
            format!(r#"{{"body":"{{\"data_base64\":\"{encoded}\"}}"}}"#),
            format!(
                r#"{{"data_base64":"{}"}}"#,
                STANDARD.encode(format!(r#"{{"data_base64":"{encoded}"}}"#))
            ),
            format!(r#"{{"data_base64":"{}"}}"#, STANDARD.encode("ada@example.org")),
        ] {
            assert_eq!(found(message.as_bytes()), ["ada@example.org"], "{message}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..200), text in r#"[\[{"\\u0a@%:}\]]{0,40}"#) {
            found(&bytes);
            found(text.as_bytes());
            let encoded = STANDARD.encode(&bytes);
            found(format!(r#"{{"data_base64":"{encoded}","x":{text}"#).as_bytes());
            found(format!(r#"{{"data_base64":"{encoded}"}}"#).as_bytes());
        }
    }

    #[test]
    fn what_can_be_read_in_several_ways_is_found_by_each() {
        let all = |text: &str| all(text).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert!(all("email=ada@example.org&x=1").contains(&"ada@example.org".to_owned()));
        assert!(all("?to=ada%2Bx%40example.org").contains(&"ada+x@example.org".to_owned()));
        assert!(all("ada@example.org\u{3067}\u{3059}").contains(&"ada@example.org".to_owned()));
        assert!(all("{ada@example.org}").contains(&"ada@example.org".to_owned()));
    }

    #[test]
    fn escapes_that_are_none_do_no_harm() {
        for text in
            ["\\", "\\u", "\\u12", "\\ud800", "\\ud800\\u0041x", "\\x@", "\\u00e9@\\", "%", "%4", "%zz@%"]
        {
            let _ = (all(text), found(text.as_bytes()));
        }
    }
}
