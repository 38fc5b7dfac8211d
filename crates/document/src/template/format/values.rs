//! Reads single values of a template's JSON: each is present and valid, or gets an error.

use crate::page::{Align, Colour};
use crate::template::json::{Node, Object};
use crate::template::model::Vertical;
use crate::template::problem::Problem;

use super::keys::{LONGEST, MM, MOST_CHARACTERS, PLACE};
use super::reader::Reader;

/// The maximum number of named texts, and of colours, and of styles.
const MOST_NAMES: usize = 100;

impl<'j> Reader<'_> {
    /// Records an error and continues without the value.
    pub(super) fn ok<T>(&mut self, result: Result<T, Problem>) -> Option<T> {
        result.map_err(|problem| self.problems.push(problem)).ok()
    }

    pub(super) fn complain(&mut self, node: Node<'_>, message: impl Into<String>) {
        self.problems.push(node.error(message));
    }

    /// A length in millimetres, as points.
    pub(super) fn length(&mut self, object: &mut Object<'j>, key: &str, least: f32) -> Option<f32> {
        let node = object.take(key)?;
        self.ok(node.number(least, LONGEST)).map(|length| length * MM)
    }

    /// A required value.
    pub(super) fn needed<T>(
        &mut self,
        object: &mut Object<'j>,
        key: &str,
        read: impl FnOnce(&mut Self, &mut Object<'j>, &str) -> Option<T>,
    ) -> Option<T> {
        let before = self.problems.len();
        let value = read(self, object, key);
        // A value that is present but invalid already has its error.
        if value.is_none() && self.problems.len() == before {
            self.complain(object.node(), format!("{key:?} is missing"));
        }
        value
    }

    /// A required value of any kind.
    pub(super) fn needed_node(&mut self, object: &mut Object<'j>, key: &str) -> Option<Node<'j>> {
        self.needed(object, key, |_, object, key| object.take(key))
    }

    /// A required length.
    pub(super) fn needed_length(&mut self, object: &mut Object<'j>, key: &str, least: f32) -> Option<f32> {
        self.needed(object, key, |reader, object, key| reader.length(object, key, least))
    }

    /// One of several words.
    pub(super) fn word<T: Copy>(
        &mut self,
        object: &mut Object<'j>,
        key: &str,
        words: &[(&str, T)],
    ) -> Option<T> {
        let node = object.take(key)?;
        let text = self.ok(node.string())?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let words = words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
            self.complain(node, format!("{key:?} is one of {words}, not {text:?}"));
        }
        found
    }

    pub(super) fn flag(&mut self, object: &mut Object<'j>, key: &str) -> Option<bool> {
        let node = object.take(key)?;
        self.ok(node.boolean())
    }

    pub(super) fn string(&mut self, object: &mut Object<'j>, key: &str) -> Option<String> {
        let node = object.take(key)?;
        self.short(node)
    }

    /// A text of bounded length.
    pub(super) fn short(&mut self, node: Node<'j>) -> Option<String> {
        let text = self.ok(node.string())?;
        if text.chars().nth(MOST_CHARACTERS).is_some() {
            self.complain(node, format!("a text of a template has at most {MOST_CHARACTERS} characters"));
            return None;
        }
        Some(text)
    }

    pub(super) fn colour(&mut self, object: &mut Object<'j>, key: &str) -> Option<Colour> {
        let node = object.take(key)?;
        let text = self.ok(node.string())?;
        let colour = Colour::parse(&text).or_else(|| self.colours.get(&text).copied());
        if colour.is_none() {
            self.complain(node, format!("{text:?} is no colour: write #rrggbb or a name from \"colors\""));
        }
        colour
    }

    /// Reports every key that is left in an object as unknown.
    pub(super) fn unknown(&mut self, object: Object<'j>, known: &[&[&str]]) {
        for (key, name, _) in object.rest() {
            if PLACE.contains(&name.as_str()) && known.contains(&PLACE) {
                self.complain(key, format!("{name:?} has no meaning here: what it stands in gives it"));
                continue;
            }
            let all = known.iter().flat_map(|keys| keys.iter().copied());
            let all = all.filter(|key| *key != "$schema").collect::<Vec<_>>().join(", ");
            self.complain(key, format!("there is no {name:?} here; there are {all}"));
        }
    }

    /// The entries of an object whose keys are names.
    pub(super) fn named(&mut self, node: Node<'j>) -> Vec<(Node<'j>, String, Node<'j>)> {
        let entries = self.ok(node.object()).map(Object::rest).unwrap_or_default();
        if entries.len() > MOST_NAMES {
            self.complain(node, format!("there are at most {MOST_NAMES} entries here"));
            return Vec::new();
        }
        entries
    }

    pub(super) fn align(&mut self, object: &mut Object<'j>) -> Option<Align> {
        let words =
            [("start", Align::Start), ("center", Align::Centre), ("end", Align::End), ("own", Align::Own)];
        self.word(object, "align", &words)
    }

    pub(super) fn valign(&mut self, object: &mut Object<'j>) -> Vertical {
        let words = [("top", Vertical::Top), ("middle", Vertical::Middle), ("bottom", Vertical::Bottom)];
        self.word(object, "valign", &words).unwrap_or(Vertical::Top)
    }

    /// One length for all sides, or top, right, bottom and left.
    pub(super) fn padding(&mut self, node: Node<'j>) -> [f32; 4] {
        if !node.is_list() {
            return [self.ok(node.number(0.0, 100.0)).unwrap_or(0.0) * MM; 4];
        }
        let sides = self.ok(node.list()).unwrap_or_default();
        let &[top, right, bottom, left] = sides.as_slice() else {
            self.complain(node, "a padding is one length, or four: top, right, bottom, left");
            return [0.0; 4];
        };
        [top, right, bottom, left].map(|node| self.ok(node.number(0.0, 100.0)).unwrap_or(0.0) * MM)
    }
}
