//! The renderer: tickets in, files out.
//!
//! `engine` has the fonts and the templates; `page` draws one ticket and `order` all of an order, both from a
//! `page_context`. `event_fonts` makes the subsets that the tickets of an event share; `fallbacks` reports which fonts
//! were needed.

mod engine;
mod error;
mod event_fonts;
mod fallbacks;
mod order;
mod page;
mod page_context;

use std::io::Write;

use crate::template::TicketPage;

pub use engine::PdfRenderer;
pub use error::{NewError, OrderError, RenderError};
pub use order::OrderFile;
pub use page::Page;
#[cfg(test)]
pub(crate) use page_context::PageContext;

/// Draws pages. All threads may share one renderer.
pub trait Renderer: Send + Sync {
    /// Draws one page.
    ///
    /// # Errors
    /// [`RenderError::Code`] for a code that does not fit, [`RenderError::Font`] for a font that cannot be read,
    /// [`RenderError::Template`] for a template that the renderer does not have.
    fn render(&self, page: &TicketPage) -> Result<Page, RenderError>;

    /// Writes one file with a page for each ticket, which share fonts and images. Pages are taken from the iterator one
    /// by one and written as they are drawn: the memory needed does not grow with the file. Returns the characters that
    /// no font has, each once.
    ///
    /// # Errors
    /// [`OrderError::Render`] as [`Renderer::render`], [`OrderError::Write`] where writing fails: what was written is
    /// not a valid file then. [`OrderError::Empty`] without pages.
    fn render_order(
        &self,
        pages: &mut dyn Iterator<Item = TicketPage>,
        out: &mut dyn Write,
    ) -> Result<Vec<char>, OrderError>;

    /// Names the engine and the fonts. Two renderers with the same version draw the same bytes with the same template.
    fn version(&self) -> &str;
}

impl Renderer for PdfRenderer {
    fn render(&self, page: &TicketPage) -> Result<Page, RenderError> {
        self.draw(&*self.template_of(page)?, page)
    }

    fn render_order(
        &self,
        pages: &mut dyn Iterator<Item = TicketPage>,
        out: &mut dyn Write,
    ) -> Result<Vec<char>, OrderError> {
        let mut file = self.order(out)?;
        for page in pages {
            file.page(&page)?;
        }
        Ok(file.finish()?.1)
    }

    fn version(&self) -> &str {
        self.version_name()
    }
}
