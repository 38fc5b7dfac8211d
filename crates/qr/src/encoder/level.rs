//! The error correction level: how much of a symbol can be repaired.

/// The error correction level: how much of a symbol can be repaired.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// About 15 % of the codewords.
    M,
    /// About 25 %.
    Q,
}
