//! A QR symbol: its modules, as runs of dark ones.

use super::modules::Row;

/// A QR symbol: the number of modules per side, and its dark modules as runs, merged along rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    side: u16,
    runs: Vec<(u16, u16, u16)>,
}

impl Symbol {
    /// Modules per side, without the quiet zone.
    #[must_use]
    pub fn side(&self) -> u16 {
        self.side
    }

    /// The dark modules as `(x, y, length)` from the top left, row by row.
    #[must_use]
    pub fn runs(&self) -> &[(u16, u16, u16)] {
        &self.runs
    }

    /// The rows from the top, true for a dark module: the symbol as drawn, for reading it back.
    #[must_use]
    pub fn rows(&self) -> Vec<Vec<bool>> {
        let side = usize::from(self.side);
        let mut rows = vec![vec![false; side]; side];
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

    pub(super) fn of_rows(rows: &[Row]) -> Self {
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
        Self { side: u16::try_from(rows.len()).unwrap_or(u16::MAX), runs }
    }
}
