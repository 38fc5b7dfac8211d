//! Changes of events by messages: whether each counts, and what becomes of the record. Without a database.

use fulfillment_domain::event_record::Moment;
use fulfillment_domain::event_time::is_date;
use fulfillment_domain::instant::parse_time;
use fulfillment_domain::{EventChange, EventRecord, Unreadable};
use jiff::{SignedDuration, Timestamp};

use crate::decide::sql_values::storable;
use crate::{EventChanged, Incoming};

/// How far the sender's clock may be ahead of this one. A change of a later time would win over all changes until then.
const AHEAD: SignedDuration = SignedDuration::from_mins(10);

/// Makes a change to a record, as far as it is later than what is recorded of each detail. A refused one changes nothing.
pub(crate) fn make(
    record: &mut EventRecord,
    message: &Incoming,
    change: &EventChange,
) -> Result<EventChanged, Unreadable> {
    let made = made(message, change)?;
    let mut next = record.clone();
    let (newer, has_older) = change.patch.newer(made, &mut next.set_at);
    newer.apply(&mut next.overrides);
    if newer.changes_times() {
        next.check_times()?;
    }
    let is_changed = next.overrides != record.overrides;
    *record = next;
    Ok(match (is_changed, has_older) {
        (true, _) => EventChanged::Changed,
        (false, true) => EventChanged::Older,
        (false, false) => EventChanged::Known,
    })
}

/// When the change was made: at its own time, else at its record's, else when it arrived.
fn made(message: &Incoming, change: &EventChange) -> Result<Moment, Unreadable> {
    let record = message.source.timestamp().filter(|millis| *millis >= 0);
    let record = record.and_then(|millis| Timestamp::from_millisecond(millis).ok());
    let at = change.changed_at.or_else(|| time_in_headers(message)).or(record).unwrap_or(message.received_at);
    if at.duration_since(message.received_at) > AHEAD {
        return Err(Unreadable::field(
            "changedAt",
            "is more than 10 minutes in the future: correct the sender's clock. It can be replayed once that time is over",
        ));
    }
    Ok(Moment::new(storable(at), message.source.offset().unwrap_or_default()))
}

/// The time of a `CloudEvent` in binary mode.
fn time_in_headers(message: &Incoming) -> Option<Timestamp> {
    let (_, value) = message.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("ce_time"))?;
    parse_time(std::str::from_utf8(value).ok()?).filter(|at| is_date(*at))
}

#[cfg(test)]
mod tests {
    use fulfillment_domain::{Message, Subject};

    use super::*;
    use crate::Source;
    use crate::decide::event_records::unknown_event;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn message(json: &str, source: Source) -> Incoming {
        Incoming {
            source,
            key: None,
            raw: json.as_bytes().to_vec(),
            headers: vec![],
            traceparent: None,
            received_at: at("2026-11-22T18:30:00Z"),
            subject: Subject::EventChange,
            content: Message::parse(Subject::EventChange, json.as_bytes()),
        }
    }

    fn moment(message: &Incoming) -> Result<Moment, Unreadable> {
        let Ok(Message::EventChange(change)) = &message.content else { panic!("no change") };
        made(message, change)
    }

    fn kafka(offset: i64, timestamp: Option<i64>) -> Source {
        Source::Kafka { topic: "t".into(), partition: 0, offset, timestamp }
    }

    #[test]
    fn a_change_was_made_at_its_own_time_or_that_of_what_is_around_it() {
        let nine = at("2026-11-22T09:00:00Z");
        let bare = r#"{"eventId":"e","name":"Gala"}"#;
        let timed = r#"{"eventId":"e","name":"Gala","changedAt":"2026-11-22T09:00:00Z"}"#;
        let sent = at("2026-11-22T09:00:00.005Z");
        let record = Some(sent.as_millisecond());
        assert_eq!(moment(&message(timed, kafka(7, record))), Ok(Moment::new(nine, 7)));
        let by_record = Moment::new(sent, 7);
        assert_eq!(moment(&message(bare, kafka(7, record))), Ok(by_record));
        let mut binary = message(bare, kafka(7, record));
        binary.headers = vec![("CE_time".into(), b"2026-11-22T09:00:00Z".to_vec())];
        assert_eq!(moment(&binary), Ok(Moment::new(nine, 7)));
        binary.headers = vec![("ce_time".into(), b"soon".to_vec())];
        assert_eq!(moment(&binary), Ok(by_record));
        // A replay is the same record.
        let replayed = Source::Recorded { text: "kafka t/0@7".into(), timestamp: record };
        assert_eq!(moment(&message(bare, replayed)), Ok(by_record));
        for timestamp in [None, Some(-1)] {
            let arrived = Moment::new(at("2026-11-22T18:30:00Z"), 7);
            assert_eq!(moment(&message(bare, kafka(7, timestamp))), Ok(arrived));
        }
    }

    #[test]
    fn the_future_is_refused_and_can_be_replayed_later() {
        let json = |time: &str| format!(r#"{{"eventId":"e","name":"Gala","changedAt":"{time}"}}"#);
        assert!(moment(&message(&json("2026-11-22T18:40:00Z"), kafka(1, None))).is_ok());
        let mut early = message(&json("2026-11-22T18:40:01Z"), kafka(1, None));
        assert_eq!(moment(&early).unwrap_err().field.as_deref(), Some("changedAt"));
        early.received_at = at("2026-11-22T18:31:00Z");
        assert!(moment(&early).is_ok());
    }

    #[test]
    fn what_is_refused_changes_nothing_and_names_do_not_depend_on_times() {
        let change = |json: &str, record: &mut EventRecord| {
            let message = message(json, kafka(1, Some(1)));
            let Ok(Message::EventChange(change)) = &message.content else { panic!("no change") };
            make(record, &message, change)
        };
        let mut record = unknown_event("e");
        record.overrides.starts_at = Some(at("2026-12-22T18:00:00Z"));
        let before = record.clone();
        let ends = r#"{"eventId":"e","name":"Gala","endsAt":"2026-12-22T12:00:00Z"}"#;
        assert_eq!(change(ends, &mut record).unwrap_err().field.as_deref(), Some("endsAt"));
        assert_eq!(record, before);
        // Ordering moved the start meanwhile: that says nothing against a name.
        record.overrides.ends_at = Some(at("2026-12-22T12:00:00Z"));
        assert_eq!(change(r#"{"eventId":"e","name":"Gala"}"#, &mut record), Ok(EventChanged::Changed));
        assert_eq!(change(r#"{"eventId":"e"}"#, &mut record), Ok(EventChanged::Known));
    }
}
