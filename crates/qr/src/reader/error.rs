//! What can be wrong with a symbol.

/// What is wrong with a symbol. Places are modules from the top left, column and row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SymbolError {
    /// Versions 1 to 40 have 21 to 177 modules a side, in steps of four.
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
    /// One of the two copies of the version is damaged, or names another.
    #[error("its version information is wrong")]
    Version,
    /// Bits after the last codeword are not zero.
    #[error("the bits after its last codeword are not zero")]
    Remainder,
    /// A block's error correction does not match its data.
    #[error("block {0} has a wrong codeword")]
    Codeword(usize),
    /// A segment that is neither numeric, alphanumeric nor bytes.
    #[error("it has a segment of mode {0:#06b}")]
    Mode(u32),
    /// Its bytes stand for something other than UTF-8.
    #[error("its bytes have the interpretation {0}, and only 26 (UTF-8) is read")]
    Interpretation(u8),
    /// A segment ends behind the data.
    #[error("a segment is cut off")]
    Truncated,
    /// A value that stands for no digit or character of its segment.
    #[error("a segment has a value that stands for no character")]
    Character,
    /// What follows the last segment is not the terminator, zeros and the pad codewords in turn.
    #[error("its padding is wrong")]
    Padding,
    /// Bytes that are not UTF-8.
    #[error("its text is not UTF-8")]
    Encoding,
}
