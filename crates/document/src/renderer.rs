//! The renderer: fonts prepared once, then any number of pages from any number of threads.

use sha2::{Digest, Sha256};

use crate::clean::{clean, clean_option};
use crate::common::Common;
use crate::face::{Face, FontError, FontSource, Style};
use crate::file::Part;
use crate::shape::{Fixed, Shaper};
use crate::{Page, RenderError, Renderer, TicketPage, layout, pdf, qr};

/// Raised with every change that changes a drawn byte.
const ENGINE: &str = "fulfillment-a4/2";

const REGULAR: &[u8] = include_bytes!("../fonts/Inter-Regular.ttf");
const BOLD: &[u8] = include_bytes!("../fonts/Inter-SemiBold.ttf");

/// Draws one A4 page a ticket.
pub struct PdfRenderer {
    /// The two built-in faces, then the fallbacks.
    faces: Vec<Face>,
    /// The subsets of the built-in faces.
    commons: Vec<Common>,
    /// What else every file has.
    shared: Part,
    fixed: Fixed,
    version: String,
}

impl std::fmt::Debug for PdfRenderer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PdfRenderer").field("version", &self.version).finish_non_exhaustive()
    }
}

impl PdfRenderer {
    /// A renderer with the built-in faces (Latin, Greek, Cyrillic) and these font files for what they lack, asked in
    /// this order. Of a collection (`.ttc`) the first face is taken.
    ///
    /// # Errors
    /// [`FontError::Unusable`] for bytes that are no font.
    pub fn new(extra_fonts: Vec<Vec<u8>>) -> Result<Self, FontError> {
        let named = |(index, bytes)| FontSource::from_bytes(format!("Extra{index}"), bytes, 0);
        let sources: Vec<_> = extra_fonts.into_iter().enumerate().map(named).collect();
        let renderer = Self::with_fonts(sources)?;
        for face in &renderer.faces {
            face.load()?;
        }
        Ok(renderer)
    }

    /// The same with faces that are read when a character first needs them, for instance those that
    /// [`crate::system::noto`] finds.
    ///
    /// # Errors
    /// [`FontError::Unusable`] if a built-in face is damaged. The others are looked at when they are needed.
    pub fn with_fonts(sources: Vec<FontSource>) -> Result<Self, FontError> {
        let mut faces = vec![
            Face::built_in("Inter-Regular", REGULAR, false)?,
            Face::built_in("Inter-SemiBold", BOLD, true)?,
        ];
        let commons = [Common::new(&faces, 0)?, Common::new(&faces, 1)?].into();
        let mut fixed = Fixed::new();
        let mut shaper = Shaper::new(&faces, "");
        for text in layout::FIXED {
            fixed.insert(text, shaper.line((*text).to_owned(), false, Style::Text)?);
        }
        faces.extend(sources.into_iter().map(Face::new));
        let mut hash = Sha256::new();
        for face in &faces {
            face.identify(&mut hash);
        }
        let digest: [u8; 32] = hash.finalize().into();
        let fonts = digest.iter().take(6).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        Ok(Self { faces, commons, shared: pdf::shared(), fixed, version: format!("{ENGINE}+{fonts:012x}") })
    }
}

impl PdfRenderer {
    /// What turns text into glyphs for a page in this language (a lower-case tag).
    pub(crate) fn shaper(&self, language: &str) -> Shaper<'_> {
        Shaper::new(&self.faces, language).with_fixed(&self.fixed)
    }
}

impl Renderer for PdfRenderer {
    fn render(&self, page: &TicketPage) -> Result<Page, RenderError> {
        let code = qr::code(&page.code)?;
        let language = language(page.locale.as_deref());
        let mut shaper = self.shaper(&language.to_ascii_lowercase());
        let drawn = code.clone();
        let canvas = layout::lay_out(page, code, &mut shaper, layout::is_rtl(page))?;
        let meta = pdf::Meta {
            title: format!("{} – Ticket {}", clean(&page.event_name), clean(&page.ticket_number)),
            author: clean_option(page.organizer_name.as_deref()),
            language: &language,
            issued_at: page.issued_at,
            creator: "Fulfillment",
            version: &self.version,
        };
        let pdf = pdf::write(&canvas, &self.faces, &self.commons, &self.shared, &meta)?;
        Ok(Page { pdf, missing: shaper.missing, code: drawn })
    }

    fn version(&self) -> &str {
        &self.version
    }
}

/// The document's language: the locale if it looks like a BCP 47 tag (underscores are read as hyphens), else English.
fn language(locale: Option<&str>) -> String {
    let tag = locale.unwrap_or_default().replace('_', "-");
    let mut parts = tag.split('-');
    let first = parts
        .next()
        .is_some_and(|p| (2..=3).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphabetic()));
    let rest = parts.all(|p| (1..=8).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphanumeric()));
    if first && rest && tag.len() <= 35 { tag } else { "en".to_owned() }
}
