//! Compares pages drawn by two rasterisers, poppler and `MuPDF`, with reference pictures that a person has approved.
//!
//! The measure is structural similarity (Wang, Bovik, Sheikh, Simoncelli 2004) in blocks of 8 by 8 pixels at 50 dots an
//! inch. The worst region of 5 by 5 blocks counts: a page is mostly blank, and a lost line would not show in a mean.
//! After an intended change, `UPDATE=1 cargo test -p fulfillment-document --test raster` draws the pictures again; look
//! at them before they are committed.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test's helper fails its test")]
#![expect(clippy::cast_precision_loss, reason = "counts of pixels are small")]

#[expect(dead_code, reason = "some of them are for other tests")]
mod tools;

use std::path::{Path, PathBuf};

use fulfillment_document::{
    Branding, CompiledTemplate, PdfRenderer, Renderer, Shipped, TemplateBundle, TicketPage, sample,
};
use tools::{noto, run, saved};

/// Drawn at this many dots an inch, and halved.
const DPI: &str = "100";
/// A block's side, in pixels, and a region's, in blocks.
const BLOCK: usize = 8;
const REGION: usize = 5;
/// The minimum similarity of the worst region. Versions of one rasteriser differ by a little anti-aliasing, two
/// rasterisers by so much that they are compared at half the resolution.
const POPPLER: f64 = 0.95;
const MUPDF: f64 = 0.85;

/// A picture in shades of grey, row by row.
struct Grey {
    width: usize,
    height: usize,
    pixels: Vec<f64>,
}

impl Grey {
    fn read(path: &Path) -> Self {
        let mut decoder = png::Decoder::new(std::io::BufReader::new(std::fs::File::open(path).unwrap()));
        decoder.set_transformations(png::Transformations::normalize_to_color8());
        let mut reader = decoder.read_info().unwrap();
        let mut buffer = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut buffer).unwrap();
        // Grey is in one channel, or equal in three.
        let pixels = buffer[..info.buffer_size()].chunks(info.color_type.samples());
        let pixels = pixels.map(|channels| f64::from(channels[0])).collect();
        let (width, height) = (info.width as usize, info.height as usize);
        Self { width, height, pixels }
    }

    fn write(&self, path: &Path) {
        let file = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
        let (width, height) = (u32::try_from(self.width).unwrap(), u32::try_from(self.height).unwrap());
        let mut encoder = png::Encoder::new(file, width, height);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_compression(png::Compression::High);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 255")]
        let bytes: Vec<u8> = self.pixels.iter().map(|grey| grey.round() as u8).collect();
        encoder.write_header().unwrap().write_image_data(&bytes).unwrap();
    }

    /// Half as wide and half as high; an odd row or column is left out.
    fn halved(&self) -> Self {
        let (width, height) = (self.width / 2, self.height / 2);
        let mean = |x: usize, y: usize| {
            let at = |dx, dy| self.pixels[(2 * y + dy) * self.width + 2 * x + dx];
            (at(0, 0) + at(1, 0) + at(0, 1) + at(1, 1)) / 4.0
        };
        let pixels =
            (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).map(|(x, y)| mean(x, y)).collect();
        Self { width, height, pixels }
    }

    fn block(&self, x: usize, y: usize) -> impl Iterator<Item = f64> {
        let rows = (0..BLOCK).map(move |row| (y * BLOCK + row) * self.width + x * BLOCK);
        rows.flat_map(|start| self.pixels[start..start + BLOCK].iter().copied())
    }

    /// The similarity of the least similar region, and where it is, in blocks.
    fn likeness(&self, other: &Self) -> (f64, (usize, usize)) {
        assert!(self.width.abs_diff(other.width) <= 1 && self.height.abs_diff(other.height) <= 1);
        let (wide, high) = (self.width.min(other.width) / BLOCK, self.height.min(other.height) / BLOCK);
        let blocks: Vec<f64> = (0..high)
            .flat_map(|y| (0..wide).map(move |x| (x, y)))
            .map(|(x, y)| similarity(self.block(x, y), other.block(x, y)))
            .collect();
        let region = |x: usize, y: usize| {
            let rows = (y..y + REGION).map(|row| row * wide + x);
            rows.flat_map(|start| &blocks[start..start + REGION]).sum::<f64>() / (REGION * REGION) as f64
        };
        (0..=high - REGION)
            .flat_map(|y| (0..=wide - REGION).map(move |x| (x, y)))
            .map(|(x, y)| (region(x, y), (x, y)))
            .min_by(|a, b| a.0.total_cmp(&b.0))
            .unwrap()
    }
}

/// The similarity of two blocks: from -1 to 1, which means equal.
fn similarity(one: impl Iterator<Item = f64>, other: impl Iterator<Item = f64>) -> f64 {
    const C1: f64 = (0.01 * 255.0) * (0.01 * 255.0);
    const C2: f64 = (0.03 * 255.0) * (0.03 * 255.0);
    let pairs: Vec<(f64, f64)> = one.zip(other).collect();
    let mean = |f: &dyn Fn(&(f64, f64)) -> f64| pairs.iter().map(f).sum::<f64>() / pairs.len() as f64;
    let (a, b) = (mean(&|p| p.0), mean(&|p| p.1));
    let (aa, bb) = (mean(&|p| (p.0 - a).powi(2)), mean(&|p| (p.1 - b).powi(2)));
    let ab = mean(&|p| (p.0 - a) * (p.1 - b));
    (2.0 * a * b + C1) * (2.0 * ab + C2) / ((a * a + b * b + C1) * (aa + bb + C2))
}

fn poppler(pdf: &str, out: &str) -> Grey {
    run("poppler-utils", "pdftoppm", &["-png", "-gray", "-singlefile", "-r", DPI, pdf, out]);
    Grey::read(&PathBuf::from(format!("{out}.png"))).halved()
}

fn mupdf(pdf: &str, out: &str) -> Grey {
    let out = format!("{out}.mu.png");
    run("mupdf-tools", "mutool", &["draw", "-q", "-c", "gray", "-r", DPI, "-o", &out, pdf, "1"]);
    Grey::read(Path::new(&out)).halved()
}

fn pages(renderer: &PdfRenderer) -> Vec<(String, Vec<u8>)> {
    let mut pages = Vec::new();
    for shipped in Shipped::ALL {
        for (name, page) in
            [("full", sample::ticket()), ("arabic", sample::arabic()), ("japanese", sample::japanese())]
        {
            let page = TicketPage { template: Some(shipped.bundle().hash()), ..page };
            pages.push((format!("{}-{name}", shipped.name()), renderer.render(&page).unwrap().pdf));
        }
    }
    let template = |bundle: &TemplateBundle| Some(renderer.keep(CompiledTemplate::new(bundle).unwrap()));
    let logo = include_bytes!("logo.svg").to_vec();
    let branding = Branding { logo: Some(logo.clone()), ..Branding::default() };
    let branded = Shipped::A4.bundle().branded(&branding).unwrap();
    let page = TicketPage { template: template(&branded), ..sample::ticket() };
    pages.push(("a4-drawing".to_owned(), renderer.render(&page).unwrap().pdf));
    // Large enough for each of its parts to count.
    let json = r#"{"format": 1, "page": {"width": 120, "height": 80},
        "elements": [{"type": "image", "file": "logo", "x": 0, "y": 0, "width": 120, "height": 80}]}"#;
    let alone = TemplateBundle { json: json.to_owned(), files: [("logo".to_owned(), logo)].into() };
    let page = TicketPage { template: template(&alone), ..sample::ticket() };
    pages.push(("drawing".to_owned(), renderer.render(&page).unwrap().pdf));
    pages
}

#[test]
fn pages_look_as_they_did() {
    #[expect(clippy::disallowed_methods, reason = "a switch for whoever runs this test")]
    let update = std::env::var("UPDATE").is_ok();
    let references = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/references");
    let mut failed = Vec::new();
    for (name, pdf) in pages(&noto()) {
        let (_folder, path) = saved(&pdf);
        let (by_poppler, by_mupdf) = (poppler(&path, &path), mupdf(&path, &path));
        let reference = references.join(format!("{name}.png"));
        if update {
            by_poppler.write(&reference);
        }
        let reference = Grey::read(&reference);
        let smoothed = (by_mupdf.halved(), reference.halved());
        for (rasteriser, (likeness, (x, y)), least) in [
            ("poppler", by_poppler.likeness(&reference), POPPLER),
            ("MuPDF", smoothed.0.likeness(&smoothed.1), MUPDF),
        ] {
            println!("{name} by {rasteriser}: {likeness:.3} at block {x}, {y}");
            if likeness < least {
                failed.push(format!("{name} by {rasteriser}: {likeness:.3} around block {x}, {y}"));
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

/// The measure detects what a person would see: another digit, a box moved by two millimetres, a lost line.
#[test]
fn a_change_that_shows_is_noticed() {
    let renderer = noto();
    let draw = |page: &TicketPage, template: &str| {
        let template = CompiledTemplate::new(&TemplateBundle::new(template)).unwrap();
        let (_folder, path) = saved(&renderer.draw(&template, page).unwrap().pdf);
        poppler(&path, &path)
    };
    let json = Shipped::A4.bundle().json;
    let right = draw(&sample::ticket(), &json);
    assert!(right.likeness(&draw(&sample::ticket(), &json)).0 > 0.999);
    let seat = TicketPage { seat: "8".to_owned(), ..sample::ticket() };
    let unnamed = TicketPage { holder_name: None, ..sample::ticket() };
    // The differences between two rasterisers hide one digit, but nothing larger.
    for (what, wrong, between_two) in [
        ("another seat", draw(&seat, &json), false),
        ("no name", draw(&unnamed, &json), true),
        ("the code two millimetres lower", draw(&sample::ticket(), &json.replace("158.47", "160.47")), true),
    ] {
        let (fine, coarse) = (right.likeness(&wrong).0, right.halved().likeness(&wrong.halved()).0);
        assert!(fine < POPPLER && (coarse < MUPDF || !between_two), "{what}: {fine:.3}, {coarse:.3}");
    }
}
