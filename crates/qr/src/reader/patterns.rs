//! Checks what a symbol has besides its codewords: function patterns, format and version (ISO/IEC 18004, 6.3, 7.9,
//! 7.10).

use super::error::SymbolError;
use super::grid::Grid;
use super::level::Level;

/// Modules between the centres of alignment patterns, counted from the far corner, by version (annex E). The first
/// centre is at 6, however far the second is.
const PITCHES: [usize; 40] = [
    0, 12, 16, 20, 24, 28, 16, 18, 20, 22, 24, 26, 28, 20, 22, 24, 24, 26, 28, 28, 22, 24, 24, 26, 26, 28,
    28, 24, 24, 26, 26, 26, 28, 28, 24, 26, 26, 26, 28, 28,
];

/// Divisors of the two BCH codes (7.9.1 and 7.10), and the mask that ensures that every format has dark modules.
const FORMAT_DIVISOR: u32 = 0b101_0011_0111;
const FORMAT_ADDED: u32 = 0b101_0100_0001_0010;
const VERSION_DIVISOR: u32 = 0b1_1111_0010_0101;

/// Checks every module that is not part of a codeword. Returns the format's level and mask.
pub(super) fn check(grid: &mut Grid, version: usize) -> Result<(Level, u8), SymbolError> {
    finders(grid)?;
    alignments(grid, version)?;
    timing(grid)?;
    if version >= 7 && version_of(grid) != Some(version) {
        return Err(SymbolError::Version);
    }
    let bottom = grid.size() - 8;
    expect(grid, 8, bottom, true, "dark module")?;
    format(grid).ok_or(SymbolError::Format)
}

fn expect(grid: &mut Grid, x: usize, y: usize, dark: bool, pattern: &'static str) -> Result<(), SymbolError> {
    if grid.take(x, y) == dark { Ok(()) } else { Err(SymbolError::Pattern { pattern, x, y }) }
}

/// Checks the finders: squares of eight modules in three corners: rings of seven, five and three, and the separator.
fn finders(grid: &mut Grid) -> Result<(), SymbolError> {
    let far = grid.size() - 7;
    for (left, top) in [(0, 0), (far, 0), (0, far)] {
        for (dx, dy) in square(8) {
            // Away from the corner the separator is on the near side.
            let (x, y) = (left + dx - usize::from(left > 0), top + dy - usize::from(top > 0));
            let ring = (left + 3).abs_diff(x).max((top + 3).abs_diff(y));
            expect(grid, x, y, matches!(ring, 0 | 1 | 3), "finder pattern")?;
        }
    }
    Ok(())
}

fn alignments(grid: &mut Grid, version: usize) -> Result<(), SymbolError> {
    if version == 1 {
        return Ok(());
    }
    let (last, pitch) = (grid.size() - 7, PITCHES[version - 1]);
    let centre = |index: usize| if index == 0 { 6 } else { last - pitch * (version / 7 + 1 - index) };
    for (i, j) in square(version / 7 + 2) {
        let (left, top) = (centre(i) - 2, centre(j) - 2);
        // There are none where the finders are.
        let at_far = |at: usize| at + 2 == last;
        if (left == 4 && (top == 4 || at_far(top))) || (at_far(left) && top == 4) {
            continue;
        }
        for (dx, dy) in square(5) {
            let ring = dx.abs_diff(2).max(dy.abs_diff(2));
            expect(grid, left + dx, top + dy, ring != 1, "alignment pattern")?;
        }
    }
    Ok(())
}

/// Checks the timing patterns between the finders, alternately dark and light; alignment patterns on them agree with
/// that.
fn timing(grid: &mut Grid) -> Result<(), SymbolError> {
    for at in 8..grid.size() - 8 {
        expect(grid, at, 6, at % 2 == 0, "timing pattern")?;
        expect(grid, 6, at, at % 2 == 0, "timing pattern")?;
    }
    Ok(())
}

/// The version, if both copies are intact and agree.
fn version_of(grid: &mut Grid) -> Option<usize> {
    let far = grid.size() - 11;
    let [one, two] = [false, true].map(|turned| {
        (0..18).rev().fold(0, |bits, index| {
            let (x, y) = (index / 3, far + index % 3);
            bits << 1 | u32::from(if turned { grid.take(y, x) } else { grid.take(x, y) })
        })
    });
    let whole = one == two && remainder(one, VERSION_DIVISOR) == 0;
    usize::try_from(one >> 12).ok().filter(|_| whole)
}

/// The format, if both copies are intact and agree.
fn format(grid: &mut Grid) -> Option<(Level, u8)> {
    let size = grid.size();
    let mut read = |place: &dyn Fn(usize) -> (usize, usize)| {
        (0..15).rev().fold(0, |bits, index| {
            let (x, y) = place(index);
            bits << 1 | u32::from(grid.take(x, y))
        })
    };
    // Around the first finder, past the timing patterns.
    let one = read(&|index| match index {
        0..=5 => (8, index),
        6 | 7 => (8, index + 1),
        8 => (7, 8),
        _ => (14 - index, 8),
    });
    // Below the second, and beside the third.
    let two = read(&|index| if index < 8 { (size - 1 - index, 8) } else { (8, size - 15 + index) });
    let plain = one ^ FORMAT_ADDED;
    if one != two || remainder(plain, FORMAT_DIVISOR) != 0 {
        return None;
    }
    let level = match plain >> 13 {
        0b01 => Level::L,
        0b00 => Level::M,
        0b11 => Level::Q,
        _ => Level::H,
    };
    Some((level, u8::try_from(plain >> 10 & 0b111).ok()?))
}

/// The remainder of dividing one polynomial over GF(2) by another; zero for valid code words.
fn remainder(mut word: u32, divisor: u32) -> u32 {
    while word.leading_zeros() <= divisor.leading_zeros() {
        word ^= divisor << (divisor.leading_zeros() - word.leading_zeros());
    }
    word
}

fn square(side: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..side).flat_map(move |x| (0..side).map(move |y| (x, y)))
}
