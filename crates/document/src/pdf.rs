//! The file: the page's content, its fonts, its structure and its metadata, as PDF/A-2a and PDF/UA-1 at once.

use jiff::tz::Offset;
use pdf_writer::types::{OutputIntentSubtype, TabOrder};
use pdf_writer::writers::{Catalog, DocumentInfo, Page, Pages};
use pdf_writer::{Date, Name, Rect, Ref, TextStr};
use sha2::{Digest, Sha256};

use crate::boxes::{Canvas, PAGE};
use crate::common::Common;
use crate::embed::Fonts;
use crate::face::{Face, FontError};
use crate::file::{Pack, Part, assemble, deflate, deflate_once};
use crate::tags::Tree;
use crate::{content, icc, xmp};

/// What the file says of itself.
pub(crate) struct Meta<'a> {
    pub(crate) title: String,
    pub(crate) author: Option<String>,
    pub(crate) language: &'a str,
    pub(crate) issued_at: jiff::Timestamp,
    pub(crate) creator: &'a str,
    pub(crate) version: &'a str,
}

/// Objects with fixed numbers. Those of the shared fonts follow, then those of the page's own fonts and of its tree.
const CATALOG: Ref = Ref::new(1);
const PAGES: Ref = Ref::new(2);
const PAGE_OBJECT: Ref = Ref::new(3);
const INFO: Ref = Ref::new(4);
const METADATA: Ref = Ref::new(5);
const PROFILE: Ref = Ref::new(6);
const TREE: Ref = Ref::new(7);
const CONTENT: Ref = Ref::new(8);
const PACK: Ref = Ref::new(9);

/// What every file has, compressed once: the colour profile.
pub(crate) fn shared() -> Part {
    let mut part = Part::default();
    part.packed_stream(PROFILE, "/N 3", &icc::srgb(), deflate_once);
    part
}

/// Writes the file.
pub(crate) fn write(
    canvas: &Canvas,
    faces: &[Face],
    commons: &[Common],
    shared: &Part,
    meta: &Meta<'_>,
) -> Result<Vec<u8>, FontError> {
    let mut fonts = Fonts::new(faces, commons);
    let mut tree = Tree::new();
    let content = content::draw(canvas, &mut fonts, &mut tree);
    let (mut part, mut pack) = (Part::default(), Pack::default());
    part.packed_stream(CONTENT, "", &content, deflate);
    part.stream(METADATA, "/Type/Metadata/Subtype/XML", xmp::packet(meta).as_bytes());

    let mut next = Common::after(commons.len());
    let names = fonts.write(&mut part, &mut pack, &mut next)?;
    tree.write(&mut pack, TREE, PAGE_OBJECT, next);
    pack.write(CATALOG, |object| {
        let mut root: Catalog<'_> = object.start();
        root.pages(PAGES).lang(TextStr(meta.language)).metadata(METADATA);
        root.viewer_preferences().display_doc_title(true);
        root.mark_info().marked(true);
        root.pair(Name(b"StructTreeRoot"), TREE);
        let mut intents = root.output_intents();
        let mut intent = intents.push();
        intent.subtype(OutputIntentSubtype::PDFA).output_condition_identifier(TextStr("sRGB"));
        intent.info(TextStr("sRGB")).dest_output_profile(PROFILE);
    });
    pack.write(PAGES, |object| {
        object.start::<Pages<'_>>().kids([PAGE_OBJECT]).count(1);
    });
    pack.write(PAGE_OBJECT, |object| {
        let mut page: Page<'_> = object.start();
        page.parent(PAGES).media_box(Rect::new(0.0, 0.0, PAGE.0, PAGE.1)).contents(CONTENT);
        page.struct_parents(0).tab_order(TabOrder::StructureOrder);
        let mut resources = page.resources();
        let mut dict = resources.fonts();
        for (name, font) in &names {
            dict.pair(Name(name.as_bytes()), *font);
        }
    });
    pack.write(INFO, |object| {
        let mut about: DocumentInfo<'_> = object.start();
        about.title(TextStr(&meta.title)).creator(TextStr(meta.creator)).producer(TextStr(meta.version));
        if let Some(author) = &meta.author {
            about.author(TextStr(author));
        }
        if let Some(date) = date(meta.issued_at) {
            about.creation_date(date).modified_date(date);
        }
    });
    part.pack(PACK, &pack, deflate);
    // Everything that tells this page from others is in the part by now.
    let mut hash = Sha256::new();
    hash.update(meta.version);
    hash.update(part.bytes());
    let mut id = [0; 16];
    id.copy_from_slice(&hash.finalize()[..16]);
    part.extend(shared);
    fonts.shared().for_each(|font| part.extend(font));
    Ok(assemble(&part, CATALOG, INFO, &id))
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
