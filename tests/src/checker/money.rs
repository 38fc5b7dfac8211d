//! Checks payments: each is recorded once, and overpayments are listed.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use uuid::Uuid;

use super::orders::is_flagged;
use super::{World, list, live};

/// The reasons for listing an order whose payments do not match its lines.
const UNFIT: [&str; 5] =
    ["overpaid", "payment_unclear", "cannot_tell_new", "new_lines_unpaid", "not_asked_again"];

impl World {
    /// Every payment that was made is recorded, and no other; one that arrived under two keys counts once.
    pub(super) fn payments_are_what_was_paid(&self, found: &mut Vec<String>) {
        let mut made: BTreeMap<Uuid, BTreeSet<&str>> = BTreeMap::new();
        for paid in &self.paid {
            made.entry(paid.order).or_default().insert(&paid.key);
        }
        for (order, record) in &self.orders {
            let made = made.remove(order).unwrap_or_default();
            let recorded: BTreeSet<&str> = standing(record).filter_map(|p| p["key"].as_str()).collect();
            for key in made.difference(&recorded) {
                found.push(format!("order {order}: its payment {key} is not recorded"));
            }
            for key in recorded.difference(&made) {
                found.push(format!("order {order}: the payment {key} was never made"));
            }
            let other = |w: &Value| w["note"].as_str().is_some_and(|n| n.contains("another payment"));
            if recorded.len() < 2 && list(record, "withdrawals").any(other) {
                found.push(format!("order {order}: another payment stands, and it has only one"));
            }
        }
    }

    /// An issued order is listed if more was paid than its tickets cost, and not listed as overpaid if the valid ones
    /// cost as much. Orders with refunded money are left to the checks of refunds.
    pub(super) fn too_much_money_is_listed(&self, found: &mut Vec<String>) {
        let untouched = |r: &Value| r["state"] == "issued" && list(r, "withdrawals").next().is_none();
        for (order, record) in self.orders.iter().filter(|(_, record)| untouched(record)) {
            let paid: Option<u64> = standing(record).map(|payment| cents(&payment["amount"])).sum();
            let cost: Option<u64> = list(record, "tickets").map(|ticket| cents(&ticket["price"])).sum();
            let good: Option<u64> = live(record).map(|ticket| cents(&ticket["price"])).sum();
            let (Some(paid), Some(cost), Some(good)) = (paid, cost, good) else { continue };
            let listed = |among: &[&str]| {
                list(record, "attention").any(|a| a["reason"].as_str().is_some_and(|r| among.contains(&r)))
            };
            if paid > cost && !listed(&UNFIT) {
                found.push(format!("order {order}: paid {paid} cents for {cost}, and it is not listed"));
            }
            if paid <= good && listed(&["overpaid"]) {
                found.push(format!("order {order}: listed as overpaid by {paid} cents for {good}"));
            }
            let mismatch = |ticket: &Value| is_flagged(ticket, "amount_mismatch");
            if paid == cost && !listed(&UNFIT) && list(record, "tickets").any(mismatch) {
                found.push(format!("order {order}: flagged amount_mismatch, and paid to the cent"));
            }
        }
    }
}

/// An order's payments, except those that are another one under a second key.
pub(super) fn standing(order: &Value) -> impl Iterator<Item = &Value> {
    list(order, "payments").filter(|payment| payment["foldedInto"].is_null())
}

/// An amount of at most two decimals.
fn cents(amount: &Value) -> Option<u64> {
    let text = amount.to_string();
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    format!("{whole}{part:0<2}").parse().ok()
}
