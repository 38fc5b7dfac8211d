//! The QR code (ISO/IEC 18004), alphanumeric mode: which level, and its modules as runs of dark ones.
//!
//! Our own encoder: the crates there are take longer for the code than everything else on the page takes together.
//! The tests compare it with one of them, module by module.

mod codewords;
mod grid;

use crate::RenderError;
use codewords::Level;

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

/// Draws the text at level Q up to version 9, else at level M up to version 15: 0.78 mm a module at 60 mm, which a
/// phone still reads well off a screen.
///
/// # Errors
/// [`RenderError::Code`] where the text is empty, is not made of QR alphanumeric characters, or does not fit.
pub(crate) fn code(text: &str) -> Result<Code, RenderError> {
    if text.is_empty() {
        return Err(RenderError::Code("it is empty"));
    }
    let values: Option<Vec<u16>> = text.bytes().map(codewords::value).collect();
    let values = values.ok_or(RenderError::Code("it has a character outside the QR alphanumeric set"))?;
    let level_q = codewords::version_for(values.len(), Level::Q).filter(|&version| version <= MOST_AT_Q);
    let level_m = || codewords::version_for(values.len(), Level::M).map(|version| (version, Level::M));
    let (version, level) = level_q
        .map(|version| (version, Level::Q))
        .or_else(level_m)
        .ok_or(RenderError::Code("it is too long: a code of that size does not scan well"))?;
    let rows = grid::place(&codewords::codewords(&values, version, level), version, level);
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
        assert_eq!(code(&"A".repeat(189)).unwrap().size, 17 + 4 * 9);
        assert_eq!(code(&"A".repeat(190)).unwrap().size, 17 + 4 * 8);
        assert!(matches!(code(""), Err(RenderError::Code(_))));
        assert!(matches!(code("lower"), Err(RenderError::Code(_))));
        assert!(matches!(code(&"A".repeat(800)), Err(RenderError::Code(_))));
        assert!(matches!(code(&"A".repeat(9000)), Err(RenderError::Code(_))));
    }

    #[test]
    fn runs_are_the_finder_patterns_top_row() {
        let code = code("TK1:ABC").unwrap();
        let top: Vec<_> = code.runs.iter().filter(|run| run.1 == 0).collect();
        assert_eq!((top[0], top[top.len() - 1]), (&(0, 0, 7), &(code.size - 7, 0, 7)));
        assert!(code.runs.iter().all(|&(x, y, length)| x + length <= code.size && y < code.size));
    }

    /// Every length up to the longest, at both levels, is the other encoder's matrix under one of its masks.
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
        for (level, ecl) in [(Level::M, ECL::M), (Level::Q, ECL::Q)] {
            for length in (1..620).step_by(7) {
                let text: Vec<u8> = (0..length).map(|at| LETTERS[(at * at + 7 * at + length) % 45]).collect();
                let Some(version) = codewords::version_for(length, level) else { continue };
                let values: Vec<u16> = text.iter().filter_map(|&byte| codewords::value(byte)).collect();
                let rows = grid::place(&codewords::codewords(&values, version, level), version, level);
                let same = masks().into_iter().position(|mask| {
                    let mut builder = QRBuilder::new(text.clone());
                    let other = builder.mode(Mode::Alphanumeric).ecl(ecl).mask(mask).build().unwrap();
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
