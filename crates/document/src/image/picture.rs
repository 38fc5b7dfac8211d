//! A template's image file: a raster image or an SVG drawing.

use pdf_writer::Ref;

use crate::pdf::{FormXObject, ObjectBuffer};

use super::raster::Image;
use super::svg::{self, Drawing};

/// An image, prepared for a PDF once. It fills the unit square of the page's coordinates.
#[derive(Clone, Debug)]
pub(crate) enum Picture {
    /// The pixels, and the opacity of each where the image has transparency.
    Pixels(Image, Option<Image>),
    Drawing(Drawing),
}

impl Picture {
    /// Reads a PNG, JPEG or SVG file, recognised by its content.
    ///
    /// # Errors
    /// A message why it cannot be used.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, String> {
        if svg::is_compressed(bytes) {
            return Err("it is compressed: unpack it (gunzip), or save it as plain SVG".to_owned());
        }
        if svg::is_svg(bytes) {
            return Drawing::read(bytes)
                .map(Self::Drawing)
                .map_err(|why| format!("it is no usable SVG: {why}"));
        }
        Image::read(bytes).map(|(image, mask)| Self::Pixels(image, mask))
    }

    /// Height over width.
    pub(crate) fn ratio(&self) -> f32 {
        match self {
            Self::Pixels(image, _) => image.ratio(),
            Self::Drawing(drawing) => drawing.ratio(),
        }
    }

    /// The drawing as a form.
    pub(crate) fn form(&self) -> Option<&FormXObject> {
        match self {
            Self::Pixels(..) => None,
            Self::Drawing(drawing) => Some(drawing.form()),
        }
    }

    /// Writes it with numbers from `next` on, and returns the object to draw.
    pub(crate) fn write(&self, buffer: &mut ObjectBuffer, next: &mut i32) -> Ref {
        match self {
            Self::Pixels(image, mask) => {
                let mut new = || {
                    *next += 1;
                    Ref::new(*next - 1)
                };
                let id = new();
                let mask = mask.as_ref().map(|mask| {
                    let id = new();
                    mask.write(buffer, id, None);
                    id
                });
                image.write(buffer, id, mask);
                id
            }
            Self::Drawing(drawing) => {
                let (id, objects) = drawing.form().at(*next);
                buffer.extend(&objects);
                *next += drawing.form().count();
                id
            }
        }
    }
}
