//! The largest feeds. Writers and readers refuse larger ones.

/// The size of a signed document in bytes.
pub const MAX_BYTES: usize = 64 * 1024 * 1024;
/// Entries of a list of tickets: deviations and the parts. The limit in bytes may be met before.
pub const MAX_TICKETS: usize = 5_000_000;
/// A text in bytes.
pub const MAX_TEXT: usize = 4 * 1024;
/// The text of the rules in bytes.
pub const MAX_RULES: usize = 256 * 1024;
/// Keys of each set.
pub const MAX_KEYS: usize = 1_000;
/// Categories and areas: as many as their numbers of 16 bits can name.
pub const MAX_NUMBERED: usize = 65_536;
/// Gates.
pub const MAX_GATES: usize = 10_000;
