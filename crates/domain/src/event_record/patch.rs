//! Changes of an event's record, by an operator or by a message.

use jiff::Timestamp;

use super::set_at::{Moment, SetAt};
use super::{EventDetails, EventStatus};
use crate::envelope;
use crate::event_time::{Written, is_date};
use crate::fields::{Fields, Unreadable, guid_of};
use crate::zones;

/// The longest id of an event in bytes.
pub const MAX_EVENT_ID: usize = 200;

/// What happens to one field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Change<T> {
    /// It stays as it is.
    #[default]
    Keep,
    /// What was set is removed: what Ordering says is in force again.
    Lift,
    /// It is set.
    Set(T),
}

impl<T: Clone> Change<T> {
    fn apply(&self, to: &mut Option<T>) {
        match self {
            Self::Keep => {}
            Self::Lift => *to = None,
            Self::Set(value) => *to = Some(value.clone()),
        }
    }
}

/// Changes of the fields that are set over what Ordering says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the contract's")]
pub struct EventPatch {
    pub name: Change<String>,
    pub starts_at: Change<Timestamp>,
    pub ends_at: Change<Timestamp>,
    pub doors_at: Change<Timestamp>,
    pub time_zone: Change<String>,
    pub venue_name: Change<String>,
    pub venue_address: Change<String>,
    pub status: Change<EventStatus>,
}

/// The fields of a patch.
const NAMES: [&str; 8] =
    ["name", "startsAt", "endsAt", "doorsAt", "timeZone", "venueName", "venueAddress", "status"];

/// A field of a patch, whatever its type.
trait Field {
    /// Whether it stays as it is.
    fn is_kept(&self) -> bool;
    /// Makes no change of it.
    fn keep(&mut self);
}

impl<T> Field for Change<T> {
    fn is_kept(&self) -> bool {
        matches!(self, Self::Keep)
    }

    fn keep(&mut self) {
        *self = Self::Keep;
    }
}

impl EventPatch {
    /// Reads a JSON object of changes: null lifts a field, and what is absent stays. An unknown field is refused,
    /// because it would be a change that is not made.
    ///
    /// # Errors
    /// The field at fault and what is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, Unreadable> {
        let fields = Fields::parse(bytes)?;
        let known = NAMES.map(str::to_ascii_lowercase);
        if let Some(other) = fields.names().find(|name| !known.iter().any(|known| known == name)) {
            let shown: String = other.chars().take(40).collect();
            return Err(Unreadable::field(&shown, format!("is not one of {}", NAMES.join(", "))));
        }
        Self::read(&fields)
    }

    fn read(fields: &Fields<'_>) -> Result<Self, Unreadable> {
        Ok(Self {
            name: text(fields, "name")?,
            starts_at: time(fields, "startsAt")?,
            ends_at: time(fields, "endsAt")?,
            doors_at: time(fields, "doorsAt")?,
            time_zone: read(fields, "timeZone", |fields, name| {
                let zone = fields.text(name)?.as_deref().map(zones::named);
                match zone {
                    Some(Some(zone)) => Ok(Some(zones::name_of(&zone))),
                    Some(None) => {
                        Err(Unreadable::field(name, "is not a known time zone, such as Europe/Berlin"))
                    }
                    None => Ok(None),
                }
            })?,
            venue_name: text(fields, "venueName")?,
            venue_address: text(fields, "venueAddress")?,
            status: read(fields, "status", |fields, name| {
                let words = || {
                    let words: Vec<_> = EventStatus::ALL.iter().map(|status| status.as_str()).collect();
                    Unreadable::field(name, format!("is none of {}", words.join(", ")))
                };
                let word = fields.text(name)?.map(|word| word.to_ascii_lowercase());
                // The other spelling of the word is as common.
                let word = word.map(|word| if word == "canceled" { "cancelled".to_owned() } else { word });
                word.map(|word| word.parse().map_err(|_| words())).transpose()
            })?,
        })
    }

    /// Its fields, in the order of [`NAMES`].
    fn fields(&mut self) -> [&mut dyn Field; 8] {
        [
            &mut self.name,
            &mut self.starts_at,
            &mut self.ends_at,
            &mut self.doors_at,
            &mut self.time_zone,
            &mut self.venue_name,
            &mut self.venue_address,
            &mut self.status,
        ]
    }

    /// Whether it changes a time, which may contradict another one.
    pub fn changes_times(&self) -> bool {
        !(self.starts_at.is_kept() && self.ends_at.is_kept() && self.doors_at.is_kept())
    }

    /// Those of its changes that were made later than what is recorded of their fields, whose times are recorded. The
    /// second is whether another one was made earlier.
    pub fn newer(&self, made: Moment, set_at: &mut SetAt) -> (Self, bool) {
        let mut newer = self.clone();
        let mut has_older = false;
        for (name, field) in NAMES.into_iter().zip(newer.fields()).filter(|(_, field)| !field.is_kept()) {
            let before = set_at.of(name);
            if before < Some(made) {
                set_at.record(name, made);
            } else {
                has_older |= before > Some(made);
                field.keep();
            }
        }
        (newer, has_older)
    }

    /// Records the time of a change that counts whatever was recorded before. An earlier time than that of a field is
    /// not recorded: what is known of it is not newer than this change.
    pub fn mark(&self, made: Moment, set_at: &mut SetAt) {
        for (name, field) in NAMES.into_iter().zip(self.clone().fields()) {
            if !field.is_kept() && set_at.of(name) < Some(made) {
                set_at.record(name, made);
            }
        }
    }

    /// Makes the changes.
    pub fn apply(&self, to: &mut EventDetails) {
        self.name.apply(&mut to.name);
        self.starts_at.apply(&mut to.starts_at);
        self.ends_at.apply(&mut to.ends_at);
        self.doors_at.apply(&mut to.doors_at);
        self.time_zone.apply(&mut to.time_zone);
        self.venue_name.apply(&mut to.venue_name);
        self.venue_address.apply(&mut to.venue_address);
        self.status.apply(&mut to.status);
    }
}

/// A message of the topic `event-changed`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventChange {
    /// Which event.
    pub event_id: String,
    /// What changes.
    pub patch: EventPatch,
    /// When it was changed, by the sender's clock.
    pub changed_at: Option<Timestamp>,
}

impl EventChange {
    /// Reads a message in any spelling, bare or in an envelope. Fields that are unknown here are ignored: the message
    /// has other readers. Its time is `changedAt`, else the `time` of the `CloudEvent` around it.
    ///
    /// # Errors
    /// The field at fault and what is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, Unreadable> {
        let mut change = envelope::open(bytes, |fields| {
            let event_id =
                fields.identifier("eventId")?.ok_or_else(|| Unreadable::field("eventId", "is missing"))?;
            Ok(Self { event_id, patch: EventPatch::read(fields)?, changed_at: changed_at(fields)? })
        })?;
        change.changed_at = change.changed_at.or_else(|| envelope::time(bytes));
        Ok(change)
    }
}

/// When an event was changed. One that cannot be read is refused: the change might win over a newer one.
fn changed_at(fields: &Fields<'_>) -> Result<Option<Timestamp>, Unreadable> {
    const NAME: &str = "changedAt";
    let Some(at) = fields.time(NAME)? else { return Ok(None) };
    if fields.text(NAME)?.is_some_and(|text| text.contains('-') && text.len() <= "2026-11-29".len())
        || !is_date(at)
    {
        return Err(Unreadable::field(NAME, "must be a time with its hour, of the years 2000 to 2199"));
    }
    Ok(Some(at))
}

/// The id of an event as it is recorded, from a path or a command: as Ordering's answers are read.
///
/// # Errors
/// It is empty or too long, or has a NUL.
pub fn event_id(text: &str) -> Result<String, Unreadable> {
    let refuse = |reason: String| Err(Unreadable::field("eventId", reason));
    match text.trim() {
        "" => refuse("is empty".to_owned()),
        id if id.len() > MAX_EVENT_ID => refuse(format!("is longer than {MAX_EVENT_ID} bytes")),
        id if id.contains('\0') => refuse("has a NUL".to_owned()),
        id => Ok(guid_of(id).map_or_else(|| id.to_owned(), |guid| guid.to_string())),
    }
}

/// A field that is set, lifted by null, or left alone.
fn read<T>(
    fields: &Fields<'_>,
    name: &str,
    value: impl Fn(&Fields<'_>, &str) -> Result<Option<T>, Unreadable>,
) -> Result<Change<T>, Unreadable> {
    if !fields.has(&name.to_ascii_lowercase()) {
        return Ok(Change::Keep);
    }
    if fields.raw(name)?.is_none() {
        return Ok(Change::Lift);
    }
    value(fields, name)?
        .map(Change::Set)
        .ok_or_else(|| Unreadable::field(name, "is blank: null removes what was set"))
}

#[expect(clippy::redundant_closure_for_method_calls, reason = "the method is for one lifetime")]
fn text(fields: &Fields<'_>, name: &str) -> Result<Change<String>, Unreadable> {
    read(fields, name, |fields, name| fields.text(name))
}

/// A point in time. A wall clock's time is refused: nobody has to guess when an event begins.
fn time(fields: &Fields<'_>, name: &str) -> Result<Change<Timestamp>, Unreadable> {
    read(fields, name, |fields, name| {
        if fields.text(name)?.is_none() {
            return Ok(None);
        }
        match Written::read(fields, name)? {
            Some(Written::Instant(at, _)) if is_date(at) => Ok(Some(at)),
            Some(Written::Instant(..)) => Err(Unreadable::field(name, "is before 2000 or after 2199")),
            Some(Written::Clock(_) | Written::Day(_)) => Err(Unreadable::field(
                name,
                "must have an hour and an offset, as in 2026-12-22T19:30:00+01:00",
            )),
            None => Ok(None),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<EventPatch, Unreadable> {
        EventPatch::parse(json.as_bytes())
    }

    #[test]
    fn fields_are_set_lifted_or_left() {
        let patch = parse(
            r#"{"name":"Gala","StartsAt":"2026-12-22T19:30:00+01:00","venue_name":null,"status":"Canceled","timeZone":"europe/berlin"}"#,
        )
        .unwrap();
        assert_eq!(patch.name, Change::Set("Gala".into()));
        assert_eq!(patch.starts_at, Change::Set("2026-12-22T18:30:00Z".parse().unwrap()));
        assert_eq!(patch.venue_name, Change::Lift);
        assert_eq!(patch.status, Change::Set(EventStatus::Cancelled));
        assert_eq!(patch.time_zone, Change::Set("Europe/Berlin".into()));
        assert_eq!((&patch.ends_at, &patch.venue_address), (&Change::Keep, &Change::Keep));
        let mut set = EventDetails { venue_name: Some("Hall".into()), ..EventDetails::default() };
        patch.apply(&mut set);
        assert_eq!((set.venue_name, set.name.as_deref()), (None, Some("Gala")));
        assert_eq!(parse("{}"), Ok(EventPatch::default()));
    }

    #[test]
    fn errors_name_the_field() {
        for (json, field) in [
            (r#"{"name":""}"#, "name"),
            (r#"{"name":[1]}"#, "name"),
            (r#"{"startsAt":"2026-12-22T19:30:00"}"#, "startsAt"),
            (r#"{"endsAt":"2026-12-22"}"#, "endsAt"),
            (r#"{"doorsAt":"soon"}"#, "doorsAt"),
            (r#"{"startsAt":"1999-12-22T19:30:00Z"}"#, "startsAt"),
            (r#"{"timeZone":"Middle Earth"}"#, "timeZone"),
            (r#"{"status":"off"}"#, "status"),
            (r#"{"startAt":"2026-12-22T19:30:00Z"}"#, "startat"),
            (r#"{"name":"a","Name":"b"}"#, "name"),
        ] {
            assert_eq!(parse(json).unwrap_err().field.as_deref(), Some(field), "{json}");
        }
        assert_eq!(parse("[]").unwrap_err().field, None);
        let long = format!(r#"{{"venueAddress":"{}"}}"#, "x".repeat(5_000));
        assert_eq!(parse(&long).unwrap_err().field.as_deref(), Some("venueAddress"));
    }

    #[test]
    fn an_id_is_read_as_in_ordering_s_answers() {
        for (text, id) in [
            (" a/b %ü ", "a/b %ü"),
            ("{3F2504E0-4F89-41D3-9A0C-0305E82C3301}", "3f2504e0-4f89-41d3-9a0c-0305e82c3301"),
        ] {
            assert_eq!(event_id(text).as_deref(), Ok(id));
        }
        for text in ["", " ", "a\0", &"x".repeat(201)] {
            assert!(event_id(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn messages_are_read_in_any_spelling() {
        for json in [
            r#"{"eventId":"e/1","name":"Gala"}"#,
            r#"{"EventId":"e/1","Name":"Gala","unknown":1}"#,
            r#"{"specversion":"1.0","type":"x","source":"y","id":"1","data":{"event_id":"e/1","name":"Gala"}}"#,
        ] {
            let change = EventChange::parse(json.as_bytes()).unwrap();
            assert_eq!((change.event_id.as_str(), change.patch.name), ("e/1", Change::Set("Gala".into())));
            assert_eq!(change.changed_at, None);
        }
        for json in [r#"{"name":"Gala"}"#, r#"{"eventId":""}"#] {
            let wrong = EventChange::parse(json.as_bytes()).unwrap_err();
            assert_eq!(wrong.field.as_deref(), Some("eventId"), "{json}");
        }
        assert!(EventChange::parse(br#"{"eventId":"e","status":"x"}"#).is_err());
    }

    #[test]
    fn a_change_has_its_own_time_or_that_of_its_cloud_event() {
        let at = |json: &str| EventChange::parse(json.as_bytes()).map(|change| change.changed_at);
        let nine = Some("2026-11-22T09:00:00Z".parse().unwrap());
        let ten = Some("2026-11-22T10:00:00Z".parse().unwrap());
        assert_eq!(at(r#"{"eventId":"e","changed_at":"2026-11-22T10:00:00+01:00"}"#), Ok(nine));
        let event = |more: &str| {
            format!(r#"{{"specversion":"1.0","time":"2026-11-22T10:00:00Z","data":{{"eventId":"e"{more}}}}}"#)
        };
        assert_eq!(at(&event("")), Ok(ten));
        assert_eq!(at(&event(r#","changedAt":"2026-11-22T09:00:00Z""#)), Ok(nine));
        assert_eq!(at(&event("").replace("2026-11-22T10:00:00Z", "soon")), Ok(None));
        // Outside a CloudEvent, a field of that name may be the time of anything.
        assert_eq!(at(r#"{"eventId":"e","time":"2026-11-22T10:00:00Z"}"#), Ok(None));
        for wrong in ["soon", "2026-11-22", "0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z"] {
            let refused = at(&format!(r#"{{"eventId":"e","changedAt":"{wrong}"}}"#)).unwrap_err();
            assert_eq!(refused.field.as_deref(), Some("changedAt"), "{wrong}");
        }
    }

    #[test]
    fn each_field_has_a_time_of_its_own() {
        let moment = |second| Moment::new(Timestamp::from_second(second).unwrap(), 0);
        let mut set_at = SetAt::default();
        let both = parse(r#"{"name":"A","venueName":null}"#).unwrap();
        assert_eq!(both.newer(moment(5), &mut set_at), (both.clone(), false));
        assert_eq!(both.newer(moment(5), &mut set_at), (EventPatch::default(), false), "a repeat");
        let late = parse(r#"{"name":"B","status":"postponed"}"#).unwrap();
        let rest = parse(r#"{"status":"postponed"}"#).unwrap();
        assert_eq!(late.newer(moment(4), &mut set_at), (rest, true), "its name is older");
        let by_hand = parse(r#"{"name":"C"}"#).unwrap();
        by_hand.mark(moment(9), &mut set_at);
        by_hand.mark(moment(1), &mut set_at);
        assert_eq!(late.newer(moment(8), &mut set_at).0.name, Change::Keep);
        assert_eq!(late.newer(moment(10), &mut set_at).0.name, late.name);
        assert!(!late.changes_times() && parse(r#"{"endsAt":null}"#).unwrap().changes_times());
    }

    #[test]
    fn every_field_has_its_name() {
        let mut patch = parse(
            r#"{"name":"a","startsAt":null,"endsAt":null,"doorsAt":null,"timeZone":null,"venueName":null,
            "venueAddress":null,"status":null}"#,
        )
        .unwrap();
        assert!(patch.fields().into_iter().all(|field| !field.is_kept()));
        for (place, name) in NAMES.iter().enumerate() {
            let mut one = parse(&format!(r#"{{"{name}":null}}"#)).unwrap();
            let changed: Vec<_> = one.fields().into_iter().map(|field| !field.is_kept()).collect();
            assert_eq!(changed.iter().position(|changed| *changed), Some(place), "{name}");
            assert_eq!(changed.iter().filter(|changed| **changed).count(), 1, "{name}");
        }
    }
}
