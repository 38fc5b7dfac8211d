//! Words that operators type about an erased order: they are not recorded.

/// What is recorded in place of the words that an operator types about an erased order: they may name a person.
pub(crate) const UNSAID: &str = "erased";

/// The words `$words` about the order of a row of `$table`, or the same word where the order is erased. The order's row
/// is locked.
macro_rules! unless_erased {
    ($table:literal, $words:literal) => {
        concat!(
            "CASE WHEN EXISTS (SELECT 1 FROM orders e WHERE e.order_id = ",
            $table,
            ".order_id AND e.erased_at IS NOT NULL) THEN 'erased' ELSE ",
            $words,
            " END"
        )
    };
}
pub(crate) use unless_erased;
