//! Settings as unparsed text: a TOML file, overridden by the environment.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::section::{Key, Setting, variable};

/// The prefix of the service's variables.
pub const PREFIX: &str = "FULFILLMENT_";

/// A mistake in the configuration, and the expected value.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// The place: `http.listen`, `FULFILLMENT_HTTP_LISTEN`, or the file.
    pub key: String,
    /// The mistake, and the expected value.
    pub message: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.key, self.message)
    }
}

/// Values by section and entry, each with its source.
type Layer = BTreeMap<(String, String), (String, String)>;

/// The settings read so far; sections remove theirs.
#[derive(Debug, Default)]
pub(crate) struct Raw {
    values: Layer,
    lists: BTreeMap<String, Vec<BTreeMap<String, String>>>,
    pub(crate) problems: Vec<Problem>,
    /// Variables that look like settings and are not. They may be meant for others, so they do not stop the start.
    pub(crate) strays: Vec<Problem>,
    /// The files that secrets were read from, each by the entry that names it.
    pub(crate) secret_files: Vec<(String, PathBuf)>,
    /// Keys, as `section.key`, whose value is already reported: the default is used in its place.
    spoiled: BTreeSet<String>,
}

impl Raw {
    /// Parses a TOML file: `[section] key = value`, and `[[list]]` for repeated tables.
    pub(crate) fn file(text: &str, name: &Path) -> Self {
        let mut raw = Self::default();
        let table: toml::Table = match text.parse() {
            Ok(table) => table,
            Err(error) => {
                raw.problem(name.display(), format!("is not TOML: {}", without_content(text, &error)));
                return raw;
            }
        };
        for (section, value) in table {
            match value {
                toml::Value::Table(keys) => raw.section(&section, keys),
                toml::Value::Array(items) => raw.list(&section, items),
                _ => raw.problem(&section, "is outside any [section]"),
            }
        }
        raw
    }

    fn section(&mut self, section: &str, keys: toml::Table) {
        for (key, value) in keys {
            let place = format!("{section}.{key}");
            match text_of(&value) {
                Some(text) => {
                    self.values.insert((section.to_owned(), key), (text, place));
                }
                None => self.problem(place, "must be text, a number, true or false, or a list of texts"),
            }
        }
    }

    fn list(&mut self, name: &str, items: Vec<toml::Value>) {
        for (i, item) in items.into_iter().enumerate() {
            let toml::Value::Table(keys) = item else {
                self.problem(name, format!("must be written as [[{name}]] tables"));
                continue;
            };
            let mut entry = BTreeMap::new();
            for (key, value) in keys {
                match (text_of(&value), value) {
                    (Some(text), _) => drop(entry.insert(key, text)),
                    // One level down, so that free names can have values: `colors.accent`.
                    (None, toml::Value::Table(inner)) => {
                        for (below, value) in inner {
                            match text_of(&value) {
                                Some(text) => drop(entry.insert(format!("{key}.{below}"), text)),
                                None => self.problem(format!("{name}[{i}].{key}.{below}"), "must be text"),
                            }
                        }
                    }
                    (None, _) => self.problem(format!("{name}[{i}].{key}"), "must be text"),
                }
            }
            self.lists.entry(name.to_owned()).or_default().push(entry);
        }
    }

    /// Applies the environment over the file, `FULFILLMENT_<SECTION>_<KEY>`, after replacing the names of secrets'
    /// files by the secrets in them.
    pub(crate) fn environment(
        &mut self,
        keys: &[Key],
        variables: impl IntoIterator<Item = (String, String)>,
    ) {
        let known: BTreeMap<String, (&str, String)> = keys
            .iter()
            .flat_map(|key| key.entries().map(|entry| (variable(key.section, &entry), (key.section, entry))))
            .collect();
        let mut above = Layer::new();
        for (variable, value) in variables {
            let Some(rest) = variable.strip_prefix(PREFIX) else { continue };
            if let Some((section, entry)) = known.get(&variable) {
                above.insert(((*section).to_owned(), entry.clone()), (value, variable));
            } else if !is_a_service_link(&variable, &value) {
                let ours = |section: &str| keys.iter().any(|k| k.section.eq_ignore_ascii_case(section));
                let in_a_section = rest.split_once('_').is_some_and(|(section, _)| ours(section));
                let message = unknown_variable(rest, known.keys().filter_map(|k| k.strip_prefix(PREFIX)));
                let list = if in_a_section { &mut self.problems } else { &mut self.strays };
                list.push(Problem { key: variable, message });
            }
        }
        let mut below = std::mem::take(&mut self.values);
        for layer in [&mut below, &mut above] {
            self.read_secrets(keys, layer);
        }
        self.values = below;
        self.values.extend(above);
    }

    fn read_secrets(&mut self, keys: &[Key], layer: &mut Layer) {
        for key in keys.iter().filter(|k| k.secret) {
            let place = (key.section.to_owned(), key.name.to_owned());
            let Some((file, origin)) = layer.remove(&(key.section.to_owned(), key.file_entry())) else {
                continue;
            };
            let text = match layer.get(&place) {
                Some((value, direct)) if !value.is_empty() => Err(both(direct)),
                _ => secret_in(&file),
            };
            match text {
                Ok(text) => {
                    self.secret_files.push((origin.clone(), PathBuf::from(file)));
                    layer.insert(place, (text, origin));
                }
                Err(message) => {
                    self.spoiled.insert(format!("{}.{}", key.section, key.name));
                    self.problem(origin, message);
                }
            }
        }
    }

    /// Takes one setting, or its default, which also replaces a wrong value, so that the rest can be checked too.
    pub(crate) fn take<T: Setting>(&mut self, key: &Key) -> Option<T> {
        let name = format!("{}.{}", key.section, key.name);
        let Some((text, origin)) = self.values.remove(&(key.section.to_owned(), key.name.to_owned())) else {
            return T::read(key.default);
        };
        let wanted = match (T::read(text.trim()), key.bounds) {
            (Some(value), [least, most]) => {
                let size = |text: &str| T::read(text).and_then(|bound| bound.size());
                if size(least) <= value.size() && value.size() <= size(most) {
                    return Some(value);
                }
                format!("from {least} to {most}")
            }
            (Some(value), _) => return Some(value),
            (None, _) => key.expected.to_owned(),
        };
        let shown = if key.secret { String::new() } else { format!(", not {text:?}") };
        self.problem(origin, format!("must be {wanted}{shown}"));
        self.spoiled.insert(name);
        T::read(key.default)
    }

    /// Takes a `[[list]]`.
    pub(crate) fn take_list(&mut self, name: &str) -> Vec<BTreeMap<String, String>> {
        self.lists.remove(name).unwrap_or_default()
    }

    /// Reports the entries that no section took.
    pub(crate) fn finish(&mut self, keys: &[Key]) {
        for ((section, key), (_, origin)) in std::mem::take(&mut self.values) {
            let message = if keys.iter().any(|k| k.section == section) {
                let entries: Vec<String> =
                    keys.iter().filter(|k| k.section == section).flat_map(Key::entries).collect();
                unknown(&key, entries.iter().map(String::as_str))
            } else {
                unknown_section(&section, keys)
            };
            self.problem(origin, message);
        }
        for name in std::mem::take(&mut self.lists).into_keys() {
            self.problem(format!("[[{name}]]"), unknown_section(&name, keys));
        }
    }

    pub(crate) fn problem(&mut self, key: impl std::fmt::Display, message: impl Into<String>) {
        self.problems.push(Problem { key: key.to_string(), message: message.into() });
    }

    /// Reports a mistake of the first of these keys in combination with the others. A key that is already reported is
    /// not checked.
    pub(crate) fn clash(&mut self, keys: &[&str], message: impl Into<String>) {
        if let [first, ..] = keys
            && !keys.iter().any(|key| self.spoiled.contains(*key))
        {
            self.problem(first, message);
        }
    }
}

/// The secret in a file, without surrounding white space: an editor ends a file with a line break.
pub(super) fn secret_in(file: &str) -> Result<String, String> {
    match std::fs::read_to_string(file) {
        Ok(text) if text.trim().is_empty() => {
            Err(format!("must name a file that contains a secret; {file} is empty"))
        }
        Ok(text) => Ok(text.trim().to_owned()),
        Err(error) => Err(format!("cannot read {file}: {error}")),
    }
}

/// The message for a secret that is given twice.
pub(super) fn both(direct: &str) -> String {
    format!("cannot be combined with {direct}; keep one of them")
}

/// Kubernetes sets variables about every service in a namespace: one named `fulfillment`, or `fulfillment-http`,
/// appears as `FULFILLMENT_SERVICE_HOST`, `..._SERVICE_PORT`, `..._SERVICE_PORT_<NAME>`,
/// `..._PORT=tcp://10.0.0.11:5004` and `..._PORT_5004_TCP...`.
fn is_a_service_link(variable: &str, value: &str) -> bool {
    let service = ["_SERVICE_HOST", "_SERVICE_PORT"].iter().any(|end| variable.ends_with(end));
    let a_port = variable.split("_PORT_").skip(1).any(|rest| {
        let mut words = rest.split('_');
        words.next().is_some_and(|number| number.parse::<u16>().is_ok())
            && matches!(words.next(), Some("TCP" | "UDP" | "SCTP"))
    });
    service
        || variable.contains("_SERVICE_PORT_")
        || a_port
        || (variable.ends_with("_PORT") && value.contains("://"))
}

/// A variable without its section is most likely that key; any other is likely misspelt.
fn unknown_variable<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    let this_key = format!("_{name}");
    let without_section = known.clone().filter(|k| k.ends_with(&this_key)).min_by_key(|k| k.len());
    match without_section.or_else(|| closest(name, known)) {
        Some(best) => format!("is unknown; did you mean {PREFIX}{best}?"),
        None => UNKNOWN.into(),
    }
}

fn unknown_section(section: &str, keys: &[Key]) -> String {
    let sections = keys.iter().map(|k| k.section).chain(["token", "webhook", "template"]);
    unknown(section, sections)
}

fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    match closest(name, known) {
        Some(best) => format!("is unknown; did you mean {best}?"),
        None => UNKNOWN.into(),
    }
}

const UNKNOWN: &str = "is unknown; `fulfillment config init -` prints all settings";

fn closest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let (distance, best) = known.map(|k| (strsim::damerau_levenshtein(name, k), k)).min()?;
    (distance <= best.len() / 2).then_some(best)
}

/// Where a file is wrong and why, without the line itself, which may hold a secret.
fn without_content(text: &str, error: &toml::de::Error) -> String {
    let line = error.span().map(|span| text.get(..span.start).unwrap_or(text).lines().count().max(1));
    let place = line.map(|line| format!("line {line}: ")).unwrap_or_default();
    format!("{place}{}", error.message())
}

fn text_of(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(n) => Some(n.to_string()),
        toml::Value::Boolean(b) => Some(b.to_string()),
        toml::Value::Array(items) => {
            items.iter().map(text_of).collect::<Option<Vec<_>>>().map(|texts| texts.join(","))
        }
        toml::Value::Float(_) | toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}
