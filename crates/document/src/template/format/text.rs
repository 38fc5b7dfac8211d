//! Reads a text element: its look, and the font sizes it may take.

use crate::font::Style;
use crate::page::{Align, Colour};
use crate::template::json::Object;
use crate::template::model::{Element, Kind, TextBox, TextRole};
use crate::template::text::Text;
use crate::text::pitch;

use super::look::Look;
use super::reader::Reader;

/// The maximum number of lines of one text.
const MOST_LINES: u16 = 40;
/// Each smaller size is about this fraction of the one before.
const STEP: f32 = 0.9;

impl<'j> Reader<'_> {
    pub(super) fn look(&mut self, object: &mut Object<'j>) -> Look {
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
            role: self.word(
                object,
                "role",
                &[
                    ("title", TextRole::Title),
                    ("label", TextRole::Label),
                    ("value", TextRole::Value),
                    ("note", TextRole::Note),
                    ("decoration", TextRole::Decoration),
                ],
            ),
            same_size: self.flag(object, "same_size"),
        }
    }

    pub(super) fn text(&mut self, object: &mut Object<'j>, element: &mut Element) -> Option<Kind> {
        let node = self.needed_node(object, "text")?;
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
            f32::from(u16::try_from(lines).unwrap_or(u16::MAX)) * pitch(size, look.leading)
        });
        element.tallest = most.fold(0.0, f32::max);
        if element.area.height <= 0.0 {
            element.area.height = element.tallest;
        }
        let role = look.role.unwrap_or(if text.only_names() { TextRole::Label } else { TextRole::Value });
        element.says = text.has_fields() || !matches!(role, TextRole::Label | TextRole::Decoration);
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
            role,
            same_size: look.same_size.unwrap_or(false),
        }))
    }
}

/// Font sizes from the preferred to the smallest, with the number of lines that fit at each; none where not even one
/// line fits. A height of 0 means no limit.
fn ladder(size: f32, smallest: f32, lines: u16, height: f32, leading: Option<f32>) -> Vec<(f32, usize)> {
    let lines_at = |size: f32| {
        if height <= 0.0 {
            return usize::from(lines);
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a handful of lines")]
        let room = ((height + 0.01) / pitch(size, leading)).floor() as usize;
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
        // Rounded down to quarters of a point, and always smaller than the last.
        next = ((next * STEP * 4.0).floor() / 4.0).min(next - 0.25).max(smallest);
    }
}
