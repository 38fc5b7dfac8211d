//! Text from outside on a terminal: control characters are shown, not sent.
//!
//! A name or a reason can hold an escape sequence that recolours, hides or retypes what an operator reads.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Text for people. Lines and tabs stay.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    replaced(text, |c| is_hidden(c) && c != '\n' && c != '\t', show)
}

/// Lines for people, one for each: a line break within a value must not pass for the next line.
pub(crate) fn lines(lines: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let shown = |line: &str| replaced(line, is_hidden, show).into_owned();
    lines.into_iter().map(|line| shown(line.as_ref())).collect::<Vec<_>>().join("\n")
}

/// JSON, in which such characters occur in strings alone: JSON's own escapes leave it the same value.
pub(crate) fn printable_json(json: &str) -> Cow<'_, str> {
    replaced(json, is_hidden, |out, c| {
        let _ = write!(out, "\\u{:04x}", u32::from(c));
    })
}

/// Whether a character controls a terminal, or the direction of the text that follows it.
fn is_hidden(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn show(out: &mut String, c: char) {
    let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
}

fn replaced(text: &str, hidden: impl Fn(char) -> bool, shown: impl Fn(&mut String, char)) -> Cow<'_, str> {
    if !text.chars().any(&hidden) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if hidden(c) {
            shown(&mut out, c);
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_are_shown() {
        let evil = "Eve\u{1b}[2K\r\u{9b}1A\u{7}\u{7f}\u{202e}x\nnext\tcell";
        let shown = "Eve\\u{1b}[2K\\u{d}\\u{9b}1A\\u{7}\\u{7f}\\u{202e}x\nnext\tcell";
        assert_eq!(printable(evil), shown);
        assert!(matches!(printable("Zoë\n"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_value_stays_in_its_line() {
        let evil = "why  by hand\nvoided  never\tx";
        assert_eq!(lines(["a", evil]), "a\nwhy  by hand\\u{a}voided  never\\u{9}x");
    }

    #[test]
    fn json_stays_the_same_value() {
        let value = serde_json::json!({ "name": "a\u{1b}\u{7f}\u{9b}\u{2066}\n\"" });
        let text = value.to_string();
        let shown = printable_json(&text);
        assert!(!shown.chars().any(is_hidden), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
    }
}
