//! The objects that every PDF file has: the catalog, the colour profile and the pages' resources, with fixed object
//! numbers.

use pdf_writer::types::OutputIntentSubtype;
use pdf_writer::writers::{Catalog, Resources};
use pdf_writer::{Finish, Name, Ref, TextStr};

use crate::pdf::{ObjectBuffer, ObjectStream, deflate_once};

use super::colour_profile::SRGB;
use super::metadata::Meta;

/// Objects with fixed numbers. The shared fonts' objects follow, then those of the page's own fonts and structure tree.
pub(crate) const CATALOG: Ref = Ref::new(1);
pub(crate) const PAGES: Ref = Ref::new(2);
pub(crate) const PAGE_OBJECT: Ref = Ref::new(3);
pub(crate) const INFO: Ref = Ref::new(4);
pub(crate) const METADATA: Ref = Ref::new(5);
const PROFILE: Ref = Ref::new(6);
pub(crate) const TREE: Ref = Ref::new(7);
pub(crate) const CONTENT: Ref = Ref::new(8);
pub(crate) const OBJECT_STREAM: Ref = Ref::new(9);

/// The colour profile, which every file has; compressed once.
pub(crate) fn colour_profile() -> ObjectBuffer {
    let mut buffer = ObjectBuffer::default();
    buffer.compress_stream(PROFILE, "/N 3", SRGB, deflate_once);
    buffer
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

/// Writes the resource names of a page's fonts and images.
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

/// The resource names of a template's images and background, by index.
pub(crate) fn numbered(images: &[Ref]) -> Vec<(String, Ref)> {
    images.iter().enumerate().map(|(index, image)| (format!("I{index}"), *image)).collect()
}
