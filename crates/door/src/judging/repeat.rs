//! The same ticket seen twice in a row: one press too many, or a code that stays before the camera.

use jiff::{SignedDuration, Timestamp};

use super::history::Direction;

/// How far apart two scans of one ticket may be to count as one.
pub const REPEAT_WITHIN: SignedDuration = SignedDuration::from_secs(3);

/// A scan of a ticket, as far as it decides about repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting<'a> {
    /// The device, if the scan named one.
    pub device: Option<&'a str>,
    /// The gate, if the scan named one.
    pub gate: Option<&'a str>,
    /// What the scan was for.
    pub direction: Direction,
    /// When, by [`corrected_time`](crate::corrected_time).
    pub at: Timestamp,
    /// The generation of the code; a number has none.
    pub generation: Option<u8>,
    /// Whether a supervisor decided.
    pub overridden: bool,
    /// Whether it counts as an entry or exit. Of a scan that is not yet judged: whether a device has admitted by it
    /// offline.
    pub counts: bool,
}

impl Sighting<'_> {
    /// Whether this scan is a repeat of an earlier result: then the answer is that result with `repeat: true`, and nothing
    /// is counted.
    ///
    /// `earlier` is what this device last recorded of the same ticket, in whatever direction and without repeats. Offline
    /// scans may arrive in another order than they were made, so it may be the later one. A scan without a device repeats
    /// nothing, and neither does one that differs in what it asks: another gate, another generation of the code, an
    /// override after a refusal. A person whom a device admitted offline after a refusal is counted.
    ///
    /// ```
    /// use fulfillment_door::{Direction, Sighting};
    ///
    /// let first = Sighting {
    ///     device: Some("scanner 3"),
    ///     gate: Some("North"),
    ///     direction: Direction::Entry,
    ///     at: "2026-12-22T18:00:00Z".parse()?,
    ///     generation: Some(0),
    ///     overridden: false,
    ///     counts: true,
    /// };
    /// let again = Sighting { at: "2026-12-22T18:00:02.9Z".parse()?, counts: false, ..first };
    /// assert!(again.repeats(&first));
    /// let elsewhere = Sighting { device: Some("scanner 4"), ..again };
    /// assert!(!elsewhere.repeats(&first));
    /// # Ok::<(), jiff::Error>(())
    /// ```
    #[must_use]
    pub fn repeats(&self, earlier: &Sighting<'_>) -> bool {
        self.device.is_some()
            && self.device == earlier.device
            && self.gate == earlier.gate
            && self.direction == earlier.direction
            && self.generation == earlier.generation
            && self.overridden == earlier.overridden
            && (earlier.counts || !self.counts)
            && self.at.duration_since(earlier.at).abs() <= REPEAT_WITHIN
    }
}
