//! What is on record when scans are judged, and what they add to it.

use std::collections::{BTreeMap, HashMap};

use fulfillment_credential::{Claims, Cti};
use fulfillment_domain::{OrderId, TicketId};
use fulfillment_door::{Direction, day_of};
use jiff::tz::TimeZone;

use crate::{CheckIn, NewCheckIn};

/// A ticket as far as a door asks.
#[derive(Debug, Clone)]
pub(crate) struct TicketFact {
    pub(crate) id: TicketId,
    pub(crate) order_id: OrderId,
    pub(crate) number: String,
    pub(crate) category: Option<String>,
    pub(crate) voided: bool,
    pub(crate) erased: bool,
    /// The live code's key and claims, of codes of the service's own format.
    pub(crate) kid: String,
    pub(crate) claims: Option<Claims>,
    pub(crate) event: u32,
    pub(crate) cti: Cti,
    pub(crate) generation: u32,
    /// A former id by which it was found: that of a code from before it was reinstated.
    pub(crate) former: Option<Cti>,
}

/// Where people go in or out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// The day in the event's time zone.
    pub(crate) day: String,
    /// The gate; empty for none.
    pub(crate) gate: String,
    /// The area that it leads to; empty for none.
    pub(crate) area: String,
}

/// How many went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) entries: u64,
    pub(crate) exits: u64,
}

/// What is on record.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// The tickets that the scans may be about.
    pub(crate) tickets: Vec<TicketFact>,
    /// The names of categories that no ticket here has, by number.
    pub(crate) categories: HashMap<u16, String>,
    /// Check-ins by subject.
    pub(crate) past: HashMap<String, Vec<CheckIn>>,
    /// Check-ins by client and nonce, with the hash of their requests.
    pub(crate) nonces: HashMap<(String, String), ([u8; 32], CheckIn)>,
    /// Who went in and out before; read where a rule limits them.
    pub(crate) counts: BTreeMap<Place, Moved>,
    /// Who does in this transaction.
    pub(crate) added: BTreeMap<Place, Moved>,
}

impl Facts {
    /// The check-ins under these subjects.
    pub(crate) fn past<'a>(&'a self, subjects: &'a [String]) -> impl Iterator<Item = &'a CheckIn> {
        subjects.iter().filter_map(|subject| self.past.get(subject)).flatten()
    }

    /// Adds a check-in of this transaction. Whoever was not inside does not make room by an exit: `counts` is false.
    pub(super) fn note(
        &mut self,
        zone: &TimeZone,
        scan: &NewCheckIn,
        check_in: &CheckIn,
        subjects: &[String],
        counts: bool,
    ) {
        if let Some(subject) = subjects.first() {
            self.past.entry(subject.clone()).or_default().push(check_in.clone());
        }
        if let Some(nonce) = &scan.nonce {
            let key = (scan.by.to_string(), nonce.clone());
            self.nonces.insert(key, (scan.request, check_in.clone()));
        }
        if check_in.result.recorded && counts {
            let place = Place {
                day: day_of(check_in.scanned_at, zone).to_string(),
                gate: check_in.gate.clone().unwrap_or_default(),
                area: check_in.area.clone().unwrap_or_default(),
            };
            let moved = self.added.entry(place).or_default();
            match check_in.direction {
                Direction::Entry => moved.entries += 1,
                Direction::Exit => moved.exits += 1,
                Direction::Check => {}
            }
        }
    }
}
