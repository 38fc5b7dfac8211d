//! Reads a PDF with all tickets of an order back with independent tools.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test's helper fails its test")]

mod tools;

use std::io::{self, Write};

use fulfillment_document::{OrderError, RenderError, Renderer, Shipped, TicketPage, sample};
use tools::{flat, noto, run, saved, text};

/// Tickets that differ in number, code and seat, as those of an order do.
fn tickets(count: u32) -> impl Iterator<Item = TicketPage> {
    (0..count).map(move |index| {
        let mut page = sample::ticket();
        page.ticket_number = format!("{index:010}");
        page.code.replace_range(40..50, &page.ticket_number);
        page.seat = (index + 1).to_string();
        page.ticket_index = index + 1;
        page.ticket_count = count;
        page
    })
}

#[test]
fn every_ticket_has_its_page() {
    let renderer = noto();
    let mut file = Vec::new();
    let missing = renderer.render_order(&mut tickets(120), &mut file).unwrap();
    assert_eq!(missing, []);
    let (folder, path) = saved(&file);
    let report = run("qpdf", "qpdf", &["--check", &path]);
    assert!(!report.contains("WARNING"), "{report}");
    let info = run("poppler-utils", "pdfinfo", &[&path]);
    assert!(info.contains("Pages:           120") && info.contains("Tagged:          yes"), "{info}");
    assert!(info.contains("Sofia Lindqvist & The Northern Lights Orchestra – Order 3f2b6a1e"), "{info}");
    let text = text(&file);
    for page in tickets(120) {
        let shown = format!("Ticket {} of 120", page.ticket_index);
        assert!(text.contains(&shown), "{shown} is missing");
    }
    // Each font is in the file once, whatever the number of pages.
    let fonts = run("poppler-utils", "pdffonts", &[&path]);
    assert!(fonts.lines().count() <= 2 + 4, "{fonts}");
    let alone = renderer.render(&sample::ticket()).unwrap().pdf.len();
    assert!(file.len() < 120 * alone / 2, "{} bytes for 120 pages, {alone} for one", file.len());
    // The codes of the first and the last page scan.
    for (index, page) in [(1, tickets(120).next()), (120, tickets(120).last())] {
        let image = folder.path().join("page");
        let (first, image) = (index.to_string(), image.to_str().unwrap());
        run(
            "poppler-utils",
            "pdftoppm",
            &["-r", "110", "-png", "-f", &first, "-l", &first, "-singlefile", &path, image],
        );
        let read = run("zbar-tools", "zbarimg", &["--raw", "-q", &format!("{image}.png")]);
        assert_eq!(Some(read.trim_end_matches('\n')), page.as_ref().map(|page| page.code.as_str()));
    }
}

#[test]
fn scripts_and_templates_may_differ_from_page_to_page() {
    let renderer = noto();
    let template = |shipped: Shipped| Some(shipped.bundle().hash());
    let order = [
        sample::ticket(),
        TicketPage { template: template(Shipped::Phone), ..sample::arabic() },
        TicketPage { template: template(Shipped::Thermal), ..sample::japanese() },
        sample::tall(),
    ];
    let draw = || {
        let mut file = Vec::new();
        renderer.render_order(&mut order.clone().into_iter(), &mut file).unwrap();
        file
    };
    let file = draw();
    assert!(file == draw(), "the same tickets are the same bytes");
    assert!(
        file == {
            let (mut other, renderer) = (Vec::new(), noto());
            renderer.render_order(&mut order.clone().into_iter(), &mut other).unwrap();
            other
        }
    );
    let text = flat(&file);
    for name in ["فاطمة الزهراء بنت محمد", "山田 太郎", "राष्ट्रीय संगीत नाटक अकादमी"]
    {
        assert!(text.contains(name), "{name} is not in {text}");
    }
    let (_folder, path) = saved(&file);
    run("qpdf", "qpdf", &["--check", &path]);
}

/// A writer that accepts this many bytes and then fails.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::Error::other("full"))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_fails_says_so() {
    let renderer = noto();
    let none = renderer.render_order(&mut std::iter::empty(), &mut Vec::new());
    assert!(matches!(none, Err(OrderError::Empty)));
    for room in [0, 100, 20_000] {
        let full = renderer.render_order(&mut tickets(20), &mut Full(room));
        assert!(matches!(full, Err(OrderError::Write(_))), "{room}");
    }
    let wrong = TicketPage { code: "A".repeat(9000), ..sample::ticket() };
    let drawn = renderer.render_order(&mut [sample::ticket(), wrong].into_iter(), &mut Vec::new());
    assert!(matches!(drawn, Err(OrderError::Render(RenderError::Code(_)))));
    let unknown = TicketPage { template: "00".repeat(32).parse().ok(), ..sample::ticket() };
    let drawn = renderer.render_order(&mut std::iter::once(unknown), &mut Vec::new());
    assert!(matches!(drawn, Err(OrderError::Render(RenderError::Template(_)))));
}
