//! JSON with source positions: every value has its line and column, so that an error can point at it.
//!
//! Built on `serde_json`'s raw values, which are slices of the text they were read from.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::problem::{Position, Problem};

/// A value in a JSON text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node<'j> {
    whole: &'j str,
    text: &'j str,
}

/// An object's entries in their order. They are taken one by one; those left at the end are unknown keys.
#[derive(Debug)]
pub(crate) struct Object<'j> {
    node: Node<'j>,
    entries: Vec<(Node<'j>, String, Node<'j>)>,
}

/// A list's items, as they are read.
#[derive(Deserialize)]
struct Items<'j>(#[serde(borrow)] Vec<&'j RawValue>);

/// An object's keys and values, as they are read.
struct Entries<'j>(Vec<(&'j RawValue, &'j RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

impl<'j> Node<'j> {
    /// Reads a whole text, which must be valid JSON.
    ///
    /// # Errors
    /// The syntax error and its position.
    pub(crate) fn parse(whole: &'j str) -> Result<Self, Problem> {
        let raw: &RawValue = serde_json::from_str(whole).map_err(|error| {
            let at = Position { line: error.line().max(1), column: error.column().max(1) };
            let message = error.to_string();
            let message = message.split(" at line ").next().unwrap_or_default();
            Problem::error(at, format!("this is not JSON: {message}"))
        })?;
        Ok(Self { whole, text: raw.get() })
    }

    fn child(self, raw: &'j RawValue) -> Self {
        Self { whole: self.whole, text: raw.get() }
    }

    /// Where the value starts.
    pub(crate) fn position(self) -> Position {
        let offset = self.text.as_ptr().addr().saturating_sub(self.whole.as_ptr().addr());
        let before = self.whole.get(..offset).unwrap_or_default();
        let line = before.rfind('\n').map_or(0, |at| at + 1);
        Position { line: before.matches('\n').count() + 1, column: before[line..].chars().count() + 1 }
    }

    /// An error about this value.
    pub(crate) fn error(self, message: impl Into<String>) -> Problem {
        Problem::error(self.position(), message)
    }

    /// The value's type, for messages.
    fn kind(self) -> &'static str {
        match self.text.as_bytes().first() {
            Some(b'{') => "an object",
            Some(b'[') => "a list",
            Some(b'"') => "a text",
            Some(b't' | b'f') => "true or false",
            Some(b'n') => "null",
            _ => "a number",
        }
    }

    fn wanted<T>(self, what: &str) -> Result<T, Problem> {
        Err(self.error(format!("{what} is wanted here, not {}", self.kind())))
    }

    pub(crate) fn is_text(self) -> bool {
        self.text.starts_with('"')
    }

    pub(crate) fn is_list(self) -> bool {
        self.text.starts_with('[')
    }

    pub(crate) fn is_object(self) -> bool {
        self.text.starts_with('{')
    }

    /// The entries of an object. A duplicate key is an error.
    pub(crate) fn object(self) -> Result<Object<'j>, Problem> {
        if !self.is_object() {
            return self.wanted("an object");
        }
        let Entries(raw) = serde_json::from_str(self.text).map_err(|error| self.error(error.to_string()))?;
        let mut entries: Vec<(Node<'j>, String, Node<'j>)> = Vec::with_capacity(raw.len());
        for (key, value) in raw {
            let key = self.child(key);
            let name = key.string()?;
            if entries.iter().any(|(_, known, _)| *known == name) {
                return Err(key.error(format!("{name:?} is here twice")));
            }
            entries.push((key, name, self.child(value)));
        }
        Ok(Object { node: self, entries })
    }

    /// The items of a list.
    pub(crate) fn list(self) -> Result<Vec<Node<'j>>, Problem> {
        if !self.is_list() {
            return self.wanted("a list");
        }
        let Items(items) = serde_json::from_str(self.text).map_err(|error| self.error(error.to_string()))?;
        Ok(items.into_iter().map(|item| self.child(item)).collect())
    }

    pub(crate) fn string(self) -> Result<String, Problem> {
        if !self.is_text() {
            return self.wanted("a text");
        }
        serde_json::from_str(self.text).map_err(|error| self.error(error.to_string()))
    }

    pub(crate) fn boolean(self) -> Result<bool, Problem> {
        match self.text {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => self.wanted("true or false"),
        }
    }

    /// A number between two bounds, both allowed.
    pub(crate) fn number(self, least: f32, most: f32) -> Result<f32, Problem> {
        let Ok(number) = serde_json::from_str::<f64>(self.text) else { return self.wanted("a number") };
        // Compared as f32, because otherwise a bound of 0.8 would refuse 0.8.
        #[expect(clippy::cast_possible_truncation, reason = "what is too large is refused")]
        let short = number as f32;
        if !(least..=most).contains(&short) {
            return Err(self.error(format!("{number} is not between {least} and {most}")));
        }
        Ok(short)
    }

    /// A number, also one written as a string, as some programs do.
    pub(crate) fn loose_number(self) -> Option<f32> {
        let text = if self.is_text() { self.string().ok()? } else { self.text.to_owned() };
        text.trim().parse().ok().filter(|number: &f32| number.is_finite())
    }

    /// A whole number between two bounds, both allowed.
    pub(crate) fn count(self, least: u16, most: u16) -> Result<u16, Problem> {
        let Ok(number) = serde_json::from_str::<i64>(self.text) else { return self.wanted("a whole number") };
        let fits = u16::try_from(number).ok().filter(|number| (least..=most).contains(number));
        fits.ok_or_else(|| self.error(format!("{number} is not between {least} and {most}")))
    }
}

impl<'j> Object<'j> {
    pub(crate) fn node(&self) -> Node<'j> {
        self.node
    }

    /// Takes the value of a key.
    pub(crate) fn take(&mut self, key: &str) -> Option<Node<'j>> {
        let index = self.entries.iter().position(|(_, name, _)| name == key)?;
        Some(self.entries.remove(index).2)
    }

    /// All entries that have not been taken: key, its name, value.
    pub(crate) fn rest(self) -> Vec<(Node<'j>, String, Node<'j>)> {
        self.entries
    }
}

/// The canonical form of a text: keys sorted, no white space, numbers in their shortest form. Two files that differ in
/// nothing else are the same template. Within the numbers a template may have this is RFC 8785.
pub(crate) fn canonical(text: &str) -> Option<String> {
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    let mut out = String::with_capacity(text.len());
    write_canonical(&value, &mut out);
    Some(out)
}

fn write_canonical(value: &serde_json::Value, out: &mut String) {
    use serde_json::Value;
    let mut list = |open, close, parts: &mut dyn Iterator<Item = (Option<&String>, &Value)>| {
        out.push(open);
        for (index, (key, value)) in parts.enumerate() {
            if index > 0 {
                out.push(',');
            }
            if let Some(key) = key {
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
            }
            write_canonical(value, out);
        }
        out.push(close);
    };
    match value {
        Value::Array(items) => list('[', ']', &mut items.iter().map(|item| (None, item))),
        Value::Object(entries) => {
            let mut entries: Vec<_> = entries.iter().collect();
            entries.sort_by(|a, b| a.0.encode_utf16().cmp(b.0.encode_utf16()));
            list('{', '}', &mut entries.into_iter().map(|(key, value)| (Some(key), value)));
        }
        Value::Number(number) => match number.as_f64() {
            // `Display` writes 1.0 as 1, and the shortest digits that read back as the same number.
            Some(float) => out.push_str(&float.to_string()),
            None => out.push_str(&number.to_string()),
        },
        other => out.push_str(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_know_their_places() {
        let text = "{\n  \"a\": [1,\n   \"é\", {\"b\": true}]\n}";
        let mut object = Node::parse(text).unwrap().object().unwrap();
        let items = object.take("a").unwrap().list().unwrap();
        let places: Vec<_> =
            items.iter().map(|item| (item.position().line, item.position().column)).collect();
        assert_eq!(places, [(2, 9), (3, 4), (3, 9)]);
        assert_eq!(items[0].number(0.0, 2.0).unwrap().to_string(), "1");
        let error = items[0].string().unwrap_err();
        assert_eq!((error.at.line, error.message.as_str()), (2, "a text is wanted here, not a number"));
        assert!(object.rest().is_empty());
    }

    #[test]
    fn broken_texts_say_where() {
        let error = Node::parse("{\n \"a\": ,}").unwrap_err();
        assert_eq!(error.at, Position { line: 2, column: 7 });
        let twice = Node::parse("{\"a\": 1,\n\"a\": 2}").unwrap().object().unwrap_err();
        assert_eq!((twice.at.line, twice.at.column), (2, 1));
    }

    #[test]
    fn canonical_texts_differ_by_content_alone() {
        let one = canonical("{ \"b\": 1.0, \"a\": [ 0.50, \"x\\u0041\" ] }").unwrap();
        assert_eq!(one, r#"{"a":[0.5,"xA"],"b":1}"#);
        assert_ne!(canonical("[1]"), canonical("[2]"));
    }
}
