//! Draws one ticket: `cargo run -p fulfillment-fonts --example sample -- OUT.pdf [CONTENT] [TEMPLATE]`.
//!
//! CONTENT is full, arabic, japanese, tall, bare or long; TEMPLATE is a4, phone, thermal or a file.

use std::process::ExitCode;

use fulfillment_document::{CompiledTemplate, PdfRenderer, Renderer as _, Shipped, TemplateBundle, sample};

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let Some(out) = args.next() else {
        eprintln!("usage: sample OUT.pdf [full|arabic|japanese|tall|bare|long] [a4|phone|thermal|FILE]");
        return Ok(ExitCode::from(2));
    };
    let page = match args.next().as_deref() {
        Some("arabic") => sample::arabic(),
        Some("japanese") => sample::japanese(),
        Some("tall") => sample::tall(),
        Some("bare") => sample::bare(),
        Some("long") => sample::long(),
        _ => sample::ticket(),
    };
    let name = args.next().unwrap_or_else(|| "a4".to_owned());
    let bundle = match Shipped::named(&name) {
        Some(shipped) => shipped.bundle(),
        None => TemplateBundle::new(std::fs::read_to_string(&name)?),
    };
    let renderer = PdfRenderer::with_fonts(fulfillment_fonts::installed(
        &fulfillment_fonts::USUAL_FOLDERS.map(Into::into),
    ))?;
    let template = match CompiledTemplate::new(&bundle) {
        Ok(template) => template,
        Err(refused) => {
            for problem in refused.0 {
                eprintln!("{name}:{problem}");
            }
            return Ok(ExitCode::FAILURE);
        }
    };
    let drawn = renderer.draw(&template, &page)?;
    std::fs::write(&out, &drawn.pdf)?;
    println!("{out}: {} bytes, {}, template {}", drawn.pdf.len(), renderer.version(), template.hash());
    if !drawn.missing.is_empty() {
        println!("no font has {:?}", drawn.missing);
    }
    Ok(ExitCode::SUCCESS)
}
