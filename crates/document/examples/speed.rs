//! How long a page takes and how large it is: `cargo run --release -p fulfillment-document --example speed`.

mod common;

use std::time::{Duration, Instant};

use fulfillment_document::{PdfRenderer, Renderer as _, TicketPage, system};

const PAGES: usize = 2000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let start = Instant::now();
    let fonts = system::noto(&system::USUAL_FOLDERS.map(Into::into));
    let found = start.elapsed();
    let renderer = PdfRenderer::with_fonts(fonts)?;
    println!("fonts found in {found:?}, renderer ready after {:?}", start.elapsed());
    for (name, page) in [
        ("Latin", common::ticket()),
        ("bare", common::bare()),
        ("Arabic", common::arabic()),
        ("Japanese", common::japanese()),
    ] {
        let (median, slowest, bytes) = measure(&renderer, &page)?;
        println!("{name:10} median {median:>9.1?}  p99 {slowest:>9.1?}  {bytes:>6} bytes");
    }
    Ok(())
}

/// Every page has a number and a code of its own, as tickets do.
fn measure(
    renderer: &PdfRenderer,
    page: &TicketPage,
) -> Result<(Duration, Duration, usize), Box<dyn std::error::Error>> {
    let mut times = Vec::with_capacity(PAGES);
    let mut bytes = 0;
    for index in 0..PAGES {
        let mut page = page.clone();
        page.ticket_number = format!("{index:010}");
        page.code.replace_range(40..50, &page.ticket_number);
        let start = Instant::now();
        bytes = renderer.render(&page)?.pdf.len();
        times.push(start.elapsed());
    }
    // The first pages load fonts and fill caches.
    let times = &mut times[50..];
    times.sort();
    Ok((times[times.len() / 2], times[times.len() * 99 / 100], bytes))
}
