//! Checks voids: every void has a cause, and every recorded refund, cancellation and operator's decision takes effect.

use std::collections::BTreeSet;

use serde_json::Value;

use super::money::standing;
use super::{World, list};

/// The last decision about a ticket, apart from refunds and cancellations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// An operator voided it.
    Void,
    /// It is valid despite the payments, refunds and cancellations with these keys, which were already recorded. It was
    /// reinstated, or made after its order was.
    Good(BTreeSet<String>),
}

/// Whether a withdrawal takes a ticket back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    Surely,
    /// It depends on its amount, on the other withdrawals, or on which tickets of the line are the last.
    Perhaps,
    Never,
}

impl World {
    /// A ticket is void if, and only if, a refund or cancellation that was not dismissed for it takes it back, or an
    /// operator did.
    pub(super) fn every_void_has_its_cause(&self, found: &mut Vec<String>) {
        for record in self.orders.values() {
            for ticket in list(record, "tickets") {
                let id = ticket["id"].as_str().unwrap_or_default();
                let is_void = !ticket["voidedAt"].is_null();
                let dismissed = match self.words.get(id) {
                    Some(Word::Void) if is_void => continue,
                    Some(Word::Void) => {
                        found.push(format!("ticket {id}: an operator voided it, and it lives"));
                        continue;
                    }
                    Some(Word::Good(known)) => Some(known),
                    None => None,
                };
                let counts = |w: &&Value| {
                    let key = w["key"].as_str().unwrap_or_default();
                    w["state"] == "applied" && dismissed.is_none_or(|known| !known.contains(key))
                };
                let against = || {
                    list(record, "withdrawals")
                        .filter(counts)
                        .map(|w| (w, takes(w, ticket, record, dismissed)))
                };
                let is_cause = |w: &Value| ticket["voidReason"] == cause(w).as_str();
                if is_void && !against().any(|(w, takes)| takes != Takes::Never && is_cause(w)) {
                    found.push(format!(
                        "ticket {id}: void without a cause that counts: {}",
                        ticket["voidReason"]
                    ));
                }
                if !is_void && let Some((w, _)) = against().find(|(_, takes)| *takes == Takes::Surely) {
                    found.push(format!("ticket {id}: {} takes it back, and it lives", w["key"]));
                }
            }
        }
    }

    /// Refunds of a number of tickets of a line void that number of its tickets: never more, and not fewer unless one
    /// was reinstated.
    pub(super) fn refunds_void_as_many_as_they_say(&self, found: &mut Vec<String>) {
        for (order, record) in &self.orders {
            let by_number =
                || list(record, "withdrawals").filter(|w| w["state"] == "applied").flat_map(quantities);
            let items: BTreeSet<&str> = by_number().map(|(_, item, _)| item).collect();
            for item in items {
                let line: Vec<&Value> = list(record, "tickets").filter(|t| t["itemId"] == item).collect();
                let is_void = |ticket: &&&Value| !ticket["voidedAt"].is_null();
                let asked = |why: Option<&str>| -> usize {
                    let of_it = by_number().filter(|(_, i, _)| *i == item);
                    of_it.filter(|(w, ..)| why.is_none_or(|why| cause(w) == why)).map(|(.., n)| n).sum()
                };
                for (refund, ..) in by_number() {
                    let why = cause(refund);
                    let voided =
                        line.iter().filter(is_void).filter(|t| t["voidReason"] == why.as_str()).count();
                    if voided > asked(Some(&why)) {
                        found.push(format!("order {order}: {voided} tickets of {item} are void: {why}"));
                    }
                }
                let good_again = |ticket: &&Value| {
                    ticket["id"].as_str().is_some_and(|id| matches!(self.words.get(id), Some(Word::Good(_))))
                };
                let (voided, asked) = (line.iter().filter(is_void).count(), asked(None).min(line.len()));
                if voided < asked && !line.iter().any(good_again) {
                    found.push(format!(
                        "order {order}: {asked} tickets of {item} are refunded, {voided} void"
                    ));
                }
            }
        }
    }
}

/// `known` has the keys that were recorded when the ticket was reinstated.
fn takes(withdrawal: &Value, ticket: &Value, order: &Value, known: Option<&BTreeSet<String>>) -> Takes {
    if withdrawal["kind"] == "cancellation" {
        return Takes::Surely;
    }
    let names = &withdrawal["names"];
    let of = |name: &'static str| list(names, name);
    if ["itemIds", "ticketIds", "items"].into_iter().all(|name| of(name).next().is_none()) {
        return match standing(order).count() {
            1 => Takes::Surely,
            _ if known.is_some_and(|known| !all_go_back(order, known)) => Takes::Never,
            _ => Takes::Perhaps,
        };
    }
    let item = &ticket["itemId"];
    let alone = list(order, "tickets").filter(|t| t["itemId"] == *item).count() == 1;
    if of("ticketIds").any(|id| *id == ticket["id"]) || (alone && of("itemIds").any(|id| id == item)) {
        Takes::Surely
    } else if of("itemIds").any(|id| id == item) || quantities(withdrawal).any(|(_, id, _)| item == id) {
        Takes::Perhaps
    } else {
        Takes::Never
    }
}

/// Whether every payment in `known` has a refund that is not in it.
fn all_go_back(order: &Value, known: &BTreeSet<String>) -> bool {
    let is_known = |value: &Value| value["key"].as_str().is_some_and(|key| known.contains(key));
    let is_refunded = |payment: &Value| {
        let of_it = |w: &Value| w["state"] == "applied" && w["boundTo"] == payment["key"] && !is_known(w);
        list(order, "withdrawals").any(of_it)
    };
    standing(order).filter(|payment| is_known(payment)).all(is_refunded)
}

/// A refund's entries by number of tickets of an item.
fn quantities(refund: &Value) -> impl Iterator<Item = (&Value, &str, usize)> {
    list(&refund["names"], "items").filter_map(move |item| {
        let quantity = usize::try_from(item["quantity"].as_u64()?).ok()?;
        Some((refund, item["itemId"].as_str()?, quantity))
    })
}

/// The void reason that it causes.
fn cause(withdrawal: &Value) -> String {
    let what = if withdrawal["kind"] == "cancellation" { "cancelled" } else { "refunded" };
    match withdrawal["reason"].as_str() {
        Some(reason) => format!("{what}: {reason}"),
        None => what.to_owned(),
    }
}
