//! Reading a JSON object whose producers cannot agree on spelling.
//!
//! `orderId`, `OrderId` and `order_id` are one field. Two spellings in one object are fine while they
//! agree; when they do not, nobody can know which was meant and the message is unreadable.
//! Values stay raw text until asked for, so that a price never passes through a float.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use jiff::{Timestamp, civil, tz::TimeZone};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::id::parse_guid;
use crate::money::Amount;

/// Why a message or an answer could not be read, and which field is at fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{reason}", .field.as_ref().map(|f| format!("{f}: ")).unwrap_or_default())]
pub struct Unreadable {
    /// The field at fault, as its canonical camelCase name; none when the whole is no JSON object.
    pub field: Option<String>,
    /// What is wrong with it, without the value: values can be personal data.
    pub reason: String,
}

impl Unreadable {
    /// The message as a whole cannot be read.
    pub fn whole(reason: impl Into<String>) -> Self {
        Self { field: None, reason: reason.into() }
    }

    /// One field cannot be read.
    pub fn field(name: &str, reason: impl Into<String>) -> Self {
        Self { field: Some(name.to_owned()), reason: reason.into() }
    }
}

/// The longest text any field may have, in bytes. Longer is unreadable, not truncated.
pub const MAX_TEXT: usize = 4_096;

/// A JSON object, its values unparsed, asked by canonical camelCase name in any spelling.
#[derive(Debug)]
pub struct Fields<'a> {
    entries: Vec<(String, &'a RawValue)>,
}

impl<'a> Fields<'a> {
    /// Reads `bytes` as one JSON object. A UTF-8 byte order mark is skipped.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Unreadable> {
        let text = std::str::from_utf8(bytes).map_err(|_| Unreadable::whole("is not UTF-8 text"))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Self::parse_text(text)
    }

    fn parse_text(text: &'a str) -> Result<Self, Unreadable> {
        if text.trim().is_empty() {
            return Err(Unreadable::whole("is empty"));
        }
        let mut reader = serde_json::Deserializer::from_str(text);
        let entries = reader.deserialize_map(Entries).map_err(|e| not_an_object(&e))?;
        reader.end().map_err(|e| not_an_object(&e))?;
        Ok(Self { entries })
    }

    /// Whether a field is there, even if null. `canonical` is its name as [`Self::names`] has it.
    pub(crate) fn has(&self, canonical: &str) -> bool {
        self.entries.iter().any(|(name, _)| name == canonical)
    }

    /// The names of the fields, in lower case without underscores.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|(name, _)| name.as_str())
    }

    /// The raw value of a field, `None` when absent or null. Spellings that disagree are an error.
    pub fn raw(&self, name: &str) -> Result<Option<&'a RawValue>, Unreadable> {
        let key = canonical(name);
        let mut found: Option<&'a RawValue> = None;
        for (_, value) in self.entries.iter().filter(|(k, v)| *k == key && v.get() != "null") {
            match found {
                Some(first) if !agree(first, value) => {
                    return Err(Unreadable::field(name, "is there in two spellings that disagree"));
                }
                Some(_) => {}
                None => found = Some(value),
            }
        }
        Ok(found)
    }

    /// A text field, trimmed; `None` when absent, null or blank. NUL, legal in JSON and illegal in
    /// PostgreSQL's text, is dropped: no reader would see it.
    pub fn text(&self, name: &str) -> Result<Option<String>, Unreadable> {
        let Some(raw) = self.raw(name)? else { return Ok(None) };
        let text: String =
            serde_json::from_str(raw.get()).map_err(|_| Unreadable::field(name, "is not a string"))?;
        if text.len() > MAX_TEXT {
            return Err(Unreadable::field(name, format!("is longer than {MAX_TEXT} bytes")));
        }
        let text = text.replace('\0', "");
        let text = text.trim();
        Ok((!text.is_empty()).then(|| text.to_owned()))
    }

    /// A text field that some producers write as a bare number.
    pub fn text_or_number(&self, name: &str) -> Result<Option<String>, Unreadable> {
        match self.raw(name)? {
            Some(raw) if raw.get().starts_with(|c: char| c.is_ascii_digit()) => {
                if raw.get().len() > MAX_TEXT {
                    return Err(Unreadable::field(name, format!("is longer than {MAX_TEXT} bytes")));
                }
                Ok(Some(raw.get().to_owned()))
            }
            _ => self.text(name),
        }
    }

    /// An identifier, from a string or a number: a GUID is put in lower case so that two spellings of it are one
    /// key.
    pub fn identifier(&self, name: &str) -> Result<Option<String>, Unreadable> {
        let Some(text) = self.text_or_number(name)? else { return Ok(None) };
        if text.len() > 200 {
            return Err(Unreadable::field(name, "is longer than 200 bytes"));
        }
        Ok(Some(parse_guid(&text).map_or(text, |id| id.to_string())))
    }

    /// A list of identifiers, each as [`Self::identifier`] reads one; empty when absent or null.
    pub fn identifiers(&self, name: &str, most: usize) -> Result<Vec<String>, Unreadable> {
        let Some(raw) = self.raw(name)? else { return Ok(Vec::new()) };
        let list: Vec<&RawValue> =
            serde_json::from_str(raw.get()).map_err(|_| Unreadable::field(name, "is not a list"))?;
        if list.len() > most {
            return Err(Unreadable::field(name, format!("has more than {most} entries")));
        }
        list.into_iter()
            .map(|item| {
                let one = Self { entries: vec![(canonical(name), item)] };
                one.identifier(name)?.ok_or_else(|| Unreadable::field(name, "has an empty entry"))
            })
            .collect()
    }

    /// A GUID in 8-4-4-4-12 form.
    pub fn guid(&self, name: &str) -> Result<Option<Uuid>, Unreadable> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        parse_guid(&text).map(Some).ok_or_else(|| Unreadable::field(name, "is not a GUID"))
    }

    /// An exact decimal, from a JSON number or from a string that holds one.
    pub fn amount(&self, name: &str) -> Result<Option<Amount>, Unreadable> {
        let Some(raw) = self.raw(name)? else { return Ok(None) };
        let text: Cow<'_, str> = if raw.get().starts_with('"') {
            serde_json::from_str::<String>(raw.get())
                .map_err(|_| Unreadable::field(name, "is not a number"))?
                .into()
        } else {
            raw.get().into()
        };
        Amount::from_str(text.trim()).map(Some).map_err(|e| Unreadable::field(name, e.to_string()))
    }

    /// A point in time: RFC 3339, or without an offset, which is read as UTC (as .NET means it).
    pub fn time(&self, name: &str) -> Result<Option<Timestamp>, Unreadable> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        parse_time(&text).map(Some).ok_or_else(|| Unreadable::field(name, "is not an RFC 3339 date-time"))
    }

    /// A whole number.
    pub fn integer(&self, name: &str) -> Result<Option<i64>, Unreadable> {
        let Some(raw) = self.raw(name)? else { return Ok(None) };
        serde_json::from_str(raw.get())
            .map(Some)
            .map_err(|_| Unreadable::field(name, "is not a whole number"))
    }

    /// A nested object.
    pub fn object(&self, name: &str) -> Result<Option<Fields<'a>>, Unreadable> {
        let Some(raw) = self.raw(name)? else { return Ok(None) };
        Self::parse_text(raw.get()).map(Some).map_err(|e| Unreadable::field(name, e.reason))
    }

    /// A list of nested objects; `None` when absent or null.
    pub fn objects(&self, name: &str) -> Result<Option<Vec<Fields<'a>>>, Unreadable> {
        let Some(raw) = self.raw(name)? else { return Ok(None) };
        let list: Vec<&'a RawValue> =
            serde_json::from_str(raw.get()).map_err(|_| Unreadable::field(name, "is not a list"))?;
        list.into_iter()
            .enumerate()
            .map(|(i, item)| {
                Self::parse_text(item.get()).map_err(|e| Unreadable::field(&format!("{name}[{i}]"), e.reason))
            })
            .collect::<Result<_, _>>()
            .map(Some)
    }
}

/// Reads RFC 3339, and the form without an offset as UTC.
pub fn parse_time(text: &str) -> Option<Timestamp> {
    text.parse::<Timestamp>().ok().or_else(|| {
        let local: civil::DateTime = text.parse().ok()?;
        TimeZone::UTC.to_timestamp(local).ok()
    })
}

/// `orderId`, `OrderId` and `order_id` become `orderid`.
pub(crate) fn canonical(name: &str) -> String {
    name.chars().filter(|c| *c != '_').flat_map(char::to_lowercase).collect()
}

fn agree(a: &RawValue, b: &RawValue) -> bool {
    if a.get() == b.get() {
        return true;
    }
    if let (Ok(a), Ok(b)) = (Amount::from_str(a.get()), Amount::from_str(b.get())) {
        return a == b;
    }
    match (serde_json::from_str::<String>(a.get()), serde_json::from_str::<String>(b.get())) {
        (Ok(a), Ok(b)) => a == b || (parse_guid(&a).is_some() && parse_guid(&a) == parse_guid(&b)),
        _ => false,
    }
}

fn not_an_object(error: &serde_json::Error) -> Unreadable {
    if error.is_data() {
        Unreadable::whole("is not a JSON object")
    } else {
        Unreadable::whole(format!("is not JSON (line {}, column {})", error.line(), error.column()))
    }
}

struct Entries;

impl<'de> Visitor<'de> for Entries {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::with_capacity(map.size_hint().unwrap_or(16));
        while let Some((name, value)) = map.next_entry::<String, &'de RawValue>()? {
            entries.push((canonical(&name), value));
        }
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_spelling() {
        for json in [r#"{"orderId":"a"}"#, r#"{"OrderId":"a"}"#, r#"{"order_id":"a"}"#, r#"{"ORDER_ID":"a"}"#]
        {
            let fields = Fields::parse(json.as_bytes()).unwrap();
            assert_eq!(fields.text("orderId").unwrap().as_deref(), Some("a"), "{json}");
        }
    }

    #[test]
    fn two_spellings_must_agree() {
        let same = br#"{"orderId":"x","order_id":"x","amount":1.0,"Amount":1.00}"#;
        let fields = Fields::parse(same).unwrap();
        assert_eq!(fields.text("orderId").unwrap().as_deref(), Some("x"));
        assert!(fields.amount("amount").unwrap().is_some());
        let differ = Fields::parse(br#"{"orderId":"x","OrderId":"y"}"#).unwrap();
        assert_eq!(differ.text("orderId").unwrap_err().field.as_deref(), Some("orderId"));
    }

    #[test]
    fn amounts_stay_exact() {
        let fields = Fields::parse(br#"{"a":0.1,"b":49.90,"c":"12.50","d":1e2,"e":"x"}"#).unwrap();
        let text = |name| fields.amount(name).unwrap().unwrap().to_string();
        assert_eq!(
            (text("a"), text("b"), text("c"), text("d")),
            ("0.1".into(), "49.90".into(), "12.50".into(), "100".into())
        );
        assert!(fields.amount("e").is_err());
    }

    #[test]
    fn times_as_dotnet_writes_them() {
        let utc = parse_time("2026-11-22T18:30:00.1234567Z").unwrap();
        assert_eq!(parse_time("2026-11-22T18:30:00.1234567"), Some(utc));
        assert_eq!(parse_time("2026-11-22T19:30:00.1234567+01:00"), Some(utc));
        assert_eq!(parse_time("yesterday"), None);
    }

    #[test]
    fn what_is_no_object_is_unreadable() {
        for bad in [&b""[..], b"  ", b"[]", b"3", b"{", b"{}x", b"\xff\xfe", b"null"] {
            assert!(Fields::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Fields::parse("\u{feff}{}".as_bytes()).is_ok());
    }

    proptest::proptest! {
        #[test]
        fn never_panics(bytes: Vec<u8>) {
            if let Ok(fields) = Fields::parse(&bytes) {
                let _ = (fields.text("a"), fields.amount("a"), fields.objects("a"));
            }
        }
    }
}
