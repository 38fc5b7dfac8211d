//! `[[template]]`: custom templates, and the events and organizers they are for.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::lists::{check_name, leftovers, required};
use super::raw::Raw;

/// The names of the built-in templates, which custom ones cannot have.
pub const SHIPPED: [&str; 3] = ["a4", "phone", "thermal"];

/// A template, its branding, and whose tickets are drawn by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateEntry {
    /// Its name, recorded in tickets before the hash.
    pub name: String,
    /// Its source: the name of a built-in template, or a template's JSON file with its images beside it.
    pub base: String,
    /// An image for the template's file `logo`.
    pub logo: Option<PathBuf>,
    /// Colours by their names in the template.
    pub colors: Vec<(String, String)>,
    /// Texts by their names in the template.
    pub texts: Vec<(String, String)>,
    /// Events by id, as Ordering writes it.
    pub events: Vec<String>,
    /// Organizers by id.
    pub organizers: Vec<String>,
}

/// The `[[template]]` tables.
pub(super) fn templates(raw: &mut Raw) -> Vec<TemplateEntry> {
    let mut templates: Vec<TemplateEntry> = Vec::new();
    for (i, mut entry) in raw.take_list("template").into_iter().enumerate() {
        let place = |key: &str| format!("template[{i}].{key}");
        let name = required(raw, &mut entry, "name", &place);
        let base = required(raw, &mut entry, "base", &place);
        let logo = entry.remove("logo").filter(|path| !path.is_empty()).map(PathBuf::from);
        let (colors, texts) = (under(&mut entry, "colors"), under(&mut entry, "texts"));
        let (events, organizers) = (ids(&mut entry, "events"), ids(&mut entry, "organizers"));
        let known = "name, base, logo, colors.NAME, texts.NAME, events and organizers";
        leftovers(raw, entry, &place, known);
        let (Some(name), Some(base)) = (name, base) else { continue };
        check_name(raw, &place("name"), &name, templates.iter().map(|t| &t.name));
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if name.len() > 40 || !name.bytes().all(plain) {
            raw.problem(place("name"), "must be at most 40 letters, digits, - and _");
        }
        if SHIPPED.contains(&name.as_str()) {
            raw.problem(place("name"), "must not be a4, phone or thermal, which are built in");
        }
        for (key, of_this, of) in [
            ("events", &events, (|t| &t.events) as fn(&TemplateEntry) -> &Vec<String>),
            ("organizers", &organizers, |t| &t.organizers),
        ] {
            let twice = |id: &&String| templates.iter().any(|other| of(other).contains(id));
            if let Some(id) = of_this.iter().find(twice) {
                raw.problem(
                    place(key),
                    format!("must not name {id:?}, which another template names already"),
                );
            }
        }
        templates.push(TemplateEntry { name, base, logo, colors, texts, events, organizers });
    }
    templates
}

/// The entries `key.NAME`, by name.
fn under(entry: &mut BTreeMap<String, String>, key: &str) -> Vec<(String, String)> {
    let prefix = format!("{key}.");
    let names: Vec<String> = entry.keys().filter(|k| k.starts_with(&prefix)).cloned().collect();
    let take = |full: String| entry.remove(&full).map(|value| (full[prefix.len()..].to_owned(), value));
    names.into_iter().filter_map(take).collect()
}

fn ids(entry: &mut BTreeMap<String, String>, key: &str) -> Vec<String> {
    let all = entry.remove(key).unwrap_or_default();
    all.split(',').map(str::trim).filter(|id| !id.is_empty()).map(str::to_owned).collect()
}
