//! Imports pretix's texts: their boxes, and their content with placeholders of templates.

use serde_json::{Map, Value, json};

use super::super::format::MM;
use super::super::json::{Node, Object};
use super::names::known;
use super::{Import, Place, colour, rounded};

/// The smallest font size of texts that shrink, in points.
const SMALLEST: f32 = 5.0;
/// The number of lines of a text without a height.
const LINES: f32 = 8.0;

impl Import {
    pub(super) fn text(&mut self, object: &mut Object<'_>, boxed: bool) -> Option<Value> {
        let node = object.node();
        let (left, bottom) = (self.needed(object, "left")?, self.needed(object, "bottom")?);
        let width = self.needed(object, "width")?;
        let size = self.number(object, "fontsize").unwrap_or(13.0).clamp(1.0, 400.0);
        let leading = (self.number(object, "lineheight").unwrap_or(1.0) * 1.15).clamp(0.8, 4.0);
        let pitch = size * leading / MM;
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
        // A box has room for at least one line.
        let fits = ((kept.height - 0.02) / pitch * size).min(size);
        let size = if fits < size && !shrinks { fits } else { size };
        let smallest = if shrinks { SMALLEST.min(size).min(fits) } else { size };
        #[expect(clippy::cast_possible_truncation, reason = "clamped")]
        let lines = (kept.height / (smallest * leading / MM) + 0.01).floor().clamp(1.0, 40.0) as i64;
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

    /// The text with placeholders of templates, and the separator between its parts.
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

    /// Imports a free text: lines with names in braces. Unknown names stay as they are.
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
