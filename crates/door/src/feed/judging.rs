//! Judges scans by a held feed, as the server would if it knew no more.

use fulfillment_credential::Cti;
use jiff::Timestamp;

use super::HeldFeed;
use super::document::Direction as Way;
use crate::judging::{Counts, Direction, History, Judgement, Movement, Origin, Presented, Scan, judge};
use crate::rules::{Rules, StaleFeed};

/// A scan of a code at a door, to be judged by what is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DoorScan<'a> {
    /// The text of the code.
    pub code: &'a str,
    /// What the scan is for.
    pub direction: Direction,
    /// When it is made, by the device's clock.
    pub at: Timestamp,
    /// The gate.
    pub gate: Option<&'a str>,
    /// Whether a supervisor admits the holder whatever the rules say.
    pub overridden: bool,
}

/// The judgement of a scan by a held feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoorJudgement {
    /// The verdict, and what a steward reads.
    pub judgement: Judgement,
    /// The credential of the code, if its signature was verified.
    pub cti: Option<Cti>,
    /// The name of its category, if the feed has it.
    pub category: Option<String>,
    /// The feed is past its `fresh until`: later voids are not in it.
    pub feed_stale: bool,
    /// This reader does not understand the event's rules, and has judged as if there were none: each ticket once.
    pub rules_unknown: bool,
}

/// The feed is stale, and the event's rule `staleFeed` is `stop`: nothing is judged until there is a newer one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the feed is stale, and this event judges by none that is: connect the scanner")]
pub struct StaleFeedStops {
    /// Since when, in Unix seconds.
    pub since: i64,
}

impl HeldFeed {
    /// Judges a scan by what is held: the code, the event's rules, and who is known to be inside.
    ///
    /// `own` are this device's own entries and exits with the code, which the feed may not have yet. Limits ask `counts`:
    /// what the device knows of them. Whom the feed knows to be in is `already_admitted` under the event's rule of
    /// re-entry, and whom the feed does not know is judged as if never seen: the server finds out, and says so.
    pub fn judge(
        &self,
        scan: &DoorScan<'_>,
        own: &[Movement],
        counts: &Counts,
    ) -> Result<DoorJudgement, StaleFeedStops> {
        let unknown = Rules::default();
        let rules = self.rules().unwrap_or(&unknown);
        let feed_stale = self.is_stale(scan.at.as_second());
        if feed_stale && rules.stale_feed == StaleFeed::Stop {
            return Err(StaleFeedStops { since: self.fresh_until() });
        }
        let verdict = self.verify(scan.code, scan.at.as_second());
        let presented = Presented::code(&verdict, self.origin().event);
        let claims = verdict.credential().map(|credential| credential.claims);
        let category = claims.and_then(|claims| self.category(claims.category));
        let seen = claims.and_then(|claims| self.parts().last_seen(&claims.cti));
        let question = Scan {
            direction: scan.direction,
            at: scan.at,
            gate: scan.gate,
            category: category.as_deref(),
            overridden: scan.overridden,
            origin: Origin::Online,
        };
        let judgement = judge(rules, &question, &presented, &history(own, seen, scan.at), counts);
        let rules_unknown = self.rules().is_none();
        let cti = claims.map(|claims| claims.cti);
        Ok(DoorJudgement { judgement, cti, category, feed_stale, rules_unknown })
    }

    fn category(&self, number: u16) -> Option<String> {
        let categories = &self.head().categories;
        let at = categories.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        categories.get(at).map(|(_, name)| name.clone())
    }
}

/// What the device and the feed know of a ticket. The feed knows seconds, so the same second is the same movement.
fn history(own: &[Movement], seen: Option<(Way, i64)>, at: Timestamp) -> History {
    let of_feed = seen.and_then(|(way, second)| {
        let direction = if way == Way::Out { Direction::Exit } else { Direction::Entry };
        let known = |own: &&Movement| own.direction == direction && own.at.as_second() == second;
        if own.iter().any(|own| known(&own)) {
            return None;
        }
        let at = Timestamp::from_second(second).ok()?;
        Some(Movement { direction, at, receipt: 0, gate: None, device: None })
    });
    let mut history = History::fold(own.iter().cloned().chain(of_feed), Some(at));
    if seen.is_some() {
        // Who is known to have gone out was admitted before.
        history.entries = history.entries.max(1);
    }
    history
}
