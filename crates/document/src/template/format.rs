//! Reads a template's JSON. Every error has its place, and all are found in one go.

use std::collections::BTreeMap;

use crate::background::Background;
use crate::boxes::{Align, Area, Colour};
use crate::face::Style;
use crate::image::Image;
use crate::paragraph;

use super::bundle::Files;
use super::json::{Node, Object};
use super::sheet::{Column, Container, Element, Kind, Part, Sheet, TextBox, Vertical};
use super::text::{OwnTexts, Text};
use super::{Position, Problem, Severity};

/// The version of the format that this engine reads.
pub(crate) const FORMAT: u16 = 1;

/// Points in a millimetre.
pub(crate) const MM: f32 = 72.0 / 25.4;

/// No template has more elements.
pub(crate) const MOST_ELEMENTS: usize = 400;
/// Containers in containers.
pub(crate) const DEEPEST: usize = 8;
/// No length is more, in millimetres: the longest page that every viewer shows.
pub(crate) const LONGEST: f32 = 5000.0;
/// No text of a template has more characters.
pub(crate) const MOST_CHARACTERS: usize = 2000;
/// Texts, colours and styles by name, each.
const MOST_NAMES: usize = 100;
/// No page is smaller, in millimetres.
const SMALLEST_PAGE: f32 = 20.0;
/// Lines of one text.
const MOST_LINES: u16 = 40;
/// A smaller size is about this much of the one before.
const STEP: f32 = 0.9;

/// The keys of the whole, and of each type of element; the schema has the same.
pub(crate) const TOP: &[&str] =
    &["format", "name", "page", "colors", "styles", "texts", "elements", "$schema"];
pub(crate) const PAGE: &[&str] = &["width", "height", "mirror", "trim", "background"];
pub(crate) const PLACE: &[&str] = &["type", "x", "y", "width", "height", "grow"];
pub(crate) const LOOK: &[&str] =
    &["size", "min_size", "lines", "line_height", "weight", "figures", "align", "color", "role", "same_size"];
pub(crate) const TYPES: &[(&str, &[&str])] = &[
    ("text", &["text", "separator", "style", "valign"]),
    ("line", &["thickness", "dash", "color"]),
    ("rect", &["fill", "border", "border_color"]),
    ("image", &["file", "optional", "align", "valign", "alt"]),
    ("qr", &["size", "align", "valign"]),
    ("stack", &["children", "gap", "padding", "background", "divider", "divider_color", "valign"]),
    (
        "row",
        &[
            "children",
            "gap",
            "padding",
            "background",
            "divider",
            "divider_color",
            "valign",
            "columns",
            "min_width",
        ],
    ),
];

/// Where an element stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    Page,
    Stack,
    Row,
}

/// Reads a template.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn read(json: &str, files: &Files) -> Result<Sheet, Vec<Problem>> {
    let top = Node::parse(json).and_then(Node::object).map_err(|problem| vec![problem])?;
    let mut reader = Reader {
        problems: Vec::new(),
        files,
        page: (0.0, 0.0),
        colours: BTreeMap::new(),
        styles: BTreeMap::new(),
        own: OwnTexts::new(),
        images: Vec::new(),
        names: Vec::new(),
        elements: 0,
        texts: 0,
        codes: 0,
        background: None,
        background_at: Position { line: 1, column: 1 },
    };
    let sheet = reader.sheet(top);
    let mut problems = reader.problems;
    problems.sort_by_key(|problem| problem.at);
    match sheet {
        Some(sheet) if problems.iter().all(|problem| problem.severity < Severity::Error) => Ok(sheet),
        _ => Err(problems),
    }
}

struct Reader<'f> {
    problems: Vec<Problem>,
    files: &'f Files,
    page: (f32, f32),
    colours: BTreeMap<String, Colour>,
    styles: BTreeMap<String, Look>,
    own: OwnTexts,
    images: Vec<Image>,
    /// The images' files, in the order of `images`.
    names: Vec<String>,
    elements: usize,
    texts: u32,
    codes: u32,
    background: Option<Background>,
    background_at: Position,
}

/// A text's look as far as it is said.
#[derive(Debug, Default)]
struct Look {
    size: Option<f32>,
    min_size: Option<f32>,
    lines: Option<u16>,
    leading: Option<f32>,
    bold: Option<bool>,
    style: Option<Style>,
    align: Option<Align>,
    colour: Option<Colour>,
    part: Option<Part>,
    same_size: Option<bool>,
}

impl Look {
    /// This look, and where it says nothing, the other.
    fn over(self, other: &Self) -> Self {
        Self {
            size: self.size.or(other.size),
            min_size: self.min_size.or(other.min_size),
            lines: self.lines.or(other.lines),
            leading: self.leading.or(other.leading),
            bold: self.bold.or(other.bold),
            style: self.style.or(other.style),
            align: self.align.or(other.align),
            colour: self.colour.or(other.colour),
            part: self.part.or(other.part),
            same_size: self.same_size.or(other.same_size),
        }
    }
}

impl<'j> Reader<'_> {
    /// Keeps an error and goes on without the value.
    fn ok<T>(&mut self, result: Result<T, Problem>) -> Option<T> {
        result.map_err(|problem| self.problems.push(problem)).ok()
    }

    fn complain(&mut self, node: Node<'_>, message: impl Into<String>) {
        self.problems.push(node.error(message));
    }

    /// A length in millimetres, as points.
    fn length(&mut self, object: &mut Object<'j>, key: &str, least: f32) -> Option<f32> {
        let node = object.take(key)?;
        self.ok(node.number(least, LONGEST)).map(|length| length * MM)
    }

    fn needed<T>(&mut self, object: &Object<'j>, key: &str, value: Option<T>, before: usize) -> Option<T> {
        // A value that is there and wrong has its error already.
        if value.is_none() && self.problems.len() == before {
            self.complain(object.node(), format!("{key:?} is missing"));
        }
        value
    }

    /// One of several words.
    fn word<T: Copy>(&mut self, object: &mut Object<'j>, key: &str, words: &[(&str, T)]) -> Option<T> {
        let node = object.take(key)?;
        let text = self.ok(node.string())?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let words = words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
            self.complain(node, format!("{key:?} is one of {words}, not {text:?}"));
        }
        found
    }

    fn flag(&mut self, object: &mut Object<'j>, key: &str) -> Option<bool> {
        let node = object.take(key)?;
        self.ok(node.boolean())
    }

    fn string(&mut self, object: &mut Object<'j>, key: &str) -> Option<String> {
        let node = object.take(key)?;
        self.short(node)
    }

    /// A text of bounded length.
    fn short(&mut self, node: Node<'j>) -> Option<String> {
        let text = self.ok(node.string())?;
        if text.chars().nth(MOST_CHARACTERS).is_some() {
            self.complain(node, format!("a text of a template has at most {MOST_CHARACTERS} characters"));
            return None;
        }
        Some(text)
    }

    fn colour(&mut self, object: &mut Object<'j>, key: &str) -> Option<Colour> {
        let node = object.take(key)?;
        let text = self.ok(node.string())?;
        let colour = Colour::parse(&text).or_else(|| self.colours.get(&text).copied());
        if colour.is_none() {
            self.complain(node, format!("{text:?} is no colour: write #rrggbb or a name from \"colors\""));
        }
        colour
    }

    /// All that is left in an object is unknown.
    fn unknown(&mut self, object: Object<'j>, known: &[&[&str]]) {
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

    fn sheet(&mut self, mut top: Object<'j>) -> Option<Sheet> {
        let _schema = top.take("$schema");
        let before = self.problems.len();
        let format = top.take("format").and_then(|node| {
            let format = self.ok(node.count(0, u16::MAX))?;
            if format != FORMAT {
                self.complain(node, format!("this engine reads format {FORMAT}, not {format}"));
            }
            Some(format)
        });
        self.needed(&top, "format", format, before)?;
        let name = self.string(&mut top, "name").unwrap_or_default();
        let before = self.problems.len();
        let page = top.take("page");
        let page = self.needed(&top, "page", page, before)?;
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
        let before = self.problems.len();
        let elements = top.take("elements");
        let elements = self.needed(&top, "elements", elements, before)?;
        self.unknown(top, &[TOP]);
        let elements = self.children(elements, Inside::Page, 0);
        Some(Sheet {
            name,
            page: self.page,
            mirror,
            trim,
            elements,
            own: std::mem::take(&mut self.own),
            images: std::mem::take(&mut self.images),
            background: self.background.take(),
            background_at: self.background_at,
        })
    }

    /// The entries of a table of names.
    fn named(&mut self, node: Node<'j>) -> Vec<(Node<'j>, String, Node<'j>)> {
        let entries = self.ok(node.object()).map(Object::rest).unwrap_or_default();
        if entries.len() > MOST_NAMES {
            self.complain(node, format!("there are at most {MOST_NAMES} entries here"));
            return Vec::new();
        }
        entries
    }

    fn page(&mut self, node: Node<'j>) -> Option<(bool, Option<f32>)> {
        let mut object = self.ok(node.object())?;
        let before = self.problems.len();
        let width = self.length(&mut object, "width", SMALLEST_PAGE);
        self.page.0 = self.needed(&object, "width", width, before)?;
        let before = self.problems.len();
        let height = self.length(&mut object, "height", SMALLEST_PAGE);
        self.page.1 = self.needed(&object, "height", height, before)?;
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

    fn look(&mut self, object: &mut Object<'j>) -> Look {
        let mut size = |key| object.take(key).and_then(|node| self.ok(node.number(1.0, 400.0)));
        let (size, min_size) = (size("size"), size("min_size"));
        Look {
            size,
            min_size,
            lines: object.take("lines").and_then(|node| self.ok(node.count(1, MOST_LINES))),
            leading: object.take("line_height").and_then(|node| self.ok(node.number(0.8, 4.0))),
            bold: self.word(object, "weight", &[("regular", false), ("bold", true)]),
            style: self.word(object, "figures", &[("text", Style::Text), ("code", Style::Code)]),
            align: self.align(object),
            colour: self.colour(object, "color"),
            part: self.word(
                object,
                "role",
                &[
                    ("title", Part::Title),
                    ("label", Part::Label),
                    ("value", Part::Value),
                    ("note", Part::Note),
                    ("decoration", Part::Decoration),
                ],
            ),
            same_size: self.flag(object, "same_size"),
        }
    }

    fn align(&mut self, object: &mut Object<'j>) -> Option<Align> {
        let words =
            [("start", Align::Start), ("center", Align::Centre), ("end", Align::End), ("own", Align::Own)];
        self.word(object, "align", &words)
    }

    fn valign(&mut self, object: &mut Object<'j>) -> Vertical {
        let words = [("top", Vertical::Top), ("middle", Vertical::Middle), ("bottom", Vertical::Bottom)];
        self.word(object, "valign", &words).unwrap_or(Vertical::Top)
    }

    fn children(&mut self, node: Node<'j>, inside: Inside, depth: usize) -> Vec<Element> {
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

    /// An element; `None` for one that is wrong, or is never drawn.
    fn element(&mut self, node: Node<'j>, inside: Inside, depth: usize) -> Option<Element> {
        let mut object = self.ok(node.object())?;
        let before = self.problems.len();
        let types: Vec<_> = TYPES.iter().map(|entry| (entry.0, *entry)).collect();
        let kind = self.word(&mut object, "type", &types);
        let (kind, keys) = self.needed(&object, "type", kind, before)?;
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
            // A thousandth of a millimetre is rounding.
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

    /// Position and size, as far as they are asked for here.
    fn place(&mut self, object: &mut Object<'j>, node: Node<'j>, kind: &str, inside: Inside) -> Element {
        let mut area = Area { x: 0.0, y: 0.0, width: 0.0, height: 0.0 };
        let mut column = Column::Share(1.0);
        if inside == Inside::Page {
            let before = self.problems.len();
            let x = self.length(object, "x", 0.0);
            area.x = self.needed(object, "x", x, before).unwrap_or(0.0);
            let before = self.problems.len();
            let y = self.length(object, "y", 0.0);
            area.y = self.needed(object, "y", y, before).unwrap_or(0.0);
        }
        // A code has one size for both, a line one length.
        let wants_width = !matches!(kind, "qr" | "line") && inside == Inside::Page;
        if kind != "qr" && (inside != Inside::Stack || kind == "image") {
            let before = self.problems.len();
            let content = match object.take("width") {
                Some(node) if inside == Inside::Row && node.is_text() => {
                    if self.ok(node.string()).as_deref() != Some("content") {
                        self.complain(node, "a width is a number of millimetres, or \"content\"");
                    }
                    column = Column::Content;
                    None
                }
                Some(node) => self.ok(node.number(0.0, LONGEST)).map(|width| width * MM),
                None => None,
            };
            if wants_width || kind == "image" {
                area.width = self.needed(object, "width", content, before).unwrap_or(0.0);
            } else if let Some(width) = content {
                area.width = width;
            }
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

    fn text(&mut self, object: &mut Object<'j>, element: &mut Element) -> Option<Kind> {
        let before = self.problems.len();
        let node = object.take("text");
        let node = self.needed(object, "text", node, before)?;
        let nodes = if node.is_list() { self.ok(node.list())? } else { vec![node] };
        let parts: Vec<String> = nodes.iter().filter_map(|node| self.short(*node)).collect();
        let separator = self.string(object, "separator").unwrap_or_else(|| " ".to_owned());
        let own = &self.own;
        let text = match Text::parse(&parts, separator, |name| own.contains_key(name)) {
            Ok(text) => text,
            Err(message) => {
                self.complain(node, message);
                Text::default()
            }
        };
        let mut look = self.look(object);
        if let Some(node) = object.take("style")
            && let Some(name) = self.ok(node.string())
        {
            match self.styles.get(&name) {
                Some(style) => look = look.over(style),
                None => self.complain(node, format!("there is no {name:?} in \"styles\"")),
            }
        }
        let size = look.size.unwrap_or(10.0);
        let smallest = look.min_size.unwrap_or(size);
        if smallest > size {
            self.complain(object.node(), format!("\"min_size\" {smallest} is larger than \"size\" {size}"));
        }
        let sizes =
            ladder(size, smallest.min(size), look.lines.unwrap_or(1), element.area.height, look.leading);
        if sizes.is_empty() {
            self.complain(object.node(), "its height has no room for a line of the smallest size");
        }
        let most = sizes.iter().map(|&(size, lines)| {
            f32::from(u16::try_from(lines).unwrap_or(u16::MAX)) * paragraph::pitch(size, look.leading)
        });
        element.tallest = most.fold(0.0, f32::max);
        if element.area.height <= 0.0 {
            element.area.height = element.tallest;
        }
        let part = look.part.unwrap_or(if text.only_names() { Part::Label } else { Part::Value });
        element.says = text.has_fields() || !matches!(part, Part::Label | Part::Decoration);
        self.texts += 1;
        Some(Kind::Text(TextBox {
            number: self.texts - 1,
            text,
            sizes,
            leading: look.leading,
            bold: look.bold.unwrap_or(false),
            style: look.style.unwrap_or(Style::Text),
            align: look.align.unwrap_or(Align::Start),
            colour: look.colour.unwrap_or(Colour::BLACK),
            part,
            same_size: look.same_size.unwrap_or(false),
        }))
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
        let before = self.problems.len();
        let node = object.take("file");
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
        let node = self.needed(object, "file", node, before)?;
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
        match Image::read(bytes) {
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
        let before = self.problems.len();
        let side = self.length(object, "size", 10.0);
        let side = self.needed(object, "size", side, before)?;
        let align = self.align(object).unwrap_or(Align::Start);
        (element.area.width, element.area.height, element.tallest) = (side, side, side);
        if element.column == Column::Share(1.0) {
            element.column = Column::Fixed(side);
        }
        element.says = true;
        Some(Kind::Code { side, align })
    }

    fn container(
        &mut self,
        object: &mut Object<'j>,
        element: &mut Element,
        row: bool,
        inside: Inside,
        depth: usize,
    ) -> Option<Kind> {
        let gap = self.length(object, "gap", 0.0).unwrap_or(0.0);
        let padding = object.take("padding").map_or([0.0; 4], |node| self.padding(node));
        let background = self.colour(object, "background");
        let divider = self.length(object, "divider", 0.01);
        let colour = self.colour(object, "divider_color").unwrap_or(Colour::BLACK);
        let mut by_content = None;
        if row {
            let words = [("equal", false), ("content", true)];
            let least = self.length(object, "min_width", 0.0).unwrap_or(5.0 * MM);
            by_content = self.word(object, "columns", &words).unwrap_or(false).then_some(least);
        }
        let before = self.problems.len();
        let node = object.take("children");
        let node = self.needed(object, "children", node, before)?;
        let children = self.children(node, if row { Inside::Row } else { Inside::Stack }, depth + 1);
        if children.is_empty() {
            return None;
        }
        let container = Container {
            children,
            gap,
            padding,
            background,
            divider: divider.map(|width| (width, colour)),
            by_content,
        };
        let heights = container.children.iter().map(|child| child.tallest);
        let inner = if row { heights.fold(0.0, f32::max) } else { heights.sum() };
        let gaps =
            if row { 0.0 } else { gap * f32::from(u16::try_from(container.children.len() - 1).unwrap_or(0)) };
        element.tallest = inner + gaps + container.ends();
        element.says = container.children.iter().any(|child| child.says);
        if inside == Inside::Page {
            if element.area.height <= 0.0 {
                element.area.height = element.tallest;
            } else if element.tallest > element.area.height + 0.003 {
                let mm = |points: f32| (points / MM * 10.0).ceil() / 10.0;
                self.complain(
                    object.node(),
                    format!(
                        "its contents may need {} mm of height and it has {}",
                        mm(element.tallest),
                        mm(element.area.height)
                    ),
                );
            }
            element.tallest = element.area.height;
            self.columns(object, &container, row, element.area.width);
        }
        Some(if row { Kind::Row(container) } else { Kind::Stack(container) })
    }

    /// Fixed columns have to have room beside each other, also in rows further in.
    fn columns(&mut self, object: &Object<'j>, container: &Container, row: bool, width: f32) {
        let room = width - container.sides();
        let fixed: f32 = container
            .children
            .iter()
            .map(|child| if let Column::Fixed(width) = child.column { width } else { 0.0 })
            .sum();
        let gaps = container.gap * f32::from(u16::try_from(container.children.len() - 1).unwrap_or(0));
        let needed = if row { fixed + gaps } else { 0.0 };
        if needed > room + 0.003 || room <= 0.0 {
            let mm = |points: f32| (points / MM * 10.0).round() / 10.0;
            self.complain(
                object.node(),
                format!("its columns need {} mm of width and have {}", mm(needed), mm(room)),
            );
            return;
        }
        for child in &container.children {
            let width = match child.column {
                Column::Fixed(width) if row => width,
                _ if row => room - needed,
                _ => room,
            };
            if let Kind::Image { .. } | Kind::Code { .. } = child.kind
                && child.area.width > width + 0.003
            {
                let mm = |points: f32| (points / MM * 10.0).round() / 10.0;
                let message = format!("it is {} mm wide and there are {}", mm(child.area.width), mm(width));
                self.problems.push(Problem::error(child.at, message));
            }
            match &child.kind {
                Kind::Stack(inner) => self.columns(object, inner, false, width),
                Kind::Row(inner) => self.columns(object, inner, true, width),
                _ => {}
            }
        }
    }

    /// One length for all sides, or top, right, bottom and left.
    fn padding(&mut self, node: Node<'j>) -> [f32; 4] {
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

/// Font sizes from the wished to the smallest with the lines each has room for; none where not even one has. A height
/// of 0 is none.
fn ladder(size: f32, smallest: f32, lines: u16, height: f32, leading: Option<f32>) -> Vec<(f32, usize)> {
    let lines_at = |size: f32| {
        if height <= 0.0 {
            return usize::from(lines);
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a handful of lines")]
        let room = ((height + 0.01) / paragraph::pitch(size, leading)).floor() as usize;
        room.min(usize::from(lines))
    };
    let mut sizes = Vec::new();
    let mut next = size;
    loop {
        let lines = lines_at(next);
        if lines > 0 {
            sizes.push((next, lines));
        }
        if next <= smallest {
            return sizes;
        }
        // Quarters of a point, and never the same again.
        next = ((next * STEP * 4.0).floor() / 4.0).min(next - 0.25).max(smallest);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{CompiledTemplate, Shipped, TemplateBundle};
    use super::*;

    /// The problems of a template with these elements on a page of 100 x 100 mm.
    fn problems(elements: &str) -> Vec<String> {
        let json = format!(
            "{{\"format\": 1, \"page\": {{\"width\": 100, \"height\": 100}},\n\"elements\": [\n{elements}]}}"
        );
        match CompiledTemplate::new(&TemplateBundle::new(json)) {
            Ok(_) => Vec::new(),
            Err(refused) => refused.0.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn what_ships_is_sound() {
        for shipped in Shipped::ALL {
            let compiled = CompiledTemplate::new(&shipped.bundle());
            assert!(compiled.is_ok(), "{}:\n{}", shipped.name(), compiled.unwrap_err());
        }
    }

    #[test]
    fn every_error_has_its_place() {
        for (elements, expected) in [
            ("", ""),
            (r#"{"type": "text", "x": 0, "y": 0, "width": 50}"#, r#"3:1: error: "text" is missing"#),
            (
                r#"{"type": "text", "text": "{event}", "x": 0, "y": 0, "width": 50}"#,
                "3:26: error: there is no placeholder \"event\"",
            ),
            (r#"{"type": "txt"}"#, "3:10: error: \"type\" is one of text, line,"),
            (
                r#"{"type": "text", "text": "a", "x": 60, "y": 0, "width": 50}"#,
                "3:1: error: it leaves the page: it ends at 110 x",
            ),
            (
                r#"{"type": "text", "text": "a", "x": 60, "y": 0, "width": 9, "colour": 1}"#,
                "3:60: error: there is no \"colour\" here; there are text,",
            ),
            (
                r#"{"type": "text", "text": "a", "x": 60, "y": "0", "width": 9}"#,
                "3:45: error: a number is wanted here, not a text",
            ),
            (
                r#"{"type": "text", "text": "a", "x": 0, "y": 0, "width": 9, "height": 2}"#,
                "3:1: error: its height has no room for a line",
            ),
            (
                r#"{"type": "stack", "x": 0, "y": 0, "width": 9, "height": 2, "children": [{"type": "text", "text": "a"}]}"#,
                "3:1: error: its contents may need 4.8 mm of height and it has 2",
            ),
            (
                r#"{"type": "stack", "x": 0, "y": 0, "width": 9, "children": [{"type": "text", "text": "a", "x": 1}]}"#,
                "3:90: error: \"x\" has no meaning here",
            ),
            (
                r#"{"type": "row", "x": 0, "y": 0, "width": 9, "children": [{"type": "text", "text": "a", "width": 10}]}"#,
                "3:1: error: its columns need 10 mm of width and have 9",
            ),
            (
                r#"{"type": "image", "x": 0, "y": 0, "width": 9, "height": 9, "file": "logo"}"#,
                "3:68: error: there is no file \"logo\" with the template",
            ),
            (
                r#"{"type": "qr", "x": 0, "y": 0, "size": 30}, {"type": "qr", "x": 50, "y": 0, "size": 30}"#,
                "3:45: error: a ticket has one code",
            ),
            (r#"{"type": "text", "text": "a" "x""#, "3:30: error: this is not JSON"),
        ] {
            let found = problems(elements);
            let first = found.first().map(String::as_str).unwrap_or_default();
            assert!(
                first.starts_with(expected) && (found.is_empty() == expected.is_empty()),
                "{elements}\n{found:?}"
            );
        }
    }

    #[test]
    fn all_errors_are_found_at_once() {
        let found = problems(
            "{\"type\": \"text\", \"text\": \"{x}\", \"x\": 0, \"y\": 0, \"width\": 9},\n{\"type\": \"line\", \"x\": 0, \"y\": 0},\n{\"type\": \"rect\", \"x\": -1, \"y\": 0, \"width\": 9}",
        );
        let lines: Vec<_> = found.iter().map(|problem| &problem[..1]).collect();
        assert_eq!(lines, ["3", "4", "5", "5"], "{found:?}");
    }

    #[test]
    fn limits_hold() {
        let deep = |depth: usize| {
            let open = r#"{"type": "stack", "children": ["#.repeat(depth);
            let first = r#"{"type": "stack", "x": 0, "y": 0, "width": 90, "children": ["#;
            format!("{first}{open}{{\"type\": \"text\", \"text\": \"a\"}}{}", "]}".repeat(depth + 1))
        };
        assert_eq!(problems(&deep(DEEPEST - 1)), Vec::<String>::new());
        assert!(problems(&deep(DEEPEST))[0].contains("deep in each other"));
        assert!(!problems(&deep(5000)).is_empty());
        let many = |count: usize| {
            vec![r#"{"type": "text", "text": "a", "x": 0, "y": 0, "width": 9}"#; count].join(",")
        };
        assert_eq!(problems(&many(MOST_ELEMENTS)), Vec::<String>::new());
        assert!(problems(&many(MOST_ELEMENTS + 1))[0].contains("at most"));
        let long = format!(
            r#"{{"type": "text", "text": "{}", "x": 0, "y": 0, "width": 9}}"#,
            "a".repeat(MOST_CHARACTERS + 1)
        );
        assert!(problems(&long)[0].contains("characters"));
        let huge = TemplateBundle::new(" ".repeat(super::super::bundle::LONGEST_JSON + 1));
        assert!(CompiledTemplate::new(&huge).unwrap_err().to_string().contains("bytes"));
    }

    /// Keys in the schema are the keys that are read.
    #[test]
    fn the_schema_has_the_same_keys() {
        let schema: serde_json::Value =
            serde_json::from_str(include_str!("../../../../docs/template.schema.json")).unwrap();
        let keys = |pointer: &str| {
            let properties = schema.pointer(pointer).and_then(|value| value.as_object());
            let mut keys: Vec<String> =
                properties.unwrap_or_else(|| panic!("{pointer}")).keys().cloned().collect();
            keys.sort();
            keys
        };
        let sorted = |lists: &[&[&str]]| {
            let mut keys: Vec<String> =
                lists.iter().flat_map(|list| list.iter().map(|key| (*key).to_owned())).collect();
            keys.sort();
            keys
        };
        assert_eq!(keys("/properties"), sorted(&[TOP]));
        assert_eq!(keys("/properties/page/properties"), sorted(&[PAGE]));
        assert_eq!(keys("/$defs/look/properties"), sorted(&[LOOK]));
        for (name, own) in TYPES {
            let look: &[&str] = if *name == "text" { LOOK } else { &[] };
            let place: &[&str] = match *name {
                "qr" => &["type", "x", "y", "grow"],
                _ => PLACE,
            };
            assert_eq!(keys(&format!("/$defs/{name}/properties")), sorted(&[own, look, place]), "{name}");
        }
    }

    /// Templates with pieces cut out, doubled or changed.
    fn damaged() -> impl Strategy<Value = String> {
        let cut = (0_usize..20_000, 0_usize..60, 0_usize..60, "[ -~é]{0,6}", 0_usize..3);
        prop::collection::vec(cut, 1..4).prop_map(|cuts| {
            let mut text: Vec<char> = Shipped::ALL[cuts[0].4].bundle().json.chars().collect();
            for (at, length, other, new, _) in cuts {
                let at = at % text.len().max(1);
                let end = (at + length).min(text.len());
                let piece: Vec<char> = text[at.saturating_sub(other)..at].to_vec();
                let new: Vec<char> = if length % 2 == 0 { piece } else { new.chars().collect() };
                text.splice(at..end, new);
            }
            text.into_iter().collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_text_is_read_or_refused(text in prop_oneof![damaged(), "\\PC{0,80}"]) {
            if let Err(refused) = CompiledTemplate::new(&TemplateBundle::new(text.clone())) {
                prop_assert!(!refused.0.is_empty());
                let lines = text.lines().count().max(1);
                prop_assert!(refused.0.iter().all(|problem| (1..=lines + 1).contains(&problem.at.line)), "{refused}");
            }
        }
    }
}
