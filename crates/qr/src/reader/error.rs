//! Errors of reading a QR symbol.

/// What is wrong with a symbol. Positions are columns and rows of modules from the top left.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SymbolError {
    /// The size is invalid: versions 1 to 40 have 21 to 177 modules per side, in steps of four.
    #[error("no version has {0} modules a side")]
    Size(usize),
    /// A module of a pattern that every symbol of this size has is of the wrong colour.
    #[error("the {pattern} is wrong at column {x}, row {y}")]
    Pattern {
        /// Which pattern.
        pattern: &'static str,
        /// The column.
        x: usize,
        /// The row.
        y: usize,
    },
    /// One of the two copies of level and mask is damaged, or they differ.
    #[error("its format information is wrong")]
    Format,
    /// One of the two copies of the version is damaged, or is another version.
    #[error("its version information is wrong")]
    Version,
    /// Bits after the last codeword are not zero.
    #[error("the bits after its last codeword are not zero")]
    Remainder,
    /// A block's error correction does not match its data.
    #[error("block {0} has a wrong codeword")]
    Codeword(usize),
    /// A segment is neither numeric, alphanumeric nor bytes.
    #[error("it has a segment of mode {0:#06b}")]
    Mode(u32),
    /// Its bytes are declared as something other than UTF-8.
    #[error("its bytes have the interpretation {0}, and only 26 (UTF-8) is read")]
    Interpretation(u8),
    /// A segment extends beyond the data.
    #[error("a segment is cut off")]
    Truncated,
    /// A value does not represent a digit or character of its segment.
    #[error("a segment has a value that stands for no character")]
    Character,
    /// What follows the last segment is not the terminator, zeros and the pad codewords in turn.
    #[error("its padding is wrong")]
    Padding,
    /// The bytes are not UTF-8.
    #[error("its text is not UTF-8")]
    Encoding,
}
