//! Checks that orders have their tickets, each once.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use super::{World, has_file, list, live};

impl World {
    /// Every order has exactly its tickets, or a state that an operator can act on, with a reason.
    pub(super) fn every_payment_has_its_tickets(&self, found: &mut Vec<String>) {
        for paid in &self.paid {
            let order = paid.order;
            let Some(record) = self.orders.get(&order) else {
                found.push(format!("order {order}: paid, and not recorded"));
                continue;
            };
            let tickets = list(record, "tickets").count();
            let told = record["reason"].as_str().is_some_and(|reason| !reason.is_empty());
            match record["state"].as_str() {
                Some("issued") if tickets == paid.seats => {
                    let undone = live(record).filter(|t| !has_file(t)).count();
                    if undone != 0 {
                        found.push(format!("order {order}: issued, and {undone} of its tickets are not"));
                    }
                }
                Some("issued") => {
                    found.push(format!("order {order}: {tickets} tickets for {} seats", paid.seats));
                }
                Some("parked" | "voided") if told => {}
                state => found.push(format!("order {order}: {state:?} without a reason")),
            }
        }
    }

    pub(super) fn nothing_comes_from_nowhere(&self, found: &mut Vec<String>) {
        let paid: BTreeSet<String> = self.paid.iter().map(|paid| paid.order.to_string()).collect();
        found.extend(
            self.ticketed.difference(&paid).map(|order| format!("order {order}: tickets without a payment")),
        );
    }

    /// Ids, numbers and codes are unique, and so is the position in its order that each ticket is for; of several live
    /// tickets for one seat, all except one are marked as such.
    pub(super) fn nothing_is_twice(&self, found: &mut Vec<String>) {
        for key in ["id", "ticketNumber", "qrCodeData"] {
            let mut seen = BTreeSet::new();
            for ticket in self.tickets() {
                if !seen.insert(ticket[key].to_string()) {
                    found.push(format!("{key} {} is there twice", ticket[key]));
                }
            }
        }
        for (order, record) in &self.orders {
            let (mut lines, mut indexes) = (BTreeSet::new(), BTreeSet::new());
            for ticket in list(record, "tickets") {
                if !lines.insert(format!("{}/{}", ticket["line"], ticket["unit"])) {
                    found.push(format!("order {order}: the line {} has a ticket twice", ticket["line"]));
                }
                indexes.extend(ticket["ticketIndex"].as_u64());
            }
            if !indexes.iter().copied().eq(1..=lines.len() as u64) {
                found.push(format!("order {order}: its tickets are counted {indexes:?}"));
            }
        }
        let mut seats: HashMap<String, i64> = HashMap::new();
        for ticket in self.tickets().filter(|t| t["voidedAt"].is_null() && !t["seatNumber"].is_null()) {
            let flagged = is_flagged(ticket, "seat_conflict");
            let seat = format!("{} {}", ticket["eventId"], ticket["seat"]);
            *seats.entry(seat).or_default() += i64::from(!flagged);
        }
        found.extend(
            seats
                .into_iter()
                .filter(|(_, n)| *n > 1)
                .map(|(seat, n)| format!("{seat}: sold {n} times, unflagged")),
        );
    }
}

pub(super) fn is_flagged(ticket: &Value, flag: &str) -> bool {
    list(ticket, "flags").any(|f| f == flag)
}
