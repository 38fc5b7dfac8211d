//! Flags of a ticket: what an operator should know about it, as a set of words.

use serde::{Serialize, Serializer};

crate::words! {
    /// Something that an operator should know about a ticket, and that is not a reason to hold it back.
    pub enum Flag: "flag of a ticket" {
        /// The amount paid differs from the order's total.
        AmountMismatch = "amount_mismatch",
        /// Another live ticket has this seat.
        SeatConflict = "seat_conflict",
        /// Issued without the event's name after the grace period.
        EventDetailsPending = "event_details_pending",
        /// The customer is known by a user id only: Identity was unavailable, or did not know it.
        EmailUnresolved = "email_unresolved",
        /// No font has a character of a name: it is missing on the page.
        MissingGlyphs = "missing_glyphs",
        /// An earlier service issued it: that service drew its page, and its code is not signed.
        Legacy = "legacy",
        /// A detail of Ordering's answer could not be read: the order's notes name it.
        DetailLeftOut = "detail_left_out",
        /// Ordering names an unknown time zone: times have the offset they were written at.
        TimeZoneUnknown = "time_zone_unknown",
        /// A time was ambiguous: the order's notes say which, and what was assumed.
        TimeAssumed = "time_assumed",
        /// Only the day of the start is known.
        StartWithoutHour = "start_without_hour",
        /// Only the day of the doors is known.
        DoorsWithoutHour = "doors_without_hour",
        /// Only the day of the end is known.
        EndWithoutHour = "end_without_hour",
        /// Neither order nor payment has a currency.
        CurrencyAssumed = "currency_assumed",
        /// A line of its order was ignored because of its type alone, as a fee or a voucher: the order's notes name it.
        LineLeftOut = "line_left_out",
        /// Ordering's answer may mean that more was sold than was understood: the order's notes say why.
        MoreWasSold = "more_was_sold",
        /// The lines of its order are in several currencies and were not compared with what was paid.
        SeveralCurrencies = "several_currencies",
        /// Its order has a seat that could not be read: a page without a seat prints nothing in its place.
        SeatLeftOut = "seat_left_out",
        /// A line of its order may admit nobody by its type, but was issued: the order's notes name it.
        LineAssumed = "line_assumed",
    }
}

/// A set of flags, stored as words with commas between, in their order of declaration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Flags(Vec<Flag>);

impl Flags {
    /// Adds one; adding it again changes nothing.
    pub fn insert(&mut self, flag: Flag) {
        if let Err(at) = self.0.binary_search(&flag) {
            self.0.insert(at, flag);
        }
    }

    /// Whether the flag is set.
    pub fn contains(&self, flag: Flag) -> bool {
        self.0.binary_search(&flag).is_ok()
    }

    /// All set flags, in order of declaration.
    pub fn iter(&self) -> impl Iterator<Item = Flag> + '_ {
        self.0.iter().copied()
    }

    /// The stored form: `amount_mismatch,seat_conflict`, or empty.
    pub fn to_stored(&self) -> String {
        self.iter().map(Flag::as_str).collect::<Vec<_>>().join(",")
    }

    /// Reads the stored form. A word of a later version is ignored.
    pub fn from_stored(text: &str) -> Self {
        text.split(',').filter_map(|word| word.parse().ok()).collect()
    }
}

impl FromIterator<Flag> for Flags {
    fn from_iter<I: IntoIterator<Item = Flag>>(flags: I) -> Self {
        let mut set = Self::default();
        flags.into_iter().for_each(|f| set.insert(f));
        set
    }
}

impl Serialize for Flags {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_survive_storage() {
        let flags: Flags =
            [Flag::SeatConflict, Flag::AmountMismatch, Flag::SeatConflict].into_iter().collect();
        assert_eq!(flags.to_stored(), "amount_mismatch,seat_conflict");
        assert_eq!(Flags::from_stored("seat_conflict,amount_mismatch,of_the_future"), flags);
        assert_eq!(Flags::from_stored(""), Flags::default());
    }
}
