//! Settings as text, before anybody knows what they mean: a TOML file, and the environment above it.

use std::collections::BTreeMap;
use std::path::Path;

use super::section::{Key, Setting};

/// Something wrong with the configuration, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Problem {
    /// Where: `http.listen`, `FULFILLMENT_HTTP_LISTEN`, or the file.
    pub(crate) key: String,
    /// What is wrong, and what would be right.
    pub(crate) message: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.key, self.message)
    }
}

/// Values by section and key, each with where it came from; emptied as sections take theirs.
#[derive(Debug, Default)]
pub(crate) struct Raw {
    values: BTreeMap<(String, String), (String, String)>,
    lists: BTreeMap<String, Vec<BTreeMap<String, String>>>,
    pub(crate) problems: Vec<Problem>,
}

impl Raw {
    /// Reads the text of a TOML file. `[section] key = value`, and `[[list]]` for what there can be many of.
    pub(crate) fn file(text: &str, name: &Path) -> Self {
        let mut raw = Self::default();
        let table: toml::Table = match text.parse() {
            Ok(table) => table,
            Err(error) => {
                raw.problem(name.display(), format!("is not TOML: {}", error.to_string().trim_end()));
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
                match text_of(&value) {
                    Some(text) => drop(entry.insert(key, text)),
                    None => self.problem(format!("{name}[{i}].{key}"), "must be text"),
                }
            }
            self.lists.entry(name.to_owned()).or_default().push(entry);
        }
    }

    /// Lays the environment over the file. `FULFILLMENT_<SECTION>_<KEY>`, and for secrets the same with
    /// `_FILE`, which names a file whose content (less a last line break) is the value.
    pub(crate) fn environment(
        &mut self,
        keys: &[Key],
        variables: impl IntoIterator<Item = (String, String)>,
        read_file: impl Fn(&Path) -> std::io::Result<String>,
    ) {
        for (variable, value) in variables {
            let Some(rest) = variable.strip_prefix("FULFILLMENT_") else { continue };
            if let Some(key) = keys.iter().find(|k| k.variable() == variable) {
                self.set(key, value, variable);
            } else if let Some(key) =
                keys.iter().find(|k| k.secret && variable == format!("{}_FILE", k.variable()))
            {
                match read_file(Path::new(&value)) {
                    Ok(text) => self.set(key, text.trim_end_matches(['\r', '\n']).to_owned(), variable),
                    Err(error) => self.problem(variable, format!("cannot read {value}: {error}")),
                }
            } else if let Some((section, _)) = rest.split_once('_')
                && keys.iter().any(|k| k.section.eq_ignore_ascii_case(section))
            {
                let known: Vec<String> = keys.iter().map(Key::variable).collect();
                self.problem(&variable, unknown(&variable, known.iter().map(String::as_str)));
            }
        }
    }

    fn set(&mut self, key: &Key, value: String, origin: String) {
        self.values.insert((key.section.to_owned(), key.name.to_owned()), (value, origin));
    }

    /// Takes one setting, or its default; `None` after noting what is wrong with it.
    pub(crate) fn take<T: Setting>(&mut self, key: &Key) -> Option<T> {
        let (text, origin) = self
            .values
            .remove(&(key.section.to_owned(), key.name.to_owned()))
            .unwrap_or_else(|| (key.default.to_owned(), format!("{}.{}", key.section, key.name)));
        let read = T::read(text.trim());
        if read.is_none() {
            let shown = if key.secret { String::new() } else { format!(", not {text:?}") };
            self.problem(origin, format!("must be {}{shown}", key.expected));
        }
        read
    }

    /// Takes a `[[list]]`.
    pub(crate) fn take_list(&mut self, name: &str) -> Vec<BTreeMap<String, String>> {
        self.lists.remove(name).unwrap_or_default()
    }

    /// Notes what nobody took.
    pub(crate) fn finish(&mut self, keys: &[Key]) {
        for ((section, key), (_, origin)) in std::mem::take(&mut self.values) {
            let message = if keys.iter().any(|k| k.section == section) {
                unknown(&key, keys.iter().filter(|k| k.section == section).map(|k| k.name))
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
}

fn unknown_section(section: &str, keys: &[Key]) -> String {
    let sections = keys.iter().map(|k| k.section).chain(["token", "webhook"]);
    unknown(section, sections)
}

fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let closest = known.map(|k| (strsim::damerau_levenshtein(name, k), k)).min();
    match closest {
        Some((distance, best)) if distance <= best.len() / 2 => {
            format!("is unknown; did you mean {best}?")
        }
        _ => "is unknown; `fulfillment config init -` prints all there are".into(),
    }
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
