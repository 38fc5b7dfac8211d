//! Tests that a file of many tickets takes no more memory than one of few. It measures its process, so it runs alone in
//! it.

#![expect(clippy::unwrap_used, reason = "a test's helper fails its test")]

use fulfillment_document::{PdfRenderer, Renderer, sample};

/// The peak memory of this process, in kB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap()
}

#[test]
fn memory_does_not_grow_with_the_pages() {
    let renderer = PdfRenderer::new(Vec::new()).unwrap();
    let draw = |count: u32| {
        let mut pages = (0..count).map(|index| {
            let mut page = sample::ticket();
            page.ticket_number = format!("{index:010}");
            page
        });
        renderer.render_order(&mut pages, &mut std::io::sink()).unwrap();
        peak()
    };
    let (few, many) = (draw(50), draw(1500));
    // Only the offsets of a page's about 60 objects stay in memory: 16 bytes each, twice that while the table grows.
    let pages = 1450;
    assert!(many - few < pages * 4, "{few} kB for 50 pages, {many} kB for 1500");
}
