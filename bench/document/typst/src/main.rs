//! Draws the benchmark page with typst: one source, each ticket's data in a JSON file of its own. Modes: `plain`
//! (tagged, the default) compiles without a cache between tickets and has the code as SVG; `tuned` keeps typst's cache,
//! has the code as PNG and writes no tags; `tuned-tagged` is PDF/A-2a and PDF/UA-1. All modes use zlib-rs for Deflate
//! and mimalloc as the allocator.

use std::fmt::Write as _;

use anyhow::{Context as _, Result, anyhow};
use bench_common::{Page, asked, modules, runs, serve};
use flate2 as _;
use typst::diag::{FileError, FileResult};
use typst::foundations::{Bytes, Datetime, Duration};
use typst::syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot};
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;
use typst::{Library, LibraryExt as _, World};
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, PdfStandard, PdfStandards};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

struct Desk {
    library: LazyHash<Library>,
    book: LazyHash<FontBook>,
    fonts: Vec<Font>,
    main: Source,
    page: (FileId, Bytes),
    code: (FileId, Bytes),
}

impl World for Desk {
    fn library(&self) -> &LazyHash<Library> {
        &self.library
    }
    fn book(&self) -> &LazyHash<FontBook> {
        &self.book
    }
    fn main(&self) -> FileId {
        self.main.id()
    }
    fn source(&self, id: FileId) -> FileResult<Source> {
        if id == self.main.id() { Ok(self.main.clone()) } else { Err(FileError::NotSource) }
    }
    fn file(&self, id: FileId) -> FileResult<Bytes> {
        let known = [&self.page, &self.code].into_iter().find(|(known, _)| *known == id);
        known.map(|(_, bytes)| bytes.clone()).ok_or(FileError::AccessDenied)
    }
    fn font(&self, index: usize) -> Option<Font> {
        self.fonts.get(index).cloned()
    }
    fn today(&self, _: Option<Duration>) -> Option<Datetime> {
        None
    }
}

fn id(name: &str) -> Result<FileId> {
    let path = VirtualPath::new(name).map_err(|error| anyhow!("{error:?}"))?;
    Ok(FileId::new(RootedPath::new(VirtualRoot::Project, path)))
}

fn main() -> Result<()> {
    let asked = asked()?;
    let tuned = asked.mode.starts_with("tuned");
    let load = |bytes: &Vec<u8>| Font::new(Bytes::new(bytes.clone()), 0).context("the font");
    let fonts = vec![load(&asked.regular)?, load(&asked.bold)?];
    let code_name = if tuned { "code.png" } else { "code.svg" };
    let mut desk = Desk {
        library: LazyHash::new(Library::default()),
        book: LazyHash::new(FontBook::from_fonts(&fonts)),
        fonts,
        main: Source::new(id("main.typ")?, include_str!("page.typ").to_owned()),
        page: (id("page.json")?, Bytes::from_string("")),
        code: (id(code_name)?, Bytes::from_string("")),
    };
    let standards: &[PdfStandard] =
        if asked.mode == "tuned-tagged" { &[PdfStandard::A_2a, PdfStandard::Ua_1] } else { &[] };
    let options = PdfOptions {
        standards: PdfStandards::new(standards).map_err(|error| anyhow!("{error:?}"))?,
        tagged: asked.mode != "tuned",
        ..PdfOptions::default()
    };
    serve(|number| {
        let page = asked.page.numbered(number);
        let code = modules(&page.code.text)?;
        desk.code.1 =
            if tuned { Bytes::new(png_of(&code)?) } else { Bytes::new(svg_of(&code)?.into_bytes()) };
        desk.page.1 = Bytes::new(data(&page, code_name)?);
        let document = typst::compile::<PagedDocument>(&desk).output.map_err(|error| anyhow!("{error:?}"))?;
        let pdf = typst_pdf::pdf(&document, &options).map_err(|error| anyhow!("{error:?}"))?;
        comemo::evict(if tuned { 10 } else { 0 });
        Ok(pdf)
    })
}

fn data(page: &Page, code: &str) -> Result<Vec<u8>> {
    let mut value = serde_json::to_value(page)?;
    value["code"]["file"] = code.into();
    Ok(serde_json::to_vec(&value)?)
}

fn svg_of(modules: &[Vec<bool>]) -> Result<String> {
    let size = modules.len();
    let mut out = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" shape-rendering="crispEdges"><path d=""#
    );
    for (x, y, length) in runs(modules) {
        write!(out, "M{x} {y}h{length}v1h-{length}z")?;
    }
    out.push_str(r#""/></svg>"#);
    Ok(out)
}

/// The code as a PNG of one pixel per module.
fn png_of(modules: &[Vec<bool>]) -> Result<Vec<u8>> {
    let side = u32::try_from(modules.len())?;
    let pixels: Vec<u8> = modules.iter().flatten().map(|dark| if *dark { 0 } else { 255 }).collect();
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fastest);
    encoder.write_header()?.write_image_data(&pixels)?;
    Ok(out)
}
