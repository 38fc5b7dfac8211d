//! Reads an element of a template: its position, and its content if it is not a container.

use fulfillment_qr::Level;

use crate::image::Picture;
use crate::page::{Align, Area, Colour};
use crate::template::json::{Node, Object};
use crate::template::model::{Column, Element, Kind, Vertical};
use crate::template::text::Text;

use super::keys::{DEEPEST, LONGEST, LOOK, MM, MOST_ELEMENTS, PLACE, TYPES};
use super::reader::{Inside, Reader};

impl<'j> Reader<'_> {
    pub(super) fn children(&mut self, node: Node<'j>, inside: Inside, depth: usize) -> Vec<Element> {
        if depth > DEEPEST {
            self.complain(node, format!("containers stand at most {DEEPEST} deep in each other"));
            return Vec::new();
        }
        let nodes = self.ok(node.list()).unwrap_or_default();
        self.elements += nodes.len();
        if self.elements > MOST_ELEMENTS {
            self.complain(node, format!("a template has at most {MOST_ELEMENTS} elements"));
            return Vec::new();
        }
        nodes.into_iter().filter_map(|node| self.element(node, inside, depth)).collect()
    }

    /// Reads an element; `None` for one that is invalid or never drawn.
    fn element(&mut self, node: Node<'j>, inside: Inside, depth: usize) -> Option<Element> {
        let mut object = self.ok(node.object())?;
        let types: Vec<_> = TYPES.iter().map(|entry| (entry.0, *entry)).collect();
        let (kind, keys) =
            self.needed(&mut object, "type", |reader, object, key| reader.word(object, key, &types))?;
        let errors = self.problems.len();
        let mut element = self.place(&mut object, node, kind, inside);
        let found = match kind {
            "text" => self.text(&mut object, &mut element),
            "line" => Some(self.line(&mut object, &mut element, inside)),
            "rect" => Some(self.rect(&mut object, &mut element, inside)),
            "image" => self.image(&mut object, &mut element, inside),
            "qr" => self.code(&mut object, &mut element),
            _ => self.container(&mut object, &mut element, kind == "row", inside, depth),
        };
        let look: &[&str] = if kind == "text" { LOOK } else { &[] };
        self.unknown(object, &[keys, look, PLACE]);
        element.kind = found?;
        if inside == Inside::Page && self.problems.len() == errors {
            let area = element.area;
            // A tolerance of a thousandth of a millimetre, for rounding.
            let within =
                area.x + area.width <= self.page.0 + 0.003 && area.y + area.height <= self.page.1 + 0.003;
            if !within {
                let mm = |points: f32| (points / MM * 100.0).round() / 100.0;
                self.complain(
                    node,
                    format!(
                        "it leaves the page: it ends at {} x {} mm, the page at {} x {}",
                        mm(area.x + area.width),
                        mm(area.y + area.height),
                        mm(self.page.0),
                        mm(self.page.1)
                    ),
                );
            }
        }
        Some(element)
    }

    /// Reads position and size, as far as this kind of element has them here.
    fn place(&mut self, object: &mut Object<'j>, node: Node<'j>, kind: &str, inside: Inside) -> Element {
        let mut area = Area { x: 0.0, y: 0.0, width: 0.0, height: 0.0 };
        let mut column = Column::Share(1.0);
        if inside == Inside::Page {
            area.x = self.needed_length(object, "x", 0.0).unwrap_or(0.0);
            area.y = self.needed_length(object, "y", 0.0).unwrap_or(0.0);
        }
        // A code has one size for width and height, a line has one length.
        let wants_width = !matches!(kind, "qr" | "line") && inside == Inside::Page;
        if kind != "qr" && (inside != Inside::Stack || kind == "image") {
            let mut width = |reader: &mut Self, object: &mut Object<'j>, key: &str| {
                let node = object.take(key)?;
                if inside == Inside::Row && node.is_text() {
                    if reader.ok(node.string()).as_deref() != Some("content") {
                        reader.complain(node, "a width is a number of millimetres, or \"content\"");
                    }
                    column = Column::Content;
                    return None;
                }
                reader.ok(node.number(0.0, LONGEST)).map(|width| width * MM)
            };
            let found = if wants_width || kind == "image" {
                self.needed(object, "width", width)
            } else {
                width(self, object, "width")
            };
            area.width = found.unwrap_or(0.0);
            if inside == Inside::Row && area.width > 0.0 {
                column = Column::Fixed(area.width);
            }
        }
        if inside == Inside::Row
            && column == Column::Share(1.0)
            && let Some(grow) = object.take("grow")
        {
            column = Column::Share(self.ok(grow.number(0.01, 100.0)).unwrap_or(1.0));
        }
        if kind != "qr" && !(inside != Inside::Page && matches!(kind, "stack" | "row" | "line")) {
            area.height = self.length(object, "height", 0.0).unwrap_or(0.0);
        }
        let valign = if matches!(kind, "line" | "rect") { Vertical::Top } else { self.valign(object) };
        Element {
            at: node.position(),
            area,
            column,
            valign,
            kind: Kind::Rect { fill: None, border: None },
            says: false,
            tallest: area.height,
        }
    }

    fn line(&mut self, object: &mut Object<'j>, element: &mut Element, inside: Inside) -> Kind {
        let thickness = self.length(object, "thickness", 0.01).unwrap_or(0.25 * MM);
        let colour = self.colour(object, "color").unwrap_or(Colour::BLACK);
        let dash = object.take("dash").and_then(|node| {
            let lengths = self.ok(node.list())?;
            let &[on, off] = lengths.as_slice() else {
                self.complain(node, "a dash is two lengths in millimetres: drawn and left out");
                return None;
            };
            Some([self.ok(on.number(0.1, 100.0))? * MM, self.ok(off.number(0.1, 100.0))? * MM])
        });
        match inside {
            Inside::Row => {
                self.complain(object.node(), "a row has no lines in it; it has a \"divider\"");
            }
            Inside::Page if (element.area.width > 0.0) == (element.area.height > 0.0) => {
                self.complain(object.node(), "a line has a \"width\" (level) or a \"height\" (upright)");
            }
            Inside::Page if element.area.height > 0.0 => element.area.width = thickness,
            Inside::Page | Inside::Stack => element.area.height = thickness,
        }
        element.tallest = element.area.height;
        Kind::Line { colour, thickness, dash }
    }

    fn rect(&mut self, object: &mut Object<'j>, element: &mut Element, inside: Inside) -> Kind {
        if inside != Inside::Page {
            self.complain(object.node(), "a rectangle stands on the page; a container has a \"background\"");
        }
        if element.area.height <= 0.0 {
            self.complain(object.node(), "\"height\" is missing");
        }
        let fill = self.colour(object, "fill");
        let width = self.length(object, "border", 0.0);
        let colour = self.colour(object, "border_color").unwrap_or(Colour::BLACK);
        Kind::Rect { fill, border: width.map(|width| (width, colour)) }
    }

    fn image(&mut self, object: &mut Object<'j>, element: &mut Element, inside: Inside) -> Option<Kind> {
        let node = self.needed_node(object, "file");
        let optional = self.flag(object, "optional").unwrap_or(false);
        let align = self.align(object).unwrap_or(Align::Start);
        let alt = object.take("alt").and_then(|node| {
            let text = self.short(node)?;
            let own = &self.own;
            let parsed = Text::parse(&[text], String::new(), |name| own.contains_key(name));
            parsed.map_err(|message| self.complain(node, message)).ok()
        });
        if element.area.height <= 0.0 || (inside == Inside::Stack && element.area.width <= 0.0) {
            self.complain(object.node(), "an image has a \"width\" and a \"height\"");
        }
        element.says = true;
        let node = node?;
        let name = self.ok(node.string())?;
        if let Some(image) = self.names.iter().position(|known| *known == name) {
            return Some(Kind::Image { image, align, alt });
        }
        let Some(bytes) = self.files.get(&name) else {
            if !optional {
                self.complain(node, format!("there is no file {name:?} with the template"));
            }
            return None;
        };
        match Picture::read(bytes) {
            Ok(image) => self.images.push(image),
            Err(message) => {
                self.complain(node, format!("{name}: {message}"));
                return None;
            }
        }
        self.names.push(name);
        Some(Kind::Image { image: self.images.len() - 1, align, alt })
    }

    fn code(&mut self, object: &mut Object<'j>, element: &mut Element) -> Option<Kind> {
        self.codes += 1;
        if self.codes > 1 {
            self.complain(object.node(), "a ticket has one code");
        }
        let side = self.needed_length(object, "size", 10.0)?;
        let level = self.word(object, "level", &[("M", Level::M), ("Q", Level::Q)]);
        self.level = level.unwrap_or(self.level);
        let align = self.align(object).unwrap_or(Align::Start);
        (element.area.width, element.area.height, element.tallest) = (side, side, side);
        if element.column == Column::Share(1.0) {
            element.column = Column::Fixed(side);
        }
        element.says = true;
        Some(Kind::Code { side, align })
    }
}
