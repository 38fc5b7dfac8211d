//! Reading a JSON object whose field names may be spelled in several ways.
//!
//! `orderId`, `OrderId` and `order_id` are one field. Two spellings in one object are accepted while they agree; when
//! they differ, the intended value is unknown and the message is unreadable. Values stay raw text until they are read,
//! so that a price never passes through a float.
//!
//! All fields are read by the same rules: a number is accepted where text is expected, and text that holds a number
//! where a number is expected; half a surrogate pair becomes U+FFFD. A value that still cannot be read is an error that
//! names the field, and the caller decides whether the whole message depends on it.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use rust_decimal::prelude::ToPrimitive as _;
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::id::parse_guid;
use crate::instant::parse_time;
use crate::money::Amount;

/// Why a message or an answer could not be read, and which field is at fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{reason}", .field.as_ref().map(|f| format!("{f}: ")).unwrap_or_default())]
pub struct Unreadable {
    /// The field at fault, as its canonical camelCase name; none when the whole is not a JSON object.
    pub field: Option<String>,
    /// What is wrong with the field, without its value: values can be personal data.
    pub reason: String,
}

impl Unreadable {
    /// The message as a whole cannot be read.
    pub fn whole(reason: impl Into<String>) -> Self {
        Self { field: None, reason: reason.into() }
    }

    /// The message is larger than the limit, in bytes: it is stored but not read.
    pub fn too_large(limit: usize) -> Self {
        Self::whole(format!("is larger than {limit} bytes"))
    }

    /// One field cannot be read.
    pub fn field(name: &str, reason: impl Into<String>) -> Self {
        Self { field: Some(name.to_owned()), reason: reason.into() }
    }
}

/// The longest text any field may have, in bytes. Longer is unreadable, not truncated.
pub const MAX_TEXT: usize = 4_096;

/// A JSON object with unparsed values, looked up by canonical camelCase name in any spelling.
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
        let entries = reader.deserialize_map(Entries(canonical)).map_err(|e| not_an_object(&e))?;
        reader.end().map_err(|e| not_an_object(&e))?;
        Ok(Self { entries })
    }

    /// Whether a field is there, even if null. `canonical` is its name as [`Self::names`] has it.
    pub(crate) fn has(&self, canonical: &str) -> bool {
        self.entries.iter().any(|(name, _)| name == canonical)
    }

    /// Every field by its name as [`Self::names`] has it, with its raw value.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.entries.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// The names of the fields, in lower case without underscores.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|(name, _)| name.as_str())
    }

    /// The raw value of a field, `None` when absent or null. Spellings that disagree are an error; a blank value does
    /// not disagree with another.
    pub fn raw(&self, name: &str) -> Result<Option<&'a RawValue>, Unreadable> {
        let key = canonical(name);
        let mut found: Option<&'a RawValue> = None;
        for (_, value) in self.entries.iter().filter(|(k, v)| *k == key && v.get() != "null") {
            match found {
                Some(first) if is_blank(first) => found = Some(value),
                Some(first) if !is_blank(value) && !agree(first, value) => {
                    return Err(Unreadable::field(name, "appears in two spellings with different values"));
                }
                Some(_) => {}
                None => found = Some(value),
            }
        }
        Ok(found)
    }

    /// A text field, from a string or a number, trimmed; `None` when absent, null or blank. A number with only zeros
    /// after its point loses them: `12.0` is seat 12. NUL, legal in JSON and illegal in PostgreSQL's text, is dropped:
    /// it is invisible to readers.
    pub fn text(&self, name: &str) -> Result<Option<String>, Unreadable> {
        let Some(text) = self.written(name)? else { return Ok(None) };
        let whole = match text {
            Written::Number(digits) => whole(digits),
            Written::Text(_) => None,
        };
        Ok(Some(whole.unwrap_or_else(|| text.into_string())))
    }

    /// An identifier, from a string or a number. A GUID is put in lower case and loses its braces, so that two
    /// spellings of it are one key.
    ///
    /// A number with an integer value becomes that integer: one program writes an id as `1` and another, which only has
    /// floats, as `1.0`, and a refund must find an order's line by it. Any other number keeps its digits as written:
    /// what `1.50` identifies is unknown.
    pub fn identifier(&self, name: &str) -> Result<Option<String>, Unreadable> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        if text.len() > 200 {
            return Err(Unreadable::field(name, "is longer than 200 bytes"));
        }
        Ok(Some(guid_of(&text).map_or(text, |id| id.to_string())))
    }

    /// An optional identifier: placeholders that programs write for "no id" are read as `None`.
    pub fn optional_id(&self, name: &str) -> Result<Option<String>, Unreadable> {
        Ok(self.optional_id_from_zero(name)?.filter(|id| id != "0"))
    }

    /// As [`Self::optional_id`], for things that may be numbered from 0, like an order's first item.
    pub fn optional_id_from_zero(&self, name: &str) -> Result<Option<String>, Unreadable> {
        Ok(self.identifier(name)?.filter(|id| !is_no_id(id)))
    }

    /// The text of a string or a number, within the limit.
    fn written(&self, name: &str) -> Result<Option<Written<'a>>, Unreadable> {
        let Some(raw) = self.raw(name)? else { return Ok(None) };
        let written = if raw.get().starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
            Written::Number(raw.get())
        } else {
            let text = string(raw).ok_or_else(|| Unreadable::field(name, "is not a string"))?;
            let text = text.replace('\0', "");
            Written::Text(text.trim().to_owned())
        };
        match written.as_str().len() {
            0 => Ok(None),
            length if length > MAX_TEXT => {
                Err(Unreadable::field(name, format!("is longer than {MAX_TEXT} bytes")))
            }
            _ => Ok(Some(written)),
        }
    }

    /// An e-mail address, without what mail programs and links put around it: `Ada <ada@example.org>`,
    /// `mailto:ada@example.org`, `ada@example.org (Ada)`; the first of several addresses. Any other text is returned
    /// unchanged.
    pub fn email(&self, name: &str) -> Result<Option<String>, Unreadable> {
        Ok(self.text(name)?.map(|text| address_in(&text).to_owned()))
    }

    /// A list of identifiers, each as [`Self::identifier`] reads one; empty when absent or null.
    pub fn identifiers(&self, name: &str, most: usize) -> Result<Vec<String>, Unreadable> {
        let list = self.list(name)?.unwrap_or_default();
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

    /// A GUID, with or without dashes or braces.
    pub fn guid(&self, name: &str) -> Result<Option<Uuid>, Unreadable> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        guid_of(&text).map(Some).ok_or_else(|| Unreadable::field(name, "is not a GUID"))
    }

    /// An exact decimal, from a JSON number or from a string that contains one.
    pub fn amount(&self, name: &str) -> Result<Option<Amount>, Unreadable> {
        let Some(raw) = self.raw(name)? else { return Ok(None) };
        let text = if raw.get().starts_with('"') { string(raw) } else { Some(raw.get().to_owned()) };
        let text = text.ok_or_else(|| Unreadable::field(name, "is not a number"))?;
        Amount::from_str(text.trim()).map(Some).map_err(|e| Unreadable::field(name, e.to_string()))
    }

    /// A point in time, in any spelling of [`parse_time`]. Without an offset it is UTC, as in .NET.
    pub fn time(&self, name: &str) -> Result<Option<Timestamp>, Unreadable> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        parse_time(&text).map(Some).ok_or_else(|| Unreadable::field(name, "is not an RFC 3339 date-time"))
    }

    /// A whole number: `2`, `2.0` and `"2"` are equal.
    pub fn integer(&self, name: &str) -> Result<Option<i64>, Unreadable> {
        let not_whole = || Unreadable::field(name, "is not a whole number");
        if self.raw(name)?.is_none() {
            return Ok(None);
        }
        let amount = self.amount(name).ok().flatten().ok_or_else(not_whole)?;
        let whole = amount.0.is_integer().then(|| amount.0.to_i64()).flatten();
        whole.map(Some).ok_or_else(not_whole)
    }

    /// A boolean: `true`, `"true"`, `1` and their opposites.
    pub fn boolean(&self, name: &str) -> Result<Option<bool>, Unreadable> {
        let Some(raw) = self.raw(name)? else { return Ok(None) };
        let text = string(raw).unwrap_or_else(|| raw.get().to_owned()).trim().to_ascii_lowercase();
        match text.as_str() {
            "true" | "yes" | "1" => Ok(Some(true)),
            "false" | "no" | "0" => Ok(Some(false)),
            "" => Ok(None),
            _ => Err(Unreadable::field(name, "is neither true nor false")),
        }
    }

    /// A nested object.
    pub fn object(&self, name: &str) -> Result<Option<Fields<'a>>, Unreadable> {
        let Some(raw) = self.raw(name)? else { return Ok(None) };
        Self::parse_text(raw.get()).map(Some).map_err(|e| Unreadable::field(name, e.reason))
    }

    /// A list of any values; `None` when absent or null.
    pub fn list(&self, name: &str) -> Result<Option<Vec<&'a RawValue>>, Unreadable> {
        let Some(raw) = self.raw(name)? else { return Ok(None) };
        serde_json::from_str(raw.get()).map(Some).map_err(|_| Unreadable::field(name, "is not a list"))
    }

    /// A list of nested objects; `None` when absent or null.
    pub fn objects(&self, name: &str) -> Result<Option<Vec<Fields<'a>>>, Unreadable> {
        let Some(list) = self.list(name)? else { return Ok(None) };
        list.into_iter()
            .enumerate()
            .map(|(i, item)| {
                Self::parse_text(item.get()).map_err(|e| Unreadable::field(&format!("{name}[{i}]"), e.reason))
            })
            .collect::<Result<_, _>>()
            .map(Some)
    }
}

/// The content of a field, by how it was written.
#[derive(Debug)]
enum Written<'a> {
    Number(&'a str),
    Text(String),
}

impl Written<'_> {
    fn as_str(&self) -> &str {
        match self {
            Self::Number(digits) => digits,
            Self::Text(text) => text,
        }
    }

    fn into_string(self) -> String {
        match self {
            Self::Number(digits) => digits.to_owned(),
            Self::Text(text) => text,
        }
    }
}

/// The address in RFC 5322's `name-addr`, or in a `mailto` link without its subject.
fn address_in(text: &str) -> &str {
    let inside =
        text.strip_suffix('>').and_then(|rest| rest.rsplit_once('<')).map(|(_, inside)| inside.trim());
    let address = inside.filter(|inside| inside.contains('@')).unwrap_or(text);
    let address = match address.split_at_checked("mailto:".len()) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("mailto:") && rest.contains('@') => {
            rest.split('?').next().unwrap_or(rest)
        }
        _ => address,
    };
    if address.starts_with('"') {
        return address;
    }
    let mut parts = address.split(|c: char| c.is_whitespace() || [',', ';'].contains(&c));
    parts.find(|part| part.contains('@')).map_or(address, |first| first.trim_end_matches('.'))
}

/// The whole number that `12.0` or `1.2e1` is; `None` for `12`, which needs no other form, and for a fraction.
fn whole(digits: &str) -> Option<String> {
    if !digits.contains(['.', 'e', 'E']) {
        return None;
    }
    let amount = Amount::from_str(digits).ok()?;
    amount.0.is_integer().then(|| amount.0.normalize().to_string())
}

/// The string in a raw value, with half a surrogate pair as U+FFFD.
pub(crate) fn string(raw: &RawValue) -> Option<String> {
    serde_json::from_str::<Lossy>(raw.get()).ok().map(|text| text.0)
}

/// A JSON string that need not be Unicode: `"\ud800"` is legal JSON and not valid Unicode.
struct Lossy(String);

impl<'de> Deserialize<'de> for Lossy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // As bytes, serde_json returns WTF-8: UTF-8, with three bytes for half a surrogate pair.
        deserializer.deserialize_bytes(LossyText)
    }
}

struct LossyText;

impl Visitor<'_> for LossyText {
    type Value = Lossy;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Lossy, E> {
        Ok(Lossy(text.to_owned()))
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Lossy, E> {
        if let Ok(text) = std::str::from_utf8(bytes) {
            return Ok(Lossy(text.to_owned()));
        }
        let mut bytes = bytes.to_vec();
        // ED A0..BF begins half a pair and nothing else.
        for at in 0..bytes.len().saturating_sub(2) {
            if bytes[at] == 0xed && bytes[at + 1] >= 0xa0 {
                bytes[at..at + 3].copy_from_slice("\u{fffd}".as_bytes());
            }
        }
        Ok(Lossy(String::from_utf8_lossy(&bytes).into_owned()))
    }
}

/// Every field of a JSON object under the name as sent.
pub(crate) fn spelled(text: &str) -> Result<Vec<(String, &RawValue)>, Unreadable> {
    let mut reader = serde_json::Deserializer::from_str(text);
    reader.deserialize_map(Entries(str::to_owned)).map_err(|e| not_an_object(&e))
}

/// `orderId`, `OrderId` and `order_id` become `orderid`.
pub(crate) fn canonical(name: &str) -> String {
    name.chars().filter(|c| *c != '_').flat_map(char::to_lowercase).collect()
}

/// A GUID, also in braces or without dashes, as .NET's formats B and N write it. Digits alone are not a GUID.
pub(crate) fn guid_of(text: &str) -> Option<Uuid> {
    let bare = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(text);
    let without_dashes = || {
        let is_one = bare.len() == 32 && bare.bytes().any(|b| b.is_ascii_alphabetic());
        is_one.then(|| Uuid::try_parse(bare).ok()).flatten()
    };
    parse_guid(bare).or_else(without_dashes)
}

/// Whether a text is a placeholder for "nothing": `N/A`, `none`, `null` or a dash.
pub(crate) fn is_nothing(text: &str) -> bool {
    let text = text.trim();
    ["", "-", "\u{2013}", "\u{2014}"].contains(&text)
        || ["n/a", "none", "null", "nil", "undefined", "nan"]
            .iter()
            .any(|word| text.eq_ignore_ascii_case(word))
}

/// Whether an id is a placeholder for "no id". Read as an id, it would make everything that has it one thing.
fn is_no_id(id: &str) -> bool {
    is_nothing(id) || id == "-1" || parse_guid(id).is_some_and(|id| id.is_nil())
}

fn is_blank(raw: &RawValue) -> bool {
    raw.get().starts_with('"') && string(raw).is_some_and(|text| text.trim().is_empty())
}

/// Whether two values are equal: the same text, GUID or number, however each is written.
fn agree(a: &RawValue, b: &RawValue) -> bool {
    if a.get() == b.get() {
        return true;
    }
    let said = |raw: &RawValue| string(raw).unwrap_or_else(|| raw.get().to_owned()).trim().to_owned();
    let (a_said, b_said) = (said(a), said(b));
    if a_said == b_said || (guid_of(&a_said).is_some() && guid_of(&a_said) == guid_of(&b_said)) {
        return true;
    }
    // Two texts are compared as text: "007" is not "7". A number and a text are compared as numbers.
    let both_text = a.get().starts_with('"') && b.get().starts_with('"');
    matches!((Amount::from_str(&a_said), Amount::from_str(&b_said)), (Ok(a), Ok(b)) if a == b && !both_text)
}

fn not_an_object(error: &serde_json::Error) -> Unreadable {
    if error.is_data() {
        Unreadable::whole("is not a JSON object")
    } else {
        Unreadable::whole(format!("is not JSON (line {}, column {})", error.line(), error.column()))
    }
}

/// Reads the fields of an object, with their names mapped by this function.
struct Entries(fn(&str) -> String);

impl<'de> Visitor<'de> for Entries {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::with_capacity(map.size_hint().unwrap_or(16));
        while let Some((name, value)) = map.next_entry::<Lossy, &'de RawValue>()? {
            entries.push(((self.0)(&name.0), value));
        }
        Ok(entries)
    }
}

#[cfg(test)]
mod tests;
