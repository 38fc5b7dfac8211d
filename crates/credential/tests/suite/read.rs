//! Tests that codes are found in pictures and PDF files drawn here.

use crate::common::{NOW, code, key, keys};
use fast_qr::{ECL, QRBuilder};
use fulfillment_credential::read::{
    MAX_FILE_BYTES, MAX_PAGES, ReadError, codes_in_jpeg, codes_in_pdf, codes_in_png, read_qr,
};
use fulfillment_credential::{VerifyOptions, sign, verify};
use pdf_writer::{Content, Name, Pdf, Rect, Ref};
use proptest::prelude::*;

/// The dark modules of a symbol, row by row.
fn modules(text: &str) -> Vec<Vec<bool>> {
    let symbol = QRBuilder::new(text).ecl(ECL::M).build().unwrap();
    (0..symbol.size).map(|row| symbol[row].iter().map(|module| module.value()).collect()).collect()
}

/// A symbol with its quiet zone, each module `scale` pixels wide.
fn picture(text: &str, scale: usize) -> (usize, Vec<u8>) {
    let modules = modules(text);
    let side = (modules.len() + 8) * scale;
    let dark = |x: usize, y: usize| {
        let at = |v: usize| (v / scale).checked_sub(4);
        at(y).zip(at(x)).is_some_and(|(y, x)| modules.get(y).and_then(|row| row.get(x)) == Some(&true))
    };
    let luma = (0..side * side).map(|i| if dark(i % side, i / side) { 0 } else { 255 }).collect();
    (side, luma)
}

fn png(side: usize, color: png::ColorType, data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let side = u32::try_from(side).unwrap();
    let mut encoder = png::Encoder::new(&mut bytes, side, side);
    encoder.set_color(color);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header().unwrap().write_image_data(data).unwrap();
    bytes
}

/// A file with one A4 page for each list of (code, left, bottom, side in points).
fn pdf(pages: &[Vec<(&str, f32, f32, f32)>]) -> Vec<u8> {
    let mut pdf = Pdf::new();
    let id = |n: usize| Ref::new(i32::try_from(n).unwrap());
    let (catalog, tree) = (id(1), id(2));
    pdf.catalog(catalog).pages(tree);
    let page_ids = (0..pages.len()).map(|i| id(3 + 2 * i));
    pdf.pages(tree).kids(page_ids).count(i32::try_from(pages.len()).unwrap());
    for (i, codes) in pages.iter().enumerate() {
        let mut content = Content::new();
        for (text, left, bottom, side) in codes {
            let modules = modules(text);
            let width = side / f32::from(u16::try_from(modules.len()).unwrap());
            let at = |n: usize| width * f32::from(u16::try_from(n).unwrap());
            for (y, row) in modules.iter().enumerate() {
                for (x, _) in row.iter().enumerate().filter(|(_, dark)| **dark) {
                    content.rect(left + at(x), bottom + side - at(y + 1), width, width);
                }
            }
            content.fill_nonzero();
        }
        pdf.stream(id(4 + 2 * i), &content.finish());
        let mut page = pdf.page(id(3 + 2 * i));
        page.parent(tree).media_box(Rect::new(0.0, 0.0, 595.0, 842.0)).contents(id(4 + 2 * i)).resources();
    }
    pdf.finish()
}

#[test]
fn a_picture_of_a_code_reads_back() {
    for scale in [2, 3, 7] {
        let (side, luma) = picture(&code(), scale);
        assert_eq!(read_qr(side, side, &luma), Ok(vec![code()]), "{scale} pixels a module");
    }
    assert_eq!(read_qr(100, 100, &[255; 10_000]), Ok(vec![]));
    assert_eq!(read_qr(0, 0, &[]), Ok(vec![]));
    assert_eq!(read_qr(2, 2, &[0; 3]), Err(ReadError::Dimensions { width: 2, height: 2, given: 3 }));
    assert!(matches!(read_qr(usize::MAX, 2, &[0; 3]), Err(ReadError::Dimensions { .. })));
}

#[test]
fn every_kind_of_png_is_read() {
    let (side, luma) = picture(&code(), 4);
    let each = |f: fn(u8) -> Vec<u8>| luma.iter().flat_map(|l| f(*l)).collect::<Vec<u8>>();
    let kinds = [
        (png::ColorType::Grayscale, luma.clone()),
        (png::ColorType::GrayscaleAlpha, each(|l| vec![0, 255 - l])),
        (png::ColorType::Rgb, each(|l| vec![l / 2 + 20, l, l])),
        (png::ColorType::Rgba, each(|l| vec![0, 0, 0, 255 - l])),
    ];
    for (color, data) in kinds {
        assert_eq!(codes_in_png(&png(side, color, &data)), Ok(vec![code()]), "{color:?}");
    }
    let mut bytes = Vec::new();
    let width = u32::try_from(side).unwrap();
    let mut encoder = png::Encoder::new(&mut bytes, width, width);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_palette(vec![255, 255, 255, 30, 0, 60]);
    let data: Vec<u8> = luma.iter().map(|l| u8::from(*l == 0)).collect();
    encoder.write_header().unwrap().write_image_data(&data).unwrap();
    assert_eq!(codes_in_png(&bytes), Ok(vec![code()]), "palette");
}

#[test]
fn an_inverted_picture_reads_back() {
    let (side, luma) = picture(&code(), 3);
    let inverted: Vec<u8> = luma.iter().map(|l| 255 - l).collect();
    assert_eq!(read_qr(side, side, &inverted), Ok(vec![code()]));
    assert_eq!(codes_in_png(&png(side, png::ColorType::Grayscale, &inverted)), Ok(vec![code()]));
    assert_eq!(read_qr(100, 100, &[0; 10_000]), Ok(vec![]));
}

/// Drawn at `tenths` tenths of a pixel per module, offset by `from` tenths; each pixel has its share of dark area.
fn small_picture(text: &str, tenths: usize, from: usize) -> (usize, Vec<u8>) {
    let (fine, luma) = picture(text, tenths);
    let side = (fine + from).div_ceil(10) + 1;
    let dark = |x: usize, y: usize| {
        let at = |v: usize| v.checked_sub(from).filter(|v| *v < fine);
        at(x).zip(at(y)).map_or(0, |(x, y)| usize::from(luma[y * fine + x] == 0))
    };
    let pixel = |i: usize| {
        let (x, y) = (i % side * 10, i / side * 10);
        let sum: usize = (0..100).map(|part| dark(x + part % 10, y + part / 10)).sum();
        u8::try_from(255 - 255 * sum / 100).unwrap()
    };
    (side, (0..side * side).map(pixel).collect())
}

#[test]
fn a_page_as_a_screen_shows_it_reads_back() {
    // At 50 dots per inch, the code of a ticket has at least 1.5 pixels per module, wherever its edges fall.
    for tenths in [15, 17, 20] {
        for from in [0, 3, 7] {
            let (side, luma) = small_picture(&code(), tenths, from);
            let file = png(side, png::ColorType::Grayscale, &luma);
            assert_eq!(codes_in_png(&file), Ok(vec![code()]), "{tenths} tenths from {from}");
        }
    }
}

#[test]
fn photographs_are_read() {
    let vectors: serde_json::Value =
        serde_json::from_slice(&std::fs::read(crate::vectors::docs("qr-vectors.json")).unwrap()).unwrap();
    let example = vectors["cases"][0]["code"].as_str().unwrap().to_owned();
    for (name, file) in [
        ("colour", &include_bytes!("code-colour.jpg")[..]),
        ("grey, progressive", include_bytes!("code-progressive.jpg")),
        ("inverted", include_bytes!("code-inverted.jpg")),
    ] {
        assert_eq!(codes_in_jpeg(file), Ok(vec![example.clone()]), "{name}");
    }
}

#[test]
fn a_ticket_is_verified_from_its_file() {
    let file = pdf(&[vec![(&code(), 400.0, 600.0, 110.0)]]);
    let found = codes_in_pdf(&file).unwrap();
    assert_eq!(found, [code()]);
    assert!(verify(&found[0], &keys(), NOW, &VerifyOptions::default()).is_valid());
}

#[test]
fn a_small_code_is_found_at_the_finer_resolution() {
    // 1.6 cm for 45 modules: 2.1 pixels per module at 150 dots per inch, 4.2 at 300.
    assert_eq!(codes_in_pdf(&pdf(&[vec![(&code(), 300.3, 200.7, 45.0)]])), Ok(vec![code()]));
}

#[test]
fn codes_come_in_the_order_of_their_pages_each_once() {
    let other =
        sign(&key(), &fulfillment_credential::Claims { generation: 2, ..crate::common::claims() }).unwrap();
    let file = pdf(&[
        vec![(&other, 100.0, 600.0, 110.0)],
        vec![],
        vec![(&code(), 100.0, 100.0, 110.0), (&other, 100.0, 600.0, 110.0)],
    ]);
    assert_eq!(codes_in_pdf(&file), Ok(vec![other, code()]));
    assert_eq!(codes_in_pdf(&pdf(&[vec![]])), Ok(vec![]));
}

#[test]
fn text_and_metadata_are_no_codes() {
    let mut pdf = Pdf::new();
    let (catalog, tree, page, content) = (Ref::new(1), Ref::new(2), Ref::new(3), Ref::new(4));
    pdf.catalog(catalog).pages(tree);
    pdf.pages(tree).kids([page]).count(1);
    pdf.page(page).parent(tree).media_box(Rect::new(0.0, 0.0, 595.0, 842.0)).contents(content);
    let mut text = Content::new();
    text.begin_text().set_font(Name(b"F"), 12.0).show(pdf_writer::Str(code().as_bytes())).end_text();
    pdf.stream(content, &text.finish());
    pdf.document_info(Ref::new(5)).title(pdf_writer::TextStr(&code()));
    assert_eq!(codes_in_pdf(&pdf.finish()), Ok(vec![]));
}

#[test]
fn limits_hold() {
    let too_large = |result| matches!(result, Err(ReadError::TooLarge(_)));
    assert!(too_large(codes_in_pdf(&vec![0; MAX_FILE_BYTES + 1])));
    assert!(too_large(codes_in_png(&vec![0; MAX_FILE_BYTES + 1])));
    assert!(too_large(codes_in_pdf(&pdf(&vec![vec![]; MAX_PAGES + 1]))));

    // A picture that claims 100,000 pixels per side.
    let mut huge = png(30, png::ColorType::Grayscale, &[255; 900]);
    huge[16..24].copy_from_slice(&[0, 1, 0x86, 0xa0, 0, 1, 0x86, 0xa0]);
    let checksum = crc32(&huge[12..29]);
    huge[29..33].copy_from_slice(&checksum.to_be_bytes());
    assert!(too_large(codes_in_png(&huge)));

    // The same of a JPEG: 65,500 pixels per side, in its frame header.
    assert!(too_large(codes_in_jpeg(&vec![0; MAX_FILE_BYTES + 1])));
    let mut huge = include_bytes!("code-colour.jpg").to_vec();
    let frame = huge.windows(2).position(|w| w == [0xFF, 0xC0]).unwrap();
    huge[frame + 5..frame + 9].copy_from_slice(&[0xFF, 0xDC, 0xFF, 0xDC]);
    assert!(too_large(codes_in_jpeg(&huge)));

    // A page of 14 km per side, and one without a size.
    for media_box in ["0 0 40000000 40000000", "0 0 0 0", "0 0 1 900000", "a b c d"] {
        let file = pdf(&[vec![(&code(), 100.0, 100.0, 110.0)]]);
        let answer = codes_in_pdf(&replaced(&file, "0 0 595 842", media_box));
        assert!(
            answer.is_ok() || matches!(answer, Err(ReadError::Unreadable { .. })),
            "{media_box}: {answer:?}"
        );
    }
}

/// The file with `old`, which must be in it, replaced; its table of offsets stays as it was.
fn replaced(file: &[u8], old: &str, new: &str) -> Vec<u8> {
    let at = file.windows(old.len()).position(|w| w == old.as_bytes()).unwrap();
    [&file[..at], new.as_bytes(), &file[at + old.len()..]].concat()
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |c, _| (c >> 1) ^ (0xedb8_8320 & 0_u32.wrapping_sub(c & 1)))
    })
}

#[test]
fn other_files_are_refused_with_a_reason() {
    for bytes in [&b""[..], b"TK1:ABC", b"%PDF-1.7\n%%EOF", b"\x89PNG\r\n\x1a\n", &[0xff; 5_000]] {
        assert!(matches!(codes_in_png(bytes), Err(ReadError::Unreadable { kind: "PNG", .. })), "{bytes:?}");
        assert!(matches!(codes_in_pdf(bytes), Err(ReadError::Unreadable { kind: "PDF", .. })), "{bytes:?}");
        assert!(matches!(codes_in_jpeg(bytes), Err(ReadError::Unreadable { kind: "JPEG", .. })), "{bytes:?}");
    }
}

#[test]
fn nesting_and_circles_do_not_end_the_process() {
    let file = replaced(&pdf(&[vec![("A", 0.0, 0.0, 50.0)]]), "0 0 595 842", "0 0 060 060");
    let answered = |old: &str, new: &str| {
        // Any result will do, as long as there is one.
        let _: Result<_, ReadError> = codes_in_pdf(&replaced(&file, old, new));
    };
    for (open, close) in [("[", "]"), ("<</A ", ">>"), ("(", ")"), ("{", "}")] {
        let deep = open.repeat(20_000) + &close.repeat(20_000);
        answered("/Resources <<>>", &format!("/Resources <</Font {deep}>>"));
        answered("/MediaBox", &format!("/Rotate {deep} /MediaBox"));
        answered("stream\n", &format!("stream\n{deep} n "));
        answered("trailer\n<<", &format!("trailer\n<</Info {deep}"));
    }
    answered("/Kids [3 0 R]", "/Kids [2 0 R]");
    answered("/Contents 4 0 R", "/Contents 3 0 R");
    answered(
        "/Length",
        "/Type/XObject /Subtype/Form /BBox[0 0 99 99] /Resources<</XObject<</X 4 0 R>>>> /Length",
    );
    answered("/Resources <<>>", "/Resources <</XObject<</X 4 0 R>>>>");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    #[test]
    fn damaged_files_get_an_answer(damage in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..40)) {
        let (side, luma) = picture(&code(), 2);
        let small = replaced(&pdf(&[vec![("TK1:SMALL", 0.0, 0.0, 50.0)]]), "0 0 595 842", "0 0 060 060");
        for (read, mut file) in [
            (codes_in_png as fn(&[u8]) -> _, png(side, png::ColorType::Grayscale, &luma)),
            (codes_in_pdf, small),
            (codes_in_jpeg, include_bytes!("code-colour.jpg").to_vec()),
            (codes_in_jpeg, include_bytes!("code-progressive.jpg").to_vec()),
        ] {
            for (at, value) in &damage {
                let at = at % file.len();
                file[at] = *value;
            }
            let _: Result<Vec<String>, ReadError> = read(&file);
        }
    }
}
