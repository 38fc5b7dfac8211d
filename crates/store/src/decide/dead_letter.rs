//! Dead letters: messages that cannot be read, and messages that contradict the record.

use fulfillment_domain::event::NAMESPACE;
use fulfillment_domain::{EventKind, OrderId, OutboxEvent, Unreadable};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::{DeadLetterRoute, Incoming, LetterKind, Source};

/// A message to be written as a dead letter.
#[derive(Debug)]
pub(crate) struct DeadLetter<'a> {
    pub(crate) message: &'a Incoming,
    /// A hash of source and content: the same record read again has the same fingerprint.
    pub(crate) fingerprint: [u8; 32],
    pub(crate) kind: LetterKind,
    pub(crate) order_id: Option<OrderId>,
    pub(crate) reason: String,
    pub(crate) field: Option<String>,
}

fn fingerprint(message: &Incoming) -> [u8; 32] {
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

/// The names of headers that only this service writes begin so.
const OURS: &str = "dlq-";

/// The name under which a message's own header goes with it: none of ours, whoever wrote it.
fn own_name(name: &str) -> String {
    let ours = name.get(..OURS.len()).is_some_and(|start| start.eq_ignore_ascii_case(OURS));
    if ours { format!("original-{name}") } else { name.to_owned() }
}

/// The orders whose ids occur in a message, in its value or key, as [`super::erasing`] looks for them.
pub(crate) fn orders_in(message: &Incoming) -> impl Iterator<Item = OrderId> + '_ {
    let texts = [Some(message.raw.as_slice()), message.key.as_deref()];
    texts.into_iter().flatten().flat_map(|text| {
        // By the first hyphen of an id: large texts have few.
        memchr::memchr_iter(b'-', text).filter_map(|hyphen| {
            let start = hyphen.checked_sub(8)?;
            let word = text.get(start..start + uuid::fmt::Hyphenated::LENGTH)?;
            Uuid::try_parse_ascii(word).ok().map(OrderId)
        })
    })
}

impl<'a> DeadLetter<'a> {
    /// A message that cannot be read.
    pub(crate) fn unreadable(message: &'a Incoming, why: &Unreadable) -> Self {
        Self {
            message,
            fingerprint: fingerprint(message),
            kind: LetterKind::Unreadable,
            order_id: None,
            reason: why.reason.clone(),
            field: why.field.clone(),
        }
    }

    /// A message that contradicts what is recorded under its key.
    pub(crate) fn quarantined(message: &'a Incoming, order: OrderId, why: Unreadable) -> Self {
        let (kind, fingerprint) = (LetterKind::Quarantined, fingerprint(message));
        Self { message, fingerprint, kind, order_id: Some(order), reason: why.reason, field: why.field }
    }

    /// The orders that it names.
    pub(crate) fn orders(&self) -> impl Iterator<Item = OrderId> + '_ {
        self.order_id.into_iter().chain(orders_in(self.message))
    }

    /// The event that reports it, once its row has an id.
    pub(crate) fn event(&self, row: i64, route: &DeadLetterRoute) -> OutboxEvent {
        let Incoming { source, key, raw, headers, .. } = self.message;
        let value = if raw.len() > route.max_bytes {
            format!(r#"{{"deadLetterId":{row},"bytes":{}}}"#, raw.len()).into_bytes()
        } else {
            raw.clone()
        };
        let mut headers: Vec<_> =
            headers.iter().map(|(name, value)| (own_name(name), value.clone())).collect();
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
