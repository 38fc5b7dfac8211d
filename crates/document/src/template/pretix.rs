//! Layouts exported from pretix, as templates.
//!
//! Its JSON is a list of objects with positions in millimetres from the page's lower left corner; the page itself is
//! a PDF. What it can say and a template cannot is reported and left out.

use serde_json::{Map, Value, json};

use crate::background::Background;

use super::format::MM;
use super::json::{Node, Object};
use super::{Files, Problem, Refused, TemplateBundle};

/// No layout has more objects.
const MOST: usize = 300;
/// Points in a millimetre.
const POINTS: f32 = MM;
/// Texts that shrink stop here, in points.
const SMALLEST: f32 = 5.0;
/// Lines of a text without a height.
const LINES: f32 = 8.0;
/// The page where there is no background: A4, in millimetres.
const A4: (f32, f32) = (210.0, 297.0);
/// The file that holds the background.
const BACKGROUND: &str = "background.pdf";

/// A layout as a template.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The template.
    pub bundle: TemplateBundle,
    /// What was not understood, or cannot be done, with places in the layout's JSON.
    pub problems: Vec<Problem>,
}

/// Makes a template of a pretix layout and its background. What it prints that a ticket does not have is empty.
///
/// # Errors
/// [`Refused`] for a layout that is no list of objects, or a background that is no PDF.
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

    /// The part of a box that is on the page; nothing where that is not worth drawing.
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

    /// The code is the ticket's own, whatever the layout wants in it.
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
            // The quiet zone lies around it then: four of 53 modules, as most codes here have.
            let quiet = size * 4.0 / 53.0;
            (x, y, size) = (x - quiet, y - quiet, size + 2.0 * quiet);
        }
        let kept = self.within(node, Place { x, y, width: size, height: size })?;
        self.has_code = true;
        if let Some(colour) = colour(object).filter(|colour| colour != "#000000") {
            self.note(node, format!("it is drawn black, not {colour}"));
        }
        size = kept.width.min(kept.height).max(10.0);
        Some(json!({ "type": "qr", "x": rounded(kept.x), "y": rounded(kept.y), "size": rounded(size) }))
    }

    fn text(&mut self, object: &mut Object<'_>, boxed: bool) -> Option<Value> {
        let node = object.node();
        let (left, bottom) = (self.needed(object, "left")?, self.needed(object, "bottom")?);
        let width = self.needed(object, "width")?;
        let size = self.number(object, "fontsize").unwrap_or(13.0).clamp(1.0, 400.0);
        let leading = (self.number(object, "lineheight").unwrap_or(1.0) * 1.15).clamp(0.8, 4.0);
        let pitch = size * leading / POINTS;
        let mut flag = |key: &str| object.take(key).and_then(|flag| flag.boolean().ok());
        let (bold, italic) = (flag("bold").unwrap_or(false), flag("italic").unwrap_or(false));
        let (downward, shrinks) = (flag("downward").unwrap_or(false), flag("autoresize").unwrap_or(false));
        let place = if boxed {
            let height = self.needed(object, "height")?;
            Place { x: left, y: self.page.1 - bottom - height, width, height }
        } else {
            let edge = self.page.1 - bottom;
            let room = if downward { bottom } else { edge };
            let height = (LINES * pitch).min(room).max(pitch);
            Place { x: left, y: if downward { edge } else { edge - height }, width, height }
        };
        let mut word = |key: &str| object.take(key).and_then(|word| word.string().ok()).unwrap_or_default();
        let align = match word("align").as_str() {
            "center" => "center",
            "right" => "end",
            _ => "start",
        };
        let valign = match (boxed, word("verticalalign").as_str()) {
            (true, "middle") => "middle",
            (true, "bottom") => "bottom",
            (false, _) if !downward => "bottom",
            _ => "top",
        };
        let family = word("fontfamily");
        let content = word("content");
        let (parts, separator) = self.content(object, node, &content)?;
        let kept = self.within(node, place)?;
        if italic {
            self.note(node, "it is drawn upright, not italic");
        }
        if self.number(object, "rotation").is_some_and(|angle| angle.abs() > 0.01) {
            self.note(node, "it is not rotated");
        }
        let known = ["", "Open Sans", "Inter"];
        if !known.contains(&family.as_str()) {
            self.note(node, format!("it is set in the ticket's own face, not in {family:?}"));
        }
        // A box is as high as it takes for one line at least.
        let fits = ((kept.height - 0.02) / pitch * size).min(size);
        let size = if fits < size && !shrinks { fits } else { size };
        let smallest = if shrinks { SMALLEST.min(size).min(fits) } else { size };
        #[expect(clippy::cast_possible_truncation, reason = "clamped")]
        let lines = (kept.height / (smallest * leading / POINTS) + 0.01).floor().clamp(1.0, 40.0) as i64;
        let mut out = json!({
            "type": "text",
            "x": rounded(kept.x),
            "y": rounded(kept.y),
            "width": rounded(kept.width),
            "height": rounded((kept.height + 0.01).min(self.page.1 - kept.y)),
            "text": parts,
            "separator": separator,
            "size": rounded(size.max(1.0)),
            "min_size": rounded(smallest.max(1.0)),
            "lines": lines,
            "line_height": rounded(leading),
            "align": align,
            "valign": valign,
        });
        if bold {
            out["weight"] = "bold".into();
        }
        if let Some(colour) = colour(object) {
            out["color"] = colour.into();
        }
        Some(out)
    }

    /// The text with placeholders of ours, and what stands between its parts.
    fn content(
        &mut self,
        object: &mut Object<'_>,
        node: Node<'_>,
        content: &str,
    ) -> Option<(Vec<String>, &'static str)> {
        match content {
            "other" => {
                let text = object.take("text").and_then(|text| text.string().ok()).unwrap_or_default();
                Some((self.free(node, &text), "\n"))
            }
            "other_i18n" => {
                let by_language = object.take("text_i18n").and_then(|texts| texts.object().ok());
                let texts: Vec<(String, String)> = by_language.map_or_else(Vec::new, |texts| {
                    let entries = texts.rest().into_iter();
                    entries.filter_map(|(_, language, text)| Some((language, text.string().ok()?))).collect()
                });
                let english = texts.iter().find(|(language, _)| language == "en").or(texts.first());
                let Some((_, default)) = english.cloned() else {
                    self.note(node, "it is left out: it has no text");
                    return None;
                };
                if texts.iter().any(|(_, text)| text.contains('{')) {
                    if texts.len() > 1 {
                        self.note(node, "it is printed in one language: it has placeholders");
                    }
                    return Some((self.free(node, &default), "\n"));
                }
                let name = format!("text {}", self.texts.len() + 1);
                let mut table = Map::new();
                table.insert("default".to_owned(), default.into());
                table.extend(
                    texts.into_iter().map(|(language, text)| (language.replace('_', "-"), text.into())),
                );
                self.texts.insert(name.clone(), table.into());
                Some((vec![format!("{{text.{name}}}")], "\n"))
            }
            _ => {
                let Some((parts, separator, instead)) = known(content) else {
                    self.note(node, format!("it is left out: a ticket does not have {content:?}"));
                    return None;
                };
                if let Some(instead) = instead {
                    self.note(node, format!("{content:?} is printed as {instead}"));
                }
                Some((parts.iter().map(|part| (*part).to_owned()).collect(), separator))
            }
        }
    }

    /// A free text: lines with names in braces. Names that are not known stay as they were typed.
    fn free(&mut self, node: Node<'_>, text: &str) -> Vec<String> {
        text.replace("\r\n", "\n").split('\n').map(|line| self.line(node, line)).collect()
    }

    fn line(&mut self, node: Node<'_>, line: &str) -> String {
        let mut out = String::new();
        let mut rest = line;
        while let Some((before, after)) = rest.split_once('{') {
            out.push_str(&before.replace('}', "}}"));
            let Some((name, after)) = after.split_once('}') else {
                out.push_str("{{");
                rest = after;
                continue;
            };
            if let Some((parts, separator, _)) = known(name) {
                out.push_str(&parts.join(&separator.replace('\n', ", ")));
            } else {
                self.note(node, format!("{{{name}}} stays as it was typed"));
                for piece in ["{{", &name.replace('{', "{{"), "}}"] {
                    out.push_str(piece);
                }
            }
            rest = after;
        }
        out.push_str(&rest.replace('}', "}}"));
        out
    }
}

/// What a name of theirs is here: parts, what stands between them, and what to say of it where it is not quite that.
fn known(content: &str) -> Option<(&'static [&'static str], &'static str, Option<&'static str>)> {
    const NUMBER: Option<&str> = Some("the ticket's number: the code itself is for scanners");
    const STARTS: Option<&str> = Some("the event's whole date and time");
    let (parts, note): (&[&str], _) = match content {
        "secret" | "pseudonymization_id" => (&["{ticket.number}"], NUMBER),
        "order" => (&["{order.id}"], None),
        "positionid" => (&["{ticket.index}"], None),
        "order_positionid" => (&["{order.id}-{ticket.index}"], None),
        "item" | "itemvar" | "variation" => (&["{ticket.category}"], None),
        "price" | "price_with_bundled" | "price_with_addons" => (&["{ticket.price}"], None),
        "attendee_name" => (&["{holder.name}"], None),
        "event_name" => (&["{event.name}"], None),
        "event_begin" => (&["{event.starts}"], None),
        "event_date" | "event_date_range" | "event_begin_date" => (&["{event.starts}"], STARTS),
        "event_end" => (&["{event.ends}"], None),
        "event_end_date" | "event_end_time" => (&["{event.ends}"], Some("the event's whole end")),
        "event_admission" => (&["{event.doors}"], None),
        "event_admission_time" => (&["{event.doors}"], Some("the whole time of admission")),
        "event_location" => return Some((&["{venue.name}", "{venue.address}"], "\n", None)),
        "organizer" => (&["{organizer.name}"], None),
        "email" => (&["{order.customer}"], None),
        "purchase_date" | "purchase_datetime" | "purchase_time" => {
            (&["{ticket.issued}"], Some("the time the ticket was issued"))
        }
        "seat" => {
            return Some((
                &["{seat.section}", "{label.row} {seat.row}", "{label.seat} {seat.number}"],
                ", ",
                None,
            ));
        }
        "seat_zone" => (&["{seat.section}"], None),
        "seat_row" => (&["{seat.row}"], None),
        "seat_number" => (&["{seat.number}"], None),
        _ => return None,
    };
    Some((parts, " ", note))
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

/// Hundredths, so that the JSON can be read.
fn rounded(length: f32) -> f64 {
    (f64::from(length) * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::template::CompiledTemplate;

    /// A page of this size in millimetres, as a PDF.
    fn blank(width: f32, height: f32) -> Vec<u8> {
        use pdf_writer::{Finish, Pdf, Rect, Ref};
        let mut pdf = Pdf::new();
        let [catalog, pages, page, content] = [1, 2, 3, 4].map(Ref::new);
        pdf.catalog(catalog).pages(pages);
        pdf.pages(pages).kids([page]).count(1);
        let mut out = pdf.page(page);
        out.parent(pages).media_box(Rect::new(0.0, 0.0, width * MM, height * MM)).contents(content);
        out.resources();
        out.finish();
        pdf.stream(content, b"1 0 0 rg 20 20 100 30 re f");
        pdf.finish()
    }

    /// The layout that pretix starts with, written from its description.
    fn default_layout() -> String {
        let text = |content: &str, left: f32, bottom: f32, width: f32, height: f32, more: Value| {
            let mut text = json!({
                "type": "textcontainer", "left": format!("{left:.2}"), "bottom": format!("{bottom:.2}"),
                "width": format!("{width:.2}"), "height": format!("{height:.2}"), "content": content,
                "fontsize": "13.0", "fontfamily": "Open Sans", "color": [0, 0, 0, 1], "bold": false,
                "italic": false, "align": "left", "verticalalign": "middle", "autoresize": true,
            });
            for (key, value) in more.as_object().unwrap() {
                text[key] = value.clone();
            }
            text
        };
        json!([
            { "type": "barcodearea", "left": "130.40", "bottom": "204.50", "size": "64.00", "content": "secret" },
            { "type": "poweredby", "left": "88.72", "bottom": "10.00", "size": "20.00", "content": "dark" },
            text("event_name", 16.35, 272.09, 177.07, 11.80, json!({ "fontsize": "14.0" })),
            text("itemvar", 16.35, 261.77, 113.03, 7.83, json!({})),
            text("attendee_name", 16.35, 251.30, 113.03, 7.83, json!({})),
            text("event_begin", 16.35, 240.30, 113.03, 7.83, json!({})),
            text("seat", 16.35, 231.30, 113.03, 7.83, json!({})),
            text("event_location", 16.35, 203.43, 113.03, 25.70, json!({ "verticalalign": "bottom" })),
            text("order", 16.50, 193.33, 32.32, 7.83, json!({})),
            text("price", 51.50, 193.33, 47.38, 7.83, json!({ "align": "right" })),
            text("secret", 101.50, 193.33, 91.93, 7.83, json!({})),
        ])
        .to_string()
    }

    #[test]
    fn the_default_layout_becomes_a_template() {
        let imported = import_pretix(&default_layout(), Some(&blank(210.0, 297.0))).unwrap();
        let template = CompiledTemplate::new(&imported.bundle).unwrap();
        assert_eq!(template.sheet.elements.len(), 10);
        let said: Vec<_> = imported.problems.iter().map(|problem| problem.message.as_str()).collect();
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].contains("mark of another program") && said[1].contains("the ticket's number"));
        let code = &template.sheet.elements[0].area;
        let close = |a: f32, b: f32| (a - b).abs() < 0.1;
        assert!(
            close(code.x, 130.4 * MM) && close(code.y, 28.5 * MM) && close(code.width, 64.0 * MM),
            "{code:?}"
        );
        let name = &template.sheet.elements[1].area;
        assert!(close(name.y, 13.11 * MM) && close(name.height, 11.8 * MM), "{name:?}");
    }

    #[test]
    fn free_texts_keep_what_is_not_known() {
        let layout = r#"[{"type": "textcontainer", "left": 10, "bottom": 10, "width": 90, "height": 30, "fontsize": 10,
            "content": "other", "text": "Hello {attendee_name}\n{nothing} } {"},
            {"type": "textarea", "left": 10, "bottom": 60, "width": 90, "content": "other_i18n", "rotation": 90,
             "text_i18n": {"en": "Bye", "de": "Tschüss"}, "fontfamily": "Lobster", "italic": true},
            {"type": "textarea", "left": 10, "bottom": 60, "width": 90, "content": "meta:color"},
            {"type": "textarea", "left": 400, "bottom": 60, "width": 90, "content": "order"},
            {"type": "barcodearea", "left": 10, "bottom": 100, "size": 40, "nowhitespace": true},
            {"type": "video"}, 7]"#;
        let imported = import_pretix(layout, None).unwrap();
        let json: Value = serde_json::from_str(&imported.bundle.json).unwrap();
        assert_eq!(json["elements"][0]["text"], json!(["Hello {holder.name}", "{{nothing}} }} {{"]));
        assert_eq!(json["texts"]["text 1"], json!({ "default": "Bye", "en": "Bye", "de": "Tschüss" }));
        assert_eq!(json["elements"][2]["size"], json!(46.04));
        let said: Vec<_> = imported.problems.iter().map(ToString::to_string).collect();
        for expected in [
            "stays as it was typed",
            "not rotated",
            "Lobster",
            "upright",
            "meta:color",
            "not on the page",
            "video",
        ] {
            assert!(said.iter().any(|problem| problem.contains(expected)), "{expected}: {said:?}");
        }
        assert!(said[0].starts_with("1:2: warning"), "{said:?}");
        CompiledTemplate::new(&imported.bundle).unwrap();
    }

    #[test]
    fn what_is_no_layout_is_refused() {
        assert!(import_pretix("{}", None).is_err());
        assert!(import_pretix("[", None).is_err());
        assert!(import_pretix("[]", Some(b"no PDF")).is_err());
        assert!(CompiledTemplate::new(&import_pretix("[]", None).unwrap().bundle).is_ok());
    }

    fn loose() -> impl Strategy<Value = Value> {
        prop_oneof![
            (-300.0_f32..600.0).prop_map(|number| json!(number)),
            (-300.0_f32..600.0).prop_map(|number| json!(format!("{number:.2}"))),
            Just(json!("x")),
            Just(json!(null)),
            Just(json!(1e300)),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever a layout says, what is made of it is a template.
        #[test]
        fn any_layout_becomes_a_template(
            numbers in prop::collection::vec(loose(), 7),
            kind in prop::sample::select(vec!["barcodearea", "textcontainer", "textarea", "imagearea", "?"]),
            content in prop::sample::select(vec!["secret", "seat", "event_location", "other", "other_i18n", "nope"]),
            text in "[a-z{}\n ]{0,20}",
            flags in any::<[bool; 4]>(),
        ) {
            let layout = json!([{
                "type": kind, "content": content, "text": text, "text_i18n": { "en": text, "de": "x" },
                "left": numbers[0], "bottom": numbers[1], "width": numbers[2], "height": numbers[3],
                "size": numbers[4], "fontsize": numbers[5], "lineheight": numbers[6], "autoresize": flags[0],
                "downward": flags[1], "bold": flags[2], "nowhitespace": flags[3], "color": [numbers[0], 1, 2],
            }]);
            let imported = import_pretix(&layout.to_string(), None).unwrap();
            let compiled = CompiledTemplate::new(&imported.bundle);
            prop_assert!(compiled.is_ok(), "{}\n{}", compiled.unwrap_err(), imported.bundle.json);
        }
    }
}
