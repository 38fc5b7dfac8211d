//! The ledger of scans of a test: what its gates have sent, and every answer that they got.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

/// A scan that a gate has sent, once or several times, always with the same nonce.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// The gate's own id of the scan.
    pub nonce: String,
    /// The id of the ticket that was scanned.
    pub ticket: String,
    /// `entry` or `exit`.
    pub direction: &'static str,
    /// What a gate without a network has shown; `None` for a scan that the service decides.
    pub shown: Option<&'static str>,
    /// Before which moment of the ledger it was not sent.
    pub sent: u64,
    /// The results that were received, one for each time that its answer was not lost.
    pub answers: Vec<Value>,
}

/// Every scan and every void of a test. Its moments are counted, not read from a clock, which a test may change.
#[derive(Debug, Default)]
pub struct Scans(Mutex<Book>);

#[derive(Debug, Default)]
struct Book {
    moment: u64,
    scans: BTreeMap<String, Scan>,
    voids: BTreeMap<String, u64>,
}

impl Book {
    fn next(&mut self) -> u64 {
        self.moment += 1;
        self.moment
    }
}

impl Scans {
    /// Notes a scan before it is sent for the first time.
    pub fn sent(&self, nonce: &str, ticket: &str, direction: &'static str, shown: Option<&'static str>) {
        let mut book = self.book();
        let sent = book.next();
        let (nonce, ticket) = (nonce.to_owned(), ticket.to_owned());
        let scan = Scan { nonce: nonce.clone(), ticket, direction, shown, sent, answers: Vec::new() };
        book.scans.insert(nonce, scan);
    }

    /// Notes the result of a scan.
    pub fn answered(&self, nonce: &str, result: Value) {
        if let Some(scan) = self.book().scans.get_mut(nonce) {
            scan.answers.push(result);
        }
    }

    /// Notes that the void of a ticket was acknowledged.
    pub fn voided(&self, ticket: &str) {
        let mut book = self.book();
        let moment = book.next();
        book.voids.entry(ticket.to_owned()).or_insert(moment);
    }

    /// All scans.
    #[must_use]
    pub fn scans(&self) -> Vec<Scan> {
        self.book().scans.values().cloned().collect()
    }

    /// The moments by which the voids of tickets were acknowledged, by the tickets' ids.
    #[must_use]
    pub fn voids(&self) -> BTreeMap<String, u64> {
        self.book().voids.clone()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
