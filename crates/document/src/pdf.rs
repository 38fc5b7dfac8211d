//! The file: the page's content, its fonts, its structure and its metadata, as PDF/A-2a and PDF/UA-1 at once.

use std::io::Write as _;

use jiff::tz::Offset;
use pdf_writer::types::{OutputIntentSubtype, TabOrder};
use pdf_writer::writers::{Catalog, DocumentInfo, Page, Pages, Resources};
use pdf_writer::{Date, Finish, Name, Rect, Ref, TextStr};
use sha2::{Digest, Sha256};

use crate::boxes::DisplayList;
use crate::common::{EACH, SharedSubset};
use crate::embed::FontResources;
use crate::face::{Face, FontError};
use crate::file::{ObjectBuffer, ObjectStream, assemble, deflate, deflate_once};
use crate::picture::Picture;
use crate::tags::StructureTree;
use crate::template::model::TemplateModel;
use crate::{content, icc, xmp};

/// The program that files come from.
pub(crate) const CREATOR: &str = "Fulfillment";

/// What the file says of itself.
pub(crate) struct Meta<'a> {
    pub(crate) title: String,
    pub(crate) author: Option<String>,
    pub(crate) language: &'a str,
    pub(crate) issued_at: jiff::Timestamp,
    pub(crate) creator: &'a str,
    pub(crate) version: &'a str,
    /// Whether it has a structure tree, and what archives want.
    pub(crate) tagged: bool,
    /// Whether it may say that it is PDF/A and PDF/UA: what it has from elsewhere may be neither.
    pub(crate) archival: bool,
}

/// Objects with fixed numbers. Those of the shared fonts follow, then those of the page's own fonts and of its tree.
pub(crate) const CATALOG: Ref = Ref::new(1);
pub(crate) const PAGES: Ref = Ref::new(2);
pub(crate) const PAGE_OBJECT: Ref = Ref::new(3);
pub(crate) const INFO: Ref = Ref::new(4);
pub(crate) const METADATA: Ref = Ref::new(5);
const PROFILE: Ref = Ref::new(6);
pub(crate) const TREE: Ref = Ref::new(7);
pub(crate) const CONTENT: Ref = Ref::new(8);
pub(crate) const OBJECT_STREAM: Ref = Ref::new(9);

/// What every file has, compressed once: the colour profile.
pub(crate) fn shared() -> ObjectBuffer {
    let mut buffer = ObjectBuffer::default();
    buffer.compress_stream(PROFILE, "/N 3", &icc::srgb(), deflate_once);
    buffer
}

/// Writes the file of one page. After what every file has come the template's forms, then what an event's tickets share,
/// then the page's own objects. `event` has the shared subsets of faces that are not built in.
pub(crate) fn write(
    display_list: &DisplayList,
    faces: &[Face],
    [subsets, event]: [&[SharedSubset]; 2],
    shared: &ObjectBuffer,
    model: &TemplateModel,
    meta: &Meta<'_>,
) -> Result<Vec<u8>, FontError> {
    let mut fonts = FontResources::new(faces, subsets, event);
    let mut tree = if meta.tagged { StructureTree::new("Document") } else { StructureTree::none() };
    let content = content::draw(display_list, 0, model.images.len(), &mut fonts, &mut tree);
    let (mut buffer, mut objects) = (ObjectBuffer::default(), ObjectStream::default());
    buffer.compress_stream(CONTENT, "", &content, deflate);
    if meta.tagged {
        buffer.stream(METADATA, "/Type/Metadata/Subtype/XML", xmp::packet(meta).as_bytes());
    }

    let mut next = model.forms.next + i32::try_from(event.len()).unwrap_or(0) * EACH;
    let names = fonts.write(&mut buffer, &mut objects, &mut next)?;
    let mut pictures = Vec::new();
    let mut forms = model.forms.roots.iter().copied();
    for image in &model.images {
        pictures.extend(match image {
            Picture::Drawing(_) => forms.next(),
            Picture::Pixels(..) => Some(image.write(&mut buffer, &mut next)),
        });
    }
    pictures.extend(forms);
    let mut pictures = numbered(&pictures);
    pictures.extend(fonts.write_pictures(&mut buffer, &mut next));
    if meta.tagged {
        write_tree(&tree, &mut objects, next);
    }
    write_catalog(&mut objects, meta);
    objects.write(PAGES, |object| {
        object.start::<Pages<'_>>().kids([PAGE_OBJECT]).count(1);
    });
    objects.write(PAGE_OBJECT, |object| {
        let mut page: Page<'_> = object.start();
        page.parent(PAGES)
            .media_box(Rect::new(0.0, 0.0, display_list.page.0, display_list.page.1))
            .contents(CONTENT);
        if meta.tagged {
            page.struct_parents(0).tab_order(TabOrder::StructureOrder);
        }
        fill_resources(page.resources(), &names, &pictures);
    });
    write_info(&mut objects, meta);
    buffer.object_stream(OBJECT_STREAM, &objects, deflate);
    // Everything that tells this page from others is in the part by now, or in the fonts.
    let mut hash = Sha256::new();
    hash.update(meta.version);
    hash.update(buffer.bytes());
    fonts.shared().for_each(|font| hash.update(font.digest));
    model.images.iter().filter_map(Picture::form).for_each(|drawing| hash.update(drawing.digest));
    let mut id = [0; 16];
    id.copy_from_slice(&hash.finalize()[..16]);
    if meta.tagged {
        buffer.extend(shared);
    }
    buffer.extend(&model.forms.buffer);
    fonts.shared().for_each(|font| buffer.extend(&font.buffer));
    Ok(assemble(&buffer, CATALOG, INFO, &id))
}

/// The structure tree of a file of one page, its elements numbered from `first`.
fn write_tree(tree: &StructureTree, objects: &mut ObjectStream, first: i32) {
    tree.write(objects, TREE, PAGE_OBJECT, first);
    let out = objects.object(TREE);
    let _infallible =
        write!(out, "<</Type/StructTreeRoot/K {first} 0 R/ParentTreeNextKey 1/ParentTree<</Nums[0");
    tree.write_owners(out, first);
    out.extend_from_slice(b"]>>>>");
}

/// The catalog; it refers to objects by the fixed numbers above.
pub(crate) fn write_catalog(objects: &mut ObjectStream, meta: &Meta<'_>) {
    objects.write(CATALOG, |object| {
        let mut root: Catalog<'_> = object.start();
        root.pages(PAGES).lang(TextStr(meta.language));
        root.viewer_preferences().display_doc_title(true);
        if !meta.tagged {
            return;
        }
        root.metadata(METADATA);
        root.mark_info().marked(true);
        root.pair(Name(b"StructTreeRoot"), TREE);
        let mut intents = root.output_intents();
        let mut intent = intents.push();
        intent.subtype(OutputIntentSubtype::PDFA).output_condition_identifier(TextStr("sRGB"));
        intent.info(TextStr("sRGB")).dest_output_profile(PROFILE);
    });
}

/// The dictionary of information.
pub(crate) fn write_info(objects: &mut ObjectStream, meta: &Meta<'_>) {
    objects.write(INFO, |object| {
        let mut about: DocumentInfo<'_> = object.start();
        about.title(TextStr(&meta.title)).creator(TextStr(meta.creator)).producer(TextStr(meta.version));
        if let Some(author) = &meta.author {
            about.author(TextStr(author));
        }
        if let Some(date) = date(meta.issued_at) {
            about.creation_date(date).modified_date(date);
        }
    });
}

/// What a page calls its fonts and images.
pub(crate) fn fill_resources(
    mut resources: Resources<'_>,
    fonts: &[(String, Ref)],
    images: &[(String, Ref)],
) {
    let mut dict = resources.fonts();
    for (name, font) in fonts {
        dict.pair(Name(name.as_bytes()), *font);
    }
    dict.finish();
    if !images.is_empty() {
        let mut dict = resources.x_objects();
        for (name, image) in images {
            dict.pair(Name(name.as_bytes()), *image);
        }
    }
}

/// What a page calls a template's images and background: by their place.
pub(crate) fn numbered(images: &[Ref]) -> Vec<(String, Ref)> {
    images.iter().enumerate().map(|(index, image)| (format!("I{index}"), *image)).collect()
}

fn date(at: jiff::Timestamp) -> Option<Date> {
    let at = Offset::UTC.to_datetime(at);
    let part = |value: i8| u8::try_from(value).ok();
    Some(
        Date::new(u16::try_from(at.year()).ok()?)
            .month(part(at.month())?)
            .day(part(at.day())?)
            .hour(part(at.hour())?)
            .minute(part(at.minute())?)
            .second(part(at.second())?)
            .utc_offset_hour(0)
            .utc_offset_minute(0),
    )
}
