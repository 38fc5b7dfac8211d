//! A batch of consumed messages that are not stored yet.

use std::collections::{BTreeMap, HashMap, HashSet};

use fulfillment_domain::trace::is_traceparent;
use fulfillment_domain::{Delivered, Message as Said, OrderId, Subject};
use fulfillment_store::{Incoming, Mark, Source};
use jiff::Timestamp;
use rdkafka::Message;
use rdkafka::message::Headers as _;
use tracing::{debug, warn};

use super::hand::Reading;
use super::inspector::fingerprint;

/// A batch that holds this many bytes is full, however few messages they are.
const FULL_BYTES: usize = 8 * 1024 * 1024;

/// The position of a partition after a batch, and the record that it ends with.
#[derive(Debug)]
pub(super) struct End {
    pub(super) reading: Reading,
    /// The offset to go on from.
    pub(super) next: i64,
    timestamp: Option<i64>,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
}

impl End {
    /// The fingerprint of the last record.
    pub(super) fn last(&self) -> Mark {
        Mark {
            offset: self.next - 1,
            timestamp: self.timestamp,
            hash: fingerprint(self.key.as_deref(), self.value.as_deref()),
        }
    }
}

/// What a message is about: those about one thing are stored in their order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum About {
    Order(OrderId),
    Event(String),
}

impl About {
    fn of(said: &Said) -> Self {
        match said {
            Said::Payment(payment) => Self::Order(payment.order_id),
            Said::Withdrawal(withdrawal) => Self::Order(withdrawal.order_id()),
            Said::EventChange(change) => Self::Event(change.event_id.clone()),
        }
    }
}

/// Messages of all topics, and the positions to continue from once they are stored.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) messages: Vec<Incoming>,
    pub(super) delivered: Vec<Delivered>,
    /// By topic and partition.
    pub(super) ends: HashMap<String, BTreeMap<i32, End>>,
    /// What its messages are about.
    pub(super) about: HashSet<About>,
    count: usize,
    bytes: usize,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(super) fn is_full(&self, count: usize) -> bool {
        self.count >= count || self.bytes >= FULL_BYTES
    }

    /// Counts a message, whatever happens to it. Answers whether it has a value.
    fn add(&mut self, message: &impl Message, reading: Reading) -> bool {
        self.count += 1;
        self.bytes += message.payload().map_or(0, <[u8]>::len);
        let topic = message.topic();
        if !self.ends.contains_key(topic) {
            self.ends.insert(topic.to_owned(), BTreeMap::new());
        }
        let (next, timestamp) = (message.offset() + 1, message.timestamp().to_millis());
        if let Some(partitions) = self.ends.get_mut(topic) {
            let empty = End { reading, next, timestamp, key: None, value: None };
            let end = partitions.entry(message.partition()).or_insert(empty);
            (end.reading, end.next, end.timestamp) = (reading, next, timestamp);
            keep(&mut end.key, message.key());
            keep(&mut end.value, message.payload());
        }
        metrics::counter!("fulfillment_kafka_messages_total", "topic" => topic.to_owned()).increment(1);
        if message.payload().is_none() {
            metrics::counter!("fulfillment_kafka_null_values_total", "topic" => topic.to_owned())
                .increment(1);
            let (partition, offset) = (message.partition(), message.offset());
            debug!(topic, partition, offset, "skipped a message with a null value");
        }
        message.payload().is_some()
    }

    /// Adds a payment, refund, cancellation or change of an event. One that is unreadable or larger than `max_message`
    /// is added with its reason.
    pub(super) fn add_message(
        &mut self,
        message: &impl Message,
        subject: Subject,
        reading: Reading,
        max_message: usize,
        received_at: Timestamp,
    ) {
        if !self.add(message, reading) {
            return;
        }
        let incoming = incoming(message, subject, max_message, received_at);
        self.about.extend(incoming.content.as_ref().map(About::of));
        self.messages.push(incoming);
    }

    /// Adds a delivery confirmation of Notification. One that cannot be read is logged and skipped: no ticket depends
    /// on it.
    pub(super) fn add_delivered(&mut self, message: &impl Message, reading: Reading) {
        if !self.add(message, reading) {
            return;
        }
        match Delivered::parse(message.payload().unwrap_or_default()) {
            Ok(delivered) => self.delivered.push(delivered),
            Err(reason) => {
                metrics::counter!("fulfillment_delivered_unreadable_total").increment(1);
                let (partition, offset) = (message.partition(), message.offset());
                warn!(topic = message.topic(), partition, offset, %reason, "skipped a message that cannot be read");
            }
        }
    }
}

/// Copies a part of a record, reusing the buffer of the one before it.
fn keep(kept: &mut Option<Vec<u8>>, part: Option<&[u8]>) {
    let Some(part) = part else { return *kept = None };
    let kept = kept.get_or_insert_default();
    kept.clear();
    kept.extend_from_slice(part);
}

/// A message with its key, headers and coordinates.
fn incoming(
    message: &impl Message,
    subject: Subject,
    max_message: usize,
    received_at: Timestamp,
) -> Incoming {
    let raw = message.payload().unwrap_or_default().to_vec();
    let headers = headers(message);
    Incoming {
        source: Source::Kafka {
            topic: message.topic().to_owned(),
            partition: message.partition(),
            offset: message.offset(),
            timestamp: message.timestamp().to_millis(),
        },
        key: message.key().map(<[u8]>::to_vec),
        traceparent: headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("traceparent"))
            .and_then(|(_, value)| std::str::from_utf8(value).ok())
            .filter(|text| is_traceparent(text))
            .map(str::to_owned),
        content: Said::parse_within(max_message, subject, &raw),
        raw,
        headers,
        received_at,
        subject,
    }
}

fn headers(message: &impl Message) -> Vec<(String, Vec<u8>)> {
    let Some(headers) = message.headers() else { return Vec::new() };
    headers.iter().map(|h| (h.key.to_owned(), h.value.unwrap_or_default().to_vec())).collect()
}

#[cfg(test)]
mod tests {
    use rdkafka::message::{Header, OwnedHeaders, OwnedMessage};

    use super::*;

    const ORDER: &str = "7d444840-9dc0-11d1-b245-5ffdce74fad2";
    const READING: Reading = Reading { life: 1, epoch: 0, went_back: false };
    const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn message(payload: Option<&str>, offset: i64, traceparent: &str) -> OwnedMessage {
        let headers = OwnedHeaders::new()
            .insert(Header { key: "traceparent", value: Some(traceparent) })
            .insert(Header { key: "blob", value: Some(&[0xFF, 0][..]) })
            .insert(Header::<&str> { key: "none", value: None });
        OwnedMessage::new(
            payload.map(|p| p.as_bytes().to_vec()),
            Some(b"k\xFF".to_vec()),
            "paid".into(),
            rdkafka::Timestamp::CreateTime(5),
            3,
            offset,
            Some(headers),
        )
    }

    #[test]
    fn a_payment_keeps_everything_it_came_with() {
        let mut batch = Batch::default();
        let json = format!(r#"{{"orderId":"{ORDER}"}}"#);
        batch.add_message(
            &message(Some(&json), 41, TRACE),
            Subject::Payment,
            READING,
            1000,
            Timestamp::UNIX_EPOCH,
        );
        batch.add_message(
            &message(Some(&json), 42, "nonsense"),
            Subject::Payment,
            READING,
            10,
            Timestamp::UNIX_EPOCH,
        );
        batch.add_message(&message(None, 43, TRACE), Subject::Payment, READING, 10, Timestamp::UNIX_EPOCH);
        let [good, large] = &batch.messages[..] else { panic!() };
        assert_eq!(good.content.as_ref().unwrap().order_id().unwrap().to_string(), ORDER);
        assert_eq!(good.traceparent.as_deref(), Some(TRACE));
        assert_eq!(good.key.as_deref(), Some(&b"k\xFF"[..]));
        assert_eq!(good.headers[1], ("blob".to_owned(), vec![0xFF, 0]));
        assert_eq!(good.headers[2], ("none".to_owned(), vec![]));
        let source = Source::Kafka { topic: "paid".into(), partition: 3, offset: 41, timestamp: Some(5) };
        assert_eq!(good.source, source);
        assert!(large.content.as_ref().unwrap_err().reason.contains("larger than 10 bytes"));
        assert_eq!(large.raw, json.as_bytes());
        assert_eq!(large.traceparent, None);
        let end = &batch.ends["paid"][&3];
        assert_eq!((end.next, end.reading), (44, READING));
    }

    #[test]
    fn what_notification_garbles_moves_the_offset_and_nothing_else() {
        let mut batch = Batch::default();
        batch.add_delivered(&message(Some(&format!(r#"{{"ticketId":"{ORDER}"}}"#)), 1, TRACE), READING);
        batch.add_delivered(&message(Some("{"), 2, TRACE), READING);
        assert_eq!(batch.delivered.len(), 1);
        assert_eq!(batch.ends["paid"][&3].next, 3);
    }

    #[test]
    fn null_values_are_read_and_nothing_else() {
        let mut batch = Batch::default();
        batch.add_message(&message(None, 1, TRACE), Subject::Payment, READING, 1000, Timestamp::UNIX_EPOCH);
        batch.add_message(&message(None, 2, TRACE), Subject::Refund, READING, 1000, Timestamp::UNIX_EPOCH);
        batch.add_message(
            &message(None, 3, TRACE),
            Subject::Cancellation,
            READING,
            1000,
            Timestamp::UNIX_EPOCH,
        );
        batch.add_delivered(&message(None, 4, TRACE), READING);
        assert!(batch.messages.is_empty() && batch.delivered.is_empty());
        assert!(!batch.is_empty() && batch.is_full(4), "they count");
        assert_eq!(batch.ends["paid"][&3].next, 5);
        // An empty value is not a null value: it was sent on purpose.
        batch.add_message(
            &message(Some(""), 5, TRACE),
            Subject::Payment,
            READING,
            1000,
            Timestamp::UNIX_EPOCH,
        );
        assert!(batch.messages[0].content.is_err());
    }

    #[test]
    fn a_batch_ends_with_its_last_record() {
        let mut batch = Batch::default();
        let later = Reading { life: 2, epoch: 1, went_back: true };
        let add = |batch: &mut Batch, value, offset, reading| {
            let message = message(value, offset, TRACE);
            batch.add_message(&message, Subject::Payment, reading, 1000, Timestamp::UNIX_EPOCH);
            super::super::inspector::recognise(&message)
        };
        for (value, offset) in [(Some("a long one"), 10), (None, 11), (Some("b"), 12), (Some(""), 14)] {
            let last = add(&mut batch, value, offset, READING);
            let end = &batch.ends["paid"][&3];
            assert_eq!((end.last(), end.next, end.reading), (last, offset + 1, READING));
        }
        let last = add(&mut batch, Some("of another topic"), 2, later);
        let end = &batch.ends["paid"][&3];
        assert_eq!((end.last(), end.next, end.reading), (last, 3, later));
    }

    #[test]
    fn is_full_by_number_or_by_size() {
        let mut batch = Batch::default();
        assert!(batch.is_empty());
        batch.add_message(
            &message(Some("{}"), 1, TRACE),
            Subject::Payment,
            READING,
            10,
            Timestamp::UNIX_EPOCH,
        );
        assert!(!batch.is_full(2) && batch.is_full(1));
        let large = "x".repeat(FULL_BYTES);
        batch.add_message(
            &message(Some(&large), 2, TRACE),
            Subject::Payment,
            READING,
            10,
            Timestamp::UNIX_EPOCH,
        );
        assert!(batch.is_full(500));
    }
}
