//! Reads a whole template: the page, named values, and the elements on it.

use std::collections::BTreeMap;

use crate::font::{BUILT_IN, SharedSubset};
use crate::image::{Artwork, Background};
use crate::page::Colour;
use crate::template::json::{Node, Object};
use crate::template::model::TemplateModel;

use super::keys::{FORMAT, LOOK, PAGE, TOP};
use super::reader::{Inside, Reader};

/// The minimum page size, in millimetres.
const SMALLEST_PAGE: f32 = 20.0;

impl<'j> Reader<'_> {
    pub(super) fn model(&mut self, mut top: Object<'j>) -> Option<TemplateModel> {
        let _schema = top.take("$schema");
        let format = self.needed_node(&mut top, "format")?;
        let version = self.ok(format.count(0, u16::MAX))?;
        if version != FORMAT {
            self.complain(format, format!("this engine reads format {FORMAT}, not {version}"));
        }
        let name = self.string(&mut top, "name").unwrap_or_default();
        let page = self.needed_node(&mut top, "page")?;
        let (mirror, trim) = self.page(page)?;
        if let Some(colours) = top.take("colors") {
            for (key, name, node) in self.named(colours) {
                let colour = self.ok(node.string()).and_then(|text| Colour::parse(&text));
                match colour {
                    Some(colour) => drop(self.colours.insert(name, colour)),
                    None => self.complain(key, format!("the colour {name:?} is not written as #rrggbb")),
                }
            }
        }
        if let Some(styles) = top.take("styles") {
            for (_, name, node) in self.named(styles) {
                let Some(mut object) = self.ok(node.object()) else { continue };
                let look = self.look(&mut object);
                self.unknown(object, &[LOOK]);
                self.styles.insert(name, look);
            }
        }
        if let Some(texts) = top.take("texts") {
            self.own_texts(texts);
        }
        let elements = self.needed_node(&mut top, "elements")?;
        self.unknown(top, &[TOP]);
        let elements = self.children(elements, Inside::Page, 0);
        let (images, background) = (std::mem::take(&mut self.images), self.background.take());
        let artwork = Artwork::new(images, background, SharedSubset::after(BUILT_IN));
        Some(TemplateModel {
            name,
            page: self.page,
            mirror,
            trim,
            elements,
            own: std::mem::take(&mut self.own),
            level: self.level,
            artwork,
            background_at: self.background_at,
        })
    }

    fn page(&mut self, node: Node<'j>) -> Option<(bool, Option<f32>)> {
        let mut object = self.ok(node.object())?;
        self.page.0 = self.needed_length(&mut object, "width", SMALLEST_PAGE)?;
        self.page.1 = self.needed_length(&mut object, "height", SMALLEST_PAGE)?;
        let mirror = self.flag(&mut object, "mirror").unwrap_or(true);
        let trim = self.length(&mut object, "trim", 0.0);
        let background = object.take("background");
        self.unknown(object, &[PAGE]);
        if let Some(node) = background {
            self.background_at = node.position();
            let name = self.ok(node.string())?;
            match self.files.get(&name).map(|bytes| Background::read(bytes)) {
                Some(Ok(background)) => self.background = Some(background),
                Some(Err(why)) => self.complain(node, format!("{name}: {why}")),
                None => self.complain(node, format!("there is no file {name:?} with the template")),
            }
            if trim.is_some() {
                self.complain(node, "a page with a background has a fixed height: there is no \"trim\"");
            }
        }
        Some((mirror, trim))
    }

    fn own_texts(&mut self, node: Node<'j>) {
        for (key, name, node) in self.named(node) {
            if name.is_empty() || name.contains(['{', '}']) {
                self.complain(key, "a text's name is not empty and has no braces");
            }
            let mut by_language = BTreeMap::new();
            if node.is_object() {
                for (_, tag, node) in self.named(node) {
                    let tag = if tag == "default" { String::new() } else { tag.to_ascii_lowercase() };
                    by_language.extend(self.short(node).map(|text| (tag, text)));
                }
            } else {
                by_language.extend(self.short(node).map(|text| (String::new(), text)));
            }
            self.own.insert(name, by_language);
        }
    }
}
