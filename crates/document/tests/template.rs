//! Tests templates through the public API: keeping them, their hashes, and drawing with images and backgrounds.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test's helper fails its test")]

mod tools;

use fulfillment_document::{
    Branding, CompiledTemplate, PdfRenderer, RenderError, Renderer, Shipped, TemplateBundle, TicketPage,
    import_pretix, sample,
};
use tools::{flat, noto, run, saved, text};

fn renderer() -> PdfRenderer {
    PdfRenderer::new(Vec::new()).unwrap()
}

#[test]
fn a_ticket_is_drawn_again_by_its_templates_hash() {
    let bundle = Shipped::Phone.bundle().branded(&Branding {
        texts: vec![("footer".to_owned(), "Elbe Concerts, Hamburg".to_owned())],
        logo: Some(include_bytes!("logo.png").to_vec()),
        ..Branding::default()
    });
    let bundle = bundle.unwrap();
    let page = TicketPage { template: Some(bundle.hash()), ..sample::ticket() };
    let first = renderer();
    assert!(matches!(first.render(&page), Err(RenderError::Template(hash)) if hash == bundle.hash()));
    assert_eq!(first.keep(CompiledTemplate::new(&bundle).unwrap()), bundle.hash());
    let drawn = first.render(&page).unwrap();
    assert!(flat(&drawn.pdf).contains("Elbe Concerts, Hamburg"));
    let (_folder, path) = saved(&drawn.pdf);
    let images = run("poppler-utils", "pdfimages", &["-list", &path]);
    // The logo is partly transparent, so it has a mask.
    assert_eq!((images.lines().count(), images.matches(" smask ").count()), (2 + 2, 1), "{images}");

    // Stored as JSON with other formatting and read back elsewhere.
    let compact: serde_json::Value = serde_json::from_str(&bundle.json).unwrap();
    let stored = TemplateBundle { json: compact.to_string(), files: bundle.files.clone() };
    let second = renderer();
    let hash = second.keep(CompiledTemplate::new(&stored).unwrap());
    assert_eq!((hash, second.version()), (bundle.hash(), first.version()));
    assert!(second.render(&page).unwrap().pdf == drawn.pdf);
}

#[test]
fn what_ships_has_nothing_to_look_at() {
    let renderer = noto();
    for shipped in Shipped::ALL {
        let problems = renderer.check(&shipped.bundle()).unwrap();
        assert!(problems.is_empty(), "{}: {problems:#?}", shipped.name());
    }
}

#[test]
fn labels_are_in_the_buyers_language() {
    let renderer = noto();
    for (locale, label, index) in [
        (Some("de-AT"), "Einlass", "Ticket 2 von 4"),
        (Some("fr"), "Ouverture des portes", "Billet 2 sur 4"),
        (Some("pl"), "Otwarcie drzwi", "Bilet 2 z 4"),
        (Some("ja-JP"), "開場", "4枚中2枚目"),
        (Some("zh-Hant-TW"), "入場", "第 2 張，共 4 張"),
        (Some("he"), "פתיחת דלתות", "כרטיס"),
        (Some("tlh"), "Doors", "Ticket 2 of 4"),
        (None, "Doors", "Ticket 2 of 4"),
    ] {
        let page = TicketPage { locale: locale.map(str::to_owned), ..sample::ticket() };
        let drawn = renderer.render(&page).unwrap();
        let text = flat(&drawn.pdf);
        assert!(text.contains(label) && text.contains(index), "{locale:?}: {text}");
        assert_eq!(drawn.missing, []);
    }
}

#[test]
fn a_free_ticket_says_so_in_the_buyers_language() {
    let renderer = noto();
    for (locale, free) in [
        (None, "Free"),
        (Some("es"), "Gratis"),
        (Some("de-AT"), "Kostenlos"),
        (Some("fr"), "Gratuit"),
        (Some("pt-BR"), "Grátis"),
        (Some("it"), "Gratuito"),
        (Some("nl"), "Gratis"),
        (Some("pl"), "Bezpłatnie"),
        (Some("ar"), "مجاني"),
        (Some("he"), "חינם"),
        (Some("zh-Hant"), "免費"),
        (Some("zh-Hans"), "免费"),
        (Some("ja"), "無料"),
        (Some("ko"), "무료"),
    ] {
        for shipped in Shipped::ALL {
            let page = TicketPage {
                locale: locale.map(str::to_owned),
                price: None,
                template: Some(shipped.bundle().hash()),
                ..sample::ticket()
            };
            let drawn = renderer.render(&page).unwrap();
            let text = flat(&drawn.pdf);
            assert!(text.contains(free), "{} {locale:?}: {text}", shipped.name());
            assert_eq!(drawn.missing, []);
        }
    }
}

#[test]
fn every_shipped_page_scans_and_says_what_it_should() {
    let renderer = renderer();
    for shipped in Shipped::ALL {
        let page = TicketPage { template: Some(shipped.bundle().hash()), ..sample::ticket() };
        let drawn = renderer.render(&page).unwrap();
        let text = flat(&drawn.pdf);
        for said in ["Parkett links", "12", "7", "Zoë", "89.50 EUR", "7K3M9 QXT2F", "20:00", "Show this code"]
        {
            assert!(text.contains(said), "{}: {said} is not in {text}", shipped.name());
        }
        let (folder, path) = saved(&drawn.pdf);
        let image = folder.path().join("page");
        let image = image.to_str().unwrap();
        run("poppler-utils", "pdftoppm", &["-r", "110", "-png", "-singlefile", &path, image]);
        let read = run("zbar-tools", "zbarimg", &["--raw", "-q", &format!("{image}.png")]);
        assert_eq!(read.trim_end_matches('\n'), page.code, "{}", shipped.name());
    }
}

#[test]
fn a_roll_is_cut_below_the_last_line() {
    let renderer = renderer();
    let height = |page: TicketPage| {
        let page = TicketPage { template: Some(Shipped::Thermal.bundle().hash()), ..page };
        let (_folder, path) = saved(&renderer.render(&page).unwrap().pdf);
        let info = run("poppler-utils", "pdfinfo", &[&path]);
        let size = info.lines().find_map(|line| line.strip_prefix("Page size:")).unwrap();
        size.split_whitespace().nth(2).unwrap().parse::<f32>().unwrap()
    };
    let (bare, full, long) = (height(sample::bare()), height(sample::ticket()), height(sample::long()));
    assert!(bare < full && full < long && long < 878.0, "{bare} {full} {long}");
}

#[test]
fn a_code_has_the_level_its_template_asks_for() {
    let renderer = renderer();
    let page = TicketPage { code: format!("TK1:{}", "A".repeat(174)), ..sample::ticket() };
    for (level, modules) in [("", 53), (", \"level\": \"Q\"", 53), (", \"level\": \"M\"", 45)] {
        let json = format!(
            r#"{{"format": 1, "page": {{"width": 90, "height": 90}},
                "elements": [{{"type": "qr", "x": 10, "y": 10, "size": 70{level}}}]}}"#
        );
        let template = CompiledTemplate::new(&TemplateBundle { json, ..Shipped::A4.bundle() }).unwrap();
        let drawn = renderer.draw(&template, &page).unwrap();
        assert_eq!(drawn.code.unwrap().side(), modules, "{level}");
    }
}

#[test]
fn a_background_lies_under_the_ticket() {
    let renderer = renderer();
    let behind =
        renderer.render(&TicketPage { event_name: "Hintergrund".to_owned(), ..sample::bare() }).unwrap().pdf;
    let layout = r#"[{"type": "textcontainer", "left": 20, "bottom": 20, "width": 100, "height": 20, "fontsize": 12,
        "content": "attendee_name"}, {"type": "barcodearea", "left": 100, "bottom": 30, "size": 60}]"#;
    let imported = import_pretix(layout, Some(&behind)).unwrap();
    assert!(imported.problems.is_empty(), "{:?}", imported.problems);
    let checked = renderer.check(&imported.bundle).unwrap();
    assert!(checked.iter().all(|problem| !problem.message.contains("PDF/A")), "{checked:?}");
    let template = CompiledTemplate::new(&imported.bundle).unwrap();
    let drawn = renderer.draw(&template, &sample::ticket()).unwrap();
    let text = text(&drawn.pdf);
    assert!(text.contains("Hintergrund") && text.contains("Zoë Müller-Łukasiewicz"), "{text}");
    let (_folder, path) = saved(&drawn.pdf);
    let report = run("qpdf", "qpdf", &["--check", &path]);
    assert!(!report.contains("WARNING"), "{report}");
    // An order's file has it once.
    let page = TicketPage { template: Some(renderer.keep(template)), ..sample::ticket() };
    let mut file = Vec::new();
    renderer.render_order(&mut vec![page; 20].into_iter(), &mut file).unwrap();
    assert!(file.len() < 20 * drawn.pdf.len() / 3, "{} for 20, {} for one", file.len(), drawn.pdf.len());
    let (_folder, path) = saved(&file);
    run("qpdf", "qpdf", &["--check", &path]);
}

#[test]
fn a_background_that_is_for_no_archive_is_pointed_out() {
    let mut pdf = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n".to_vec();
    pdf.extend(b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n");
    pdf.extend(b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 300]>>endobj\ntrailer<</Root 1 0 R>>\n");
    let renderer = renderer();
    let imported = import_pretix("[]", Some(&pdf)).unwrap();
    let checked = renderer.check(&imported.bundle).unwrap();
    assert!(checked.iter().any(|problem| problem.message.contains("no PDF/A")), "{checked:?}");
    let template = CompiledTemplate::new(&imported.bundle).unwrap();
    let drawn = renderer.draw(&template, &sample::ticket()).unwrap();
    assert!(!String::from_utf8_lossy(&drawn.pdf).contains("pdfaid:part=\"2\""));
    assert!(
        String::from_utf8_lossy(&renderer.render(&sample::ticket()).unwrap().pdf)
            .contains("pdfaid:part=\"2\"")
    );
}

#[test]
fn a_logo_that_is_a_drawing_stays_one() {
    let logo = include_bytes!("logo.svg").to_vec();
    let bundle =
        Shipped::Phone.bundle().branded(&Branding { logo: Some(logo), ..Branding::default() }).unwrap();
    let (first, second) = (renderer(), renderer());
    let page = TicketPage {
        template: Some(first.keep(CompiledTemplate::new(&bundle).unwrap())),
        ..sample::ticket()
    };
    let drawn = first.render(&page).unwrap();
    let (_folder, path) = saved(&drawn.pdf);
    let images = run("poppler-utils", "pdfimages", &["-list", &path]);
    assert_eq!(images.lines().count(), 2, "only paths: {images}");
    let report = run("qpdf", "qpdf", &["--check", &path]);
    assert!(!report.contains("WARNING"), "{report}");
    // Another renderer draws the same bytes, whatever it drew before.
    second.keep(CompiledTemplate::new(&bundle).unwrap());
    second.render(&sample::ticket()).unwrap();
    assert!(second.render(&page).unwrap().pdf == drawn.pdf);
    // An order's file has its objects once.
    let objects = |pdf: &[u8]| pdf.windows(12).filter(|window| window == b"/ShadingType").count();
    let mut file = Vec::new();
    first.render_order(&mut vec![page; 20].into_iter(), &mut file).unwrap();
    assert!(objects(&drawn.pdf) > 3);
    assert_eq!(objects(&file), objects(&drawn.pdf));
    let (_folder, path) = saved(&file);
    run("qpdf", "qpdf", &["--check", &path]);
}

#[test]
fn a_drawing_that_would_lose_something_is_refused_where_it_is_named() {
    let json = r#"{"format": 1, "page": {"width": 90, "height": 90}, "elements": [
        {"type": "image", "file": "a.png", "x": 0, "y": 0, "width": 9, "height": 9}]}"#;
    let mut bundle = TemplateBundle::new(json);
    let text = b"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 9 9'><text>Elbe</text></svg>".to_vec();
    bundle.files.insert("a.png".to_owned(), text);
    let problems = renderer().check(&bundle).unwrap();
    assert_eq!(
        problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "2:35: error: a.png: it is no usable SVG: it has text, and looks different wherever its font is missing: \
             convert text to paths"
        ]
    );
}
