//! The strict QR reader: reads a symbol from its modules as drawn, before any printer, lens or crease has damaged it.
//!
//! A scanner corrects errors; this reader does not. It accepts a symbol only if every module is as ISO/IEC 18004
//! specifies: patterns, both copies of format and version, every codeword, the remainder bits and the padding. One
//! wrong module anywhere is a [`SymbolError`]. It shares nothing with the encoder whose symbols it checks, not even a
//! table.

mod blocks;
mod error;
mod grid;
mod level;
mod patterns;
mod segments;

pub use error::SymbolError;

use grid::Grid;

/// The text of a symbol of `size` modules per side without its quiet zone; `dark(x, y)` counts from the top left.
///
/// Accepts versions 1 to 40, four levels and any sequence of numeric, alphanumeric and byte segments, the last
/// understood as UTF-8. The symbol must be dark on light and not mirrored.
pub fn text_of_modules(size: usize, dark: impl Fn(usize, usize) -> bool) -> Result<String, SymbolError> {
    if !(21..=177).contains(&size) || size % 4 != 1 {
        return Err(SymbolError::Size(size));
    }
    let version = (size - 17) / 4;
    let mut grid = Grid::new(size, dark);
    let (level, mask) = patterns::check(&mut grid, version)?;
    let codewords = grid.codewords(mask)?;
    let data = blocks::data(&codewords, version, level)?;
    segments::text(&data, version)
}
