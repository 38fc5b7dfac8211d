//! The ticket: one row of the record, and what its page and its code are made of.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::id::{OrderId, TicketId};
use crate::money::{Amount, Currency};

/// Where a ticket stands. Voided is a fact beside it (`voided_at`), not a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum TicketStatus {
    /// Frozen: everything it is made of is decided, the file is not stored yet.
    Pending,
    /// Its file exists and its `ticket-issued` is on its way.
    Generated,
    /// The file could not be made; `last_error` says why.
    Failed,
    /// Notification says that it reached its holder.
    Delivered,
}

impl TicketStatus {
    /// The name, as the record has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Generated => "Generated",
            Self::Failed => "Failed",
            Self::Delivered => "Delivered",
        }
    }
}

impl fmt::Display for TicketStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A stored word that this version does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} {word:?}")]
pub struct UnknownWord {
    /// What kind of word was looked for.
    pub what: &'static str,
    /// What was found.
    pub word: String,
}

impl FromStr for TicketStatus {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        [Self::Pending, Self::Generated, Self::Failed, Self::Delivered]
            .into_iter()
            .find(|s| s.as_str() == text)
            .ok_or_else(|| UnknownWord { what: "ticket status", word: text.to_owned() })
    }
}

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

/// A ticket as recorded. As JSON: the platform's fields first, in camelCase, then the rest.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ticket {
    /// Unique id, derived from order, line and unit.
    pub id: TicketId,
    /// The order it belongs to.
    pub order_id: OrderId,
    /// Where Notification sends it: an e-mail address, or a user id when Identity could not tell.
    pub customer_email: String,
    /// The event's name.
    pub event_name: String,
    /// The seat as printed, "Section A, Row 5, Seat 12" or "N/A".
    pub seat: String,
    /// What the seat cost.
    pub price: Amount,
    /// In what.
    pub currency: Currency,
    /// Where it stands.
    pub status: TicketStatus,
    /// What the QR code says, signed: `TK1:...`.
    pub qr_code_data: String,
    /// The file's name in the storage, once stored.
    pub ticket_pdf_path: Option<String>,
    /// When the file was stored.
    pub generated_at: Option<Timestamp>,
    /// When the record was made.
    pub created_at: Timestamp,
    /// When the record was last changed.
    pub updated_at: Timestamp,

    /// The number printed on it, ten characters with a check.
    pub ticket_number: String,
    /// The payment that it came from.
    pub payment_id: Option<String>,
    /// Who paid.
    pub customer_id: Option<String>,
    /// The buyer's name, where Ordering gives it.
    pub customer_name: Option<String>,
    /// The event.
    pub event_id: String,
    /// The event's number in codes.
    pub event_number: u32,
    /// Ordering's item.
    pub item_id: Option<String>,
    /// Ordering's seat.
    pub seat_id: Option<String>,
    /// What tells the order's lines apart: `item:<id>`, `seat:<id>` or `pos:<n>`.
    pub line: String,
    /// From 0, within a line of several.
    pub unit: u32,
    /// From 1, within the order.
    pub ticket_index: u32,
    /// How many tickets the order has.
    pub ticket_count: u32,
    /// Section of the venue.
    pub section: Option<String>,
    /// Row.
    pub row: Option<String>,
    /// Seat within the row.
    pub seat_number: Option<String>,
    /// Ticket category, "Standing", "VIP".
    pub category: Option<String>,
    /// The category's number in codes.
    pub category_number: u16,
    /// Whose seat it is.
    pub holder_name: Option<String>,
    /// The holder's own address.
    pub holder_email: Option<String>,
    /// Who sells it.
    pub organizer_id: Option<String>,
    /// The organizer's name.
    pub organizer_name: Option<String>,
    /// The event starts. Of a day without an hour (see the flags), this is its noon, as of doors and end.
    pub event_starts_at: Option<Timestamp>,
    /// The event ends.
    pub event_ends_at: Option<Timestamp>,
    /// Doors open.
    pub doors_at: Option<Timestamp>,
    /// The event's time zone, as `zones::named` reads it: an IANA name, or an offset like `+02:00`.
    pub time_zone: Option<String>,
    /// Venue.
    pub venue_name: Option<String>,
    /// Its address.
    pub venue_address: Option<String>,
    /// The buyer's locale, BCP 47.
    pub locale: Option<String>,
    /// Name and version of the template it was drawn by.
    pub template: String,
    /// Version of the renderer that drew it, fonts included.
    pub renderer: String,
    /// The code's id, 20 hexadecimal digits.
    #[serde(serialize_with = "as_hex")]
    pub cti: [u8; 10],
    /// Counts reinstatements after a void; part of the code's id.
    pub era: u32,
    /// Counts reissues.
    pub generation: u32,
    /// The key that signed the code, 8 hexadecimal digits.
    pub kid: String,
    /// When it was frozen: the time printed on it.
    pub issued_at: Timestamp,
    /// SHA-256 of the file, hexadecimal.
    #[serde(serialize_with = "as_hex_or_null")]
    pub sha256: Option<[u8; 32]>,
    /// Size of the file in bytes.
    pub size: Option<u64>,
    /// How many events of the ticket have been written.
    pub sequence: u32,
    /// How often its file has been tried in vain.
    pub attempts: u32,
    /// Why the last try failed.
    pub last_error: Option<String>,
    /// Since when it opens no door.
    pub voided_at: Option<Timestamp>,
    /// Why not.
    pub void_reason: Option<String>,
    /// When it reached its holder.
    pub delivered_at: Option<Timestamp>,
    /// How it did.
    pub delivery_channel: Option<String>,
    /// When its holder first fetched the PDF.
    pub first_downloaded_at: Option<Timestamp>,
    /// When personal data was removed.
    pub erased_at: Option<Timestamp>,
    /// What a person should know.
    pub flags: Flags,
}

impl Ticket {
    /// The file's name in the storage: `{id}.pdf`, and `{id}.g{n}.pdf` for a reissue.
    pub fn file_name(&self) -> String {
        match self.generation {
            0 => format!("{}.pdf", self.id),
            n => format!("{}.g{n}.pdf", self.id),
        }
    }
}

fn as_hex<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&Hex(bytes))
}

#[expect(clippy::ref_option, reason = "the shape serde calls")]
fn as_hex_or_null<S: Serializer>(bytes: &Option<[u8; 32]>, serializer: S) -> Result<S::Ok, S::Error> {
    match bytes {
        Some(bytes) => as_hex(bytes, serializer),
        None => serializer.serialize_none(),
    }
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

impl Serialize for Hex<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
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

    #[test]
    fn statuses_survive_storage() {
        for status in ["Pending", "Generated", "Failed", "Delivered"] {
            assert_eq!(status.parse::<TicketStatus>().unwrap().as_str(), status);
        }
        assert!("generated".parse::<TicketStatus>().is_err());
    }
}
