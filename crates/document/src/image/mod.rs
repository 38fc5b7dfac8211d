//! Images, each prepared for a PDF once: raster files, SVG drawings, and pages of other PDFs as backgrounds.

mod artwork;
mod background;
mod picture;
mod raster;
mod svg;

pub(crate) use artwork::Artwork;
pub(crate) use background::Background;
pub(crate) use picture::Picture;
pub(crate) use raster::Image;
