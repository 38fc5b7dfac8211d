//! All tickets of an order in one file, written as it grows.
//!
//! Fonts, images and the colour profile are shared by all pages; what is kept in memory is where each object is, and
//! which glyphs were used. Pages go out one by one, and what they share after the last.

use std::collections::HashMap;
use std::io::{self, Write};

use pdf_writer::types::TabOrder;
use pdf_writer::writers::{Page, Pages, Resources};
use pdf_writer::{Rect, Ref};

use crate::embed::FontResources;
use crate::file::{FileWriter, ObjectBuffer, ObjectStream, deflate};
use crate::pdf::{self, Meta};
use crate::renderer::{PageContext, PdfRenderer, lay_out};
use crate::tags::{StructureTree, reference};
use crate::template::{CompiledTemplate, TemplateHash};
use crate::{RenderError, TicketPage, content, xmp};

/// Why an order's file could not be written.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// A page could not be drawn; what was written so far is no file.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// What it was written to failed.
    #[error(transparent)]
    Write(#[from] io::Error),
    /// An order without tickets has no file.
    #[error("the order has no tickets")]
    Empty,
}

/// A file of many tickets that is being written. The same pages give the same bytes.
pub struct OrderFile<'r, W> {
    renderer: &'r PdfRenderer,
    sink: FileWriter<W>,
    fonts: FontResources<'r>,
    /// Where each template's images begin among the file's, and which is its background.
    images: HashMap<TemplateHash, (usize, usize)>,
    archival: bool,
    pictures: Vec<Ref>,
    next: i32,
    pages: Vec<Ref>,
    /// Each page's element in the tree, and its table of owners.
    parts: Vec<(Ref, Ref)>,
    about: Option<About>,
    missing: Vec<char>,
}

/// What the file says of itself: from its first page.
struct About {
    title: String,
    author: Option<String>,
    language: String,
    issued_at: jiff::Timestamp,
}

/// The resources that all pages share; its number is a page's own content in a file of one page.
const RESOURCES: Ref = pdf::CONTENT;
/// The root of the tree's elements; its number is the page in a file of one page.
const DOCUMENT: Ref = pdf::PAGE_OBJECT;

impl<'r, W: Write> OrderFile<'r, W> {
    pub(crate) fn new(renderer: &'r PdfRenderer, out: W) -> Result<Self, OrderError> {
        Ok(Self {
            renderer,
            sink: FileWriter::new(out)?,
            fonts: FontResources::new(renderer.faces(), renderer.subsets(), &[]),
            images: HashMap::new(),
            archival: true,
            pictures: Vec::new(),
            next: renderer.first_number(),
            pages: Vec::new(),
            parts: Vec::new(),
            about: None,
            missing: Vec::new(),
        })
    }

    fn take(&mut self) -> Ref {
        self.next += 1;
        Ref::new(self.next - 1)
    }

    /// Draws and writes one ticket.
    ///
    /// # Errors
    /// [`OrderError::Render`] for a page that cannot be drawn, [`OrderError::Write`] where writing fails.
    pub fn page(&mut self, page: &TicketPage) -> Result<(), OrderError> {
        let template = self.renderer.template_of(page)?;
        let (first_image, background) = self.images_of(&template)?;
        let context = PageContext::of(page);
        let mut shaper = self.renderer.shaper(&context.tag);
        let display_list = lay_out(&template, page, &context, &mut shaper)?;
        for c in shaper.missing {
            if !self.missing.contains(&c) {
                self.missing.push(c);
            }
        }
        let mut tree = StructureTree::new("Part");
        let content = content::draw(&display_list, first_image, background, &mut self.fonts, &mut tree);
        let [stream, object, owners, objects_id] = [(); 4].map(|()| self.take());
        let (mut buffer, mut objects) = (ObjectBuffer::default(), ObjectStream::default());
        buffer.compress_stream(stream, "", &content, deflate);
        let first = self.next;
        self.next = tree.write(&mut objects, DOCUMENT, object, first);
        tree.write_owners(objects.object(owners), first);
        let number = i32::try_from(self.pages.len()).unwrap_or(i32::MAX);
        objects.write(object, |indirect| {
            let mut out: Page<'_> = indirect.start();
            out.parent(pdf::PAGES).media_box(Rect::new(0.0, 0.0, display_list.page.0, display_list.page.1));
            out.contents(stream).struct_parents(number).tab_order(TabOrder::StructureOrder);
            out.pair(pdf_writer::Name(b"Resources"), RESOURCES);
        });
        buffer.object_stream(objects_id, &objects, deflate);
        self.sink.write(&buffer)?;
        self.pages.push(object);
        self.parts.push((Ref::new(first), owners));
        if self.about.is_none() {
            self.about = Some(About {
                title: context.order_title(&template),
                author: context.author(),
                language: context.language,
                issued_at: page.issued_at,
            });
        }
        Ok(())
    }

    /// Writes a template's images and background where they are first needed.
    fn images_of(&mut self, template: &CompiledTemplate) -> Result<(usize, usize), OrderError> {
        if let Some(first) = self.images.get(&template.hash()) {
            return Ok(*first);
        }
        let first = self.pictures.len();
        let mut buffer = ObjectBuffer::default();
        for image in &template.model.images {
            self.pictures.push(image.write(&mut buffer, &mut self.next));
        }
        let background = self.pictures.len();
        if let Some(copy) = &template.model.background {
            let (id, objects) = copy.form.at(self.next);
            self.next += copy.form.count();
            buffer.extend(&objects);
            self.pictures.push(id);
        }
        self.archival &= template.is_archival();
        self.sink.write(&buffer)?;
        self.images.insert(template.hash(), (first, background));
        Ok((first, background))
    }

    /// Writes what all pages share, and ends the file. Returns what it was written to, and the characters that no font
    /// has, each once.
    ///
    /// # Errors
    /// [`OrderError::Empty`] without a page, [`OrderError::Render`] for a font that cannot be cut,
    /// [`OrderError::Write`] where writing fails.
    pub fn finish(mut self) -> Result<(W, Vec<char>), OrderError> {
        let About { title, author, language, issued_at } = self.about.take().ok_or(OrderError::Empty)?;
        let version = crate::Renderer::version(self.renderer);
        let (language, creator, archival) = (language.as_str(), pdf::CREATOR, self.archival);
        let meta = Meta { title, author, language, issued_at, creator, version, tagged: true, archival };
        let (mut buffer, mut objects) = (ObjectBuffer::default(), ObjectStream::default());
        buffer.stream(pdf::METADATA, "/Type/Metadata/Subtype/XML", xmp::packet(&meta).as_bytes());
        let names = self.fonts.write(&mut buffer, &mut objects, &mut self.next).map_err(RenderError::from)?;
        let mut images = pdf::numbered(&self.pictures);
        images.extend(self.fonts.write_pictures(&mut buffer, &mut self.next));
        objects.write(RESOURCES, |object| {
            pdf::fill_resources(object.start::<Resources<'_>>(), &names, &images);
        });
        objects.write(pdf::PAGES, |object| {
            let count = i32::try_from(self.pages.len()).unwrap_or(i32::MAX);
            object.start::<Pages<'_>>().kids(self.pages.iter().copied()).count(count);
        });
        self.write_tree(&mut objects);
        pdf::write_catalog(&mut objects, &meta);
        pdf::write_info(&mut objects, &meta);
        buffer.object_stream(pdf::OBJECT_STREAM, &objects, deflate);
        buffer.extend(self.renderer.shared());
        self.fonts.shared().for_each(|font| buffer.extend(&font.buffer));
        self.sink.write(&buffer)?;
        let out = self.sink.finish(pdf::CATALOG, pdf::INFO, version)?;
        Ok((out, self.missing))
    }

    fn write_tree(&self, objects: &mut ObjectStream) {
        let out = objects.object(pdf::TREE);
        let count = self.parts.len();
        let _infallible =
            write!(out, "<</Type/StructTreeRoot/K {} 0 R/ParentTreeNextKey {count}", DOCUMENT.get());
        out.extend_from_slice(b"/ParentTree<</Nums[");
        for (number, (_, owners)) in self.parts.iter().enumerate() {
            let _infallible = write!(out, " {number}");
            reference(out, owners.get());
        }
        out.extend_from_slice(b"]>>>>");
        let out = objects.object(DOCUMENT);
        let _infallible = write!(out, "<</S/Document/P {} 0 R/K[", pdf::TREE.get());
        for (part, _) in &self.parts {
            reference(out, part.get());
        }
        out.extend_from_slice(b"]>>");
    }
}
