//! Reads stacks and rows, and checks that their content fits.

use crate::page::Colour;
use crate::template::json::Object;
use crate::template::model::{Column, Container, Element, Kind};
use crate::template::problem::Problem;

use super::keys::MM;
use super::reader::{Inside, Reader};

impl<'j> Reader<'_> {
    pub(super) fn container(
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
        let node = self.needed_node(object, "children")?;
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

    /// Checks that fixed columns fit beside each other, also in nested rows.
    fn columns(&mut self, object: &Object<'j>, container: &Container, row: bool, width: f32) {
        let mm = |points: f32| (points / MM * 10.0).round() / 10.0;
        let room = width - container.sides();
        let fixed: f32 = container
            .children
            .iter()
            .map(|child| if let Column::Fixed(width) = child.column { width } else { 0.0 })
            .sum();
        let gaps = container.gap * f32::from(u16::try_from(container.children.len() - 1).unwrap_or(0));
        let needed = if row { fixed + gaps } else { 0.0 };
        if needed > room + 0.003 || room <= 0.0 {
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
}
