//! What a person should know about a ticket, as a set of words.

use serde::{Serialize, Serializer};

/// Something about a ticket that a person should know, and that is no reason to hold it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flag {
    /// What was paid is not what was ordered.
    AmountMismatch,
    /// Another live ticket has this seat.
    SeatConflict,
    /// Issued without the event's name after the grace period.
    EventDetailsPending,
    /// The customer is known by a user id only: Identity was not there to ask, or did not know.
    EmailUnresolved,
    /// A character of a name has no font: it is not on the page.
    MissingGlyphs,
    /// An earlier service issued it: its page was drawn there, and nothing signs its code.
    Legacy,
    /// A detail of Ordering's answer could not be read: the order's notes say which.
    DetailLeftOut,
    /// Ordering names a time zone that is unknown here: times have the offset they were written at.
    TimeZoneUnknown,
    /// A time could mean several: the order's notes say which, and what was taken.
    TimeAssumed,
    /// Of the start only the day is known.
    StartWithoutHour,
    /// Of the doors only the day is known.
    DoorsWithoutHour,
    /// Of the end only the day is known.
    EndWithoutHour,
    /// Neither order nor payment has a currency.
    CurrencyAssumed,
    /// A line of its order was left out because of its type alone, as a fee or a voucher: the order's notes say which.
    LineLeftOut,
    /// Ordering's answer may say that more was sold than was understood: the order's notes say why.
    MoreWasSold,
    /// The lines of its order are in several currencies: nobody compared them with what was paid.
    SeveralCurrencies,
    /// Its order has a seat that could not be read: a page without a seat says nothing in its place.
    SeatLeftOut,
    /// A line of its order may admit nobody by its type, and was issued: the order's notes say which.
    LineAssumed,
}

impl Flag {
    const ALL: [Flag; 18] = [
        Flag::AmountMismatch,
        Flag::SeatConflict,
        Flag::EventDetailsPending,
        Flag::EmailUnresolved,
        Flag::MissingGlyphs,
        Flag::Legacy,
        Flag::DetailLeftOut,
        Flag::TimeZoneUnknown,
        Flag::TimeAssumed,
        Flag::StartWithoutHour,
        Flag::DoorsWithoutHour,
        Flag::EndWithoutHour,
        Flag::CurrencyAssumed,
        Flag::LineLeftOut,
        Flag::MoreWasSold,
        Flag::SeveralCurrencies,
        Flag::SeatLeftOut,
        Flag::LineAssumed,
    ];

    /// The word in the record and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AmountMismatch => "amount_mismatch",
            Self::SeatConflict => "seat_conflict",
            Self::EventDetailsPending => "event_details_pending",
            Self::EmailUnresolved => "email_unresolved",
            Self::MissingGlyphs => "missing_glyphs",
            Self::Legacy => "legacy",
            Self::DetailLeftOut => "detail_left_out",
            Self::TimeZoneUnknown => "time_zone_unknown",
            Self::TimeAssumed => "time_assumed",
            Self::StartWithoutHour => "start_without_hour",
            Self::DoorsWithoutHour => "doors_without_hour",
            Self::EndWithoutHour => "end_without_hour",
            Self::CurrencyAssumed => "currency_assumed",
            Self::LineLeftOut => "line_left_out",
            Self::MoreWasSold => "more_was_sold",
            Self::SeveralCurrencies => "several_currencies",
            Self::SeatLeftOut => "seat_left_out",
            Self::LineAssumed => "line_assumed",
        }
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
        let mut flags = Self::default();
        for word in text.split(',') {
            if let Some(flag) = Flag::ALL.into_iter().find(|f| f.as_str() == word) {
                flags.insert(flag);
            }
        }
        flags
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
        serializer.collect_seq(self.iter().map(Flag::as_str))
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
