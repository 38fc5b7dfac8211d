//! Imports ticket layouts exported from pretix as templates.
//!
//! A layout's JSON is a list of objects with positions in millimetres from the page's lower left corner; the page
//! itself is a PDF. What a template cannot express is reported and left out.

mod names;
mod text;

use serde_json::{Map, Value, json};

use crate::image::Background;

use super::bundle::{Files, TemplateBundle};
use super::format::MM;
use super::json::{Node, Object};
use super::problem::{Problem, Refused};

/// The maximum number of objects of a layout.
const MOST: usize = 300;
/// The page size where there is no background: A4, in millimetres.
const A4: (f32, f32) = (210.0, 297.0);
/// The minimum size of a template's code, in millimetres.
const SMALLEST_CODE: f32 = 10.0;
/// The file that holds the background.
const BACKGROUND: &str = "background.pdf";

/// A layout, imported as a template.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The template.
    pub bundle: TemplateBundle,
    /// What was not understood or is not supported, with positions in the layout's JSON.
    pub problems: Vec<Problem>,
}

/// Makes a template of a pretix layout and its background. Values that a ticket does not have are empty.
///
/// # Errors
/// [`Refused`] for a layout that is not a list of objects, or a background that is not a PDF.
pub fn import_pretix(layout: &str, background: Option<&[u8]>) -> Result<Imported, Refused> {
    let whole = Node::parse(layout).map_err(|problem| Refused(vec![problem]))?;
    let items = whole.list().map_err(|problem| Refused(vec![problem]))?;
    if items.len() > MOST {
        return Err(Refused(vec![whole.error(format!("a layout has at most {MOST} objects"))]));
    }
    let mut files = Files::new();
    let mut page = A4;
    if let Some(bytes) = background {
        let read = Background::read(bytes)
            .map_err(|why| Refused(vec![whole.error(format!("the background cannot be used: {why}"))]))?;
        page = (read.size.0 / MM, read.size.1 / MM);
        files.insert(BACKGROUND.to_owned(), bytes.to_vec());
    }
    let mut import = Import { page, problems: Vec::new(), texts: Map::new(), has_code: false };
    let elements: Vec<Value> = items.into_iter().filter_map(|item| import.item(item)).collect();
    let mut sheet = json!({ "width": rounded(page.0), "height": rounded(page.1), "mirror": false });
    if !files.is_empty() {
        sheet["background"] = BACKGROUND.into();
    }
    let template = json!({
        "format": 1,
        "name": "Imported from pretix",
        "page": sheet,
        "texts": import.texts,
        "elements": elements,
    });
    let json = serde_json::to_string_pretty(&template).unwrap_or_default();
    Ok(Imported { bundle: TemplateBundle { json, files }, problems: import.problems })
}

struct Import {
    page: (f32, f32),
    problems: Vec<Problem>,
    texts: Map<String, Value>,
    has_code: bool,
}

/// A box on the page, in millimetres from its top left corner.
#[derive(Clone, Copy)]
struct Place {
    x: f32,
    y: f32,
    width: f32,
    height: f32,
}

impl Import {
    fn note(&mut self, node: Node<'_>, message: impl Into<String>) {
        self.problems.push(Problem::warning(node.position(), message));
    }

    fn number(&mut self, object: &mut Object<'_>, key: &str) -> Option<f32> {
        let node = object.take(key)?;
        let number = node.loose_number();
        if number.is_none() {
            self.note(node, format!("{key:?} is no number"));
        }
        number
    }

    fn needed(&mut self, object: &mut Object<'_>, key: &str) -> Option<f32> {
        let number = self.number(object, key);
        if number.is_none() {
            self.note(object.node(), format!("it is left out: it has no {key:?}"));
        }
        number
    }

    fn item(&mut self, node: Node<'_>) -> Option<Value> {
        let mut object = match node.object() {
            Ok(object) => object,
            Err(problem) => {
                self.note(node, problem.message);
                return None;
            }
        };
        let kind = object.take("type").and_then(|kind| kind.string().ok()).unwrap_or_default();
        if self.number(&mut object, "page").is_some_and(|page| page > 1.0) {
            self.note(node, "it is left out: a ticket has one page");
            return None;
        }
        match kind.as_str() {
            "barcodearea" => self.code(&mut object),
            "textcontainer" => self.text(&mut object, true),
            "textarea" => self.text(&mut object, false),
            "imagearea" => {
                self.note(node, "it is left out: a ticket has no images of its own");
                None
            }
            "poweredby" => {
                self.note(node, "it is left out: the mark of another program");
                None
            }
            _ => {
                self.note(node, format!("it is left out: the type {kind:?} is not known"));
                None
            }
        }
    }

    /// The part of a box that is on the page; `None` where too little is left to draw.
    fn within(&mut self, node: Node<'_>, place: Place) -> Option<Place> {
        let (right, bottom) =
            ((place.x + place.width).min(self.page.0), (place.y + place.height).min(self.page.1));
        let (x, y) = (place.x.max(0.0), place.y.max(0.0));
        let kept = Place { x, y, width: right - x, height: bottom - y };
        if kept.width < 1.0 || kept.height < 1.0 {
            self.note(node, "it is left out: it is not on the page");
            return None;
        }
        if kept.width + 0.05 < place.width || kept.height + 0.05 < place.height {
            self.note(node, "it is made smaller: it left the page");
        }
        Some(kept)
    }

    /// Imports a code. Its content is the ticket's own, whatever the layout specifies.
    fn code(&mut self, object: &mut Object<'_>) -> Option<Value> {
        let node = object.node();
        let (left, bottom) = (self.needed(object, "left")?, self.needed(object, "bottom")?);
        let mut size = self.needed(object, "size")?;
        let content = object.take("content").and_then(|content| content.string().ok());
        if let Some(content) =
            content.filter(|content| content != "secret" && content != "pseudonymization_id")
        {
            self.note(
                node,
                format!("its content {content:?} is replaced: the code is the signed one of the ticket"),
            );
        }
        if self.has_code {
            self.note(node, "it is left out: a ticket has one code");
            return None;
        }
        let (mut x, mut y) = (left, self.page.1 - bottom - size);
        if object.take("nowhitespace").and_then(|flag| flag.boolean().ok()).unwrap_or(false) {
            // The quiet zone is around it then: four of 53 modules, as most codes here have.
            let quiet = size * 4.0 / 53.0;
            (x, y, size) = (x - quiet, y - quiet, size + 2.0 * quiet);
        }
        let kept = self.within(node, Place { x, y, width: size, height: size })?;
        self.has_code = true;
        if let Some(colour) = colour(object).filter(|colour| colour != "#000000") {
            self.note(node, format!("it is drawn black, not {colour}"));
        }
        size = kept.width.min(kept.height).max(SMALLEST_CODE);
        // Where less of the page is left than the smallest code takes, it moves inwards.
        (x, y) = (kept.x.min(self.page.0 - size), kept.y.min(self.page.1 - size));
        Some(json!({ "type": "qr", "x": rounded(x), "y": rounded(y), "size": rounded(size) }))
    }
}

/// `[r, g, b]` or `[r, g, b, a]` as `#rrggbb`.
fn colour(object: &mut Object<'_>) -> Option<String> {
    let channels = object.take("color")?.list().ok()?;
    let channels: Vec<f32> = channels.iter().filter_map(|channel| channel.loose_number()).collect();
    let [red, green, blue, ..] = channels.as_slice() else { return None };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to the type's range"
    )]
    let [red, green, blue] = [red, green, blue].map(|channel| channel.round().clamp(0.0, 255.0) as u8);
    Some(format!("#{red:02x}{green:02x}{blue:02x}"))
}

/// Rounded to hundredths, so that the JSON is readable.
fn rounded(length: f32) -> f64 {
    (f64::from(length) * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests;
