//! Sanitizes untrusted text before it is drawn: no control characters, no invisible reordering, no unbounded stacks of
//! marks.

use unicode_bidi::{BidiClass, bidi_class};

/// The maximum length of a field in characters; more would never fit on the page.
const LONGEST: usize = 600;
/// The maximum number of marks on one base; the longest real stacks (Hebrew with points and accents) have fewer.
const MOST_MARKS: usize = 5;

/// Where a line of an address ends (Unicode's line separator). Where there is room for only one line, a comma replaces
/// it.
pub(crate) const BREAK: char = '\u{2028}';

/// The text as one line, without anything that must not be drawn.
///
/// Control characters, bidi controls and other invisible formatting are removed (zero-width joiners stay: Persian,
/// Indic and emoji need them), every run of white space becomes one space, marks beyond [`MOST_MARKS`] on a base are
/// dropped and text beyond [`LONGEST`] characters is cut with an ellipsis.
pub(crate) fn sanitize(text: &str) -> String {
    sanitized(text, |_| false)
}

/// The same with a [`BREAK`] between its lines, of which none is empty.
pub(crate) fn sanitize_lines(text: &str) -> String {
    sanitized(text, |c| matches!(c, '\n' | '\r' | '\u{B}' | '\u{C}' | '\u{85}' | '\u{2028}' | '\u{2029}'))
}

fn sanitized(text: &str, is_break: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut count, mut marks, mut space) = (0, 0, None);
    for c in text.chars() {
        if c.is_whitespace() {
            if !out.is_empty() {
                space = if is_break(c) { Some(BREAK) } else { space.or(Some(' ')) };
            }
            continue;
        }
        if is_invisible(c) {
            continue;
        }
        marks = if !c.is_ascii() && bidi_class(c) == BidiClass::NSM { marks + 1 } else { 0 };
        if marks > MOST_MARKS {
            continue;
        }
        if count >= LONGEST {
            out.push('…');
            break;
        }
        if let Some(space) = space.take() {
            out.push(space);
            count += 1;
        }
        match ordinary(c) {
            Some(letters) => out.push_str(letters),
            None => out.push(c),
        }
        count += 1;
    }
    out
}

/// Typographic ligatures, which few fonts have, as the letters they are made of.
fn ordinary(c: char) -> Option<&'static str> {
    Some(match c {
        '\u{FB00}' => "ff",
        '\u{FB01}' => "fi",
        '\u{FB02}' => "fl",
        '\u{FB03}' => "ffi",
        '\u{FB04}' => "ffl",
        '\u{FB05}' | '\u{FB06}' => "st",
        _ => return None,
    })
}

/// Characters that draw nothing and could only mislead.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{0}'..='\u{1F}' | '\u{7F}'..='\u{9F}'
        | '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{180E}'
        | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
        | '\u{FDD0}'..='\u{FDEF}' | '\u{FEFF}' | '\u{FFF0}'..='\u{FFFB}'
        | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E00FF}'
    ) || u32::from(c) & 0xFFFE == 0xFFFE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_and_reordering_go() {
        assert_eq!(sanitize("Ann\u{0}a\u{202E}evil\u{2066}x\u{FEFF}"), "Annaevilx");
        assert_eq!(sanitize("  a\r\n\tb\u{2028}\u{A0}c "), "a b c");
        assert_eq!(sanitize("ﬁnn"), "finn");
        assert_eq!(sanitize(" \u{200F}\n"), "");
        assert_eq!(sanitize_lines(" a \r\n\r\n \u{202E}\n b\u{A0}c\u{2029}d\n"), "a\u{2028}b c\u{2028}d");
    }

    #[test]
    fn joiners_stay_and_stacks_are_bounded() {
        assert_eq!(sanitize("نمی\u{200C}دانم"), "نمی\u{200C}دانم");
        let tower = format!("e{}", "\u{301}".repeat(40));
        assert_eq!(sanitize(&tower).chars().count(), 1 + MOST_MARKS);
    }

    #[test]
    fn length_is_bounded() {
        let long = sanitize(&"x y ".repeat(10_000));
        assert!(long.ends_with('…') && long.chars().count() <= LONGEST + 2);
    }
}
