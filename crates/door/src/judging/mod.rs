//! Judges a scan: whether its ticket is admitted, what is recorded of it, and whether a scanner has decided otherwise.

mod clock;
mod history;
mod message;
mod presented;
mod repeat;
mod restrictions;
mod verdict;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::rules::Rules;
use message::{Detail, Message};

pub use clock::{MAX_CLOCK_OFFSET, MAX_ONLINE_DELAY, MAX_SCAN_AGE, TimeError, corrected_time, day_of};
pub use history::{Direction, FirstEntry, History, Movement};
pub use presented::{Numbered, Presented};
pub use repeat::{REPEAT_WITHIN, Sighting};
pub use verdict::{UnknownVerdict, Verdict};

/// A scan, apart from the ticket that was presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scan<'a> {
    /// What it is for.
    pub direction: Direction,
    /// When it was made, by [`corrected_time`].
    pub at: Timestamp,
    /// The gate. A scan without one is judged without gates and areas.
    pub gate: Option<&'a str>,
    /// The name of the ticket's category. One that the rules do not name is not restricted.
    pub category: Option<&'a str>,
    /// Whether a supervisor admits the holder whatever the rules say.
    pub overridden: bool,
    /// Who decides about it.
    pub origin: Origin,
}

/// Who decides about a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Whoever judges it now.
    Online,
    /// A device has decided without a network, and the guest has long gone in or away.
    Offline {
        /// What the device has shown.
        shown: Verdict,
        /// Whether the device had been revoked, or had expired, when it made the scan.
        device_revoked: bool,
    },
}

/// How many were admitted so far, by what is recorded. What has no limit need not be counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Entries of the day of the scan ([`day_of`]).
    pub day: u64,
    /// Entries by the gate of the scan.
    pub gate: u64,
    /// Entries less exits by all gates of the area, and 0 if there are more exits.
    pub area: u64,
}

/// Why a scan that is recorded needs attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// A device admitted somebody whom this verdict refuses.
    Refused(Verdict),
    /// The device made the scan after it was revoked or had expired.
    DeviceRevoked,
}

impl Conflict {
    /// The reason's word for programs: the verdict's, or `device_revoked`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Refused(verdict) => verdict.word(),
            Self::DeviceRevoked => "device_revoked",
        }
    }
}

/// The judgement of a scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// Whether the holder is admitted, or why not.
    pub verdict: Verdict,
    /// What would have been the verdict without the override that admitted the holder.
    pub lifted: Option<Verdict>,
    /// Whether the scan counts as an entry or an exit. Every scan but a check is kept.
    pub recorded: bool,
    /// Why somebody should look at it.
    pub conflict: Option<Conflict>,
    at: Timestamp,
    detail: Detail,
}

impl Judgement {
    /// What a steward reads, with its times in the event's zone.
    #[must_use]
    pub fn message(&self, zone: &TimeZone) -> String {
        Message { verdict: self.verdict, detail: &self.detail, at: self.at, zone }.to_string()
    }
}

/// Judges a scan by what was presented, the rules, and what is on record.
///
/// The checks are made in the order of [`Verdict`], and the first that applies is the verdict; an override lifts those
/// that yield to one. A check has the verdict of an entry, with `would_admit` for `admitted`. An exit asks only whether
/// it is a ticket of this event: its holder stands inside, and void, replaced, expired or not, has to be counted out.
#[must_use]
pub fn judge(
    rules: &Rules,
    scan: &Scan<'_>,
    presented: &Presented,
    history: &History,
    counts: &Counts,
) -> Judgement {
    let is_exit = scan.direction == Direction::Exit;
    let refusal = if is_exit {
        presented.exit_refusal().map(|verdict| (verdict, Detail::None))
    } else {
        let refusal = presented.refusal().map(|verdict| (verdict, Detail::None));
        refusal.or_else(|| restrictions::refusal(rules, scan, history, counts))
    };
    let admitted = if scan.direction == Direction::Check { Verdict::WouldAdmit } else { Verdict::Admitted };
    let (verdict, lifted, detail) = match refusal {
        Some((verdict, detail)) if scan.overridden && verdict.yields_to_override() => {
            (admitted, Some(verdict), Detail::Override(verdict, Box::new(detail)))
        }
        Some((verdict, detail)) => (verdict, None, detail),
        None if is_exit => (admitted, None, Detail::Exit(presented.refusal())),
        None if history.entries > 0 => (admitted, None, Detail::Again(history.entries.saturating_add(1))),
        None => (admitted, None, Detail::None),
    };
    let (recorded, conflict) = recording(scan, verdict);
    Judgement { verdict, lifted, recorded, conflict, at: scan.at, detail }
}

/// Whether a scan counts, and why it is a conflict. Whom a device has admitted offline is in, whatever the server says.
fn recording(scan: &Scan<'_>, verdict: Verdict) -> (bool, Option<Conflict>) {
    if scan.direction == Direction::Check {
        return (false, None);
    }
    let Origin::Offline { shown, device_revoked } = scan.origin else { return (verdict.admits(), None) };
    let recorded = shown.admits();
    let conflict = if recorded && !verdict.admits() {
        Some(Conflict::Refused(verdict))
    } else {
        device_revoked.then_some(Conflict::DeviceRevoked)
    };
    (recorded, conflict)
}
