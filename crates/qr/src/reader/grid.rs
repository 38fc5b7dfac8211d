//! The grid of modules: which of them belong to patterns, and the codewords in the others (ISO/IEC 18004, 7.7.3 and
//! 7.8.2).

use super::error::SymbolError;

/// The modules per side of the largest symbol.
const MOST: usize = 177;
const WORDS: usize = MOST.div_ceil(64);

/// One bit per module of a column, bit 0 at the top: the path of the codewords runs along columns.
type Column = [u64; WORDS];

pub(super) struct Grid {
    size: usize,
    dark: [Column; MOST],
    /// The modules of patterns, format and version, as far as they have been read.
    taken: [Column; MOST],
}

impl Grid {
    pub(super) fn new(size: usize, dark: impl Fn(usize, usize) -> bool) -> Self {
        let mut columns = [[0; WORDS]; MOST];
        for (x, column) in columns.iter_mut().enumerate().take(size) {
            for y in 0..size {
                column[y / 64] |= u64::from(dark(x, y)) << (y % 64);
            }
        }
        Self { size, dark: columns, taken: [[0; WORDS]; MOST] }
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Reads a module's colour and marks it as not part of a codeword.
    pub(super) fn take(&mut self, x: usize, y: usize) -> bool {
        self.taken[x][y / 64] |= 1 << (y % 64);
        bit(&self.dark[x], y)
    }

    /// The bits of the modules that are not taken, unmasked, as bytes; the remaining bits must be zero.
    pub(super) fn codewords(&self, mask: u8) -> Result<Vec<u8>, SymbolError> {
        let mut out = Vec::with_capacity(self.size * self.size / 8);
        let (mut pending, mut count) = (0_u8, 0);
        for turn in 0..self.size / 2 {
            // Two columns at a time from the right; the vertical timing pattern's column is skipped.
            let right = self.size - 1 - 2 * turn;
            let right = if right <= 6 { right - 1 } else { right };
            let pair = [right, right - 1].map(|x| {
                let mut plain = self.dark[x];
                plain.iter_mut().zip(mask_of_column(mask, x)).for_each(|(word, mask)| *word ^= mask);
                (plain, self.taken[x])
            });
            for step in 0..self.size {
                let y = if turn % 2 == 0 { self.size - 1 - step } else { step };
                for (plain, taken) in &pair {
                    if !bit(taken, y) {
                        pending = pending << 1 | u8::from(bit(plain, y));
                        count += 1;
                        if count == 8 {
                            out.push(pending);
                            (pending, count) = (0, 0);
                        }
                    }
                }
            }
        }
        // Complete codewords have been taken out of `pending`; only the remainder is left.
        if pending == 0 { Ok(out) } else { Err(SymbolError::Remainder) }
    }
}

fn bit(column: &Column, y: usize) -> bool {
    column[y / 64] >> (y % 64) & 1 == 1
}

/// The modules that a mask inverts: down a column, each mask repeats after twelve rows.
fn mask_of_column(mask: u8, x: usize) -> Column {
    let period = (0..12).filter(|&y| is_inverted(mask, x, y)).fold(0_u64, |bits, y| bits | 1 << y);
    // 64 is four more than a multiple of twelve, so each word begins four rows later in the period.
    std::array::from_fn(|word| {
        let first = 4 * word;
        let turned = (period >> first | period << (12 - first)) & 0xfff;
        // A bit at every twelfth position.
        turned.wrapping_mul(0x1001_0010_0100_1001)
    })
}

/// Table 10 of the standard, where i is the row and j the column.
fn is_inverted(mask: u8, j: usize, i: usize) -> bool {
    0 == match mask {
        0 => (i + j) % 2,
        1 => i % 2,
        2 => j % 3,
        3 => (i + j) % 3,
        4 => (i / 2 + j / 3) % 2,
        5 => (i * j) % 2 + (i * j) % 3,
        6 => ((i * j) % 2 + (i * j) % 3) % 2,
        _ => ((i + j) % 2 + (i * j) % 3) % 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_repeat_down_the_whole_column() {
        for mask in 0..8 {
            for x in 0..MOST {
                let column = mask_of_column(mask, x);
                assert!((0..MOST).all(|y| bit(&column, y) == is_inverted(mask, x, y)), "mask {mask}, {x}");
            }
        }
    }
}
