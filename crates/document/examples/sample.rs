//! Draws one ticket: `cargo run -p fulfillment-document --example sample -- OUT.pdf [full|arabic|japanese|tall|bare|long]`.

mod common;

use std::process::ExitCode;

use fulfillment_document::{PdfRenderer, Renderer as _, system};

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let Some(out) = args.next() else {
        eprintln!("usage: sample OUT.pdf [full|arabic|japanese|tall|bare|long]");
        return Ok(ExitCode::from(2));
    };
    let page = match args.next().as_deref() {
        Some("arabic") => common::arabic(),
        Some("japanese") => common::japanese(),
        Some("tall") => common::tall(),
        Some("bare") => common::bare(),
        Some("long") => common::long(),
        _ => common::ticket(),
    };
    let renderer = PdfRenderer::with_fonts(system::noto(&system::USUAL_FOLDERS.map(Into::into)))?;
    let drawn = renderer.render(&page)?;
    std::fs::write(&out, &drawn.pdf)?;
    println!("{out}: {} bytes, {}", drawn.pdf.len(), renderer.version());
    if !drawn.missing.is_empty() {
        println!("no font has {:?}", drawn.missing);
    }
    Ok(ExitCode::SUCCESS)
}
