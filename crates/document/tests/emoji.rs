//! Emoji in names are drawn as pictures, shared by the pages of a file, and can still be extracted as text.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test's helper fails its test")]

mod tools;

use fulfillment_document::{PdfRenderer, Renderer, TicketPage, sample};
use tools::{flat, noto, run, saved, text};

fn named(name: &str) -> TicketPage {
    TicketPage { holder_name: Some(name.to_owned()), ..sample::ticket() }
}

/// How many pictures the file has, without their masks.
fn pictures(pdf: &[u8]) -> usize {
    let (_folder, path) = saved(pdf);
    let list = run("poppler-utils", "pdfimages", &["-list", &path]);
    let rows = list.lines().skip(2).map(|row| row.split_whitespace().collect::<Vec<_>>());
    // An object that is used in several places is listed several times and counted once.
    let objects = rows.filter(|row| row[2] == "image").map(|row| row[10].to_owned());
    objects.collect::<std::collections::BTreeSet<_>>().len()
}

/// How many pixels of the page have a colour; the sample ticket is black, white and grey.
fn coloured(pdf: &[u8]) -> usize {
    let (folder, path) = saved(pdf);
    let image = folder.path().join("page");
    run("poppler-utils", "pdftoppm", &["-r", "110", "-singlefile", &path, image.to_str().unwrap()]);
    let pixels = std::fs::read(image.with_extension("ppm")).unwrap();
    let pixels = &pixels[pixels.windows(4).position(|window| window == b"255\n").unwrap() + 4..];
    pixels
        .chunks_exact(3)
        .filter(|pixel| pixel.iter().max().unwrap() - pixel.iter().min().unwrap() > 40)
        .count()
}

#[test]
fn an_emoji_is_one_picture_and_its_text() {
    let renderer = noto();
    let plain = renderer.render(&named("Anna Lee")).unwrap().pdf;
    assert_eq!((pictures(&plain), coloured(&plain)), (0, 0));
    for (name, count) in [
        ("Anna 🎉 Lee", 1),
        ("🎉🎉", 1),
        ("a skin tone 👋🏾", 1),
        ("joined 👩🏽\u{200D}🚀", 1),
        ("a flag 🇩🇪", 1),
        ("a keycap 7\u{FE0F}\u{20E3}", 1),
        ("❤\u{FE0F} two 🎸", 2),
        ("שלום 😀 עולם", 1),
    ] {
        let drawn = renderer.render(&named(name)).unwrap();
        assert_eq!(drawn.missing, [], "{name}");
        assert_eq!(pictures(&drawn.pdf), count, "{name}");
        assert!(coloured(&drawn.pdf) > 40 * count, "{name}: {} pixels", coloured(&drawn.pdf));
        assert!(text(&drawn.pdf).contains(name), "{name} is not in {}", text(&drawn.pdf));
        assert!(renderer.render(&named(name)).unwrap().pdf == drawn.pdf, "the same again");
    }
}

#[test]
fn an_order_has_each_emoji_once() {
    let mut file = Vec::new();
    noto().render_order(&mut vec![named("Anna 🎉 Lee"); 5].into_iter(), &mut file).unwrap();
    assert_eq!(pictures(&file), 1);
    let (_folder, path) = saved(&file);
    run("qpdf", "qpdf", &["--check", &path]);
    assert_eq!(flat(&file).matches("Anna 🎉 Lee").count(), 5);
}

#[test]
fn what_has_no_picture_is_reported() {
    let drawn = PdfRenderer::new(Vec::new()).unwrap().render(&named("Anna 🎉 Lee")).unwrap();
    assert_eq!(drawn.missing, ['🎉']);
    assert!(text(&drawn.pdf).contains("Anna 🎉 Lee"), "the text can still be copied");
    // A font whose pictures are damaged.
    let mut font = std::fs::read("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf").unwrap();
    let record = font.windows(4).position(|tag| tag == b"CBDT").unwrap();
    let number = |at: usize| u32::from_be_bytes(font[at..at + 4].try_into().unwrap()) as usize;
    let (start, length) = (number(record + 8), number(record + 12));
    font[start + 4..start + length].fill(0);
    let drawn = PdfRenderer::new(vec![font]).unwrap().render(&named("Anna 🎉 Lee")).unwrap();
    assert_eq!((drawn.missing, pictures(&drawn.pdf)), (vec!['🎉'], 0));
    assert!(text(&drawn.pdf).contains("Anna 🎉 Lee"));
}
