//! Shared code for importing orders from an earlier service.

/// The placeholder for an order's payment until it arrives. No key of a payment begins with a space.
pub(crate) const IMPORTED: &str = " imported";

/// Who made the tickets' rows, as recorded in the history.
pub(crate) const WHO: &str = "import";
pub(crate) const WHY: &str = "taken over from the earlier service";
