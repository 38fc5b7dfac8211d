//! Legacy codes of other systems, for doors whose scanners cannot read this crate's codes yet.
//!
//! They are printed only if the settings ask for them, and both are weaker: [`PlatformCode`] is unsigned, so that
//! anyone who knows an order can make one, and [`PretixCode`] is larger, has no information about reissues and is
//! checked against one event's keys. Both need a QR symbol in byte mode (8 bits per character instead of 5.5).

mod platform;
mod pretix;

use crate::{Claims, KeySet, decode_unverified};
pub use platform::PlatformCode;
pub use pretix::{PretixCode, PretixError};

/// The claims of a code that the platform's own record has, in this crate's format or in pretix's, which is found by its
/// key. `None` for the platform's old format.
#[must_use]
pub fn recorded_claims(code: &str, keys: &KeySet) -> Option<Claims> {
    match decode_unverified(code) {
        Ok(credential) => Some(credential.claims),
        Err(_) => PretixCode::read(code, keys).ok()?.0.claims(),
    }
}
