//! Draws the usual page on request, for `scripts/bench document`: a line `draw COUNT` is answered with this thread's
//! CPU time in nanoseconds and the last page's size in bytes; `save PATH` writes a page to that file. The argument
//! `untagged` leaves out the tags and what PDF/A requires.

use std::io::{BufRead as _, Write as _};

use fulfillment_document::{PdfRenderer, RenderError, Renderer as _};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut renderer = PdfRenderer::with_fonts(Vec::new())?;
    if std::env::args().nth(1).is_some_and(|argument| argument == "untagged") {
        renderer = renderer.untagged();
    }
    let draw = |number: u64| -> Result<Vec<u8>, RenderError> {
        let mut page = fulfillment_document::sample::ticket();
        page.ticket_number = format!("{number:010}");
        page.code.replace_range(40..50, &page.ticket_number);
        Ok(renderer.render(&page)?.pdf)
    };
    let mut number = 0;
    for line in std::io::stdin().lock().lines() {
        match line?.split_once(' ') {
            Some(("draw", count)) => {
                let (begun, mut bytes) = (on_core()?, 0);
                for _ in 0..count.parse()? {
                    number += 1;
                    bytes = draw(number)?.len();
                }
                println!("{} {bytes}", on_core()? - begun);
            }
            Some(("save", path)) => {
                std::fs::write(path, draw(1_234_567_890)?)?;
                println!("saved");
            }
            _ => return Err("a line is `draw COUNT` or `save PATH`".into()),
        }
        std::io::stdout().flush()?;
    }
    Ok(())
}

fn on_core() -> Result<u64, Box<dyn std::error::Error>> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(stat.split(' ').next().unwrap_or_default().parse()?)
}
