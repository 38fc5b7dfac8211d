//! What a guest has presented, as far as it can be judged without the rules of the door.

use fulfillment_credential::Verdict as CodeVerdict;

use super::verdict::Verdict;

/// A ticket that was presented: what is wrong with it in itself, if anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presented {
    refusal: Option<Verdict>,
    /// Void, replaced and expired tickets leave by an exit, those of another event do not.
    other_event: bool,
}

/// What the record says of a ticket that was found by its number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Numbered {
    /// The ticket was voided.
    pub voided: bool,
    /// It belongs to another event than the door's.
    pub other_event: bool,
    /// Its code has expired.
    pub expired: bool,
}

impl Presented {
    /// A code for the door of `event`, verified at the time of the scan.
    #[must_use]
    pub fn code(verdict: &CodeVerdict, event: u32) -> Self {
        // Whatever event the code was verified for, the door's counts.
        let other_event = matches!(verdict, CodeVerdict::OtherEvent { .. })
            || verdict.credential().is_some_and(|credential| credential.claims.event != event);
        let refusal = match verdict {
            CodeVerdict::Malformed(_) => Some(Verdict::Malformed),
            CodeVerdict::UnknownKey(_) => Some(Verdict::UnknownKey),
            CodeVerdict::RevokedKey(_) => Some(Verdict::RevokedKey),
            CodeVerdict::BadSignature(_) => Some(Verdict::BadSignature),
            CodeVerdict::Voided(_) => Some(Verdict::Voided),
            CodeVerdict::Superseded { .. } => Some(Verdict::Superseded),
            _ if other_event => Some(Verdict::OtherEvent),
            CodeVerdict::Expired(_) => Some(Verdict::Expired),
            CodeVerdict::OtherEvent { .. } | CodeVerdict::Valid(_) => None,
        };
        Self { refusal, other_event }
    }

    /// A number that was typed, and the ticket that has it.
    #[must_use]
    pub fn number(found: Option<Numbered>) -> Self {
        let Some(Numbered { voided, other_event, expired }) = found else {
            return Self { refusal: Some(Verdict::Unknown), other_event: false };
        };
        let wrong =
            [(voided, Verdict::Voided), (other_event, Verdict::OtherEvent), (expired, Verdict::Expired)];
        let refusal = wrong.into_iter().find_map(|(applies, verdict)| applies.then_some(verdict));
        Self { refusal, other_event }
    }

    /// Why it does not go in, before any rule.
    #[must_use]
    pub fn refusal(&self) -> Option<Verdict> {
        self.refusal
    }

    /// Why it does not go out: it is not shown to be a ticket of this event.
    #[must_use]
    pub fn exit_refusal(&self) -> Option<Verdict> {
        match self.refusal {
            Some(refusal) if !refusal.proves_ticket() => Some(refusal),
            _ => self.other_event.then_some(Verdict::OtherEvent),
        }
    }
}
