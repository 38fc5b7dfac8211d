//! A template's artwork: its images, and the background page of its tickets.

use crate::pdf::NumberedForms;

use super::background::Background;
use super::picture::Picture;

/// A template's images and background.
#[derive(Debug)]
pub(crate) struct Artwork {
    pub(crate) images: Vec<Picture>,
    pub(crate) background: Option<Background>,
    /// The images that are drawings, then the background, numbered for files of one page.
    pub(crate) forms: NumberedForms,
}

impl Artwork {
    /// The forms get object numbers from `first`.
    pub(crate) fn new(images: Vec<Picture>, background: Option<Background>, first: i32) -> Self {
        let drawings = images.iter().filter_map(Picture::form);
        let forms = drawings.chain(background.iter().map(|background| &background.form));
        let forms = NumberedForms::new(first, forms);
        Self { images, background, forms }
    }

    /// Whether files with it may claim PDF/A and PDF/UA.
    pub(crate) fn is_archival(&self) -> bool {
        self.background.as_ref().is_none_or(|background| background.archival)
    }
}
