//! Computes the widths of a row's columns, and the natural widths of elements.

use crate::font::FontError;

use super::super::model::{Column, Container, Element, Kind};
use super::Flow;

impl<'a> Flow<'a, '_> {
    /// The width of each of a row's columns.
    pub(super) fn widths(
        &mut self,
        container: &Container,
        live: &[&'a Element],
        inner: f32,
    ) -> Result<Vec<f32>, FontError> {
        let gaps = container.gap * f32::from(u16::try_from(live.len() - 1).unwrap_or(u16::MAX));
        let mut rest = (inner - gaps).max(0.0);
        let mut widths = vec![0.0; live.len()];
        for (width, child) in widths.iter_mut().zip(live) {
            if let Column::Fixed(fixed) = child.column {
                *width = fixed;
                rest -= fixed;
            }
        }
        rest = rest.max(0.0);
        let shares = live.iter().any(|child| matches!(child.column, Column::Share(_)));
        for (width, child) in widths.iter_mut().zip(live) {
            if child.column == Column::Content {
                // Leaves something for the columns that share the rest.
                let most = if shares { rest / 2.0 } else { rest };
                *width = self.natural(child)?.min(most);
                rest -= *width;
            }
        }
        let mut wishes = vec![0.0; live.len()];
        for (wish, child) in wishes.iter_mut().zip(live) {
            let Column::Share(grow) = child.column else { continue };
            *wish = match container.by_content {
                Some(least) => {
                    let most = (inner / 2.0).max(least);
                    self.natural(child)?.clamp(least, most) * grow
                }
                None => grow,
            };
        }
        let all: f32 = wishes.iter().sum();
        for (width, wish) in widths.iter_mut().zip(&wishes) {
            if *wish > 0.0 {
                *width = rest * wish / all;
            }
        }
        Ok(widths)
    }

    /// The natural width of an element.
    fn natural(&mut self, element: &'a Element) -> Result<f32, FontError> {
        Ok(match &element.kind {
            Kind::Text(text) => {
                let paragraph = self.paragraph(text, None)?;
                let widest = paragraph.lines.iter().map(|line| line.width).max().unwrap_or(0);
                #[expect(clippy::cast_precision_loss, reason = "a bounded text's width")]
                let width = widest as f32 * paragraph.size / 1000.0;
                // Slightly more, so that rounding does not break the line.
                width + 0.1
            }
            Kind::Stack(container) => {
                let mut widest: f32 = 0.0;
                for child in self.live(container) {
                    widest = widest.max(self.natural(child)?);
                }
                widest + container.sides()
            }
            Kind::Row(container) => {
                let mut sum = container.sides();
                for (index, child) in self.live(container).into_iter().enumerate() {
                    let gap = if index > 0 { container.gap } else { 0.0 };
                    sum += gap
                        + if let Column::Fixed(width) = child.column { width } else { self.natural(child)? };
                }
                sum
            }
            _ => element.area.width,
        })
    }
}
