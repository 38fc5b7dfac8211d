//! What a steward reads: what is the matter with this scan, and what to do.

use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::history::FirstEntry;
use super::verdict::Verdict;

/// How many names a message lists before it counts the others.
const MAX_LISTED: usize = 3;

/// A limit that is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    Day,
    Gate(String),
    Area(String),
}

/// What a message says beyond the verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    None,
    /// The area of the gate, and the areas of the category.
    Areas {
        category: String,
        gate: String,
        area: Option<String>,
        areas: Vec<String>,
    },
    Gates {
        category: String,
        gates: Vec<String>,
    },
    Opens(Timestamp),
    Closed(Timestamp),
    First(FirstEntry),
    Inside(Timestamp),
    Reached(Limit, u32),
    /// The number of this entry.
    Again(u32),
    /// An exit, and why the ticket does not come in again.
    Exit(Option<Verdict>),
    /// Admitted all the same.
    Override(Verdict, Box<Detail>),
}

/// A message with its times in the zone of the event. The day is named if it is not that of the scan.
pub(super) struct Message<'a> {
    pub(super) verdict: Verdict,
    pub(super) detail: &'a Detail,
    pub(super) at: Timestamp,
    pub(super) zone: &'a TimeZone,
}

impl Message<'_> {
    fn time(&self, time: Timestamp) -> impl fmt::Display {
        let local = self.zone.to_datetime(time);
        let same_day = local.date() == self.zone.to_datetime(self.at).date();
        local.strftime(if same_day { "%H:%M" } else { "%H:%M on %-d %B" }).to_string()
    }
}

impl fmt::Display for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.detail {
            Detail::None => self.verdict.fmt(f),
            Detail::Areas { category, gate, area: None, areas } => {
                write!(f, "{category} is for area {}; gate {gate} leads to no area", list(areas))
            }
            Detail::Areas { category, area: Some(area), areas, .. } => {
                write!(f, "{category} is not for area {area}: send the guest to area {}", list(areas))
            }
            Detail::Gates { category, gates } => {
                write!(f, "wrong gate for {category}: send the guest to gate {}", list(gates))
            }
            Detail::Opens(time) => write!(f, "too early: admission begins at {}", self.time(*time)),
            Detail::Closed(time) => write!(f, "too late: admission ended at {}", self.time(*time)),
            Detail::First(first) => {
                write!(f, "already admitted at {}", self.time(first.at))?;
                match (&first.gate, &first.device) {
                    (Some(gate), _) => write!(f, " by gate {gate}"),
                    (None, Some(device)) => write!(f, " by device {device}"),
                    (None, None) => Ok(()),
                }
            }
            Detail::Inside(since) => {
                write!(f, "inside since {}: no exit was scanned since then", self.time(*since))
            }
            Detail::Reached(Limit::Day, limit) => write!(f, "full: {limit} were admitted today"),
            Detail::Reached(Limit::Gate(gate), limit) => {
                write!(f, "full: gate {gate} has admitted {limit}, send the guest to another gate")
            }
            Detail::Reached(Limit::Area(area), limit) => {
                write!(f, "full: {limit} are in area {area}, wait until somebody leaves")
            }
            Detail::Again(entry) => write!(f, "{}, entry {entry} of this ticket", self.verdict),
            Detail::Exit(None) => f.write_str("exit noted"),
            Detail::Exit(Some(why)) => write!(f, "exit noted, does not come in again: {why}"),
            Detail::Override(verdict, detail) => {
                let lifted = Message { verdict: *verdict, detail, ..*self };
                write!(f, "{} by override: {lifted}", self.verdict)
            }
        }
    }
}

fn list(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        // "1 others" is longer than the name.
        [most @ .., last] if most.len() <= MAX_LISTED => format!("{} or {last}", most.join(", ")),
        [..] => format!("{} or {} others", names[..MAX_LISTED].join(", "), names.len() - MAX_LISTED),
    }
}
