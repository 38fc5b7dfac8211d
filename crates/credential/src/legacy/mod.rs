//! Legacy codes of other systems, for doors whose scanners cannot read this crate's codes yet.
//!
//! They are printed only if the settings ask for them, and both are weaker: [`PlatformCode`] is unsigned, so that
//! anyone who knows an order can make one, and [`PretixCode`] is larger, has no information about reissues and is
//! checked against one event's keys. Both need a QR symbol in byte mode (8 bits per character instead of 5.5).

mod platform;
mod pretix;

pub use platform::PlatformCode;
pub use pretix::{PretixCode, PretixError};
