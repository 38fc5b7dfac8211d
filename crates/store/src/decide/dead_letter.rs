//! Dead letters: messages that cannot be read, and messages that contradict the record.

use std::collections::BTreeSet;

use fulfillment_domain::event::NAMESPACE;
use fulfillment_domain::{EventKind, OrderId, OutboxEvent, Unreadable, readings};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;
use uuid::fmt::{Hyphenated, Simple};

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

/// The orders whose ids occur in a message, in its value or key, with hyphens or without, however they are escaped.
pub(crate) fn orders_in(message: &Incoming) -> BTreeSet<OrderId> {
    let texts = [Some(message.raw.as_slice()), message.key.as_deref()];
    texts.into_iter().flatten().flat_map(orders_named).collect()
}

/// The orders whose ids occur in a text.
pub(crate) fn orders_named(text: &[u8]) -> BTreeSet<OrderId> {
    let mut named = BTreeSet::new();
    readings::each(text, &mut |text| {
        let words = hyphenated(text).chain(simple(text));
        named.extend(words.filter_map(|word| Uuid::try_parse_ascii(word).ok()).map(OrderId));
    });
    named
}

/// What may be an id with its hyphens, by the first of them: large texts have few.
fn hyphenated(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    // Most texts have none: what the standard library looks for is fast in a build without optimisation too.
    let searched = if text.contains(&b'-') { text } else { &[] };
    memchr::memchr_iter(b'-', searched).filter_map(|hyphen| {
        let start = hyphen.checked_sub(8)?;
        text.get(start..start + Hyphenated::LENGTH).filter(|word| word[13] == b'-')
    })
}

/// What may be an id without hyphens: words of 32 hexadecimal digits. A longer one is a hash. Every such word has a byte at
/// one of the places looked at first.
fn simple(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut place = Simple::LENGTH - 1;
    std::iter::from_fn(move || {
        while let Some(byte) = text.get(place) {
            if !byte.is_ascii_hexdigit() {
                place += Simple::LENGTH;
                continue;
            }
            let digits = |byte: &&u8| byte.is_ascii_hexdigit();
            let before = text[..place].iter().rev().take_while(digits).count();
            let after = text[place..].iter().take_while(digits).count();
            let word = &text[place - before..place + after];
            place += after + Simple::LENGTH;
            if word.len() == Simple::LENGTH {
                return Some(word);
            }
        }
        None
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_in_any_spelling() {
        let id = Uuid::from_u128(0x4f90_0000_aaaa_4bbb_8ccc_0000_0000_0001);
        let simple = id.simple();
        for text in [
            id.to_string(),
            id.to_string().to_uppercase(),
            format!("urn:uuid:{id}"),
            format!("order_{simple}!"),
            format!(r#"{{"message":{{"orderId":"{simple}"}}}}"#),
            id.to_string().replace('-', r"\u002d"),
            format!(r"\u0034{}", &id.to_string()[1..]),
            format!(r#""{{\"orderId\":\"{}\"}}""#, id.to_string().replace('-', r"\\u002D")),
        ] {
            assert_eq!(orders_named(text.as_bytes()), [OrderId(id)].into(), "{text}");
        }
        for text in [format!("{simple}00"), simple.to_string()[1..].to_owned(), "-".repeat(99)] {
            assert!(orders_named(text.as_bytes()).is_empty(), "{text}");
        }
    }
}
