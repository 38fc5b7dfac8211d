//! Errors without what differs from one occurrence to the next: ids, numbers, times, addresses and quoted text become
//! placeholders. Errors that have the same cause are the same text then, and no text has an address or an id.

use uuid::Uuid;

/// The most characters of an error that are read, and that are kept.
const READ: usize = 2_000;
const KEPT: usize = 200;
/// Longer words are no words.
const LONGEST_WORD: usize = 48;
/// A word with so many digits is an id.
const DIGITS_OF_AN_ID: usize = 4;

/// The error as it is grouped by.
pub(crate) fn normalise(error: &str) -> String {
    let text: String = error.chars().take(READ).collect();
    let mut out = String::with_capacity(text.len());
    for word in without_quotes(&text).split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        push_word(&mut out, word);
    }
    match out.char_indices().nth(KEPT) {
        Some((end, _)) => format!("{}...", out[..end].trim_end()),
        None => out,
    }
}

/// Replaces what is between quotes. A quote within a word is an apostrophe.
fn without_quotes(text: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(begin) = rest.find(['"', '\u{201c}', '\u{ab}', '\'', '`']) {
        let (before, quoted) = rest.split_at(begin);
        out.push_str(before);
        let mut inner = quoted.chars();
        let open = inner.next().unwrap_or('"');
        let close = match open {
            '\u{201c}' => '\u{201d}',
            '\u{ab}' => '\u{bb}',
            open => open,
        };
        let inner = inner.as_str();
        let is_apostrophe = open == '\'' && before.ends_with(char::is_alphanumeric);
        if let Some(end) = inner.find(close).filter(|_| !is_apostrophe) {
            out.push_str("<text>");
            rest = &inner[end + close.len_utf8()..];
        } else {
            out.push(if is_apostrophe { open } else { ' ' });
            rest = inner;
        }
    }
    out.push_str(rest);
    out
}

fn push_word(out: &mut String, word: &str) {
    if word.contains("<text>") && !word.contains(['@', '\u{ff20}']) {
        // The rest of the word belongs to what was quoted, such as a bracket.
        let (before, after) = word.split_once("<text>").unwrap_or((word, ""));
        push_word(out, before);
        out.push_str("<text>");
        return push_word(out, after);
    }
    let is_edge = |c: char| !c.is_alphanumeric() && !matches!(c, '/' | '@' | '<' | '>');
    let core = word.trim_matches(is_edge);
    let Some(begin) = word.find(core).filter(|_| !core.is_empty()) else { return out.push_str(word) };
    let (before, after) = (&word[..begin], &word[begin + core.len()..]);
    out.push_str(before);
    match placeholder(core) {
        Some(placeholder) => out.push_str(placeholder),
        None => push_without_numbers(out, core),
    }
    out.push_str(after);
}

/// What a word stands for, if it is not kept.
fn placeholder(word: &str) -> Option<&'static str> {
    let digits = word.chars().filter(|c| c.is_numeric()).count();
    let slashes = word.matches('/').count();
    let is_of = |more: &str| word.chars().all(|c| c.is_ascii_hexdigit() || more.contains(c));
    if word.contains("://") {
        Some("<url>")
    } else if word.contains(['@', '\u{ff20}']) {
        Some("<address>")
    } else if has_uuid(word) {
        Some("<id>")
    } else if word.starts_with('/') || slashes > 1 || (slashes == 1 && digits > 0) {
        Some("<path>")
    } else if is_date(word) {
        Some("<time>")
    } else if digits > 0 && word.matches(['.', ':']).count() > 1 && is_of(".:") {
        Some("<address>")
    } else if word.chars().count() > LONGEST_WORD {
        Some("<text>")
    } else if word.chars().all(char::is_numeric) {
        (!is_http_status(word)).then_some("<n>")
    } else if digits >= DIGITS_OF_AN_ID && word.chars().any(char::is_alphabetic) && !is_amount(word) {
        Some("<id>")
    } else {
        None
    }
}

/// Whether a UUID is in a word, with hyphens or without.
fn has_uuid(word: &str) -> bool {
    let is_uuid =
        |length: usize| word.as_bytes().windows(length).any(|part| Uuid::try_parse_ascii(part).is_ok());
    is_uuid(36) || is_uuid(32)
}

/// Whether a word begins as a date does.
fn is_date(word: &str) -> bool {
    let bytes = word.as_bytes();
    bytes.len() >= 10
        && bytes[..10]
            .iter()
            .enumerate()
            .all(|(i, b)| if matches!(i, 4 | 7) { *b == b'-' } else { b.is_ascii_digit() })
}

/// Whether a word can be the status of a failed HTTP request, which says what to do.
fn is_http_status(word: &str) -> bool {
    word.len() == 3 && matches!(word.parse(), Ok(400..=599_u16))
}

/// Whether a word is a number with its unit: `4096bytes`.
fn is_amount(word: &str) -> bool {
    let unit = word.trim_start_matches(|c: char| c.is_numeric() || matches!(c, '.' | ','));
    unit.len() < word.len() && unit.chars().all(char::is_alphabetic)
}

/// A word whose numbers are placeholders: `items[0].price` is `items[<n>].price`.
fn push_without_numbers(out: &mut String, word: &str) {
    if is_http_status(word) {
        return out.push_str(word);
    }
    let mut in_number = false;
    for c in word.chars() {
        if c.is_numeric() {
            if !in_number {
                out.push_str("<n>");
            }
        } else {
            out.push(c);
        }
        in_number = c.is_numeric();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_differs_is_replaced() {
        for (error, normal) in [
            ("Ordering answers 503", "Ordering answers 503"),
            ("Ordering gives no answer within 10s", "Ordering gives no answer within <n>s"),
            (
                "Ordering cannot be reached: Connection refused (os error 111)",
                "Ordering cannot be reached: Connection refused (os error <n>)",
            ),
            ("Ordering: items[12].price is missing", "Ordering: items[<n>].price is missing"),
            ("order 7d444840-9dc0-11d1-b245-5ffdce74fad2 is unknown", "order <id> is unknown"),
            ("of 7d4448409dc011d1b2455ffdce74fad2, twice", "of <id>, twice"),
            ("since 2026-11-22T18:30:00Z.", "since <time>."),
            ("no answer from http://10.0.0.7:80/x?y=z", "no answer from <url>"),
            ("cannot write into /app/data/tickets: full", "cannot write into <path>: full"),
            ("connect to 10.0.0.7:5432, then", "connect to <address>, then"),
            ("mail to ada.l+x@example.org failed", "mail to <address> failed"),
            ("<ada@example.org>: unknown", "<address>: unknown"),
            ("name \"Ada Lovelace\" is long", "name <text> is long"),
            ("(\"Ada\")", "(<text>)"),
            ("Ordering doesn't know it", "Ordering doesn't know it"),
            ("seat 'A 12' is taken", "seat <text> is taken"),
            ("payment pay-4711 of TK1", "payment <id> of TK<n>"),
            ("larger than 4096 bytes", "larger than <n> bytes"),
            ("either/or", "either/or"),
            ("  a \n b ", "a b"),
            ("an open \"quote", "an open quote"),
        ] {
            assert_eq!(normalise(error), normal, "{error}");
        }
    }

    #[test]
    fn a_long_error_is_cut() {
        let cut = normalise(&"é word ".repeat(1_000));
        assert!(cut.chars().count() <= KEPT + 3 && cut.ends_with("..."), "{cut}");
    }

    /// Whether a text has more than three digits in a row.
    fn has_long_number(text: &str) -> bool {
        text.split(|c: char| !c.is_numeric()).any(|run| run.chars().count() > 3)
    }

    proptest! {
        #[test]
        fn no_id_number_or_address_is_left(
            before in "[ -~é“”«»]{0,40}",
            id in any::<u128>(),
            user in "[a-zA-Z0-9._+-]{1,12}",
            number in 1_000_u64..,
            after in "[ -~é“”«»]{0,40}",
            order in 0..3_usize,
        ) {
            let id = Uuid::from_u128(id);
            let all: [String; 3] = [id.to_string(), format!("{user}@example.org"), number.to_string()];
            let what = &all[order];
            for glue in ["", " "] {
                let normal = normalise(&format!("{before}{glue}{what}{glue}{after}"));
                prop_assert!(!normal.contains('@'), "{normal}");
                prop_assert!(!has_long_number(&normal), "{normal}");
                prop_assert!(!normal.contains(&id.to_string()), "{normal}");
            }
        }

        #[test]
        fn any_text_is_read(text in any::<String>()) {
            let normal = normalise(&text);
            prop_assert!(!normal.contains('@') && !has_long_number(&normal), "{normal}");
            prop_assert!(normal.chars().count() <= KEPT + 3);
        }
    }
}
