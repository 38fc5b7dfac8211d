//! `ToUnicode` tables: a font's table from glyph numbers to text (ISO 32000-1, 9.10.3), as short as possible.

use std::io::Write as _;

use crate::pdf::hex;

/// The maximum number of entries of a section.
const SECTION: usize = 100;

/// Consecutive numbers that map to consecutive characters.
struct Range<'t> {
    first: u16,
    last: u16,
    text: &'t str,
}

/// The table of these numbers, which are sorted and unique.
pub(crate) fn to_unicode(texts: &[(u16, String)]) -> Vec<u8> {
    let mut ranges: Vec<Range<'_>> = Vec::new();
    for (code, text) in texts {
        match ranges.last_mut() {
            Some(range) if goes_on(range, *code, text) => range.last = *code,
            _ => ranges.push(Range { first: *code, last: *code, text }),
        }
    }
    let mut out = b"/CIDInit/ProcSet findresource begin 12 dict begin begincmap\n\
        /CIDSystemInfo<</Registry(Adobe)/Ordering(UCS)/Supplement 0>>def\n\
        /CMapName/Adobe-Identity-UCS def/CMapType 2 def\n\
        1 begincodespacerange\n<0000><FFFF>\nendcodespacerange\n"
        .to_vec();
    let (many, single): (Vec<_>, Vec<_>) = ranges.into_iter().partition(|range| range.last > range.first);
    for (kind, ranges) in [("bfrange", many), ("bfchar", single)] {
        for section in ranges.chunks(SECTION) {
            let _infallible = writeln!(out, "{} begin{kind}", section.len());
            for range in section {
                let ends = if kind == "bfrange" { &[range.first, range.last][..] } else { &[range.first] };
                for &code in ends {
                    out.push(b'<');
                    hex(&mut out, code);
                    out.push(b'>');
                }
                out.push(b'<');
                range.text.encode_utf16().for_each(|unit| hex(&mut out, unit));
                out.extend_from_slice(b">\n");
            }
            let _infallible = writeln!(out, "end{kind}");
        }
    }
    out.extend_from_slice(b"endcmap CMapName currentdict/CMap defineresource pop end end");
    out
}

/// Whether a number continues a range: it is the next one and maps to the next single character, and neither leaves the
/// block of 256 that the range is in.
fn goes_on(range: &Range<'_>, code: u16, text: &str) -> bool {
    let one = |text: &str| {
        let mut units = text.encode_utf16();
        units.next().filter(|_| units.next().is_none())
    };
    let (Some(first), Some(this)) = (one(range.text), one(text)) else { return false };
    code == range.last.wrapping_add(1)
        && code >> 8 == range.first >> 8
        && this >> 8 == first >> 8
        && u32::from(this) == u32::from(first) + u32::from(code - range.first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_one_entry() {
        let texts = |pairs: &[(u16, &str)]| pairs.iter().map(|&(c, t)| (c, t.to_owned())).collect::<Vec<_>>();
        let table = to_unicode(&texts(&[(1, "a"), (2, "b"), (3, "c"), (4, "ffi"), (6, "𓀀"), (0x100, "d")]));
        let table = String::from_utf8(table).unwrap();
        assert!(table.contains("1 beginbfrange\n<0001><0003><0061>\nendbfrange\n"), "{table}");
        let single = "3 beginbfchar\n<0004><006600660069>\n<0006><D80CDC00>\n<0100><0064>\nendbfchar\n";
        assert!(table.contains(single), "{table}");
        let across = to_unicode(&texts(&[(0xFF, "a"), (0x100, "b"), (0x101, "\u{FF}"), (0x102, "\u{100}")]));
        assert!(!String::from_utf8(across).unwrap().contains("bfrange"));
    }
}
