//! The template model that layout uses: checked, in points, with every maximum height known.

use fulfillment_qr::Level;

use crate::font::Style;
use crate::image::Artwork;
use crate::page::{Align, Area, Colour};

use super::problem::Position;
use super::text::{OwnTexts, Text};

/// A template, compiled.
#[derive(Debug)]
pub(crate) struct TemplateModel {
    /// Its display name.
    pub(crate) name: String,
    /// Width and height of the page, in points.
    pub(crate) page: (f32, f32),
    /// Whether the page is turned around for languages that are read from right to left.
    pub(crate) mirror: bool,
    /// For paper from a roll: how far below the last item the page ends, in points.
    pub(crate) trim: Option<f32>,
    /// In the order in which they are drawn and read.
    pub(crate) elements: Vec<Element>,
    pub(crate) own: OwnTexts,
    /// The code's error correction level.
    pub(crate) level: Level,
    pub(crate) artwork: Artwork,
    /// The position in the JSON where the background is named.
    pub(crate) background_at: Position,
}

/// An element on the page, or in a container.
#[derive(Debug)]
pub(crate) struct Element {
    pub(crate) at: Position,
    /// On the page: its area. In a container: the requested width and height, 0 where its content determines it.
    pub(crate) area: Area,
    /// In a row: how its column gets its width.
    pub(crate) column: Column,
    pub(crate) valign: Vertical,
    pub(crate) kind: Kind,
    /// Whether it has content of its own: all except lines, and texts that are only labels. Those are drawn only beside
    /// an element that has content.
    pub(crate) says: bool,
    /// The maximum height it takes, in points.
    pub(crate) tallest: f32,
}

/// How a column of a row gets its width.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Column {
    /// This width, in points.
    Fixed(f32),
    /// As wide as its content, if there is room.
    Content,
    /// A part of the rest.
    Share(f32),
}

/// Vertical alignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vertical {
    Top,
    Middle,
    Bottom,
}

impl Vertical {
    /// The offset from the top, with this much room left.
    pub(crate) fn shift(self, room: f32) -> f32 {
        match self {
            Self::Top => 0.0,
            Self::Middle => room / 2.0,
            Self::Bottom => room,
        }
    }
}

#[derive(Debug)]
pub(crate) enum Kind {
    Text(TextBox),
    /// A horizontal line; a vertical one where it is higher than wide.
    Line {
        colour: Colour,
        thickness: f32,
        dash: Option<[f32; 2]>,
    },
    Rect {
        fill: Option<Colour>,
        border: Option<(f32, Colour)>,
    },
    /// An image by its index in [`Artwork::images`].
    Image {
        image: usize,
        align: Align,
        alt: Option<Text>,
    },
    /// The code with its quiet zone, of this width and height.
    Code {
        side: f32,
        align: Align,
    },
    Stack(Container),
    Row(Container),
}

/// A text's box and look.
#[derive(Debug)]
pub(crate) struct TextBox {
    /// Its number among the template's texts.
    pub(crate) number: u32,
    pub(crate) text: Text,
    /// Font sizes in points with the number of lines each may take, from the preferred one to the smallest.
    pub(crate) sizes: Vec<(f32, usize)>,
    /// From baseline to baseline, as a multiple of the size; where not given, it depends on the size.
    pub(crate) leading: Option<f32>,
    pub(crate) bold: bool,
    pub(crate) style: Style,
    pub(crate) align: Align,
    pub(crate) colour: Colour,
    pub(crate) role: TextRole,
    /// Has the same size as the other texts in its row that ask for it.
    pub(crate) same_size: bool,
}

/// A text's role for screen readers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextRole {
    Title,
    Label,
    Value,
    Note,
    /// Not read.
    Decoration,
}

/// What a stack and a row have in common.
#[derive(Debug)]
pub(crate) struct Container {
    pub(crate) children: Vec<Element>,
    pub(crate) gap: f32,
    /// Top, right (end), bottom, left (start).
    pub(crate) padding: [f32; 4],
    pub(crate) background: Option<Colour>,
    /// A line in the middle of each gap.
    pub(crate) divider: Option<(f32, Colour)>,
    /// For a row: shared widths follow the contents, none below this.
    pub(crate) by_content: Option<f32>,
}

impl Container {
    /// The padding left and right together.
    pub(crate) fn sides(&self) -> f32 {
        self.padding[1] + self.padding[3]
    }

    /// The padding above and below together.
    pub(crate) fn ends(&self) -> f32 {
        self.padding[0] + self.padding[2]
    }
}

impl Element {
    /// The elements within.
    pub(crate) fn children(&self) -> &[Element] {
        match &self.kind {
            Kind::Stack(container) | Kind::Row(container) => &container.children,
            _ => &[],
        }
    }
}
