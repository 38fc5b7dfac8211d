//! The QR code (ISO/IEC 18004), alphanumeric or byte mode: which level, and its modules as runs of dark ones.
//!
//! Our own encoder: the crates there are take longer for the code than everything else on the page takes together.
//! The tests compare it with one of them, module by module.

mod codewords;
mod grid;

use crate::RenderError;
pub(crate) use codewords::Level;
use codewords::Segment;

/// Light modules that a code needs on every side.
pub(crate) const QUIET: u16 = 4;

/// The largest version at level Q. Longer texts use level M, so that the modules stay large.
const MOST_AT_Q: usize = 9;

/// A code: its modules a side, and its dark modules as `(x, y, length)` from the top left, merged along rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    pub(crate) size: u16,
    pub(crate) runs: Vec<(u16, u16, u16)>,
}

impl Code {
    /// Modules a side, without the quiet zone.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size.into()
    }

    /// The rows from the top, true for a dark module: what is drawn, for whoever proves that it can be read.
    #[must_use]
    pub fn rows(&self) -> Vec<Vec<bool>> {
        let mut rows = vec![vec![false; self.size()]; self.size()];
        for &(x, y, length) in &self.runs {
            if let Some(run) = rows
                .get_mut(usize::from(y))
                .and_then(|row| row.get_mut(usize::from(x)..usize::from(x + length)))
            {
                run.fill(true);
            }
        }
        rows
    }
}

/// Draws the text at a level, up to version 15: 0.78 mm a module at 60 mm, which a phone still reads well off a screen.
/// Level Q goes up to version 9; what is longer is drawn at M.
///
/// # Errors
/// [`RenderError::Code`] where the text is empty or does not fit.
pub(crate) fn code(text: &str, level: Level) -> Result<Code, RenderError> {
    if text.is_empty() {
        return Err(RenderError::Code("it is empty"));
    }
    let segment = Segment::of(text);
    let at_q = || segment.version(Level::Q).filter(|&version| version <= MOST_AT_Q);
    let level_q = if level == Level::Q { at_q() } else { None };
    let level_m = || segment.version(Level::M).map(|version| (version, Level::M));
    let (version, level) = level_q
        .map(|version| (version, Level::Q))
        .or_else(level_m)
        .ok_or(RenderError::Code("it is too long: a code of that size does not scan well"))?;
    let rows = grid::place(&codewords::codewords(&segment, version, level), version, level);
    Ok(runs(&rows))
}

fn runs(rows: &[grid::Row]) -> Code {
    let mut runs = Vec::with_capacity(rows.len() * rows.len() / 4);
    let short = |bits: u32| u16::try_from(bits).unwrap_or(u16::MAX);
    for (y, &row) in (0_u16..).zip(rows) {
        let (mut rest, mut x) = (row, 0);
        while rest != 0 {
            let light = rest.trailing_zeros();
            let length = (rest >> light).trailing_ones();
            runs.push((short(x + light), y, short(length)));
            x += light + length;
            rest = rest >> light >> length;
        }
    }
    Code { size: u16::try_from(rows.len()).unwrap_or(u16::MAX), runs }
}

#[cfg(test)]
mod tests {
    use fast_qr::{ECL, Mode, QRBuilder};

    use super::*;

    #[test]
    fn sizes_follow_the_payload() {
        // Version n has 17 + 4n modules a side.
        assert_eq!(code(&"A".repeat(189), Level::Q).unwrap().size, 17 + 4 * 9);
        assert_eq!(code(&"A".repeat(190), Level::Q).unwrap().size, 17 + 4 * 8);
        assert!(matches!(code("", Level::Q), Err(RenderError::Code(_))));
        // Eight bits a character in place of 5.5.
        assert_eq!(code(&"a".repeat(130), Level::Q).unwrap().size, 17 + 4 * 9);
        assert_eq!(code(&"a".repeat(131), Level::Q).unwrap().size, 17 + 4 * 8);
        // The usual credential at M: smaller, or larger modules.
        assert_eq!(code(&"A".repeat(178), Level::M).unwrap().size, 17 + 4 * 7);
        assert_eq!(code(&"A".repeat(178), Level::Q).unwrap().size, 17 + 4 * 9);
        assert!(matches!(code(&"A".repeat(800), Level::Q), Err(RenderError::Code(_))));
        assert!(matches!(code(&"A".repeat(9000), Level::Q), Err(RenderError::Code(_))));
    }

    #[test]
    fn what_is_not_ascii_says_its_encoding() {
        let bytes = |text: &str| {
            let segment = Segment::of(text);
            codewords::codewords(&segment, segment.version(Level::M).unwrap(), Level::M)
        };
        // ECI 26, byte mode, four bytes.
        assert_eq!(bytes("Süd")[..5], [0x71, 0xA4, 0x04, 0x53, 0xC3]);
        assert_eq!(bytes("Sud")[..2], [0x40, 0x35]);
        // One character more than fits beside what says it.
        assert_eq!(code(&format!("{}ü", "a".repeat(11)), Level::M).unwrap().size, 21);
        assert_eq!(code(&format!("{}ü", "a".repeat(12)), Level::M).unwrap().size, 25);
    }

    #[test]
    fn runs_are_the_finder_patterns_top_row() {
        let code = code("TK1:ABC", Level::Q).unwrap();
        let top: Vec<_> = code.runs.iter().filter(|run| run.1 == 0).collect();
        assert_eq!((top[0], top[top.len() - 1]), (&(0, 0, 7), &(code.size - 7, 0, 7)));
        assert!(code.runs.iter().all(|&(x, y, length)| x + length <= code.size && y < code.size));
    }

    /// Lengths up to the longest, in both modes, at both levels, are the other encoder's matrix under one of its masks.
    #[test]
    fn modules_are_those_of_another_encoder() {
        const LETTERS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
        use fast_qr::Mask;
        let masks = || {
            [
                Mask::Checkerboard,
                Mask::HorizontalLines,
                Mask::VerticalLines,
                Mask::DiagonalLines,
                Mask::LargeCheckerboard,
                Mask::Fields,
                Mask::Diamonds,
                Mask::Meadow,
            ]
        };
        let mut used = std::collections::BTreeSet::new();
        let letter = |at: usize, length: usize| LETTERS[(at * at + 7 * at + length) % 45];
        for (mode, level, ecl) in [
            (Mode::Alphanumeric, Level::M, ECL::M),
            (Mode::Alphanumeric, Level::Q, ECL::Q),
            (Mode::Byte, Level::M, ECL::M),
            (Mode::Byte, Level::Q, ECL::Q),
        ] {
            for length in (1..620).step_by(7) {
                let mut text: Vec<u8> = (0..length).map(|at| letter(at, length)).collect();
                if let Mode::Byte = mode {
                    text.make_ascii_lowercase();
                    text[0] = b'#';
                }
                let text = String::from_utf8(text).unwrap();
                let segment = Segment::of(&text);
                let Some(version) = segment.version(level) else { continue };
                let rows = grid::place(&codewords::codewords(&segment, version, level), version, level);
                let same = masks().into_iter().position(|mask| {
                    let mut builder = QRBuilder::new(text.as_str());
                    let other = builder.mode(mode).ecl(ecl).mask(mask).build().unwrap();
                    other.size == rows.len()
                        && (0..other.size)
                            .all(|y| (0..other.size).all(|x| other[y][x].value() == (rows[y] >> x & 1 == 1)))
                });
                used.insert(same.unwrap_or_else(|| panic!("{length} characters at {level:?} differ")));
            }
        }
        assert!(used.len() >= 6, "masks are chosen: {used:?}");
    }
}
