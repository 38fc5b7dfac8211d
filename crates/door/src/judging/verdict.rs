//! The verdicts of a door: their words, their order, and what each means for the ticket's holder.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The result of judging a scan. The first fourteen are the checks in their order: the first that applies is the
/// verdict.
///
/// ```
/// use fulfillment_door::Verdict;
///
/// assert_eq!(Verdict::AlreadyAdmitted.word(), "already_admitted");
/// assert_eq!("already_admitted".parse(), Ok(Verdict::AlreadyAdmitted));
/// assert!(Verdict::AlreadyAdmitted.yields_to_override());
/// assert!(!Verdict::Voided.yields_to_override());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Not a code of a ticket.
    Malformed,
    /// Signed with a key that is not known here.
    UnknownKey,
    /// Signed with a key that was revoked, and not known to be genuine.
    RevokedKey,
    /// Not signed with the key that it names.
    BadSignature,
    /// The ticket was voided.
    Voided,
    /// A later code has replaced this one.
    Superseded,
    /// A ticket for another event.
    OtherEvent,
    /// The code has expired.
    Expired,
    /// The ticket's category is not admitted to the gate's area.
    WrongCategory,
    /// The ticket's category has other gates.
    WrongGate,
    /// Admission has not begun.
    TooEarly,
    /// Admission has ended.
    TooLate,
    /// The ticket was admitted before.
    AlreadyAdmitted,
    /// A limit of the day, the gate or the area is reached.
    Full,
    /// No ticket has the number that was typed.
    Unknown,
    /// The scan's nonce belongs to another scan.
    NonceConflict,
    /// The holder is admitted; of an exit: it is noted.
    Admitted,
    /// The holder would be admitted, and is not: it was a check.
    WouldAdmit,
}

impl Verdict {
    /// All verdicts: the checks in their order, then the others.
    pub const ALL: [Self; 18] = [
        Self::Malformed,
        Self::UnknownKey,
        Self::RevokedKey,
        Self::BadSignature,
        Self::Voided,
        Self::Superseded,
        Self::OtherEvent,
        Self::Expired,
        Self::WrongCategory,
        Self::WrongGate,
        Self::TooEarly,
        Self::TooLate,
        Self::AlreadyAdmitted,
        Self::Full,
        Self::Unknown,
        Self::NonceConflict,
        Self::Admitted,
        Self::WouldAdmit,
    ];

    /// The verdict's word for programs; these words are stable.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnknownKey => "unknown_key",
            Self::RevokedKey => "revoked_key",
            Self::BadSignature => "bad_signature",
            Self::Voided => "voided",
            Self::Superseded => "superseded",
            Self::OtherEvent => "other_event",
            Self::Expired => "expired",
            Self::WrongCategory => "wrong_category",
            Self::WrongGate => "wrong_gate",
            Self::TooEarly => "too_early",
            Self::TooLate => "too_late",
            Self::AlreadyAdmitted => "already_admitted",
            Self::Full => "full",
            Self::Unknown => "unknown",
            Self::NonceConflict => "nonce_conflict",
            Self::Admitted => "admitted",
            Self::WouldAdmit => "would_admit",
        }
    }

    /// Whether the holder goes in (or out, at an exit).
    #[must_use]
    pub fn admits(self) -> bool {
        self == Self::Admitted
    }

    /// Whether a supervisor may admit the holder all the same. Never where nothing proves the ticket, or where it is void
    /// or replaced: its holder has another one, or the money.
    #[must_use]
    pub fn yields_to_override(self) -> bool {
        (Self::OtherEvent..=Self::Full).contains(&self)
    }

    /// Whether the scan has shown which ticket it is about. Without that its id is only what the code claims: a movement
    /// must not be counted for the ticket of that id.
    #[must_use]
    pub fn proves_ticket(self) -> bool {
        !matches!(
            self,
            Self::Malformed | Self::UnknownKey | Self::RevokedKey | Self::BadSignature | Self::Unknown
        )
    }
}

/// What is the matter and what to do, without the scan's own times and names; [`Judgement::message`] has them.
///
/// [`Judgement::message`]: crate::Judgement::message
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "not a ticket's code: scan the QR code on the ticket",
            Self::UnknownKey => "not a ticket known here: update the scanner and scan again",
            Self::RevokedKey => "not accepted, its key was revoked: send the guest to the desk",
            Self::BadSignature => "forged or damaged code: do not admit, call a supervisor",
            Self::Voided => "this ticket was cancelled: send the guest to the desk",
            Self::Superseded => "replaced by a newer ticket: ask for that one",
            Self::OtherEvent => "a ticket for another event: look at its event and date",
            Self::Expired => "this ticket has expired: send the guest to the desk",
            Self::WrongCategory => "this category is not admitted here: send the guest to their own area",
            Self::WrongGate => "wrong gate: send the guest to their own gate",
            Self::TooEarly => "too early: admission has not begun",
            Self::TooLate => "too late: admission has ended",
            Self::AlreadyAdmitted => "already admitted: this ticket is in use",
            Self::Full => "full: wait for a supervisor",
            Self::Unknown => "no ticket has this number: check it and type it again",
            Self::NonceConflict => "this scan was mixed up with another one: scan again",
            Self::Admitted => "admitted",
            Self::WouldAdmit => "would be admitted",
        })
    }
}

/// A word that is no verdict's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the word of a verdict, like admitted or already_admitted")]
pub struct UnknownVerdict;

impl FromStr for Verdict {
    type Err = UnknownVerdict;

    fn from_str(word: &str) -> Result<Self, UnknownVerdict> {
        Self::ALL.into_iter().find(|verdict| verdict.word() == word).ok_or(UnknownVerdict)
    }
}
