//! Tests what the renderer draws with the fonts found on a machine, and with the same fonts from elsewhere.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use fulfillment_document::{FontError, PdfRenderer, RenderError, Renderer as _, TicketPage, sample};
use fulfillment_fonts::{USUAL_FOLDERS, installed, named};

#[test]
fn a_font_that_goes_or_changes_stops_the_page_that_needs_it() {
    let file = Path::new("/usr/share/fonts/truetype/noto/NotoSansHebrew-Regular.ttf");
    let mut bytes = std::fs::read(file).expect("install it: apt-get install fonts-noto-core");
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("NotoSansHebrew-Regular.ttf");
    std::fs::write(&copy, &bytes).unwrap();
    let fonts = || installed(&[folder.path().to_owned()]);
    assert_eq!(fonts().len(), 1);
    let hebrew = TicketPage { holder_name: Some("שרה".to_owned()), ..sample::ticket() };

    let renderer = PdfRenderer::with_fonts(fonts()).unwrap();
    // The table directory holds every table's checksum: one differs after any edit.
    bytes[20] ^= 1;
    std::fs::write(&copy, &bytes).unwrap();
    assert!(matches!(renderer.render(&hebrew), Err(RenderError::Font(FontError::Changed(_)))));
    assert!(renderer.render(&sample::ticket()).is_ok(), "other pages do not need it");

    let renderer = PdfRenderer::with_fonts(fonts()).unwrap();
    std::fs::remove_file(&copy).unwrap();
    assert!(matches!(renderer.render(&hebrew), Err(RenderError::Font(FontError::Unreadable(_)))));
}

#[test]
fn the_fonts_that_a_page_needed_draw_it_again() {
    let renderer = PdfRenderer::with_fonts(installed(&USUAL_FOLDERS.map(Into::into))).unwrap();
    let holder = Some("سارة 田中 José 🎉 ꆈꌠ བོད་ ᏣᎳᎩ".to_owned());
    let page = TicketPage { holder_name: holder, locale: Some("ja".to_owned()), ..sample::ticket() };
    let drawn = renderer.render(&page).unwrap();
    let read = renderer.files_read().map(|(print, file)| (print, Arc::new(file.to_vec())));
    let files: HashMap<_, _> = read.collect();
    assert!(files.len() >= 3 && files.len() < renderer.fallbacks().len(), "{} files", files.len());
    let fonts = renderer.fallbacks().into_iter().map(|font| {
        let file = files.get(&font.fingerprint).cloned();
        named(&font, move || file.clone())
    });
    let again = PdfRenderer::with_fonts(fonts.collect()).unwrap();
    assert_eq!(again.version(), renderer.version());
    assert!(again.render(&page).unwrap() == drawn);
}
