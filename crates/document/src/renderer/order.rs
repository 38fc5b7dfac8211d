//! Draws all tickets of an order into one PDF file, which is written as it grows.

use std::collections::HashMap;
use std::io::Write;

use crate::file::{CREATOR, Meta, OrderWriter, Placement};
use crate::template::{CompiledTemplate, TemplateHash, TicketPage};

use super::engine::PdfRenderer;
use super::error::OrderError;
use super::page_context::PageContext;

/// A file of many tickets that is being written. The same pages give the same bytes.
pub struct OrderFile<'r, W> {
    renderer: &'r PdfRenderer,
    writer: OrderWriter<'r, W>,
    artworks: HashMap<TemplateHash, Placement>,
    archival: bool,
    about: Option<About>,
    missing: Vec<char>,
}

/// The file's metadata, taken from its first page.
struct About {
    title: String,
    author: Option<String>,
    language: String,
    issued_at: jiff::Timestamp,
}

impl PdfRenderer {
    /// Begins a file of many tickets; each is written as it is drawn.
    ///
    /// # Errors
    /// [`OrderError::Write`] where the file's first bytes cannot be written.
    pub fn order<W: Write>(&self, out: W) -> Result<OrderFile<'_, W>, OrderError> {
        Ok(OrderFile {
            renderer: self,
            writer: OrderWriter::new(out, self.faces(), self.subsets())?,
            artworks: HashMap::new(),
            archival: true,
            about: None,
            missing: Vec::new(),
        })
    }
}

impl<W: Write> OrderFile<'_, W> {
    /// Draws and writes one ticket.
    ///
    /// # Errors
    /// [`OrderError::Render`] for a page that cannot be drawn, [`OrderError::Write`] where writing fails.
    pub fn page(&mut self, page: &TicketPage) -> Result<(), OrderError> {
        let template = self.renderer.template_of(page)?;
        let placement = self.artwork(&template)?;
        let context = PageContext::of(page);
        let mut shaper = self.renderer.shaper(&context.tag);
        let display_list = context.lay_out(&template, page, &mut shaper)?;
        for c in shaper.missing {
            if !self.missing.contains(&c) {
                self.missing.push(c);
            }
        }
        self.writer.page(&display_list, placement)?;
        if self.about.is_none() {
            self.about = Some(About {
                title: context.order_title(),
                author: context.author(),
                language: context.language,
                issued_at: page.issued_at,
            });
        }
        Ok(())
    }

    /// Writes a template's images and background where they are first needed.
    fn artwork(&mut self, template: &CompiledTemplate) -> Result<Placement, OrderError> {
        if let Some(placement) = self.artworks.get(&template.hash()) {
            return Ok(*placement);
        }
        self.archival &= template.is_archival();
        let placement = self.writer.artwork(&template.model.artwork)?;
        self.artworks.insert(template.hash(), placement);
        Ok(placement)
    }

    /// Writes what all pages share, and finishes the file. Returns the output, and the characters that no font has,
    /// each once.
    ///
    /// # Errors
    /// [`OrderError::Empty`] without a page, [`OrderError::Render`] for a font that cannot be subset,
    /// [`OrderError::Write`] where writing fails.
    pub fn finish(mut self) -> Result<(W, Vec<char>), OrderError> {
        let About { title, author, language, issued_at } = self.about.take().ok_or(OrderError::Empty)?;
        let meta = Meta {
            title,
            author,
            language: &language,
            issued_at,
            creator: CREATOR,
            version: self.renderer.version_name(),
            tagged: true,
            archival: self.archival,
        };
        let out = self.writer.finish(&meta, self.renderer.colour_profile())?;
        Ok((out, self.missing))
    }
}
