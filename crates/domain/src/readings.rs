//! What a message says once the escapes of JSON and base64 are undone, whether it can be read otherwise or not.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use memchr::{memchr, memmem};

/// How often escapes are undone, and how deep base64 in base64 is read.
const DEPTH: usize = 4;

/// The member of a `CloudEvent` that holds base64.
pub(crate) const ENCODED: &str = "data_base64";

/// Base64 that was cut off is read as far as it goes.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Gives each reading of a message to `read`: its bytes, these without one more layer of JSON's escapes, and what is in
/// base64 in a `CloudEvent`'s `data_base64`, in the same way. Together they are a small multiple of the message.
pub fn each(message: &[u8], read: &mut dyn FnMut(&[u8])) {
    to_depth(message, DEPTH, read);
}

fn to_depth(message: &[u8], depth: usize, read: &mut dyn FnMut(&[u8])) {
    let text = layers(message, read);
    if depth > 0 {
        for content in encoded(&text) {
            to_depth(&content, depth - 1, read);
        }
    }
}

/// Gives a text and each of its layers below escapes to `read`. Returns the last.
fn layers<'a>(text: &'a [u8], read: &mut dyn FnMut(&[u8])) -> Cow<'a, [u8]> {
    let mut text = Cow::Borrowed(text);
    read(&text);
    for _ in 0..DEPTH {
        if !text.contains(&b'\\') {
            break;
        }
        text = Cow::Owned(unescaped_once(&text));
        read(&text);
    }
    text
}

/// Text that is JSON in part, without its escapes.
pub(crate) fn unescaped(text: &[u8]) -> Cow<'_, [u8]> {
    layers(text, &mut |_| {})
}

fn unescaped_once(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        let escape = &rest[at + 1..];
        let (c, used) = match (unit(escape), escape.first()) {
            (Some(high), _) => {
                let low = escape[5..].strip_prefix(b"\\").and_then(unit);
                let pair = low.and_then(|low| {
                    char::decode_utf16([high, low]).next()?.ok().filter(|c| c.len_utf16() == 2)
                });
                match pair {
                    Some(c) => (c, 11),
                    None => (char::from_u32(u32::from(high)).unwrap_or(' '), 5),
                }
            }
            (None, Some(b'n' | b'r' | b't' | b'b' | b'f')) => (' ', 1),
            (None, Some(c @ (b'"' | b'\\' | b'/'))) => (char::from(*c), 1),
            // Not an escape.
            (None, _) => (' ', 0),
        };
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        rest = &escape[used..];
    }
    out.extend_from_slice(rest);
    out
}

/// The UTF-16 unit of `uXXXX`.
fn unit(escape: &[u8]) -> Option<u16> {
    let digits = escape.strip_prefix(b"u")?.get(..4)?;
    digits.iter().try_fold(0, |unit: u16, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(unit << 4 | u16::try_from(digit).ok()?)
    })
}

/// The contents of each `data_base64`. No byte of the text is in two of them.
pub(crate) fn encoded(text: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    // Most texts have no such character at all.
    let mut rest = if text.contains(&b'_') { text } else { &[] };
    std::iter::from_fn(move || {
        while let Some(at) = memmem::find(rest, ENCODED.as_bytes()) {
            let after = &rest[at + ENCODED.len()..];
            let start = after.iter().position(|b| !b"\": \t\r\n'".contains(b)).unwrap_or(after.len());
            let value = &after[start..];
            let end = value.iter().position(|b| !in_base64(*b)).unwrap_or(value.len());
            if start == 0 {
                rest = after;
                continue;
            }
            rest = &value[end..];
            if let Some(content) = decoded(&value[..end]) {
                return Some(content);
            }
        }
        None
    })
}

fn in_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/-_= \t\r\n".contains(&byte)
}

/// Base64 in either alphabet, with or without padding or spaces, cut off or not.
pub(crate) fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    let mut digits: Vec<u8> = text
        .iter()
        .filter(|b| !b.is_ascii_whitespace() && **b != b'=')
        .map(|b| match b {
            b'-' => b'+',
            b'_' => b'/',
            other => *other,
        })
        .collect();
    if digits.len() % 4 == 1 {
        digits.pop();
    }
    LENIENT.decode(&digits).ok().filter(|content| !content.is_empty())
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD as PADDED;
    use proptest::prelude::*;

    use super::*;

    fn says(message: &[u8], word: &str) -> bool {
        let mut found = false;
        each(message, &mut |text| found |= text.windows(word.len()).any(|w| w == word.as_bytes()));
        found
    }

    #[test]
    fn escapes_and_base64_are_undone() {
        let encoded = PADDED.encode(r#"{"id":"a\u002db"}"#);
        let twice = PADDED.encode(format!(r#"{{"data_base64":"{encoded}"}}"#));
        for message in [
            "a-b".to_owned(),
            r"a\u002Db".to_owned(),
            r#"{"x":"{\"y\":\"a\\u002db\"}"}"#.to_owned(),
            format!(r#"{{"data_base64":"{encoded}"}}"#),
            format!(r#"{{"data_base64" : "{}"#, encoded.trim_end_matches('=')),
            format!(r#"{{"data\u005fbase64":"{}"}}"#, encoded.replace('/', r"\/")),
            format!(r#""{{\"data_base64\":\"{encoded}\"}}""#),
            format!(r#"{{"data_base64":"{twice}"}}"#),
        ] {
            assert!(says(message.as_bytes(), "a-b"), "{message}");
        }
        assert!(!says(format!(r#"{{"data":"{encoded}"}}"#).as_bytes(), "a-b"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_in_bounded_time(
            parts in prop::collection::vec(
                prop_oneof![
                    prop::collection::vec(any::<u8>(), 0..20),
                    Just(b"data_base64\":\"".to_vec()),
                    Just(b"\\".to_vec()),
                    Just(b"\\u00".to_vec()),
                    Just(b"ZGF0YV9iYXNlNjQiOiJ4".to_vec()),
                ],
                0..40,
            ),
        ) {
            let message = parts.concat();
            let mut total = 0;
            each(&message, &mut |text| total += text.len());
            prop_assert!(total <= message.len() * 20, "{total} of {}", message.len());
        }
    }
}
