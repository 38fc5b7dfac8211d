//! Writes the PDF of an order: pages one by one, and what they share after the last.
//!
//! All pages share fonts, images and the colour profile. Only the objects' offsets and the used glyphs are kept in
//! memory.

use std::io::{self, Write};

use pdf_writer::types::TabOrder;
use pdf_writer::writers::{Page, Pages, Resources};
use pdf_writer::{Name, Rect, Ref};

use crate::font::{BUILT_IN, Face, FontError, FontResources, SharedSubset};
use crate::image::Artwork;
use crate::page::{self, DisplayList, StructureTree};
use crate::pdf::{FileWriter, ObjectBuffer, ObjectStream, deflate, reference};

use super::catalog::{
    CATALOG, CONTENT, INFO, METADATA, OBJECT_STREAM, PAGE_OBJECT, PAGES, TREE, fill_resources, numbered,
    write_catalog,
};
use super::metadata::{Meta, packet, write_info};

/// Why a file could not be finished.
#[derive(Debug)]
pub(crate) enum WriteError {
    /// A font cannot be subset.
    Font(FontError),
    /// The output that it was written to failed.
    Write(io::Error),
}

impl From<FontError> for WriteError {
    fn from(error: FontError) -> Self {
        Self::Font(error)
    }
}

impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

/// The index of a template's first image among the file's images, and of its background.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placement {
    first_image: usize,
    background: usize,
}

/// A file that is being written. The same pages give the same bytes.
pub(crate) struct OrderWriter<'r, W> {
    sink: FileWriter<W>,
    fonts: FontResources<'r>,
    pictures: Vec<Ref>,
    next: i32,
    pages: Vec<Ref>,
    /// Each page's element in the structure tree, and its parent tree entry.
    parts: Vec<(Ref, Ref)>,
}

/// The resources that all pages share; in a file of one page, this number is the page's content.
const RESOURCES: Ref = CONTENT;
/// The root element of the structure tree; in a file of one page, this number is the page.
const DOCUMENT: Ref = PAGE_OBJECT;

impl<'r, W: Write> OrderWriter<'r, W> {
    /// Begins a file that is drawn with these faces and their shared subsets.
    pub(crate) fn new(out: W, faces: &'r [Face], subsets: &'r [SharedSubset]) -> io::Result<Self> {
        Ok(Self {
            sink: FileWriter::new(out)?,
            fonts: FontResources::new(faces, subsets, &[]),
            pictures: Vec::new(),
            next: SharedSubset::after(BUILT_IN),
            pages: Vec::new(),
            parts: Vec::new(),
        })
    }

    fn take(&mut self) -> Ref {
        self.next += 1;
        Ref::new(self.next - 1)
    }

    /// Writes a template's images and background.
    pub(crate) fn artwork(&mut self, artwork: &Artwork) -> io::Result<Placement> {
        let first_image = self.pictures.len();
        let mut buffer = ObjectBuffer::default();
        for image in &artwork.images {
            self.pictures.push(image.write(&mut buffer, &mut self.next));
        }
        let background = self.pictures.len();
        if let Some(copy) = &artwork.background {
            let (id, objects) = copy.form.at(self.next);
            self.next += copy.form.count();
            buffer.extend(&objects);
            self.pictures.push(id);
        }
        self.sink.write(&buffer)?;
        Ok(Placement { first_image, background })
    }

    /// Writes one page.
    pub(crate) fn page(&mut self, display_list: &DisplayList, placement: Placement) -> io::Result<()> {
        let Placement { first_image, background } = placement;
        let mut tree = StructureTree::new("Part");
        let operators = page::draw(display_list, first_image, background, &mut self.fonts, &mut tree);
        let [stream, object, owners, objects_id] = [(); 4].map(|()| self.take());
        let (mut buffer, mut objects) = (ObjectBuffer::default(), ObjectStream::default());
        buffer.compress_stream(stream, "", &operators, deflate);
        let first = self.next;
        self.next = tree.write(&mut objects, DOCUMENT, object, first);
        tree.write_owners(objects.object(owners), first);
        let number = i32::try_from(self.pages.len()).unwrap_or(i32::MAX);
        objects.write(object, |indirect| {
            let mut out: Page<'_> = indirect.start();
            out.parent(PAGES).media_box(Rect::new(0.0, 0.0, display_list.page.0, display_list.page.1));
            out.contents(stream).struct_parents(number).tab_order(TabOrder::StructureOrder);
            out.pair(Name(b"Resources"), RESOURCES);
        });
        buffer.object_stream(objects_id, &objects, deflate);
        self.sink.write(&buffer)?;
        self.pages.push(object);
        self.parts.push((Ref::new(first), owners));
        Ok(())
    }

    /// Writes what all pages share, and finishes the file. Returns the output.
    pub(crate) fn finish(mut self, meta: &Meta<'_>, colour_profile: &ObjectBuffer) -> Result<W, WriteError> {
        let (mut buffer, mut objects) = (ObjectBuffer::default(), ObjectStream::default());
        buffer.stream(METADATA, "/Type/Metadata/Subtype/XML", packet(meta).as_bytes());
        let names = self.fonts.write(&mut buffer, &mut objects, &mut self.next)?;
        let mut images = numbered(&self.pictures);
        images.extend(self.fonts.write_pictures(&mut buffer, &mut self.next));
        objects.write(RESOURCES, |object| {
            fill_resources(object.start::<Resources<'_>>(), &names, &images);
        });
        objects.write(PAGES, |object| {
            let count = i32::try_from(self.pages.len()).unwrap_or(i32::MAX);
            object.start::<Pages<'_>>().kids(self.pages.iter().copied()).count(count);
        });
        self.write_tree(&mut objects);
        write_catalog(&mut objects, meta);
        write_info(&mut objects, INFO, meta);
        buffer.object_stream(OBJECT_STREAM, &objects, deflate);
        buffer.extend(colour_profile);
        self.fonts.shared().for_each(|font| buffer.extend(&font.buffer));
        self.sink.write(&buffer)?;
        Ok(self.sink.finish(CATALOG, INFO, meta.version)?)
    }

    fn write_tree(&self, objects: &mut ObjectStream) {
        let out = objects.object(TREE);
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
        let _infallible = write!(out, "<</S/Document/P {} 0 R/K[", TREE.get());
        for (part, _) in &self.parts {
            reference(out, part.get());
        }
        out.extend_from_slice(b"]>>");
    }
}
