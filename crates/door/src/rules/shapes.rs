//! The shapes of a document: names of gates, areas and categories within limits and each one once, and objects.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::MAX_NAME_CHARS;

/// A name that people type, read and compare by eye.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Name(String);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let problem = if name.trim().is_empty() {
            "a name is empty"
        } else if name.trim() != name {
            "a name begins or ends with a space"
        } else if name.chars().any(char::is_control) {
            "a name has control characters"
        } else if name.chars().count() > MAX_NAME_CHARS {
            return Err(D::Error::custom(format_args!("a name is longer than {MAX_NAME_CHARS} characters")));
        } else {
            return Ok(Self(name));
        };
        Err(D::Error::custom(problem))
    }
}

/// An object. serde's own structs are also read from lists, field by field.
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        object(deserializer).map(Self)
    }
}

/// Reads an object.
pub(super) fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    struct Fields<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map))
        }
    }

    deserializer.deserialize_map(Fields(PhantomData))
}

/// Reads an object whose keys are names. serde's own maps take the last of two equal keys without a word.
pub(super) fn declared<'de, D, T>(deserializer: D) -> Result<BTreeMap<String, T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct Declared<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Declared<T> {
        type Value = BTreeMap<String, T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object with a name for each entry")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut all = BTreeMap::new();
            while let Some(Name(name)) = map.next_key()? {
                match all.entry(name) {
                    Entry::Vacant(free) => free.insert(map.next_value::<Object<T>>()?.0),
                    Entry::Occupied(taken) => {
                        return Err(A::Error::custom(format_args!("{:?} is declared twice", taken.key())));
                    }
                };
            }
            Ok(all)
        }
    }

    deserializer.deserialize_map(Declared(PhantomData))
}

/// Reads a list of names. An empty one could mean all or none, so it is refused.
pub(super) fn listed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeSet<String>, D::Error> {
    struct Listed;

    impl<'de> Visitor<'de> for Listed {
        type Value = BTreeSet<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of names")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut all = BTreeSet::new();
            while let Some(Name(name)) = list.next_element()? {
                if let Some(twice) = all.replace(name) {
                    return Err(A::Error::custom(format_args!("{twice:?} is listed twice")));
                }
            }
            if all.is_empty() {
                return Err(A::Error::custom("the list is empty: leave it out if there is no restriction"));
            }
            Ok(all)
        }
    }

    deserializer.deserialize_seq(Listed)
}
