//! Writes the PDF of one ticket: its page's content, fonts, structure and metadata, as PDF/A-2a and also PDF/UA-1.

use std::io::Write as _;

use pdf_writer::Rect;
use pdf_writer::types::TabOrder;
use pdf_writer::writers::{Page, Pages};
use sha2::{Digest, Sha256};

use crate::font::{EACH, Face, FontError, FontResources, SharedSubset};
use crate::image::{Artwork, Picture};
use crate::page::{self, DisplayList, StructureTree};
use crate::pdf::{ObjectBuffer, ObjectStream, assemble, deflate};

use super::catalog::{
    CATALOG, CONTENT, INFO, METADATA, OBJECT_STREAM, PAGE_OBJECT, PAGES, TREE, fill_resources, numbered,
    write_catalog,
};
use super::metadata::{Meta, packet, write_info};

/// Writes the file of one page. The order of objects: those that every file has, the template's forms, those that an
/// event's tickets share, then the page's own. `event` has the shared subsets of faces that are not built in.
pub(crate) fn write_ticket(
    display_list: &DisplayList,
    faces: &[Face],
    [subsets, event]: [&[SharedSubset]; 2],
    colour_profile: &ObjectBuffer,
    artwork: &Artwork,
    meta: &Meta<'_>,
) -> Result<Vec<u8>, FontError> {
    let mut fonts = FontResources::new(faces, subsets, event);
    let mut tree = if meta.tagged { StructureTree::new("Document") } else { StructureTree::none() };
    let content = page::draw(display_list, 0, artwork.images.len(), &mut fonts, &mut tree);
    let (mut buffer, mut objects) = (ObjectBuffer::default(), ObjectStream::default());
    buffer.compress_stream(CONTENT, "", &content, deflate);
    if meta.tagged {
        buffer.stream(METADATA, "/Type/Metadata/Subtype/XML", packet(meta).as_bytes());
    }

    let mut next = artwork.forms.next + i32::try_from(event.len()).unwrap_or(0) * EACH;
    let names = fonts.write(&mut buffer, &mut objects, &mut next)?;
    let mut pictures = Vec::new();
    let mut forms = artwork.forms.roots.iter().copied();
    for image in &artwork.images {
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
    write_info(&mut objects, INFO, meta);
    buffer.object_stream(OBJECT_STREAM, &objects, deflate);
    // Everything that distinguishes this page from others is now in the buffer, or in the fonts.
    let mut hash = Sha256::new();
    hash.update(meta.version);
    hash.update(buffer.bytes());
    fonts.shared().for_each(|font| hash.update(font.digest));
    artwork.images.iter().filter_map(Picture::form).for_each(|drawing| hash.update(drawing.digest));
    let mut id = [0; 16];
    id.copy_from_slice(&hash.finalize()[..16]);
    if meta.tagged {
        buffer.extend(colour_profile);
    }
    buffer.extend(&artwork.forms.buffer);
    fonts.shared().for_each(|font| buffer.extend(&font.buffer));
    Ok(assemble(&buffer, CATALOG, INFO, &id))
}

/// Writes the structure tree of a file of one page, its elements numbered from `first`.
fn write_tree(tree: &StructureTree, objects: &mut ObjectStream, first: i32) {
    tree.write(objects, TREE, PAGE_OBJECT, first);
    let out = objects.object(TREE);
    let _infallible =
        write!(out, "<</Type/StructTreeRoot/K {first} 0 R/ParentTreeNextKey 1/ParentTree<</Nums[0");
    tree.write_owners(out, first);
    out.extend_from_slice(b"]>>>>");
}
