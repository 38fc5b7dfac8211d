//! The template registry: which tickets are drawn by which template, from the settings.

use std::collections::HashMap;
use std::sync::Arc;

use fulfillment_config::{Config, TemplateEntry};
use fulfillment_document::{CompiledTemplate, Shipped, TemplateBundle};

use super::files::{Base, Unusable, branded};

/// Compiled templates, and the events and organizers they are for.
#[derive(Default, Debug)]
pub struct TemplateRegistry {
    templates: Vec<(TemplateBundle, Arc<CompiledTemplate>)>,
    /// By event id, then by organizer id; each as records name it.
    events: HashMap<String, String>,
    organizers: HashMap<String, String>,
    standard: String,
}

/// How a record names a template: its name in the settings, and the hash of its content.
fn named(name: &str, template: &CompiledTemplate) -> String {
    format!("{name}/{}", template.hash())
}

impl TemplateRegistry {
    /// Reads and compiles every template of the settings.
    ///
    /// # Errors
    /// The templates that cannot be used, by their entry's name, and why.
    pub fn read(config: &Config) -> Result<Self, Vec<(String, Unusable)>> {
        let mut registry = Self::default();
        let mut unusable = Vec::new();
        for entry in &config.templates {
            match compile(entry) {
                Ok((bundle, compiled)) => registry.add(entry, config, bundle, compiled),
                Err(error) => unusable.push((entry.name.clone(), error)),
            }
        }
        if let Some(shipped) = Shipped::named(&config.document.template) {
            let bundle = shipped.bundle();
            match CompiledTemplate::new(&bundle) {
                Ok(compiled) => {
                    registry.standard = named(shipped.name(), &compiled);
                    registry.templates.push((bundle, Arc::new(compiled)));
                }
                Err(refused) => {
                    let name = shipped.name().to_owned();
                    unusable.push((name.clone(), Unusable::refused(name, refused)));
                }
            }
        }
        if unusable.is_empty() { Ok(registry) } else { Err(unusable) }
    }

    fn add(
        &mut self,
        entry: &TemplateEntry,
        config: &Config,
        bundle: TemplateBundle,
        compiled: CompiledTemplate,
    ) {
        let name = named(&entry.name, &compiled);
        self.events.extend(entry.events.iter().map(|id| (id.clone(), name.clone())));
        self.organizers.extend(entry.organizers.iter().map(|id| (id.clone(), name.clone())));
        if config.document.template == entry.name {
            self.standard = name;
        }
        self.templates.push((bundle, Arc::new(compiled)));
    }

    /// All of them.
    pub(super) fn templates(&self) -> &[(TemplateBundle, Arc<CompiledTemplate>)] {
        &self.templates
    }

    /// The template of an event's tickets: the event's, else its organizer's, else the default.
    pub(super) fn of(&self, event: &str, organizer: Option<&str>) -> &str {
        let organizers = || organizer.and_then(|id| self.organizers.get(id));
        self.events.get(event).or_else(organizers).unwrap_or(&self.standard)
    }

    /// Whether new tickets would be drawn in the same way.
    pub(super) fn says_the_same(&self, other: &Self) -> bool {
        (&self.events, &self.organizers, &self.standard)
            == (&other.events, &other.organizers, &other.standard)
    }
}

fn compile(entry: &TemplateEntry) -> Result<(TemplateBundle, CompiledTemplate), Unusable> {
    let bundle = branded(entry)?;
    match CompiledTemplate::new(&bundle) {
        Ok(compiled) => Ok((bundle, compiled)),
        Err(refused) => Err(Unusable::refused(Base::read(&entry.base).name(), refused)),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn config(toml: &str) -> Config {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), toml).unwrap();
        Config::load(Some(file.path()), []).unwrap()
    }

    const ENTRIES: &str = "[document]\ntemplate = \"house\"\n\
        [[template]]\nname = \"house\"\nbase = \"a4\"\ncolors.accent = \"#7a1f2b\"\n\
        texts.footer = \"Elbe Concerts, Hamburg\"\n\
        [[template]]\nname = \"slim\"\nbase = \"thermal\"\nevents = [\"e-1\", \"e-2\"]\norganizers = [\"17\"]\n\
        [[template]]\nname = \"phone17\"\nbase = \"phone\"\norganizers = [\"18\"]\n";

    #[test]
    fn events_go_before_organizers_and_both_before_the_rest() {
        let registry = TemplateRegistry::read(&config(ENTRIES)).unwrap();
        let of = |event, organizer| registry.of(event, organizer).split('/').next().unwrap().to_owned();
        assert_eq!(of("e-1", Some("18")), "slim");
        assert_eq!(of("e-3", Some("18")), "phone17");
        assert_eq!(of("e-3", Some("19")), "house");
        assert_eq!(of("e-3", None), "house");
        assert_eq!(registry.of("e-2", None), format!("slim/{}", Shipped::Thermal.bundle().hash()));
        let plain = TemplateRegistry::read(&config("")).unwrap();
        assert_eq!(plain.of("", None), format!("a4/{}", Shipped::A4.bundle().hash()));
        assert!(
            !plain.says_the_same(&registry)
                && registry.says_the_same(&TemplateRegistry::read(&config(ENTRIES)).unwrap())
        );
    }

    #[test]
    fn each_unusable_template_is_named_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("broken.json");
        std::fs::write(
            &file,
            "{\"format\": 1,\n\"page\": {\"width\": 90, \"height\": 90},\n\"pages\": 1, \"elements\": []}",
        )
        .unwrap();
        let entry = |name: &str, rest: String| format!("[[template]]\nname = \"{name}\"\n{rest}\n");
        let of_file = |file: &Path| format!("base = \"{}\"", file.display());
        let toml = [
            entry("one", of_file(&file)),
            entry("two", of_file(&folder.path().join("none.json"))),
            entry("three", "base = \"a4\"\ncolors.shade = \"#000000\"".into()),
        ]
        .concat();
        let problems: Vec<_> = TemplateRegistry::read(&config(&toml))
            .unwrap_err()
            .into_iter()
            .map(|(n, e)| (n, e.to_string()))
            .collect();
        let expect = [("one", "broken.json:3:"), ("two", "No such file"), ("three", "no colour \"shade\"")];
        assert_eq!(problems.len(), expect.len(), "{problems:?}");
        for ((name, text), (expected_name, part)) in problems.iter().zip(expect) {
            assert!(name == expected_name && text.contains(part), "{name}: {text}");
        }
    }
}
