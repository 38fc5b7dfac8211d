//! The PDF renderer: keeps prepared fonts and templates for any number of pages from any number of threads.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use sha2::{Digest, Sha256};

use crate::file;
use crate::font::{Face, FontError, FontSource, SharedSubset, Style};
use crate::pdf::ObjectBuffer;
use crate::template::{CompiledTemplate, Shipped, TemplateHash, TicketPage};
use crate::text::Shaper;

use super::error::{NewError, RenderError};

/// The engine's version, raised with every change that changes an output byte.
const ENGINE: &str = "fulfillment/6";

const REGULAR: &[u8] = include_bytes!("../../fonts/Inter-Regular.ttf");
const BOLD: &[u8] = include_bytes!("../../fonts/Inter-SemiBold.ttf");

/// Draws one page for each ticket, with the templates it keeps: those that ship with it, and those added by `keep`.
pub struct PdfRenderer {
    /// The two built-in faces, then the fallbacks.
    faces: Vec<Face>,
    /// The subsets of the built-in faces.
    subsets: Vec<SharedSubset>,
    colour_profile: ObjectBuffer,
    templates: RwLock<HashMap<TemplateHash, Arc<CompiledTemplate>>>,
    /// The default template, for pages that name none.
    standard: TemplateHash,
    version: String,
    tagged: bool,
}

impl std::fmt::Debug for PdfRenderer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PdfRenderer").field("version", &self.version).finish_non_exhaustive()
    }
}

impl PdfRenderer {
    /// A renderer with the built-in faces (Latin, Greek, Cyrillic) and these font files as fallbacks, tried in this
    /// order. Of a collection (`.ttc`), the first face is used.
    ///
    /// # Errors
    /// [`FontError::Unusable`](crate::FontError::Unusable) for bytes that are not a valid font.
    pub fn new(extra_fonts: Vec<Vec<u8>>) -> Result<Self, NewError> {
        let named = |(index, bytes)| FontSource::from_bytes(format!("Extra{index}"), bytes, 0);
        let sources: Vec<_> = extra_fonts.into_iter().enumerate().map(named).collect();
        let renderer = Self::with_fonts(sources)?;
        for face in &renderer.faces {
            face.load()?;
        }
        Ok(renderer)
    }

    /// The same with faces that are read when a character first needs them, for instance those installed on the
    /// machine.
    ///
    /// # Errors
    /// [`FontError::Unusable`](crate::FontError::Unusable) if a built-in face is damaged. The others are checked when
    /// they are needed.
    pub fn with_fonts(sources: Vec<FontSource>) -> Result<Self, NewError> {
        let mut faces = vec![
            Face::built_in("Inter-Regular", REGULAR, false)?,
            Face::built_in("Inter-SemiBold", BOLD, true)?,
        ];
        let subsets =
            [SharedSubset::new(&faces, 0, [])?, SharedSubset::new(&faces, 1, figures(&faces)?)?].into();
        faces.extend(sources.into_iter().map(Face::new));
        let mut hash = Sha256::new();
        for face in &faces {
            face.identify(&mut hash);
        }
        let digest: [u8; 32] = hash.finalize().into();
        let fonts = digest.iter().take(6).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        let renderer = Self {
            faces,
            subsets,
            colour_profile: file::colour_profile(),
            templates: RwLock::default(),
            standard: Shipped::A4.bundle().hash(),
            version: format!("{ENGINE}+{fonts:012x}"),
            tagged: true,
        };
        for shipped in Shipped::ALL {
            renderer.keep(CompiledTemplate::new(&shipped.bundle())?);
        }
        Ok(renderer)
    }

    /// Makes pages without tags and without what PDF/A requires, as most libraries draw them: to measure what these
    /// cost, and to compare with libraries that have neither. Real tickets have them.
    #[must_use]
    pub fn untagged(mut self) -> Self {
        self.tagged = false;
        self
    }
}

impl PdfRenderer {
    /// The shaper for a page in this language (a lower-case tag).
    pub(crate) fn shaper(&self, language: &str) -> Shaper<'_> {
        Shaper::new(&self.faces, language)
    }

    pub(super) fn faces(&self) -> &[Face] {
        &self.faces
    }

    pub(super) fn subsets(&self) -> &[SharedSubset] {
        &self.subsets
    }

    pub(super) fn colour_profile(&self) -> &ObjectBuffer {
        &self.colour_profile
    }

    /// Whether pages have tags and what PDF/A requires.
    pub(super) fn is_tagged(&self) -> bool {
        self.tagged
    }

    /// Names the engine and the fonts.
    pub(super) fn version_name(&self) -> &str {
        &self.version
    }

    /// The template that a page names.
    pub(super) fn template_of(&self, page: &TicketPage) -> Result<Arc<CompiledTemplate>, RenderError> {
        let hash = page.template.unwrap_or(self.standard);
        self.template(hash).ok_or(RenderError::Template(hash))
    }

    /// Keeps a template, so that pages can name it by its hash.
    pub fn keep(&self, template: impl Into<Arc<CompiledTemplate>>) -> TemplateHash {
        let template = template.into();
        let hash = template.hash();
        let mut templates = self.templates.write().unwrap_or_else(PoisonError::into_inner);
        templates.entry(hash).or_insert(template);
        hash
    }

    /// The template of that hash, if it is kept.
    pub fn template(&self, hash: TemplateHash) -> Option<Arc<CompiledTemplate>> {
        self.templates.read().unwrap_or_else(PoisonError::into_inner).get(&hash).map(Arc::clone)
    }
}

/// The glyphs of ticket numbers: bold, with digits, spaces and hyphens of one width.
fn figures(faces: &[Face]) -> Result<Vec<(u16, char)>, FontError> {
    let mut shaper = Shaper::new(faces, "");
    let mut figures = Vec::new();
    for c in " -0123456789".chars() {
        let line = shaper.line(c.to_string(), true, Style::Code)?;
        figures.extend(line.runs.iter().flat_map(|run| &run.glyphs).map(|glyph| (glyph.id, c)));
    }
    Ok(figures)
}
