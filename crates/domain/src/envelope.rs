//! Envelopes: the wrappers that brokers, buses and serializers put around a message.
//!
//! These are unwrapped, in any order and nested: `CloudEvents` in structured mode, `MassTransit`, the payload of
//! Debezium's outbox router, JSON in a JSON string, and the five bytes of Confluent's serializers. Other envelopes are
//! rejected by name, with what to change at the sender: guessing their content could void or issue the wrong thing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::value::RawValue;

use crate::event_time::is_date;
use crate::fields::{Fields, Unreadable};

/// The most layers around a message. A `CloudEvent` whose data is JSON text in a string has two.
const LAYERS: usize = 6;
/// Confluent's serializers write a zero and the schema's id in four bytes before the message.
const CONFLUENT: usize = 5;

const DEBEZIUM: &str = "is a change event of Debezium (before, after): route it through the transformation \
                        io.debezium.transforms.outbox.EventRouter, or send the message itself";
const EVENT_GRID: &str = "is in Event Grid's own schema: create the subscription with the delivery schema CloudEvents \
                          v1.0 (--event-delivery-schema cloudeventschemav1_0)";
const SNS: &str = "is a notification of Amazon SNS: set RawMessageDelivery to true on the subscription";
const N_SERVICE_BUS: &str = "is a message of NServiceBus ($type, or its headers around a body): send the message's own \
                             JSON without them";
const EVENT_BRIDGE: &str = "is an event of Amazon EventBridge (detail-type, detail): set InputPath of the rule's target to \
                            $.detail";
const PUB_SUB: &str = "is a push message of Google Pub/Sub (message, subscription): turn on payload unwrapping of the push \
                       subscription (--push-no-wrapper)";
const BESIDE_DATA: &str = "has its message in data, beside its type, and is no CloudEvent: send the message itself, or a \
                           CloudEvent (specversion 1.0)";
const NO_JSON: &str = "begins with the five bytes of Confluent's serializers, and no JSON follows (Avro or Protobuf?): \
                       let the producer write JSON";

/// Unwraps a message and passes its fields to `read`.
///
/// A message with its own id at the outer level is not unwrapped any further, whatever else it contains.
pub(crate) fn open<T>(
    bytes: &[u8],
    read: impl FnOnce(&Fields<'_>) -> Result<T, Unreadable>,
) -> Result<T, Unreadable> {
    layer(bytes, LAYERS, read)
}

fn layer<T>(
    bytes: &[u8],
    left: usize,
    read: impl FnOnce(&Fields<'_>) -> Result<T, Unreadable>,
) -> Result<T, Unreadable> {
    let bare = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes).trim_ascii_start();
    let inner = match bare.first() {
        Some(0) if bytes.len() > CONFLUENT => Content::Bytes(after_schema_id(bytes)?),
        Some(b'"') => Content::Text(text(bare)?),
        Some(b'[') => return Err(Unreadable::whole(array(bare))),
        _ => {
            let fields = Fields::parse(bytes)?;
            match content(&fields)? {
                Some(content) => content,
                None => return read(&fields),
            }
        }
    };
    let left = left.checked_sub(1);
    let left =
        left.ok_or_else(|| Unreadable::whole(format!("has more than {LAYERS} envelopes around it")))?;
    match inner {
        Content::Bytes(bytes) => layer(bytes, left, read),
        Content::Raw(raw) => layer(raw.get().as_bytes(), left, read),
        Content::Text(text) => layer(text.as_bytes(), left, read),
        Content::Decoded(bytes) => layer(&bytes, left, read),
    }
}

/// The content of an envelope.
enum Content<'a> {
    Bytes(&'a [u8]),
    Raw(&'a RawValue),
    Text(String),
    Decoded(Vec<u8>),
}

/// The content of the object, if it is an envelope; `None` if it is a message.
fn content<'a>(fields: &Fields<'a>) -> Result<Option<Content<'a>>, Unreadable> {
    if fields.has("specversion") && fields.raw("specversion")?.is_some() {
        return cloud_event(fields).map(Some);
    }
    if fields.has("orderid") || fields.has("ticketid") {
        return Ok(None);
    }
    if let Some(name) = foreign(fields)? {
        return Err(Unreadable::whole(name));
    }
    if let Some(message) = fields.raw("message")?
        && is_mass_transit(fields)?
    {
        return Ok(holds_json(message).then_some(Content::Raw(message)));
    }
    // The outbox router: with its schema, as JSON in a string, or beside further columns of the outbox.
    Ok(fields.raw("payload")?.filter(|payload| holds_json(payload)).map(Content::Raw))
}

/// `CloudEvents` 1.0 in JSON: `data`, an object or JSON in a string, or `data_base64`.
fn cloud_event<'a>(fields: &Fields<'a>) -> Result<Content<'a>, Unreadable> {
    if let Some(encoded) = fields.raw("data_base64")? {
        let encoded = text(encoded.get().as_bytes())
            .map_err(|_| Unreadable::field("data_base64", "is not a string"))?;
        let decoded = STANDARD.decode(encoded.trim());
        return decoded.map(Content::Decoded).map_err(|_| Unreadable::field("data_base64", "is not base64"));
    }
    match fields.raw("data")? {
        Some(data) if holds_json(data) => Ok(Content::Raw(data)),
        Some(_) => Err(Unreadable::field("data", "is neither an object nor JSON in a string")),
        None => Err(Unreadable::field("data", "is missing from the CloudEvent")),
    }
}

/// `messageType` is its list of URNs; every message of it also has the other fields.
fn is_mass_transit(fields: &Fields<'_>) -> Result<bool, Unreadable> {
    let types = fields.raw("messageType")?.is_some_and(|types| types.get().starts_with('['));
    Ok(types || ["conversationid", "sourceaddress", "destinationaddress"].iter().any(|name| fields.has(name)))
}

/// Names the object's envelope, if it is one that is not unwrapped, with what to change.
fn foreign(fields: &Fields<'_>) -> Result<Option<&'static str>, Unreadable> {
    let any = |names: &[&str]| names.iter().any(|name| fields.has(name));
    let is_text = |name| Ok(fields.raw(name)?.is_some_and(|value| value.get().starts_with('"')));
    if any(&["before", "after"]) && any(&["op", "source"]) || fields.has("before") && fields.has("after") {
        return Ok(Some(DEBEZIUM));
    }
    if is_text("eventType")? && fields.has("data") && any(&["dataversion", "eventtime", "metadataversion"]) {
        return Ok(Some(EVENT_GRID));
    }
    if fields.has("topicarn") && fields.has("type") || is_text("message")? && is_notification(fields)? {
        return Ok(Some(SNS));
    }
    if fields.has("$type") || has_headers_of_n_service_bus(fields)? {
        return Ok(Some(N_SERVICE_BUS));
    }
    let is_object = |name| Ok(fields.raw(name)?.is_some_and(|value| value.get().starts_with('{')));
    if any(&["detail-type", "detailtype"]) && is_object("detail")? {
        return Ok(Some(EVENT_BRIDGE));
    }
    if fields.has("subscription") && is_object("message")? && !is_mass_transit(fields)? {
        return Ok(Some(PUB_SUB));
    }
    // Envelopes of no particular maker: webhooks of payment services, and in-house buses.
    if is_object("data")? && (is_text("type")? || is_text("event")?) && !fields.has("payload") {
        return Ok(Some(BESIDE_DATA));
    }
    Ok(None)
}

/// The types that the outermost object of a message claims, each with its field, in lower case: the type of a
/// `CloudEvent` or of `MassTransit`, and the type fields of a bare message. A bare `type` may describe anything in the
/// message, and counts only where it names an event.
pub(crate) fn called(bytes: &[u8]) -> Vec<(&'static str, String)> {
    let Ok(fields) = Fields::parse(bytes) else { return Vec::new() };
    let of_event = |name: &str, said: &str| {
        name != "type"
            || fields.has("specversion")
            || ["payment", "charge", "refund", "cancellation"].iter().any(|word| said.contains(word))
    };
    let said = ["type", "messageType", "eventType", "paymentStatus"].into_iter().filter_map(|name| {
        let said = fields.raw(name).ok().flatten()?.get().to_ascii_lowercase();
        of_event(name, &said).then_some((name, said))
    });
    said.collect()
}

/// The time of a structured `CloudEvent`: when it happened, by its source.
pub(crate) fn time(bytes: &[u8]) -> Option<Timestamp> {
    let fields = Fields::parse(bytes).ok()?;
    fields.raw("specversion").ok()??;
    fields.time("time").ok()?.filter(|at| is_date(*at))
}

fn is_notification(fields: &Fields<'_>) -> Result<bool, Unreadable> {
    Ok(fields.raw("type")?.is_some_and(|kind| kind.get() == r#""Notification""#))
}

fn has_headers_of_n_service_bus(fields: &Fields<'_>) -> Result<bool, Unreadable> {
    let headers = fields.raw("headers")?.filter(|headers| headers.get().starts_with('{'));
    let headers = headers.and_then(|headers| Fields::parse(headers.get().as_bytes()).ok());
    Ok(headers.is_some_and(|headers| headers.names().any(|name| name.starts_with("nservicebus."))))
}

/// Names the sender's format of a JSON array by its first entry. An array is never one message.
fn array(bytes: &[u8]) -> &'static str {
    let first = serde_json::from_slice::<Vec<&RawValue>>(bytes).ok().and_then(|all| all.first().copied());
    let fields = first.and_then(|first| Fields::parse(first.get().as_bytes()).ok());
    let named = fields.and_then(|fields| foreign(&fields).ok().flatten());
    named.unwrap_or("is a JSON array and not a JSON object: send each message by itself")
}

fn after_schema_id(bytes: &[u8]) -> Result<&[u8], Unreadable> {
    let rest = bytes.get(CONFLUENT..).unwrap_or_default().trim_ascii_start();
    let is_json = matches!(rest.first(), Some(b'{' | b'"' | b'['));
    is_json.then_some(rest).ok_or_else(|| Unreadable::whole(NO_JSON))
}

fn holds_json(value: &RawValue) -> bool {
    value.get().starts_with(['{', '"'])
}

fn text(json: &[u8]) -> Result<String, Unreadable> {
    serde_json::from_slice(json).map_err(|_| Unreadable::whole("is not JSON"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Cancellation, Delivered, EventChange, Payment, Refund};

    const ORDER: &str = "7d444840-9dc0-11d1-b245-5ffdce74fad2";

    fn payment() -> String {
        format!(
            r#"{{"paymentId":"p","orderId":"{ORDER}","amount":12.50,"currency":"EUR","reason":"a \"b\""}}"#
        )
    }

    fn quoted(json: &str) -> String {
        serde_json::to_string(json).unwrap()
    }

    /// Wraps a message in one of the known envelopes, by number.
    fn wrap(message: Vec<u8>, envelope: usize) -> Vec<u8> {
        let Ok(json) = String::from_utf8(message) else { return Vec::new() };
        let wrapped = match envelope {
            0 => format!(r#"{{"specversion":"1.0","id":"1","source":"s","type":"t","data":{json}}}"#),
            1 => format!(r#"{{"specversion":"1.0","type":"t","data":{}}}"#, quoted(&json)),
            2 => format!(r#"{{"specversion":"1.0","data_base64":"{}"}}"#, STANDARD.encode(json)),
            3 => format!(
                r#"{{"messageId":"m","conversationId":"c","sourceAddress":"rabbitmq://h/q","messageType":
                ["urn:message:Shop:PaymentSucceeded"],"message":{json},"headers":{{}},"host":{{}}}}"#
            ),
            4 => quoted(&json),
            5 => format!(r#"{{"schema":{{"type":"struct","fields":[]}},"payload":{json}}}"#),
            6 => format!(r#"{{"schema":{{"type":"string","optional":false}},"payload":{}}}"#, quoted(&json)),
            7 => format!(r#"{{"eventType":"paid","aggregateId":"{ORDER}","payload":{json}}}"#),
            _ => return [&[0, 0, 0, 0, 7], json.as_bytes()].concat(),
        };
        wrapped.into_bytes()
    }

    const ENVELOPES: usize = 9;

    fn reason(json: &str) -> String {
        let why = Payment::parse(json.as_bytes()).unwrap_err();
        for other in [
            Refund::parse(json.as_bytes()).map(drop),
            Cancellation::parse(json.as_bytes()).map(drop),
            Delivered::parse(json.as_bytes()).map(drop),
            EventChange::parse(json.as_bytes()).map(drop),
        ] {
            assert_eq!(other.unwrap_err(), why, "all say the same");
        }
        why.to_string()
    }

    #[test]
    fn each_envelope_is_taken_off_every_kind_of_message() {
        let refund = format!(r#"{{"refundId":"r","orderId":"{ORDER}","amount":1}}"#);
        let cancellation = format!(r#"{{"orderId":"{ORDER}","reason":"rain"}}"#);
        let delivered = format!(r#"{{"ticketId":"{ORDER}","channel":"email"}}"#);
        let change = r#"{"eventId":"e","name":"Gala","status":"postponed"}"#;
        for envelope in 0..ENVELOPES {
            let of = |json: &str| wrap(json.as_bytes().to_vec(), envelope);
            assert_eq!(Payment::parse(&of(&payment())), Payment::parse(payment().as_bytes()), "{envelope}");
            assert_eq!(Refund::parse(&of(&refund)), Refund::parse(refund.as_bytes()), "{envelope}");
            assert_eq!(
                Cancellation::parse(&of(&cancellation)),
                Cancellation::parse(cancellation.as_bytes()),
                "{envelope}"
            );
            assert_eq!(
                Delivered::parse(&of(&delivered)),
                Delivered::parse(delivered.as_bytes()),
                "{envelope}"
            );
            assert_eq!(EventChange::parse(&of(change)), EventChange::parse(change.as_bytes()), "{envelope}");
        }
    }

    #[test]
    fn a_message_with_its_id_outside_is_none() {
        let other = "8d444840-9dc0-41d1-b245-5ffdce74fad2";
        for more in [
            format!(r#""payload":{{"orderId":"{other}"}}"#),
            format!(r#""messageType":["x"],"message":{{"orderId":"{other}"}}"#),
            r#""before":null,"after":null,"op":"c""#.to_owned(),
            r#""eventType":"paid","data":{},"eventTime":"x""#.to_owned(),
            r#""Type":"Notification","Message":"{}","TopicArn":"x""#.to_owned(),
            r#""$type":"Shop.PaymentSucceeded, Shop""#.to_owned(),
            r#""type":"paid","data":{"orderId":"x"}"#.to_owned(),
            r#""detail-type":"paid","detail":{}"#.to_owned(),
            r#""message":{"data":"e30="},"subscription":"s""#.to_owned(),
            r#""specversion":null"#.to_owned(),
        ] {
            let json = format!(r#"{{"orderId":"{ORDER}",{more}}}"#);
            let order = Payment::parse(json.as_bytes()).map(|payment| payment.order_id.to_string());
            assert_eq!(order.as_deref(), Ok(ORDER), "{json}");
        }
    }

    #[test]
    fn other_envelopes_are_named_with_what_to_change() {
        let p = payment();
        let q = quoted(&p);
        for (json, said) in [
            (format!(r#"{{"before":null,"after":{p},"source":{{}},"op":"c","ts_ms":1}}"#), "EventRouter"),
            (format!(r#"{{"schema":{{}},"payload":{{"before":null,"after":{p},"op":"c"}}}}"#), "EventRouter"),
            (
                format!(
                    r#"[{{"id":"1","eventType":"paid","subject":"s","eventTime":"x","dataVersion":"1","data":{p}}}]"#
                ),
                "cloudeventschemav1_0",
            ),
            (
                format!(
                    r#"{{"id":"1","eventType":"paid","subject":"s","eventTime":"x","dataVersion":"1","data":{p}}}"#
                ),
                "cloudeventschemav1_0",
            ),
            (
                format!(
                    r#"{{"Type":"Notification","MessageId":"m","TopicArn":"arn:aws:sns:x","Message":{q}}}"#
                ),
                "RawMessageDelivery",
            ),
            (r#"{"$type":"Shop.PaymentSucceeded, Shop","Order":{}}"#.to_owned(), "NServiceBus"),
            (r#"[{"$type":"Shop.PaymentSucceeded, Shop"}]"#.to_owned(), "NServiceBus"),
            (
                r#"{"Headers":{"NServiceBus.EnclosedMessageTypes":"Shop.Paid"},"Body":"e30="}"#.to_owned(),
                "NServiceBus",
            ),
            (
                format!(
                    r#"{{"version":"0","id":"1","detail-type":"paid","source":"shop","time":"x","detail":{p}}}"#
                ),
                "$.detail",
            ),
            (
                format!(
                    r#"{{"message":{{"data":"{}","messageId":"1"}},"subscription":"projects/a/subscriptions/b"}}"#,
                    STANDARD.encode(&p)
                ),
                "--push-no-wrapper",
            ),
            (format!(r#"{{"event":"payment.succeeded","data":{p}}}"#), "no CloudEvent"),
            (
                format!(
                    r#"{{"id":"evt_1","object":"event","type":"payment_intent.succeeded","data":{{"object":{p}}}}}"#
                ),
                "no CloudEvent",
            ),
            (format!(r#"[{{"type":"payment.succeeded","data":{p}}}]"#), "no CloudEvent"),
            ("\0\0\0\0\u{7}\u{2}Hxyz".to_owned(), "Avro or Protobuf"),
            (format!("[{p}]"), "each message by itself"),
        ] {
            let reason = reason(&json);
            assert!(reason.contains(said), "{json}: {reason}");
            assert!(!reason.contains("12.50"), "no content: {reason}");
        }
    }

    #[test]
    fn a_fault_of_mass_transit_is_no_message() {
        let fault = format!(
            r#"{{"messageType":["urn:message:MassTransit:Fault[[Shop:PaymentSucceeded]]"],"message":
            {{"faultId":"f","faultedMessageId":"m","message":{},"exceptions":[]}}}}"#,
            payment()
        );
        assert_eq!(Payment::parse(fault.as_bytes()).unwrap_err().field.as_deref(), Some("orderId"));
    }

    proptest! {
        #[test]
        fn several_envelopes_are_taken_off_and_too_many_named(which in prop::collection::vec(0..ENVELOPES - 1, 0..10), last: bool) {
            let mut message = payment().into_bytes();
            for envelope in &which {
                message = wrap(message, *envelope);
            }
            let mut layers: usize = which.iter().map(|e| if matches!(e, 1 | 6) { 2 } else { 1 }).sum();
            if last {
                message = wrap(message, ENVELOPES - 1);
                layers += 1;
            }
            match Payment::parse(&message) {
                Ok(read) => {
                    prop_assert!(layers <= LAYERS);
                    prop_assert_eq!(read, Payment::parse(payment().as_bytes()).unwrap());
                }
                Err(why) => {
                    prop_assert!(layers > LAYERS, "{}", why);
                    prop_assert!(why.reason.contains("envelopes"), "{}", why);
                }
            }
        }

        #[test]
        fn a_damaged_envelope_is_unreadable_or_read_and_never_a_panic(
            which in prop::collection::vec(0..ENVELOPES, 1..4),
            cut in any::<prop::sample::Index>(),
            at in any::<prop::sample::Index>(),
            byte: u8,
        ) {
            let mut message = which.iter().fold(payment().into_bytes(), |message, e| wrap(message, *e));
            if !message.is_empty() {
                let at = at.index(message.len());
                message[at] = byte;
                message.truncate(cut.index(message.len()) + 1);
            }
            let _ = (Payment::parse(&message), Refund::parse(&message), Delivered::parse(&message));
            let _ = EventChange::parse(&message);
        }

        #[test]
        fn what_was_read_bare_is_read_the_same(more in "[a-zA-Z_$]{1,12}", value in prop::sample::select(&[
            "null", "{}", "[]", "\"x\"", "\"{}\"", "{\"orderId\":\"x\"}", "[{\"$type\":1}]", "1",
        ][..])) {
            prop_assume!(!["specversion", "orderid"].contains(&crate::fields::canonical(&more).as_str()));
            let json = format!(r#"{{"{more}":{value},"orderId":"{ORDER}"}}"#);
            let bare = Fields::parse(json.as_bytes()).and_then(|fields| Payment::read(&fields));
            prop_assert_eq!(Payment::parse(json.as_bytes()), bare);
        }
    }
}
