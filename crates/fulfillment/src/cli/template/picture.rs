//! Renders a page of a ticket file to a PNG image.

use anyhow::{Context as _, anyhow};
use hayro::hayro_interpret::InterpreterSettings;
use hayro::hayro_syntax::Pdf;
use hayro::vello_cpu::color::palette::css::WHITE;
use hayro::{PixmapSettings, RenderCache, RenderSettings, render};

/// Points to pixels: 150 dots an inch.
const SCALE: f32 = 150.0 / 72.0;

/// The first page of one of the service's own files as a PNG.
pub(super) fn png(pdf: &[u8]) -> anyhow::Result<Vec<u8>> {
    let pdf = Pdf::new(pdf.to_vec()).map_err(|error| anyhow!("the page cannot be read back: {error:?}"))?;
    let page = pdf.pages().first().context("the file has no page")?;
    let settings = PixmapSettings { x_scale: SCALE, y_scale: SCALE, bg_color: WHITE };
    let cache = RenderCache::new();
    let pixels = render(page, &cache, &InterpreterSettings::default(), &RenderSettings::default(), &settings);
    // The page is white and opaque: premultiplied colours are the visible ones.
    let colours: Vec<u8> = pixels.data().iter().flat_map(|pixel| [pixel.r, pixel.g, pixel.b]).collect();
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, pixels.width().into(), pixels.height().into());
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header()?.write_image_data(&colours)?;
    Ok(out)
}
