//! Reading the record of events, and what is new in Ordering's answers.

use std::collections::{BTreeMap, HashMap};

use fulfillment_domain::event_record::{DaysAlone, SetAt};
use fulfillment_domain::{EventDetails, EventRecord, Flag, Flags};
use fulfillment_door::Rules;
use jiff::Timestamp;

use crate::decide::sql_values::{Row, need, odd};
use crate::events::Said;
use crate::{Result, StoreError};

/// The columns of an event's record.
macro_rules! event_record_columns {
    () => {
        "event_id, number, said, said_at, set_by_operator, set_at, feed_version, head_version"
    };
}
pub(crate) use event_record_columns;

/// Reads those columns.
pub(crate) fn event_record_from(row: &impl Row) -> Result<EventRecord> {
    let details = |column, text: String| EventDetails::from_stored(&text).map_err(|e| odd(column, e));
    Ok(EventRecord {
        id: need("event_id", row.text("event_id")?)?,
        number: row.number("number")?,
        said: row.text("said")?.map(|text| details("said", text)).transpose()?,
        said_at: row.time("said_at")?,
        overrides: details("set_by_operator", need("set_by_operator", row.text("set_by_operator")?)?)?,
        set_at: SetAt::from_stored(&need("set_at", row.text("set_at")?)?).map_err(|e| odd("set_at", e))?,
        feed_version: row.number("feed_version")?,
        head_version: row.number("head_version")?,
    })
}

/// The record of an event that nobody has said anything about.
pub(crate) fn unknown_event(id: &str) -> EventRecord {
    EventRecord {
        id: id.to_owned(),
        number: 0,
        said: None,
        said_at: None,
        overrides: EventDetails::default(),
        set_at: SetAt::default(),
        feed_version: 0,
        head_version: 0,
    }
}

/// Reads the rules of an event's door from their column.
pub(crate) fn rules_from(row: &impl Row) -> Result<Rules> {
    let text = row.text("rules")?;
    text.map_or_else(|| Ok(Rules::default()), |text| Rules::read(&text).map_err(|error| odd("rules", error)))
}

/// The columns of a ticket that tell what its event's details were.
pub(crate) const OF_A_TICKET: &str = "SELECT event_name, event_starts_at, event_ends_at, doors_at, time_zone, venue_name, \
     venue_address, flags, created_at FROM tickets WHERE event_number = $1 ORDER BY id DESC LIMIT 1";

/// Reads them, and when they were written.
pub(crate) fn details_of_ticket(row: &impl Row) -> Result<(EventDetails, Timestamp)> {
    let flags = Flags::from_stored(&row.text("flags")?.unwrap_or_default());
    let mut details = EventDetails {
        name: row.text("event_name")?.filter(|_| !flags.contains(Flag::EventDetailsPending)),
        starts_at: row.time("event_starts_at")?,
        ends_at: row.time("event_ends_at")?,
        doors_at: row.time("doors_at")?,
        time_zone: row.text("time_zone")?,
        venue_name: row.text("venue_name")?,
        venue_address: row.text("venue_address")?,
        status: None,
        days: DaysAlone::default(),
    };
    details.days = DaysAlone::of(&flags, &details);
    Ok((details, need("created_at", row.time("created_at")?)?))
}

/// Details as they are stored.
pub(crate) fn stored(details: &EventDetails) -> Result<String> {
    details.to_stored().map_err(|e| StoreError::Refused(e.into()))
}

/// What is recorded of Ordering's answers, by the events' keys. An event without a row is not there.
pub(crate) type Recorded = HashMap<String, Option<String>>;

/// The newest of these answers about each event, where it differs from what is recorded, by the events' keys.
pub(crate) fn news<'a>(
    said: impl IntoIterator<Item = &'a Said>,
    recorded: &Recorded,
    key: impl Fn(&str) -> String,
) -> Result<BTreeMap<String, &'a Said>> {
    let mut newest: BTreeMap<String, &Said> = BTreeMap::new();
    for said in said {
        let known = newest.entry(key(&said.event_id)).or_insert(said);
        if known.asked_at < said.asked_at {
            *known = said;
        }
    }
    let mut news = BTreeMap::new();
    for (key, said) in newest {
        let Some(recorded) = recorded.get(&key) else { continue };
        if recorded.as_deref() != Some(stored(&said.details)?.as_str()) {
            news.insert(key, said);
        }
    }
    Ok(news)
}

/// Whether an answer is newer than the recorded one. A record of the future was written by a clock that was wrong.
pub(crate) fn is_newer(asked_at: Timestamp, recorded: Option<Timestamp>, now: Timestamp) -> bool {
    recorded.is_none_or(|recorded| recorded < asked_at || recorded > now)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn said(event: &str, name: &str, second: i64) -> Said {
        Said {
            event_id: event.into(),
            details: EventDetails { name: Some(name.into()), ..EventDetails::default() },
            asked_at: Timestamp::from_second(second).unwrap(),
            announcing: Arc::default(),
        }
    }

    #[test]
    fn only_the_newest_answer_that_differs_is_news() {
        let recorded = HashMap::from([
            ("a".to_owned(), Some(r#"{"name":"A"}"#.to_owned())),
            ("b".to_owned(), None),
            ("c".to_owned(), Some(r#"{"name":"C"}"#.to_owned())),
        ]);
        let all = [
            said("a", "A", 2),
            said("a", "old", 1),
            said("b", "B", 1),
            said("c", "new", 1),
            said("d", "D", 1),
        ];
        let news = news(&all, &recorded, str::to_owned).unwrap();
        let names: Vec<_> = news.values().map(|said| said.details.name.as_deref().unwrap()).collect();
        assert_eq!(names, ["B", "new"]);
    }

    #[test]
    fn a_record_of_the_future_is_not_newer() {
        let at = |second| Timestamp::from_second(second).unwrap();
        assert!(is_newer(at(2), Some(at(1)), at(9)) && is_newer(at(2), None, at(9)));
        assert!(!is_newer(at(2), Some(at(2)), at(9)) && !is_newer(at(2), Some(at(3)), at(9)));
        assert!(is_newer(at(2), Some(at(10)), at(9)));
    }
}
