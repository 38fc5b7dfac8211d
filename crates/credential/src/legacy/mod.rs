//! Codes of other systems, for doors whose scanners cannot read this one yet.
//!
//! Nothing prints them unless it is asked to, and neither is as good: [`PlatformCode`] is unsigned, so that whoever
//! knows an order can write one, and [`PretixCode`] is larger, says nothing of reissues and is checked against one
//! event's keys. Both need a QR symbol in byte mode (8 bits a character in place of 5.5).

mod platform;
mod pretix;

pub use platform::PlatformCode;
pub use pretix::{PretixCode, PretixError};
