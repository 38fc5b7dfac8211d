//! What a batch of messages amounts to, decided apart from the database.
//!
//! 1. [`Intake::new`] finds the first message of each key.
//! 2. The database says which keys it knows; [`Intake::new_orders`] names the orders that others may start.
//! 3. The database inserts these and says which are new, and which payments the others have; [`Intake::decide`] has the
//!    rest.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;

use fulfillment_domain::event::NAMESPACE;
use fulfillment_domain::payment::Facts;
use fulfillment_domain::{EventKind, OrderId, OutboxEvent, Payment, Unreadable};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::shared::cells::Row;
use crate::shared::folding::{Fold, Folding, Standing, standing_from};
use crate::shared::ticket::index_key;
use crate::shared::withdrawing::Arrival;
use crate::{DeadLetterRoute, Incoming, IngestOutcome, Result, Source};

/// A payment that is on record under a key.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) order_id: OrderId,
    pub(crate) facts: Facts,
}

impl Known {
    fn of(payment: &Payment) -> Self {
        Self { order_id: payment.order_id, facts: payment.facts() }
    }

    /// Reads [`standing_columns`] into a key and what is known under it.
    pub(crate) fn from_row(row: &impl Row) -> Result<(String, Self)> {
        let (order_id, Standing { key, facts, .. }) = standing_from(row)?;
        Ok((key, Self { order_id, facts }))
    }

    /// What a message under the same key says otherwise, if it does, and of which field. The key of a payment without an id
    /// is its order's, so that all it says has to agree: else it is another payment, and money would be kept in silence.
    fn contradiction(&self, payment: &Payment) -> Option<Unreadable> {
        let Facts { amount, currency, .. } = self.facts;
        if payment.says_the_same(self.order_id, amount, currency) {
            let agrees = payment.payment_id.is_some() || payment.facts().agree(&self.facts);
            let why = "is missing, and the order has a payment without an id already, of another transaction, customer \
                       or time: this one is another, or the same told otherwise";
            return (!agrees).then(|| Unreadable::field("paymentId", why));
        }
        let (field, what) = if payment.order_id != self.order_id {
            ("orderId", "order")
        } else if payment.amount != amount {
            ("amount", "amount")
        } else {
            ("currency", "currency")
        };
        Some(Unreadable::field(field, format!("the payment id is known with another {what}")))
    }
}

/// A payment to be written.
#[derive(Debug)]
pub(crate) struct NewPayment<'a> {
    pub(crate) key: &'a str,
    pub(crate) message: &'a Incoming,
    pub(crate) payment: &'a Payment,
    /// SHA-256 of the raw message.
    pub(crate) hash: [u8; 32],
    /// It makes the order's work.
    pub(crate) accepted: bool,
    /// It is known under another key.
    pub(crate) fold: Option<Fold>,
    /// Repeats within the batch.
    pub(crate) duplicates: i64,
}

impl NewPayment<'_> {
    /// The word in `payments` and `inbox`.
    pub(crate) fn outcome(&self) -> &'static str {
        if self.makes_order() { "accepted" } else { "already_paid" }
    }

    /// Whether it made the order's work, under one key or the other.
    fn makes_order(&self) -> bool {
        self.accepted || matches!(&self.fold, Some(Fold::Of(first)) if first.accepted)
    }

    /// Whether the payment that it stands for was not known under any key. One that comes under two keys at once is new
    /// under one of them.
    pub(crate) fn is_new(&self) -> bool {
        match &self.fold {
            None => true,
            Some(Fold::Into(_)) => false,
            Some(Fold::Of(first)) => !first.on_record,
        }
    }

    /// The key of the payment that it is.
    pub(crate) fn folded_into(&self) -> Option<&str> {
        match &self.fold {
            Some(Fold::Into(key)) => Some(key),
            _ => None,
        }
    }

    /// How the payment that it stands for came.
    pub(crate) fn arrival(&self) -> Arrival {
        match &self.fold {
            Some(Fold::Of(first)) => first.arrival,
            _ => Arrival::InTime,
        }
    }
}

/// A message to be set apart.
#[derive(Debug)]
pub(crate) struct DeadLetter<'a, T = Payment> {
    pub(crate) message: &'a Incoming<T>,
    /// Of source and content: the same record read again has the same.
    pub(crate) fingerprint: [u8; 32],
    /// `unreadable` or `quarantined`.
    pub(crate) kind: &'static str,
    pub(crate) order_id: Option<OrderId>,
    pub(crate) reason: String,
    pub(crate) field: Option<String>,
}

/// What to write, and what to answer.
#[derive(Debug)]
pub(crate) struct Decided<'a> {
    /// In the batch's order.
    pub(crate) outcomes: Vec<IngestOutcome>,
    /// By key.
    pub(crate) payments: Vec<NewPayment<'a>>,
    /// Repeats of payments that were on record, by key.
    pub(crate) repeats: BTreeMap<&'a str, i64>,
    /// Payments on record that are folded into new ones: key into key.
    pub(crate) folded: BTreeMap<String, &'a str>,
    /// In the batch's order, each fingerprint once.
    pub(crate) dead: Vec<DeadLetter<'a>>,
}

/// A batch, by key.
pub(crate) struct Intake<'a> {
    batch: &'a [Incoming],
    keys: Vec<Option<String>>,
    firsts: BTreeMap<String, usize>,
}

impl Decided<'_> {
    /// The orders that were there before: what comes of them is kept in whole unless they were erased.
    pub(crate) fn known_orders(&self) -> BTreeSet<OrderId> {
        let others = self.payments.iter().filter(|p| !p.accepted).map(|p| p.payment.order_id);
        others.chain(self.dead.iter().filter_map(|d| d.order_id)).collect()
    }

    /// Orders with so many more payments each, which are neither their first nor another key of one.
    pub(crate) fn more(&self) -> BTreeMap<OrderId, i64> {
        let mut more = BTreeMap::new();
        for new in self.payments.iter().filter(|p| p.is_new() && !p.makes_order()) {
            *more.entry(new.payment.order_id).or_insert(0) += 1;
        }
        more
    }

    /// What changes of payments that are on record, by key: repeats to be counted, and what each is folded into.
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
        let keys: Vec<_> = batch
            .iter()
            .map(|m| m.content.as_ref().ok().map(|p| index_key(p.key().replace('\0', ""))))
            .collect();
        let mut firsts = BTreeMap::new();
        for (at, key) in keys.iter().enumerate() {
            if let Some(key) = key {
                firsts.entry(key.clone()).or_insert(at);
            }
        }
        Self { batch, keys, firsts }
    }

    /// Every key, once, sorted.
    pub(crate) fn keys(&self) -> Vec<&str> {
        self.firsts.keys().map(String::as_str).collect()
    }

    /// For each order that an unknown payment names, the earliest such payment: its key and message.
    pub(crate) fn new_orders(
        &self,
        known: &HashMap<String, Known>,
    ) -> BTreeMap<OrderId, (&str, &'a Incoming)> {
        let mut starts: BTreeMap<OrderId, usize> = BTreeMap::new();
        for (key, &at) in self.firsts.iter().filter(|(key, _)| !known.contains_key(*key)) {
            debug_assert_eq!(self.keys[at].as_ref(), Some(key));
            if let Ok(payment) = &self.batch[at].content {
                starts.entry(payment.order_id).and_modify(|first| *first = at.min(*first)).or_insert(at);
            }
        }
        starts
            .into_iter()
            .filter_map(|(order, at)| Some((order, (self.keys[at].as_deref()?, &self.batch[at]))))
            .collect()
    }

    /// Decides everything. `inserted` are the orders that were new to the database, `standing` the payments of the others.
    pub(crate) fn decide(
        &'a self,
        known: &HashMap<String, Known>,
        inserted: &HashSet<OrderId>,
        standing: Vec<(OrderId, Standing)>,
    ) -> Decided<'a> {
        let mut folding = Folding::new(standing);
        let mut folded = BTreeMap::new();
        let starts = self.new_orders(known);
        let mut payments: BTreeMap<&str, NewPayment<'a>> = BTreeMap::new();
        let mut repeats = BTreeMap::new();
        let mut dead = Vec::new();
        let mut seen = HashSet::new();
        let mut outcomes = Vec::with_capacity(self.batch.len());
        let mut set_apart = |letter: DeadLetter<'a>| {
            if seen.insert(letter.fingerprint) {
                dead.push(letter);
            }
        };
        for (message, key) in self.batch.iter().zip(&self.keys) {
            let (payment, key) = match (&message.content, key) {
                (Ok(payment), Some(key)) => (payment, key.as_str()),
                (Err(why), _) => {
                    set_apart(DeadLetter::unreadable(message, why));
                    outcomes.push(IngestOutcome::DeadLettered(why.clone()));
                    continue;
                }
                (Ok(_), None) => unreachable!("every readable payment has a key"),
            };
            let order = payment.order_id;
            let before = known.get(key).cloned().or_else(|| payments.get(key).map(|p| Known::of(p.payment)));
            outcomes.push(match before.map(|before| before.contradiction(payment)) {
                Some(None) => {
                    match payments.get_mut(key) {
                        Some(first) => first.duplicates += 1,
                        None => *repeats.entry(key).or_insert(0) += 1,
                    }
                    IngestOutcome::Duplicate(order)
                }
                Some(Some(why)) => {
                    set_apart(DeadLetter::quarantined(message, order, why));
                    IngestOutcome::Quarantined(order)
                }
                None => {
                    let starts_it = starts.get(&order).is_some_and(|(first, _)| *first == key);
                    let accepted = starts_it && inserted.contains(&order);
                    let hash = Sha256::digest(&message.raw).into();
                    let fold = folding.take(key, payment, accepted);
                    let outcome = match &fold {
                        Some(_) => IngestOutcome::Folded(order),
                        None if accepted => IngestOutcome::New(order),
                        None => IngestOutcome::AlreadyPaid(order),
                    };
                    if let Some(Fold::Of(other)) = &fold {
                        match payments.get_mut(other.key.as_str()) {
                            Some(earlier) => earlier.fold = Some(Fold::Into(key.to_owned())),
                            None => drop(folded.insert(other.key.clone(), key)),
                        }
                    }
                    let new = NewPayment { key, message, payment, hash, accepted, fold, duplicates: 0 };
                    payments.insert(key, new);
                    outcome
                }
            });
        }
        Decided { outcomes, payments: payments.into_values().collect(), repeats, folded, dead }
    }

    /// Says of the payments that these orders, which were taken over with their tickets, were bound to that they are known.
    pub(crate) fn call_imported(imported: &HashSet<OrderId>, outcomes: &mut [IngestOutcome]) {
        for outcome in outcomes {
            if let IngestOutcome::New(order) = outcome
                && imported.contains(order)
            {
                *outcome = IngestOutcome::Duplicate(*order);
            }
        }
    }

    /// Says of the payments with these keys that their orders were void before they came.
    pub(crate) fn call_late(&self, late: &HashSet<String>, outcomes: &mut [IngestOutcome]) {
        for (outcome, key) in outcomes.iter_mut().zip(&self.keys) {
            if let IngestOutcome::New(order) | IngestOutcome::AlreadyPaid(order) = outcome
                && key.as_ref().is_some_and(|key| late.contains(key))
            {
                *outcome = IngestOutcome::Late(*order);
            }
        }
    }
}

fn fingerprint<T>(message: &Incoming<T>) -> [u8; 32] {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    part(message.source.to_string().as_bytes());
    part(&message.source.timestamp().unwrap_or(-1).to_be_bytes());
    part(message.key.as_deref().unwrap_or_default());
    part(&message.raw);
    hash.finalize().into()
}

impl<'a, T> DeadLetter<'a, T> {
    /// A message that cannot be read.
    pub(crate) fn unreadable(message: &'a Incoming<T>, why: &Unreadable) -> Self {
        Self {
            message,
            fingerprint: fingerprint(message),
            kind: "unreadable",
            order_id: None,
            reason: why.reason.clone(),
            field: why.field.clone(),
        }
    }

    /// One that contradicts what is on record under its key.
    pub(crate) fn quarantined(message: &'a Incoming<T>, order: OrderId, why: Unreadable) -> Self {
        let (kind, fingerprint) = ("quarantined", fingerprint(message));
        Self { message, fingerprint, kind, order_id: Some(order), reason: why.reason, field: why.field }
    }

    /// The event that carries it, once the database gave its row a number.
    pub(crate) fn event(&self, row: i64, route: &DeadLetterRoute) -> OutboxEvent {
        let Incoming { source, key, raw, headers, .. } = self.message;
        let value = if raw.len() > route.max_bytes {
            format!(r#"{{"deadLetterId":{row},"bytes":{}}}"#, raw.len()).into_bytes()
        } else {
            raw.clone()
        };
        let mut headers = headers.clone();
        let mut note = |name: &str, text: &str| headers.push((name.to_owned(), text.as_bytes().to_vec()));
        note("dlq-reason", &self.reason);
        if let Some(field) = &self.field {
            note("dlq-field", field);
        }
        note("dlq-source", &source.to_string());
        if let Source::Kafka { topic, partition, offset, .. } = source {
            note("dlq-topic", topic);
            note("dlq-partition", &partition.to_string());
            note("dlq-offset", &offset.to_string());
        }
        let name = format!("dead-letter|{}", hex::encode(self.fingerprint));
        OutboxEvent {
            id: Uuid::new_v5(&NAMESPACE, name.as_bytes()),
            kind: EventKind::DeadLetter,
            order_id: self.order_id,
            ticket_id: None,
            sequence: 0,
            key: key.clone(),
            value,
            headers,
            destinations: route.destinations.clone(),
        }
    }
}

impl Source {
    /// The record's own time, where it has one.
    pub(crate) fn timestamp(&self) -> Option<i64> {
        match self {
            Self::Kafka { timestamp, .. } | Self::Recorded { timestamp, .. } => *timestamp,
            Self::Http { .. } | Self::File { .. } | Self::Command { .. } => None,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kafka { topic, partition, offset, .. } => write!(f, "kafka {topic}/{partition}@{offset}"),
            Self::Http { caller } => write!(f, "http {caller}"),
            Self::File { name, line } => write!(f, "file {name}:{line}"),
            Self::Recorded { text, .. } => f.write_str(text),
            Self::Command { name } => write!(f, "command {name}"),
        }
    }
}
