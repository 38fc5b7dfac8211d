//! What the implementations have in common about taking over.

/// What stands for an order's payment until it comes. No key of a payment begins with a space.
pub(crate) const IMPORTED: &str = " imported";

/// Who made the tickets' rows, and how, as the history has it.
pub(crate) const WHO: &str = "import";
pub(crate) const WHY: &str = "taken over from the earlier service";
