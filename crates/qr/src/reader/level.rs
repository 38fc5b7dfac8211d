//! The four levels of error correction.

/// How much a symbol can repair: about 7, 15, 25 and 30 % of its codewords.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    L,
    M,
    Q,
    H,
}
