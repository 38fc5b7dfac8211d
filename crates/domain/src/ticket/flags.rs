//! What a person should know about a ticket, as a set of words.

use serde::{Serialize, Serializer};

crate::words! {
    /// Something about a ticket that a person should know, and that is no reason to hold it back.
    pub enum Flag: "flag of a ticket" {
        /// What was paid is not what was ordered.
        AmountMismatch = "amount_mismatch",
        /// Another live ticket has this seat.
        SeatConflict = "seat_conflict",
        /// Issued without the event's name after the grace period.
        EventDetailsPending = "event_details_pending",
        /// The customer is known by a user id only: Identity was not there to ask, or did not know.
        EmailUnresolved = "email_unresolved",
        /// A character of a name has no font: it is not on the page.
        MissingGlyphs = "missing_glyphs",
        /// An earlier service issued it: its page was drawn there, and nothing signs its code.
        Legacy = "legacy",
        /// A detail of Ordering's answer could not be read: the order's notes say which.
        DetailLeftOut = "detail_left_out",
        /// Ordering names a time zone that is unknown here: times have the offset they were written at.
        TimeZoneUnknown = "time_zone_unknown",
        /// A time could mean several: the order's notes say which, and what was taken.
        TimeAssumed = "time_assumed",
        /// Of the start only the day is known.
        StartWithoutHour = "start_without_hour",
        /// Of the doors only the day is known.
        DoorsWithoutHour = "doors_without_hour",
        /// Of the end only the day is known.
        EndWithoutHour = "end_without_hour",
        /// Neither order nor payment has a currency.
        CurrencyAssumed = "currency_assumed",
        /// A line of its order was left out because of its type alone, as a fee or a voucher: the order's notes say which.
        LineLeftOut = "line_left_out",
        /// Ordering's answer may say that more was sold than was understood: the order's notes say why.
        MoreWasSold = "more_was_sold",
        /// The lines of its order are in several currencies: nobody compared them with what was paid.
        SeveralCurrencies = "several_currencies",
        /// Its order has a seat that could not be read: a page without a seat says nothing in its place.
        SeatLeftOut = "seat_left_out",
        /// A line of its order may admit nobody by its type, and was issued: the order's notes say which.
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

    /// Whether it is there.
    pub fn contains(&self, flag: Flag) -> bool {
        self.0.binary_search(&flag).is_ok()
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = Flag> + '_ {
        self.0.iter().copied()
    }

    /// As stored: `amount_mismatch,seat_conflict`, or nothing.
    pub fn to_stored(&self) -> String {
        self.iter().map(Flag::as_str).collect::<Vec<_>>().join(",")
    }

    /// Reads the stored form. A word of a later version is passed over.
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
