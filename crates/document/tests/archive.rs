//! Tests with veraPDF that every page is PDF/A-2a and PDF/UA-1, in every script; its text and its tree match the input.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's helper fails its test")]

mod tools;

use fulfillment_document::{Branding, CompiledTemplate, PdfRenderer, Renderer, Shipped, TicketPage, sample};
use tools::{flat, noto, run, saved, text};

/// Names in every script that a page is to draw, each with a label.
const NAMES: &[(&str, &str)] = &[
    ("latin", "Łukasz Ñandú Þórðarson ǅemal Ắn Ŧēšŧ ḂẽḋřĩḉḦ ŉ ſ"),
    ("composed", "Zoe\u{308} Mu\u{308}ller n\u{303}a\u{30A}e\u{323}\u{302}"),
    ("vietnamese", "Nguyễn Thị Phương Thảo Đặng Ỷ Ỡ"),
    ("greek", "Ελευθέριος Βενιζέλος ᾧ ἄνθρωπε Ω Ω"),
    ("cyrillic", "Наталія Їжакевич Ђорђе Ҡадир Ё"),
    ("arabic", "محمد عبد الإله الأنصاري مُحَمَّد ١٢٣"),
    ("persian", "نگار یزدان‌پناه ۴۵۶"),
    ("hebrew", "שרה בן־דוד מֹשֶׁה"),
    ("devanagari", "प्रियंका श्रीवास्तव क्षत्रिय"),
    ("thai", "สมชาย ใจดี น้ำ ปิ่นเกล้า"),
    ("chinese", "王小明 歐陽 𠮷"),
    ("japanese", "さくら 山田 ガギグ ～"),
    ("korean", "고길동 뷁"),
    ("other", "ქართული Հայերեն বাংলা தமிழ் ਪੰਜਾਬੀ አማርኛ ខ្មែរ ລາວ"),
    ("rare", "ᏣᎳᎩ ꆈꌠ ᐃᓄᒃ ⵜⵉⴼ"),
    ("marked", "ଓଡ଼ିଆ བོད་ཡིག"),
    ("emoji", "Anna 🎉 Lee 👩🏽\u{200D}🚀 ❤\u{FE0F} 🇩🇪"),
    ("mixed", "Dr אבי Cohen (محمد) 王 7א8"),
];

/// The pages to draw: every script as a holder's name and as an event's, the sample pages, and characters that no font
/// has.
fn drawn() -> Vec<(String, TicketPage, Vec<u8>)> {
    let (all, built_in) = (noto(), PdfRenderer::new(Vec::new()).unwrap());
    let mut out = Vec::new();
    let mut draw = |renderer: &PdfRenderer, name: String, page: TicketPage| {
        let pdf = renderer.render(&page).unwrap().pdf;
        out.push((name, page, pdf));
    };
    for (script, name) in NAMES {
        let named = TicketPage { holder_name: Some((*name).to_owned()), ..sample::ticket() };
        draw(&all, format!("{script}-holder"), named);
        let event = TicketPage {
            event_name: (*name).to_owned(),
            seat: (*name).to_owned(),
            customer: (*name).to_owned(),
            ..sample::ticket()
        };
        draw(&all, format!("{script}-event"), event);
    }
    for (name, page) in [
        ("full", sample::ticket()),
        ("fewest", sample::bare()),
        ("longest", sample::long()),
        ("all-arabic", sample::arabic()),
        ("all-japanese", sample::japanese()),
        ("tall", sample::tall()),
    ] {
        draw(&all, name.to_owned(), page.clone());
        draw(&built_in, format!("{name}-built-in"), page);
    }
    let hostile = TicketPage {
        holder_name: Some("𓀀 \u{E000}\u{10FFFD} \u{378} क\u{1CD0} <&>\"]]> (\\) \u{0}".to_owned()),
        organizer_name: Some("<&>\"]]> \u{FFFD} \\()".to_owned()),
        event_name: "]]><x>&amp; \\( ) \u{E000}".to_owned(),
        issued_at: jiff::Timestamp::MIN,
        locale: Some("xx-not a tag".to_owned()),
        ..sample::ticket()
    };
    draw(&all, "hostile".to_owned(), hostile.clone());
    draw(&built_in, "hostile-built-in".to_owned(), hostile);
    // The other templates, each with an image, and with a drawing that has gradients, opacities, masks and clip paths.
    let branding = Branding {
        logo: Some(include_bytes!("logo.png").to_vec()),
        colors: vec![("accent".to_owned(), "#0b5394".to_owned())],
        texts: vec![("footer".to_owned(), "Elbe Concerts, Hamburg".to_owned())],
    };
    let drawn = Branding { logo: Some(include_bytes!("logo.svg").to_vec()), ..branding.clone() };
    let mut template = None;
    for shipped in Shipped::ALL {
        for (logo, branding) in [("", &branding), ("-drawing", &drawn)] {
            let bundle = shipped.bundle().branded(branding).unwrap();
            template = Some(all.keep(CompiledTemplate::new(&bundle).unwrap()));
            for (name, page) in [
                ("full", sample::ticket()),
                ("long", sample::long()),
                ("arabic", sample::arabic()),
                ("japanese", sample::japanese()),
            ] {
                draw(&all, format!("{}-{name}{logo}", shipped.name()), TicketPage { template, ..page });
            }
        }
    }
    let order = [sample::ticket(), sample::arabic(), sample::japanese(), sample::bare()];
    for (name, template) in [("order", None), ("order-drawing", template)] {
        let mut pages = order.clone().into_iter().map(|page| TicketPage { template, ..page });
        let mut file = Vec::new();
        all.render_order(&mut pages, &mut file).unwrap();
        out.push((name.to_owned(), sample::ticket(), file));
    }
    out
}

/// Where veraPDF's jars are.
#[expect(clippy::disallowed_methods, reason = "the rig is known by its variables alone")]
fn verapdf() -> String {
    let class_path = std::env::var("RIG_VERAPDF").ok().filter(|value| !value.is_empty());
    class_path.expect("RIG_VERAPDF is not set: this test needs veraPDF, run it by scripts/test")
}

#[test]
fn every_page_is_archival_and_accessible() {
    let class_path = verapdf();
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for (name, _, pdf) in drawn() {
        let path = folder.path().join(format!("{name}.pdf")).to_str().unwrap().to_owned();
        std::fs::write(&path, pdf).unwrap();
        let report = run("qpdf", "qpdf", &["--check", &path]);
        assert!(report.contains("PDF Version: 1.7") && !report.contains("WARNING"), "{name}: {report}");
        files.push(path);
    }
    for flavour in ["2a", "ua1"] {
        let mut command = std::process::Command::new("java");
        command.args(["-cp", &class_path, "org.verapdf.apps.GreenfieldCliWrapper"]);
        command.args(["--format", "text", "-v", "-f", flavour]).args(&files);
        let output =
            command.output().unwrap_or_else(|error| panic!("java: {error}; run scripts/rig/install"));
        let report = String::from_utf8_lossy(&output.stdout);
        let passed = report.lines().filter(|line| line.starts_with("PASS ")).count();
        assert!(
            passed == files.len(),
            "{passed} of {} files are {flavour}:\n{report}{}",
            files.len(),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
fn names_can_be_copied_and_searched() {
    let renderer = noto();
    for (script, name) in NAMES {
        let page = TicketPage { holder_name: Some((*name).to_owned()), ..sample::ticket() };
        let drawn = renderer.render(&page).unwrap();
        assert_eq!(drawn.missing, [], "{script}");
        let text = flat(&drawn.pdf).replace('\u{200C}', "");
        // Joiners shape the text and are not drawn. Where directions mix, each text extractor has its own order of
        // words and its own position for neutral characters.
        let name = name.replace('\u{200C}', "");
        let mixed = *script == "mixed";
        // Poppler sees spaces around some marks.
        let text = if *script == "marked" { text.replace(' ', "") } else { text };
        for word in name.split(|c: char| c == ' ' || mixed && (c == '(' || c == ')' || c.is_ascii_digit())) {
            assert!(text.contains(word), "{word:?} is not in {text}");
        }
    }
}

#[test]
fn the_tree_reads_as_the_page_does() {
    let page =
        TicketPage { holder_name: Some("فاطمة الزهراء 12 Smith".to_owned()), ..sample::ticket() };
    let (_folder, path) = saved(&noto().render(&page).unwrap().pdf);
    let tree = run("poppler-utils", "pdfinfo", &["-struct-text", &path]);
    let lines: Vec<&str> = tree.lines().map(str::trim).collect();
    let at = |text: &str| {
        lines.iter().position(|line| *line == text).unwrap_or_else(|| panic!("{text} is not in {tree}"))
    };
    assert_eq!(lines[at("H1 (block)") + 1], "\"Sofia Lindqvist & The Northern Lights Orchestra\"");
    assert_eq!(tree.matches("H1").count(), 1, "{tree}");
    assert_eq!(lines[at("\"Ticket number\"") - 1], "Span (inline)");
    let order = ["\"Elbe Concerts\"", "\"Starts\"", "\"Section\"", "Figure:", "\"Booked by\"", "\"Order\""];
    assert!(order.map(at).is_sorted(), "{tree}");
    assert!(!tree.contains("Fold here"), "it speaks of the paper: {tree}");
    // The text that is spoken instead of drawn characters.
    let objects = run("qpdf", "qpdf", &["--json", "--json-key=qpdf", &path]);
    for said in ["\"u:QR code of ticket 7K3M9 QXT2F\"", "\"u:Starts: \"", "\"u:فاطمة الزهراء 12 Smith\""]
    {
        assert!(objects.contains(said), "{said} is not in the tree");
    }
}

#[test]
fn characters_without_a_font_are_boxes_with_their_text() {
    let page = TicketPage { holder_name: Some("田中 José שרה".to_owned()), ..sample::ticket() };
    let drawn = PdfRenderer::new(Vec::new()).unwrap().render(&page).unwrap();
    assert_eq!(drawn.missing, ['田', '中', 'ש', 'ר', 'ה']);
    assert!(text(&drawn.pdf).contains("田中 José"), "the text can still be copied");
}
