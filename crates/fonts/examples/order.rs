//! Measures the time, size and memory of an order's file: `cargo run --release -p fulfillment-fonts --example order --
//! [OUT.pdf]` writes 1, 100 and 10,000 pages.

use std::io::{BufWriter, Write};
use std::time::Instant;

use fulfillment_document::{PdfRenderer, Renderer as _, sample};

/// Counts the bytes that are written through it.
struct Count<W>(W, u64);

impl<W: Write> Write for Count<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.0.write(bytes)?;
        self.1 += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let out = std::env::args().nth(1).unwrap_or_else(|| "/dev/null".to_owned());
    let renderer = PdfRenderer::with_fonts(fulfillment_fonts::installed(
        &fulfillment_fonts::USUAL_FOLDERS.map(Into::into),
    ))?;
    for count in [1_u32, 100, 10_000] {
        let mut pages = (0..count).map(|index| {
            let mut page = sample::ticket();
            page.ticket_number = format!("{index:010}");
            page.code.replace_range(40..50, &page.ticket_number);
            page.ticket_index = index + 1;
            page.ticket_count = count;
            page
        });
        let mut file = Count(BufWriter::new(std::fs::File::create(&out)?), 0);
        let start = Instant::now();
        renderer.render_order(&mut pages, &mut file)?;
        let took = start.elapsed();
        let status = std::fs::read_to_string("/proc/self/status")?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default().trim();
        println!(
            "{count:>6} pages  {took:>10.1?}  {:>10} bytes  {:>9.1?} a page  peak {peak}",
            file.1,
            took / count
        );
    }
    Ok(())
}
