//! Lays out stacks and rows: their children that have something to draw, one after another, with gaps and dividers.

use crate::font::FontError;
use crate::page::Area;

use super::super::model::{Container, Element, Vertical};
use super::{Block, Flow, Piece, What, move_by};

/// A text that needs less than this fraction of its preferred size keeps its own size in a row of one size.
const ALONE_BELOW: f32 = 0.57;

/// The part of a container that is laid out so far.
struct Run<'a> {
    container: &'a Container,
    pieces: Vec<Piece<'a>>,
    /// Where the next child starts, down a stack or along a row.
    at: f32,
    is_empty: bool,
}

impl<'a> Run<'a> {
    fn new(container: &'a Container, at: f32) -> Self {
        Self { container, pieces: Vec::with_capacity(16), at, is_empty: true }
    }

    /// Leaves the gap before a child that is not the first. `line` gives the area of a divider by its start and
    /// thickness.
    fn gap(&mut self, line: impl FnOnce(f32, f32) -> Area) {
        if std::mem::take(&mut self.is_empty) {
            return;
        }
        let gap = self.container.gap;
        if let Some((thick, colour)) = self.container.divider {
            self.pieces
                .push(Piece { area: line(self.at + (gap - thick) / 2.0, thick), what: What::Fill(colour) });
        }
        self.at += gap;
    }

    fn put(&mut self, mut block: Block<'a>, x: f32, y: f32) {
        move_by(&mut block.pieces, x, y);
        self.pieces.append(&mut block.pieces);
    }

    /// The container's block: its contents, which take the height `used`, placed by `valign` in the container's height,
    /// over its background. `None` where it is empty.
    fn finish(mut self, element: &Element, width: f32, used: f32, height: Option<f32>) -> Option<Block<'a>> {
        if self.is_empty {
            return None;
        }
        let high = height.unwrap_or(used);
        if element.valign != Vertical::Top {
            move_by(&mut self.pieces, 0.0, element.valign.shift((high - used).max(0.0)));
        }
        if let Some(colour) = self.container.background {
            let area = Area { x: 0.0, y: 0.0, width, height: high };
            self.pieces.insert(0, Piece { area, what: What::Fill(colour) });
        }
        Some(Block { height: high, pieces: self.pieces })
    }
}

impl<'a> Flow<'a, '_> {
    /// Children one below another.
    pub(super) fn stack(
        &mut self,
        element: &'a Element,
        container: &'a Container,
        width: f32,
        height: Option<f32>,
    ) -> Result<Option<Block<'a>>, FontError> {
        let inner = width - container.sides();
        let [top, _, bottom, left] = container.padding;
        let mut run = Run::new(container, top);
        for child in self.live(container) {
            let Some(block) = self.block(child, inner, None)? else { continue };
            run.gap(|y, thick| Area { x: left, y, width: inner, height: thick });
            let (y, high) = (run.at, block.height);
            run.put(block, left, y);
            run.at += high;
        }
        let used = run.at + bottom;
        Ok(run.finish(element, width, used, height))
    }

    /// Children side by side.
    pub(super) fn row(
        &mut self,
        element: &'a Element,
        container: &'a Container,
        width: f32,
        height: Option<f32>,
    ) -> Result<Option<Block<'a>>, FontError> {
        let live = self.live(container);
        if live.is_empty() {
            return Ok(None);
        }
        let widths = self.widths(container, &live, width - container.sides())?;
        let blocks = self.columns_of_one_size(&live, &widths)?;
        let tallest = blocks.iter().flatten().map(|block| block.height).fold(0.0, f32::max);
        let inner = height.map_or(tallest, |height| (height - container.ends()).max(tallest));
        let [top, _, _, left] = container.padding;
        let mut run = Run::new(container, left);
        for ((child, block), width) in live.iter().zip(blocks).zip(widths) {
            let Some(block) = block else { continue };
            run.gap(|x, thick| Area { x, y: top, width: thick, height: inner });
            let (x, shift) = (run.at, child.valign.shift(inner - block.height));
            run.put(block, x, top + shift);
            run.at += width;
        }
        Ok(run.finish(element, width, inner + container.ends(), height))
    }

    /// A row's columns. Texts that ask for one size get the largest one that fits them all.
    fn columns_of_one_size(
        &mut self,
        live: &[&'a Element],
        widths: &[f32],
    ) -> Result<Vec<Option<Block<'a>>>, FontError> {
        let blocks = self.columns(live, widths)?;
        let sized = |piece: &Piece<'_>| match &piece.what {
            What::Text { text, paragraph } if text.same_size => Some((paragraph.wished, text.sizes[0].0)),
            _ => None,
        };
        let pieces = blocks.iter().flatten().flat_map(|block| &block.pieces);
        let taken = pieces.filter_map(sized).filter(|(size, wish)| *size >= wish * ALONE_BELOW);
        let taken: Vec<f32> = taken.map(|(size, _)| size).collect();
        let common = taken.iter().copied().fold(f32::INFINITY, f32::min);
        if self.cap.is_some() || taken.iter().all(|size| *size <= common) {
            return Ok(blocks);
        }
        self.cap = Some(common);
        let again = self.columns(live, widths);
        self.cap = None;
        again
    }

    fn columns(&mut self, live: &[&'a Element], widths: &[f32]) -> Result<Vec<Option<Block<'a>>>, FontError> {
        live.iter().zip(widths).map(|(child, width)| self.block(child, *width, None)).collect()
    }

    /// The children of a container that are drawn.
    pub(super) fn live(&self, container: &'a Container) -> Vec<&'a Element> {
        container.children.iter().filter(|child| self.is_live(child)).collect()
    }
}
