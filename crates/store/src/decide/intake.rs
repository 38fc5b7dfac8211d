//! Decides the result of a batch of messages, without a database.
//!
//! The database collects [`Facts`] about the keys and orders that the batch names; [`Intake::decide`] determines what
//! to write and what to return. Refunds and cancellations are decided one by one afterwards: see
//! [`super::withdrawing`]; and so are changes of events: see [`super::event_changes`].

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use fulfillment_domain::{EventChange, Message, OrderId, Payment, Withdrawal};
use sha2::{Digest as _, Sha256};

use crate::decide::dead_letter::{DeadLetter, orders_in};
use crate::decide::facts::{Earlier, Facts, Known};
use crate::decide::folding::{Fold, Folding};
use crate::decide::ticket::index_key;
use crate::decide::withdrawing::Arrival;
use crate::{Incoming, IngestOutcome, PaymentOutcome};

/// A payment to be written.
#[derive(Debug)]
pub(crate) struct NewPayment<'a> {
    pub(crate) key: &'a str,
    pub(crate) message: &'a Incoming,
    pub(crate) payment: &'a Payment,
    /// SHA-256 of the raw message.
    pub(crate) hash: [u8; 32],
    /// It creates the order's work.
    pub(crate) accepted: bool,
    /// It is known under another key.
    pub(crate) fold: Option<Fold>,
    /// Repeats within the batch.
    pub(crate) duplicates: i64,
    /// The order was void before it came.
    late: bool,
}

impl NewPayment<'_> {
    /// The word in `payments` and `inbox`.
    pub(crate) fn outcome(&self) -> &'static str {
        let outcome = if self.makes_order() { PaymentOutcome::Accepted } else { PaymentOutcome::AlreadyPaid };
        outcome.as_str()
    }

    /// Whether it creates the order's work, under one key or the other.
    fn makes_order(&self) -> bool {
        self.accepted || matches!(&self.fold, Some(Fold::Of(first)) if first.accepted)
    }

    /// Whether the payment was not known under any key. One that arrives under two keys in one batch is new under one
    /// of them.
    pub(crate) fn is_new(&self) -> bool {
        match &self.fold {
            None => true,
            Some(Fold::Into(_)) => false,
            Some(Fold::Of(first)) => !first.on_record,
        }
    }

    /// The key of the payment that it is folded into.
    pub(crate) fn folded_into(&self) -> Option<&str> {
        match &self.fold {
            Some(Fold::Into(key)) => Some(key),
            _ => None,
        }
    }

    /// The arrival of the payment that it represents.
    pub(crate) fn arrival(&self) -> Arrival {
        match &self.fold {
            _ if self.late => Arrival::Late,
            Some(Fold::Of(first)) => first.arrival,
            _ => Arrival::InTime,
        }
    }
}

/// The first payment of an order: its key and message.
pub(crate) type First<'a> = (&'a str, &'a Incoming);

/// What to write, and what to return.
#[derive(Debug)]
pub(crate) struct Decided<'a> {
    /// In the batch's order; none for a refund, a cancellation or a change of an event, which is decided later.
    pub(crate) outcomes: Vec<Option<IngestOutcome>>,
    /// By key.
    pub(crate) payments: Vec<NewPayment<'a>>,
    /// Repeats of recorded payments, by key.
    pub(crate) repeats: BTreeMap<&'a str, i64>,
    /// Recorded payments that are folded into new ones: key to key.
    pub(crate) folded: BTreeMap<String, &'a str>,
    /// Orders that a refund or cancellation announced, and that are paid now.
    pub(crate) started: BTreeMap<OrderId, First<'a>>,
    /// Imported orders, and the payment that made them.
    pub(crate) bound: BTreeMap<OrderId, First<'a>>,
    /// Orders to be settled again: refunds and cancellations affect them, or they were void.
    pub(crate) to_settle: BTreeSet<OrderId>,
    /// In the batch's order.
    pub(crate) dead: Vec<DeadLetter<'a>>,
}

/// A batch, by key.
pub(crate) struct Intake<'a> {
    batch: &'a [Incoming],
    /// The key of each payment.
    keys: Vec<Option<String>>,
    firsts: BTreeMap<String, usize>,
}

impl<'a> Decided<'a> {
    /// The dead letters, each record once.
    pub(crate) fn dead_once(&mut self) -> &[DeadLetter<'a>] {
        let mut seen = HashSet::new();
        self.dead.retain(|letter| seen.insert(letter.fingerprint));
        &self.dead
    }

    /// The orders that existed before: their messages are kept whole unless they were erased.
    pub(crate) fn known_orders(&self, intake: &Intake<'_>) -> BTreeSet<OrderId> {
        let others = self.payments.iter().filter(|p| !p.accepted).map(|p| p.payment.order_id);
        let dead = self.dead.iter().flat_map(DeadLetter::orders);
        let withdrawn = intake.withdrawals().map(|(_, _, said)| said.order_id());
        others.chain(dead).chain(withdrawn).chain(self.bound.keys().copied()).collect()
    }

    /// Orders with the number of their further payments, which are neither their first nor another key of one.
    pub(crate) fn more(&self) -> BTreeMap<OrderId, i64> {
        let mut more = BTreeMap::new();
        for new in self.payments.iter().filter(|p| p.is_new() && !p.makes_order()) {
            *more.entry(new.payment.order_id).or_insert(0) += 1;
        }
        more
    }

    /// The changes of recorded payments, by key: repeats to be counted, and what each is folded into.
    pub(crate) fn changes(&self) -> BTreeMap<&str, (i64, Option<&str>)> {
        let mut changes: BTreeMap<&str, (i64, Option<&str>)> =
            self.repeats.iter().map(|(key, count)| (*key, (*count, None))).collect();
        for (key, into) in &self.folded {
            changes.entry(key).or_default().1 = Some(into);
        }
        changes
    }
}

impl<'a> Intake<'a> {
    pub(crate) fn new(batch: &'a [Incoming]) -> Self {
        let key = |message: &Incoming| match &message.content {
            Ok(Message::Payment(payment)) => Some(index_key(payment.key().replace('\0', ""))),
            _ => None,
        };
        let keys: Vec<_> = batch.iter().map(key).collect();
        let mut firsts = BTreeMap::new();
        for (at, key) in keys.iter().enumerate() {
            if let Some(key) = key {
                firsts.entry(key.clone()).or_insert(at);
            }
        }
        Self { batch, keys, firsts }
    }

    /// The messages, in the batch's order.
    pub(crate) fn messages(&self) -> &'a [Incoming] {
        self.batch
    }

    /// Every key of a payment, once, sorted.
    pub(crate) fn keys(&self) -> Vec<&str> {
        self.firsts.keys().map(String::as_str).collect()
    }

    /// Every order about which something is written: those that a message names, except by a plain repeat of a known
    /// payment. A message that may be a dead letter names orders in its text too.
    pub(crate) fn touched(&self, known: &HashMap<String, Known>) -> BTreeSet<OrderId> {
        let mut touched = BTreeSet::new();
        for (message, key) in self.batch.iter().zip(&self.keys) {
            let known = key.as_ref().and_then(|key| known.get(key));
            match (&message.content, known) {
                (Ok(Message::Payment(payment)), Some(known)) if known.contradiction(payment).is_none() => {}
                (Ok(Message::Payment(payment)), None) => drop(touched.insert(payment.order_id)),
                (Ok(said), _) => {
                    touched.extend(said.order_id());
                    touched.extend(orders_in(message));
                }
                (Err(_), _) => touched.extend(orders_in(message)),
            }
        }
        touched
    }

    /// The refunds and cancellations, each with its index in the batch.
    pub(crate) fn withdrawals(&self) -> impl Iterator<Item = (usize, &'a Incoming, &'a Withdrawal)> {
        self.batch.iter().enumerate().filter_map(|(at, message)| match &message.content {
            Ok(Message::Withdrawal(said)) => Some((at, message, said)),
            _ => None,
        })
    }

    /// The changes of each event, in the batch's order, each with its index in the batch.
    pub(crate) fn event_changes(&self) -> BTreeMap<&'a str, Vec<(usize, &'a Incoming, &'a EventChange)>> {
        let mut changes: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (at, message) in self.batch.iter().enumerate() {
            if let Ok(Message::EventChange(change)) = &message.content {
                changes.entry(change.event_id.as_str()).or_default().push((at, message, change));
            }
        }
        changes
    }

    /// For each order that an unknown payment names, the earliest such payment.
    pub(crate) fn firsts(&self, known: &HashMap<String, Known>) -> BTreeMap<OrderId, First<'_>> {
        let mut firsts: BTreeMap<OrderId, usize> = BTreeMap::new();
        for (_, &at) in self.firsts.iter().filter(|(key, _)| !known.contains_key(*key)) {
            if let Ok(Message::Payment(payment)) = &self.batch[at].content {
                firsts.entry(payment.order_id).and_modify(|first| *first = at.min(*first)).or_insert(at);
            }
        }
        firsts
            .into_iter()
            .filter_map(|(order, at)| Some((order, (self.keys[at].as_deref()?, &self.batch[at]))))
            .collect()
    }

    /// Decides everything except the effects of refunds and cancellations.
    pub(crate) fn decide(&self, facts: Facts) -> Decided<'_> {
        let Facts { known, earlier, standing } = facts;
        let firsts = self.firsts(&known);
        let mut folding = Folding::new(standing);
        let mut folded = BTreeMap::new();
        let mut payments: BTreeMap<&str, NewPayment<'_>> = BTreeMap::new();
        let mut repeats = BTreeMap::new();
        let mut dead = Vec::new();
        let mut outcomes = Vec::with_capacity(self.batch.len());
        for (message, key) in self.batch.iter().zip(&self.keys) {
            let (payment, key) = match (&message.content, key) {
                (Ok(Message::Payment(payment)), Some(key)) => (payment, key.as_str()),
                (Err(why), _) => {
                    dead.push(DeadLetter::unreadable(message, why));
                    outcomes.push(Some(IngestOutcome::DeadLettered(why.clone())));
                    continue;
                }
                (Ok(_), _) => {
                    outcomes.push(None);
                    continue;
                }
            };
            let order = payment.order_id;
            let before = known.get(key).cloned().or_else(|| payments.get(key).map(|p| Known::of(p.payment)));
            outcomes.push(Some(match before.map(|before| before.contradiction(payment)) {
                Some(None) => {
                    match payments.get_mut(key) {
                        Some(first) => first.duplicates += 1,
                        None => *repeats.entry(key).or_insert(0) += 1,
                    }
                    IngestOutcome::Duplicate(order)
                }
                Some(Some(why)) => {
                    dead.push(DeadLetter::quarantined(message, order, why));
                    IngestOutcome::Quarantined(order)
                }
                None => {
                    let before = earlier.get(&order);
                    let is_free = before.is_none_or(|it| it.is_announced() || it.is_imported());
                    let accepted = is_free && firsts.get(&order).is_some_and(|(first, _)| *first == key);
                    let hash = Sha256::digest(&message.raw).into();
                    let fold = folding.take(key, payment, accepted);
                    let outcome = match &fold {
                        Some(_) => IngestOutcome::Folded(order),
                        None if accepted && before.is_some_and(Earlier::is_imported) => {
                            IngestOutcome::Duplicate(order)
                        }
                        None if accepted => IngestOutcome::New(order),
                        None => IngestOutcome::AlreadyPaid(order),
                    };
                    if let Some(Fold::Of(other)) = &fold {
                        match payments.get_mut(other.key.as_str()) {
                            Some(first) => first.fold = Some(Fold::Into(key.to_owned())),
                            None => drop(folded.insert(other.key.clone(), key)),
                        }
                    }
                    let new = NewPayment {
                        key,
                        message,
                        payment,
                        hash,
                        accepted,
                        fold,
                        duplicates: 0,
                        late: false,
                    };
                    payments.insert(key, new);
                    outcome
                }
            }));
        }
        let to_settle = mark_late(&mut payments, &earlier);
        for (outcome, key) in outcomes.iter_mut().zip(&self.keys) {
            let late = key.as_deref().and_then(|key| payments.get(key)).is_some_and(|new| new.late);
            if let (true, Some(IngestOutcome::New(order) | IngestOutcome::AlreadyPaid(order))) =
                (late, &*outcome)
            {
                *outcome = Some(IngestOutcome::Late(*order));
            }
        }
        let of = |kind: fn(&Earlier) -> bool| {
            let such = firsts.iter().filter(|(order, _)| earlier.get(order).is_some_and(kind));
            such.map(|(order, first)| (*order, *first)).collect()
        };
        let (started, bound) = (of(Earlier::is_announced), of(Earlier::is_imported));
        let payments = payments.into_values().collect();
        Decided { outcomes, payments, repeats, folded, started, bound, to_settle, dead }
    }
}

/// Marks payments that arrived after their orders were void. Returns the orders to be settled again.
fn mark_late(
    payments: &mut BTreeMap<&str, NewPayment<'_>>,
    earlier: &HashMap<OrderId, Earlier>,
) -> BTreeSet<OrderId> {
    let mut to_settle = BTreeSet::new();
    for new in payments.values_mut() {
        let order = new.payment.order_id;
        let Some(before) = earlier.get(&order) else { continue };
        if before.withdrawn || (before.voided && !new.accepted) {
            to_settle.insert(order);
            // A payment that is known under another key arrived before.
            new.late = before.voided && new.is_new();
        }
    }
    to_settle
}
