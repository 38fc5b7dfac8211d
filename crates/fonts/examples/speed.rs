//! Measures the time and size of a page: `cargo run --release -p fulfillment-fonts --example speed [-- PAGE COUNT]`.
//!
//! On a machine with other load, the fastest run shows what a page costs; the median includes waiting.

use std::time::{Duration, Instant};

use fulfillment_document::{PdfRenderer, Renderer as _, TicketPage, sample};

const PAGES: usize = 2000;
/// The first pages load fonts and fill caches.
const WARM: usize = 50;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let only = args.next();
    let count = args.next().map_or(Ok(PAGES), |count| count.parse())?;
    let start = Instant::now();
    let fonts = fulfillment_fonts::installed(&fulfillment_fonts::USUAL_FOLDERS.map(Into::into));
    let found = start.elapsed();
    let renderer = PdfRenderer::with_fonts(fonts)?;
    println!("fonts found in {found:?}, renderer ready after {:?}", start.elapsed());
    let untagged = PdfRenderer::with_fonts(Vec::new())?.untagged();
    for (name, page, renderer) in [
        ("Latin", sample::ticket(), &renderer),
        ("untagged", sample::ticket(), &untagged),
        ("bare", sample::bare(), &renderer),
        ("Arabic", sample::arabic(), &renderer),
        ("Japanese", sample::japanese(), &renderer),
        ("tall", sample::tall(), &renderer),
    ] {
        if only.as_deref().is_some_and(|only| only != name) {
            continue;
        }
        let (times, bytes) = measure(renderer, name, &page, count)?;
        let [fast, median, slow] = [0, 50, 99].map(|percent| times[times.len() * percent / 100]);
        println!("{name:10} fastest {fast:>9.1?}  median {median:>9.1?}  p99 {slow:>9.1?}  {bytes:>6} bytes");
    }
    Ok(())
}

/// First names of holders; a fifth of the names have letters that the shared fonts lack.
const FIRST: [&str; 10] = ["Anna", "Zoë", "Marie", "Thomas", "Jürgen", "Ida", "Paul", "Lena", "Sam", "Nora"];
const LAST: [&str; 10] =
    ["Okafor", "Müller", "Brandt", "Novak", "Fischer", "Łukasz", "Smith", "Weber", "Larsen", "Rossi"];

/// Every page has its own number and code, and every second page another holder, as tickets do.
fn measure(
    renderer: &PdfRenderer,
    name: &str,
    page: &TicketPage,
    count: usize,
) -> Result<(Vec<Duration>, usize), Box<dyn std::error::Error>> {
    let mut times = Vec::with_capacity(count + WARM);
    let mut bytes = 0;
    for index in 0..count + WARM {
        let mut page = page.clone();
        page.ticket_number = format!("{index:010}");
        page.code.replace_range(40..50, &page.ticket_number);
        if matches!(name, "Latin" | "untagged") {
            let holder = index / 2;
            // Ten thousand holders, so that few pages of a run have the same one.
            let (first, middle, last) = (FIRST[holder % 10], holder / 100 % 100, LAST[holder / 10 % 10]);
            page.holder_name = Some(format!("{first} {middle}. {last}"));
            page.seat = (index % 40).to_string();
        }
        let start = Instant::now();
        bytes = renderer.render(&page)?.pdf.len();
        times.push(start.elapsed());
    }
    times.drain(..WARM);
    times.sort();
    Ok((times, bytes))
}
