//! Finds QR codes in a PDF file; each page is drawn as a printer would.

use hayro::hayro_interpret::InterpreterSettings;
use hayro::hayro_syntax::Pdf;
use hayro::hayro_syntax::page::Page;
use hayro::vello_cpu::color::palette::css::WHITE;
use hayro::{PixmapSettings, RenderCache, RenderSettings, render};

use super::{MAX_PAGE_SIDE, MAX_PAGES, ReadError, check_size, contained, luma_of, push_new, read_qr};

/// Resolutions at which a page is drawn, until a code is found: the first suits a code of a ticket's usual size, the
/// second a small one.
const DPI: [f32; 2] = [150.0, 300.0];

/// The texts of all QR codes on the pages of a PDF file, in the order of the pages, each once.
///
/// Takes files of up to [`MAX_FILE_BYTES`](super::MAX_FILE_BYTES) bytes and [`MAX_PAGES`] pages without a password.
/// Each page is drawn at 150 dots per inch and, if no code is found, at 300, at most [`MAX_PAGE_SIDE`] pixels per side.
/// Fonts that are not embedded are left out: they do not draw codes.
pub fn codes_in_pdf(bytes: &[u8]) -> Result<Vec<String>, ReadError> {
    check_size(bytes)?;
    contained(|| {
        let pdf = Pdf::new(bytes.to_vec())
            .map_err(|e| ReadError::Unreadable { kind: "PDF", why: format!("{e:?}") })?;
        let pages = pdf.pages();
        if pages.len() > MAX_PAGES {
            return Err(ReadError::TooLarge(format!("{} pages, at most {MAX_PAGES}", pages.len())));
        }
        let cache = RenderCache::new();
        let mut codes = Vec::new();
        for page in pages.iter() {
            for text in codes_on(page, &cache)? {
                push_new(&mut codes, text);
            }
        }
        Ok(codes)
    })
}

fn codes_on<'a>(page: &'a Page<'a>, cache: &RenderCache<'a>) -> Result<Vec<String>, ReadError> {
    let (width, height) = page.render_dimensions();
    let longest = width.max(height);
    // Also false for NaN.
    if !(width > 0.0 && height > 0.0 && longest.is_finite()) {
        return Ok(Vec::new());
    }
    let mut drawn = 0.0;
    for dpi in DPI {
        let scale = (dpi / 72.0).min(f32::from(MAX_PAGE_SIDE) / longest);
        // A page so large that both resolutions are limited to the same one is drawn once; one too thin for a code is
        // never drawn.
        if scale <= drawn || width.min(height) * scale < 21.0 {
            continue;
        }
        drawn = scale;
        let settings = PixmapSettings { x_scale: scale, y_scale: scale, bg_color: WHITE };
        let pixmap =
            render(page, cache, &InterpreterSettings::default(), &RenderSettings::default(), &settings);
        let luma: Vec<u8> = pixmap.data().iter().map(|p| luma_of(p.r, p.g, p.b)).collect();
        let (columns, rows) = (usize::from(pixmap.width()), usize::from(pixmap.height()));
        drop(pixmap);
        let codes = read_qr(columns, rows, &luma)?;
        if !codes.is_empty() {
            return Ok(codes);
        }
    }
    Ok(Vec::new())
}
