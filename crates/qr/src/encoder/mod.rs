//! The QR encoder: alphanumeric or byte mode, versions 1 to 15, levels M and Q.
//!
//! It exists because other crates take longer for the code than everything else on the page takes together. The tests
//! compare it with one of them, module by module.

mod codewords;
mod level;
mod modules;
mod symbol;

pub use level::Level;
pub use symbol::Symbol;

use codewords::Segment;

/// Light modules that a symbol needs on every side.
pub const QUIET_ZONE: u16 = 4;

/// The largest version at level Q. Longer texts use level M, so that the modules stay large.
const MOST_AT_Q: usize = 9;

/// Why a text has no symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// There is nothing to encode.
    #[error("it is empty")]
    Empty,
    /// It needs a larger symbol than a phone reads well.
    #[error("it is too long: a code of that size does not scan well")]
    TooLong,
}

/// Encodes a text at a level, up to version 15: 0.78 mm per module at 60 mm, which a phone still reads well off a
/// screen. Level Q is used up to version 9; longer texts are encoded at M.
///
/// # Errors
/// [`EncodeError`] where the text is empty or does not fit.
pub fn encode(text: &str, level: Level) -> Result<Symbol, EncodeError> {
    if text.is_empty() {
        return Err(EncodeError::Empty);
    }
    let segment = Segment::of(text);
    let at_q = || segment.version(Level::Q).filter(|&version| version <= MOST_AT_Q);
    let level_q = if level == Level::Q { at_q() } else { None };
    let level_m = || segment.version(Level::M).map(|version| (version, Level::M));
    let (version, level) =
        level_q.map(|version| (version, Level::Q)).or_else(level_m).ok_or(EncodeError::TooLong)?;
    let rows = modules::place(&codewords::codewords(&segment, version, level), version, level);
    Ok(Symbol::of_rows(&rows))
}

#[cfg(test)]
mod tests;
