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

/// The tickets that the scans of one transaction may be about.
#[derive(Debug, Default)]
pub(crate) struct Tickets {
    all: Vec<TicketFact>,
    /// Their places, by the ids of their codes, live and former.
    by_cti: HashMap<Cti, Vec<usize>>,
    by_number: HashMap<String, usize>,
}

impl Tickets {
    pub(crate) fn new(all: Vec<TicketFact>) -> Self {
        let (mut by_cti, mut by_number) = (HashMap::<_, Vec<_>>::new(), HashMap::new());
        for (place, ticket) in all.iter().enumerate() {
            by_cti.entry(ticket.cti).or_default().push(place);
            if let Some(former) = ticket.former.filter(|former| *former != ticket.cti) {
                by_cti.entry(former).or_default().push(place);
            }
            by_number.entry(ticket.number.clone()).or_insert(place);
        }
        Self { all, by_cti, by_number }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &TicketFact> {
        self.all.iter()
    }

    /// Those whose code has, or had, this id.
    pub(super) fn of_code(&self, cti: Cti) -> impl Iterator<Item = &TicketFact> {
        self.by_cti.get(&cti).into_iter().flatten().filter_map(|place| self.all.get(*place))
    }

    /// The one with this number.
    pub(super) fn of_number(&self, number: &str) -> Option<&TicketFact> {
        self.by_number.get(number).and_then(|place| self.all.get(*place))
    }
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
    pub(crate) tickets: Tickets,
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
