//! Golden test: the same tickets give the same bytes as in every earlier build. Only built-in fonts are used, so the
//! bytes are the same on every machine. Pages with another program's PDF as background are left out: the flate2 backend
//! that compresses it depends on the other crates of a build.
//!
//! A change that is meant to change an output byte raises the engine's version. Then record what the failing test
//! prints in `golden.txt`.

#![expect(clippy::unwrap_used, reason = "a test's helper fails its test")]

use std::fmt::Write as _;
use std::path::Path;

use fulfillment_document::{
    Branding, CompiledTemplate, PdfRenderer, Renderer as _, Shipped, TicketPage, sample,
};
use sha2::{Digest as _, Sha256};

/// A page on which text differs from its drawing: letters outside the shared fonts, several scripts, an emoji.
fn mixed() -> TicketPage {
    TicketPage {
        event_name: "Ωmega Ω – Łódź & Ђорђе".to_owned(),
        holder_name: Some("Anna 🎉 Lee שרה 王小明".to_owned()),
        venue_address: Some("Haus 7\nAm Sandtorkai 12\n20457 Hamburg".to_owned()),
        locale: Some("de-AT".to_owned()),
        ..sample::ticket()
    }
}

fn pages() -> [(&'static str, TicketPage); 7] {
    [
        ("latin", sample::ticket()),
        ("bare", sample::bare()),
        ("long", sample::long()),
        ("arabic", sample::arabic()),
        ("japanese", sample::japanese()),
        ("tall", sample::tall()),
        ("mixed", mixed()),
    ]
}

/// Every file with its name.
fn drawn() -> Vec<(String, Vec<u8>)> {
    let renderer = PdfRenderer::new(Vec::new()).unwrap();
    let mut all = vec![("version".to_owned(), renderer.version().as_bytes().to_vec())];
    for shipped in Shipped::ALL {
        let template = Some(shipped.bundle().hash());
        for (name, page) in pages() {
            let pdf = renderer.render(&TicketPage { template, ..page }).unwrap().pdf;
            all.push((format!("{} {name}", shipped.name()), pdf));
        }
    }
    for (name, logo) in [("png", &include_bytes!("logo.png")[..]), ("svg", &include_bytes!("logo.svg")[..])] {
        let branding = Branding {
            logo: Some(logo.to_vec()),
            colors: vec![("accent".to_owned(), "#0b5394".to_owned())],
            ..Branding::default()
        };
        let template = CompiledTemplate::new(&Shipped::A4.bundle().branded(&branding).unwrap()).unwrap();
        all.push((format!("branded {name}"), renderer.draw(&template, &sample::ticket()).unwrap().pdf));
        renderer.keep(template);
    }
    let plain = PdfRenderer::new(Vec::new()).unwrap().untagged();
    all.push(("untagged".to_owned(), plain.render(&sample::ticket()).unwrap().pdf));
    let templates = Shipped::ALL.map(|shipped| Some(shipped.bundle().hash())).into_iter().cycle();
    let mut order =
        pages().into_iter().zip(templates).map(|((_, page), template)| TicketPage { template, ..page });
    let mut file = Vec::new();
    renderer.render_order(&mut order, &mut file).unwrap();
    all.push(("order".to_owned(), file));
    all
}

#[test]
fn the_bytes_are_those_of_before() {
    let mut listed = String::new();
    for (name, bytes) in drawn() {
        for byte in Sha256::digest(&bytes) {
            write!(listed, "{byte:02x}").unwrap();
        }
        writeln!(listed, "  {name}").unwrap();
    }
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden.txt");
    let expected = std::fs::read_to_string(&recorded).unwrap_or_default();
    let differ: Vec<_> =
        listed.lines().filter(|line| !expected.lines().any(|known| known == *line)).collect();
    assert!(listed == expected, "{differ:#?} differ; if that is right, record:\n{listed}");
}
