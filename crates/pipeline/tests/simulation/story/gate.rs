//! The door of the story's event: gates that scan tickets, and send each scan again, with its nonce, to whichever process
//! answers until it is answered; and the checks of what was admitted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fulfillment_credential::open;
use fulfillment_domain::{Clock, OrderId};
use fulfillment_door::{Direction, Verdict, corrected_time};
use fulfillment_pipeline::keyring::Keys;
use fulfillment_store::{Actor, CheckInOutcome, CheckIns as _, NewCheckIn, Offline, Records as _, Scanned};
use fulfillment_tests::checker::{CheckIn, Doors};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::errand::{Ends, Errand, TRIES};
use super::plot::Plot;
use crate::world::{World, lock};

/// Whose name ends in the nonce of its scan, which the record of a check-in does not repeat.
const GATE: &str = "gate of ";

/// One holder at one gate.
#[derive(Debug, Clone)]
pub(super) struct Visit {
    order: OrderId,
    /// Which of the order's tickets is shown.
    nth: usize,
    after: Duration,
    gate: u32,
    direction: Direction,
    /// Whether the gate has no network at that moment, and admits everybody.
    offline: bool,
    nonce: String,
}

/// A scan, and the event at whose door it was made.
struct Made {
    event: String,
    scan: NewCheckIn,
}

impl Visit {
    pub(super) fn draw(world: &World, order: OrderId, n: u32) -> Self {
        Self {
            order,
            nth: world.draw(0, 4) as usize,
            after: Duration::from_millis(world.draw(10_000, 170_000).into()),
            gate: world.draw(1, 5),
            direction: if world.chance(100) { Direction::Exit } else { Direction::Entry },
            offline: world.chance(150),
            nonce: format!("{order}/{n}"),
        }
    }

    /// Scans the ticket once there is one, until the scan is answered.
    pub(super) async fn scan(self, world: Arc<World>, keys: Arc<Keys>, ends: Ends) {
        world.sleep(self.after).await;
        let mut made = None;
        for _ in 0..TRIES {
            world.sleep(Duration::from_millis(world.draw(1, 5_000).into())).await;
            made = made.or_else(|| self.make(&world, &keys));
            let Some(Made { event, scan }) = &mut made else { continue };
            if !self.offline {
                scan.scanned_at = Clock::now(world.time.as_ref());
            }
            let Some(end) = lock(&ends).values().nth(world.draw(0, 3) as usize).cloned() else { continue };
            let answer = tokio::select! {
                biased;
                answer = end.doors.check_in(event, vec![scan.clone()]) => answer,
                () = world.sleep(Duration::from_secs(30)) => continue,
            };
            match answer {
                Ok(checked_in) => {
                    let result = answered(&checked_in.outcomes[0]);
                    world.note(format_args!("{}: {result}", self.nonce));
                    return world.scans.answered(&self.nonce, result);
                }
                Err(error) => world.note(format_args!("{}: {error}", self.nonce)),
            }
        }
    }

    /// Scans the code that the ticket has now: its holder shows no other one later.
    fn make(&self, world: &World, keys: &Keys) -> Option<Made> {
        let record = world.at_once(world.store.order(self.order)).ok()??;
        let ticket = record.tickets.get(self.nth % record.tickets.len().max(1))?;
        let (event, code) = (ticket.event.id.clone(), &ticket.code.data);
        let direction = if self.direction == Direction::Exit { "exit" } else { "entry" };
        let shown = self.offline.then_some("admitted");
        world.scans.sent(&self.nonce, &ticket.id.to_string(), direction, shown);
        world.note(format_args!("{} shows {}", self.nonce, ticket.id));
        let now = Clock::now(world.time.as_ref());
        let scan = NewCheckIn {
            scanned: open(code, keys.current().public(), None).map_or_else(Scanned::Refused, Scanned::Code),
            direction: self.direction,
            scanned_at: corrected_time(Some(now), 0, now, self.offline).ok()?,
            gate: Some(format!("gate {}", self.gate)),
            device: Some(format!("device {}", self.gate)),
            offline: self.offline.then_some(Offline { shown: Verdict::Admitted, device_revoked: false }),
            override_reason: None,
            feed_version: None,
            clock_offset_ms: 0,
            by: Actor::http(format!("{GATE}{}", self.nonce)),
            nonce: Some(self.nonce.clone()),
            request: Sha256::digest(format!("{code} {} {direction}", self.gate)).into(),
        };
        Some(Made { event, scan })
    }
}

/// The answer to a scan, as the service gives it.
fn answered(outcome: &CheckInOutcome) -> Value {
    let (CheckInOutcome::New(check_in) | CheckInOutcome::Known(check_in)) = outcome else {
        return json!({ "verdict": "nonce_conflict" });
    };
    let mut answer = serde_json::to_value(check_in).unwrap();
    answer["repeat"] = check_in.result.repeat_of.is_some().into();
    answer
}

impl Plot {
    /// The promises at the doors, by the checker of the black-box tests.
    pub(super) fn judge_doors(&self, world: &World) {
        let mut doors = Doors { scans: world.scans.scans(), voids: self.voids(world), ..Doors::default() };
        if let Some(event) = self.event(world) {
            let all = world.at_once(world.store.check_ins_after(&event, 0, 10_000)).unwrap().unwrap();
            doors.check_ins.extend(all.into_iter().map(|check_in| CheckIn {
                event: 1,
                nonce: check_in.by.rsplit(GATE).next().unwrap_or_default().to_owned(),
                content: serde_json::to_value(check_in).unwrap(),
            }));
            let status = world.at_once(world.store.door_status(&event)).unwrap().unwrap();
            doors.counted +=
                status.counts.iter().map(|count| i64::try_from(count.entries).unwrap()).sum::<i64>();
        }
        let mut published: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for (id, kind, sequence) in lock(&world.told_by_doors).iter() {
            world.note(format_args!("{kind} {id} {sequence}"));
            published.entry(kind.clone()).or_default().push(*sequence);
        }
        doors.published = Some(published);
        for violation in doors.violations() {
            world.violated(violation);
        }
    }

    /// The only event; none if no ticket was shown.
    fn event(&self, world: &World) -> Option<String> {
        let records = self
            .deals
            .iter()
            .filter_map(|deal| world.at_once(world.store.order(OrderId(deal.sale.order))).unwrap());
        records.flat_map(|record| record.tickets).map(|ticket| ticket.event.id).next()
    }

    /// By which moment of the ledger the void of a ticket was acknowledged. That of one that may have been void or
    /// replaced at another moment counts as later than every scan: it may be in, and need not.
    fn voids(&self, world: &World) -> BTreeMap<String, u64> {
        let mut voids = world.scans.voids();
        for deal in &self.deals {
            let order = OrderId(deal.sale.order);
            let has = |kind: fn(&Errand) -> bool| self.errands.iter().any(|(of, e)| *of == order && kind(e));
            let returns = has(|errand| matches!(errand, Errand::Reinstate { .. }));
            // An order that is erased before it is issued is void.
            let may_go =
                has(|errand| matches!(errand, Errand::Void { .. } | Errand::Reissue | Errand::Erase));
            if !returns && !may_go && !deal.withdrawn {
                continue;
            }
            let Some(record) = world.at_once(world.store.order(order)).unwrap() else { continue };
            for ticket in record.tickets.iter().map(|ticket| ticket.id.to_string()) {
                if returns {
                    voids.insert(ticket, u64::MAX);
                } else {
                    voids.entry(ticket).or_insert(u64::MAX);
                }
            }
        }
        voids
    }
}
