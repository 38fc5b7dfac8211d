//! Draws the PDF of one ticket.

use fulfillment_qr::Symbol;

use crate::file::{CREATOR, Meta, write_ticket};
use crate::page::DisplayItem;
use crate::template::{CompiledTemplate, TicketPage};

use super::engine::PdfRenderer;
use super::error::RenderError;
use super::page_context::PageContext;

/// A drawn page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The file.
    pub pdf: Vec<u8>,
    /// Characters that no font has, each once, in the order met. Each is drawn as an empty box (its text can still be
    /// copied from the file), and should be reported to the issuer.
    pub missing: Vec<char>,
    /// The QR code as drawn in the file, to be read back; none where the template has none.
    pub code: Option<Symbol>,
}

impl PdfRenderer {
    /// Draws one page with a template that the renderer need not keep.
    ///
    /// # Errors
    /// As [`Renderer::render`](crate::Renderer::render).
    pub fn draw(&self, template: &CompiledTemplate, page: &TicketPage) -> Result<Page, RenderError> {
        let context = PageContext::of(page);
        let mut shaper = self.shaper(&context.tag);
        let display_list = context.lay_out(template, page, &mut shaper)?;
        let meta = Meta {
            title: context.title(),
            author: context.author(),
            language: &context.language,
            issued_at: page.issued_at,
            creator: CREATOR,
            version: self.version_name(),
            tagged: self.is_tagged(),
            archival: template.is_archival(),
        };
        let code = display_list.items.iter().find_map(|item| match item {
            DisplayItem::Code { symbol, .. } => Some(symbol.clone()),
            _ => None,
        });
        let event = self.event_fonts(template, &context, &display_list)?;
        let subsets = [self.subsets(), event.as_ref().map_or(&[], |fonts| &fonts[..])];
        let pdf = write_ticket(
            &display_list,
            self.faces(),
            subsets,
            self.colour_profile(),
            &template.model.artwork,
            &meta,
        )?;
        Ok(Page { pdf, missing: shaper.missing, code })
    }
}
