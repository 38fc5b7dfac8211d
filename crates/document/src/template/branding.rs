//! Branding: changes a template's logo, colours and texts, which gives another template, without writing one.

use serde_json::{Map, Value};

use super::bundle::{TemplateBundle, file_names};
use super::json::Node;
use super::problem::{Position, Problem};

/// An organizer's branding. What is empty stays as it is in the template.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Branding {
    /// A PNG, JPEG or SVG for the template's file `logo`.
    pub logo: Option<Vec<u8>>,
    /// Values for the template's named colours, `#rrggbb`; the templates that ship have `accent`.
    pub colors: Vec<(String, String)>,
    /// Values for the template's named texts; the templates that ship have `footer`.
    pub texts: Vec<(String, String)>,
}

/// The name of a template's logo file.
const LOGO: &str = "logo";

impl TemplateBundle {
    /// The template with this branding: a separate template with its own hash.
    ///
    /// # Errors
    /// The template has no place for part of the branding, or the JSON is not a template.
    pub fn branded(&self, branding: &Branding) -> Result<Self, Problem> {
        let _places = Node::parse(&self.json)?;
        let start = Position { line: 1, column: 1 };
        let refuse = |message: String| Problem::error(start, message);
        let mut json: Map<String, Value> =
            serde_json::from_str(&self.json).map_err(|_| refuse("a template is an object".to_owned()))?;
        for (table, what, entries) in
            [("colors", "colour", &branding.colors), ("texts", "text", &branding.texts)]
        {
            for (name, value) in entries {
                let known = json.get_mut(table).and_then(Value::as_object_mut);
                let entry = known.and_then(|known| known.get_mut(name));
                *entry.ok_or_else(|| refuse(format!("the template has no {what} {name:?} to brand")))? =
                    Value::from(value.as_str());
            }
        }
        let mut files = self.files.clone();
        if let Some(logo) = &branding.logo {
            if !file_names(&self.json).contains(LOGO) {
                return Err(refuse(format!("the template shows no image {LOGO:?}")));
            }
            files.insert(LOGO.to_owned(), logo.clone());
        }
        let json = serde_json::to_string_pretty(&json).map_err(|error| refuse(error.to_string()))?;
        Ok(Self { json, files })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::{CompiledTemplate, Shipped};

    fn branding() -> Branding {
        Branding {
            logo: Some(include_bytes!("../../tests/logo.png").to_vec()),
            colors: vec![("accent".to_owned(), "#0b5394".to_owned())],
            texts: vec![("footer".to_owned(), "Elbe Concerts, Hamburg".to_owned())],
        }
    }

    #[test]
    fn every_template_that_ships_can_be_branded() {
        for shipped in Shipped::ALL {
            let plain = shipped.bundle();
            let branded = plain.branded(&branding()).unwrap();
            assert_ne!(branded.hash(), plain.hash());
            let compiled = CompiledTemplate::new(&branded).unwrap();
            assert_eq!(compiled.model.artwork.images.len(), 1);
            assert_eq!(plain.branded(&Branding::default()).unwrap().hash(), plain.hash());
        }
    }

    #[test]
    fn what_has_no_place_is_refused() {
        let bare =
            TemplateBundle::new(r#"{"format": 1, "page": {"width": 90, "height": 90}, "elements": []}"#);
        for (one, expected) in [
            (Branding { logo: branding().logo, ..Branding::default() }, "shows no image"),
            (Branding { colors: branding().colors, ..Branding::default() }, "no colour \"accent\""),
            (Branding { texts: branding().texts, ..Branding::default() }, "no text \"footer\""),
        ] {
            let problem = bare.branded(&one).unwrap_err();
            assert!(problem.message.contains(expected), "{problem}");
        }
        assert!(TemplateBundle::new("[]").branded(&branding()).is_err());
    }
}
