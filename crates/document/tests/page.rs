//! Reads pages back with independent tools: poppler, qpdf and zbar.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test's helper fails its test")]

mod tools;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use fulfillment_document::{
    FontError, FontSource, NewError, PdfRenderer, RenderError, Renderer, Shipped, TicketPage, sample,
};
use tools::{flat, noto, run, saved, text};

fn plain() -> PdfRenderer {
    PdfRenderer::new(Vec::new()).unwrap()
}

#[test]
fn every_field_is_on_the_page() {
    let page = sample::ticket();
    let drawn = plain().render(&page).unwrap();
    assert_eq!(drawn.missing, []);
    let text = flat(&drawn.pdf);
    let options = [
        &page.organizer_name,
        &page.venue_name,
        &page.venue_address,
        &page.starts,
        &page.doors,
        &page.ends,
        &page.holder_name,
        &page.section,
        &page.row,
        &page.category,
        &page.price,
    ];
    let (order, ticket) = (page.order_id.to_string(), page.ticket_id.to_string());
    let always = [&page.event_name, &page.customer, &page.seat, &page.issued, &order, &ticket];
    for field in options.into_iter().flatten().chain(always) {
        assert!(text.contains(field.as_str()), "{field:?} is not in {text}");
    }
    assert!(text.contains("7K3M9 QXT2F") && text.contains("Ticket 2 of 4"), "{text}");
}

#[test]
fn a_place_without_a_seat_is_free_seating_in_the_page_s_language() {
    let place = |section: Option<&str>, row: Option<&str>, locale: &str| TicketPage {
        section: section.map(str::to_owned),
        row: row.map(str::to_owned),
        seat: String::new(),
        locale: Some(locale.to_owned()),
        ..sample::ticket()
    };
    let text = |page: TicketPage| flat(&plain().render(&page).unwrap().pdf);
    assert!(text(place(None, None, "en")).contains("Free seating"));
    assert!(text(place(None, None, "de-AT")).contains("Freie Platzwahl"));
    // A seat that exists but is not known is not free seating: neither it nor its label is printed.
    let unknown = text(TicketPage { seat_unknown: true, ..place(None, None, "en") });
    assert!(!unknown.contains("Free seating") && !unknown.contains("Seat"), "{unknown}");
    let row = text(place(None, Some("F"), "de"));
    assert!(row.contains("Reihe") && !row.contains("Freie Platzwahl") && !row.contains("Platz"), "{row}");
}

#[test]
fn only_a_number_is_called_a_seat() {
    let plain = plain();
    let text = |row: Option<&str>, seat: &str| {
        let row = row.map(str::to_owned);
        let page = TicketPage { section: None, row, seat: seat.to_owned(), ..sample::ticket() };
        flat(&plain.render(&TicketPage { locale: Some("en".into()), ..page }).unwrap().pdf)
    };
    for (row, seat, printed) in
        [(None, "12", true), (None, "A-01", true), (Some("5"), "12 A", true), (None, "VIP - A1", false)]
    {
        assert_eq!(text(row, seat).contains(&format!("Seat {seat}")), printed, "{seat}");
    }
    for (row, seat) in [(None, ""), (None, "Standing left"), (Some("F"), "")] {
        let text = text(row, seat);
        assert!(!text.contains("Seat Free") && !text.contains("Seat Standing"), "{text}");
    }
}

#[test]
fn the_text_is_as_recorded() {
    let drawn = plain().render(&sample::ticket()).unwrap();
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ticket.txt");
    let text = text(&drawn.pdf);
    let lines = text.trim_end().lines().map(str::trim_end).collect::<Vec<_>>().join("\n") + "\n";
    let expected = std::fs::read_to_string(&recorded).unwrap_or_default();
    assert!(
        lines == expected,
        "the text of {} changed; if that is right, record:\n{lines}",
        recorded.display()
    );
}

#[test]
fn the_file_is_sound_and_says_what_it_is() {
    let renderer = noto();
    for page in [
        sample::ticket(),
        sample::bare(),
        sample::long(),
        sample::arabic(),
        sample::japanese(),
        sample::tall(),
    ] {
        let (_folder, path) = saved(&renderer.render(&page).unwrap().pdf);
        let report = run("qpdf", "qpdf", &["--check", &path]);
        assert!(report.contains("PDF Version: 1.7") && !report.contains("WARNING"), "{report}");
    }
    let (_folder, path) = saved(&renderer.render(&sample::ticket()).unwrap().pdf);
    let info = run("poppler-utils", "pdfinfo", &["-rawdates", &path]);
    assert!(info.contains("Sofia Lindqvist & The Northern Lights Orchestra – Ticket 7K3M9QXT2F"), "{info}");
    assert!(info.contains("D:20261123184012Z") || info.contains("D:20261123184012+00"), "{info}");
    assert!(info.contains("A4") && info.contains("Pages:           1"), "{info}");
    assert!(info.contains(renderer.version()), "{info}");
    let fonts = run("poppler-utils", "pdffonts", &[&path]);
    assert!(
        fonts.lines().skip(2).all(|line| line.contains("yes yes yes")),
        "not embedded with text:\n{fonts}"
    );
}

/// The budgets of docs/performance.md, and that an untagged page is otherwise the same page.
#[test]
fn a_page_is_small_and_smaller_without_tags() {
    let page = sample::ticket();
    let tagged = plain().render(&page).unwrap().pdf;
    let untagged = plain().untagged().render(&page).unwrap().pdf;
    assert!(tagged.len() <= 24_000, "{} bytes with tags", tagged.len());
    assert!(untagged.len() <= 20_000, "{} bytes without", untagged.len());
    assert_eq!(flat(&tagged), flat(&untagged));
    for (pdf, there) in [(&tagged, true), (&untagged, false)] {
        let (_folder, path) = saved(pdf);
        let file = run("qpdf", "qpdf", &["--qdf", "--object-streams=disable", &path, "-"]);
        run("qpdf", "qpdf", &["--check", &path]);
        for word in ["/StructTreeRoot", "/MCID", "/Artifact", "/Metadata", "/OutputIntents"] {
            assert_eq!(file.contains(word), there, "{word}");
        }
    }
}

#[test]
fn the_code_scans_from_the_drawn_page() {
    let renderer = plain();
    let base = sample::ticket();
    let longer = format!("{}{}", base.code, "0123456789".repeat(8));
    let old = "7d44:Süd 12:芝生".to_owned();
    for code in [base.code.clone(), base.code[..178].to_owned(), "TK1:A".to_owned(), longer, old] {
        let page = TicketPage { code: code.clone(), ..base.clone() };
        let (folder, path) = saved(&renderer.render(&page).unwrap().pdf);
        let image = folder.path().join("page");
        run(
            "poppler-utils",
            "pdftoppm",
            &["-r", "110", "-png", "-singlefile", &path, image.to_str().unwrap()],
        );
        let read = run("zbar-tools", "zbarimg", &["--raw", "-q", &format!("{}.png", image.display())]);
        assert_eq!(read.trim_end_matches('\n'), code);
    }
}

#[test]
fn the_same_page_is_the_same_bytes_everywhere() {
    let all = [
        sample::ticket(),
        sample::bare(),
        sample::long(),
        sample::arabic(),
        sample::japanese(),
        sample::tall(),
    ];
    let (one, other) = (Arc::new(noto()), noto());
    assert_eq!(one.version(), other.version());
    assert_ne!(one.version(), plain().version());
    let expected: Vec<_> = all.iter().map(|page| one.render(page).unwrap().pdf).collect();
    // Another renderer, in another order; then many threads on one.
    for (page, pdf) in all.iter().zip(&expected).rev() {
        assert!(&other.render(page).unwrap().pdf == pdf);
    }
    std::thread::scope(|scope| {
        for start in 0..4 {
            let (one, all, expected) = (&one, &all, &expected);
            scope.spawn(move || {
                for index in (0..all.len()).map(|index| (index + start) % all.len()) {
                    assert!(one.render(&all[index]).unwrap().pdf == expected[index]);
                }
            });
        }
    });
    let mut later = sample::ticket();
    later.issued_at = "2026-11-23T18:40:13Z".parse().unwrap();
    assert!(one.render(&later).unwrap().pdf != expected[0], "the issue's time is in the file");
}

/// The font programs in a file, still compressed.
fn programs(pdf: &[u8]) -> BTreeSet<&[u8]> {
    let find = |from: usize, what: &[u8]| {
        pdf[from..].windows(what.len()).position(|window| window == what).map(|at| from + at)
    };
    let mut all = BTreeSet::new();
    let mut at = 0;
    while let Some(found) = find(at, b"/Length1 ") {
        let (start, end) = (find(found, b"stream\n").unwrap(), find(found, b"\nendstream").unwrap());
        all.insert(&pdf[start..end]);
        at = end;
    }
    all
}

#[test]
fn an_event_has_its_fonts_whichever_ticket_comes_first() {
    let ticket = |holder: &str, category: Option<&str>, event: &str| TicketPage {
        holder_name: Some(holder.to_owned()),
        category: category.map(str::to_owned),
        event_name: event.to_owned(),
        section: None,
        ..sample::arabic()
    };
    let (one, other) = ("ليالي الموسيقى العربية", "مهرجان المسرح");
    let tickets = [
        ticket("Ann Lee", None, one),
        ticket("غادة ضياء", Some("الفئة الأولى"), one),
        ticket("Ann Lee", None, other),
        ticket("ظافر", None, one),
    ];
    let drawn = |order: [usize; 4]| {
        let renderer = noto();
        let mut drawn = order.map(|index| (index, renderer.render(&tickets[index]).unwrap().pdf));
        drawn.sort();
        drawn.map(|(_, pdf)| pdf)
    };
    let all = drawn([0, 1, 2, 3]);
    assert!(all == drawn([3, 2, 1, 0]) && all == drawn([1, 3, 0, 2]));
    // Two built-in fonts, and the event's regular and bold; what a holder's name adds is in that ticket's own font.
    let [plain, named, elsewhere, again] = all.each_ref().map(|pdf| programs(pdf));
    assert_eq!(plain.len(), 4);
    assert!(plain.is_subset(&named) && named.len() > 4, "{}", named.len());
    assert!(plain.is_subset(&again) && again.len() > 4, "{}", again.len());
    // The other event's name is bold; all other Arabic text is the same.
    assert_eq!((elsewhere.len(), elsewhere.intersection(&plain).count()), (4, 3));
}

#[test]
fn names_in_many_scripts_come_back() {
    let renderer = noto();
    for name in [
        "Nguyễn Thị Phương Thảo",
        "Ελευθέριος Βενιζέλος",
        "Наталія Їжакевич",
        "Þórður Ægisson",
        "Ștefan Țăranu",
        "محمد عبد الإله الأنصاري",
        "نگار یزدان‌پناه",
        "שרה בן־דוד",
        "प्रियंका श्रीवास्तव",
        "สมชาย ใจดี",
        "ศูนย์วัฒนธรรม ปิ่นเกล้า",
        "מֹשֶׁה שָׁלוֹם",
        "مُحَمَّد",
        "王小明",
        "고길동",
        "さくら 山田",
        "Finn O’Brien–Smith",
    ] {
        let page = TicketPage { holder_name: Some(name.to_owned()), ..sample::ticket() };
        let drawn = renderer.render(&page).unwrap();
        assert_eq!(drawn.missing, [], "{name}");
        let text = flat(&drawn.pdf);
        // Joiners shape the text and are not drawn.
        let drawable = name.replace('\u{200C}', "");
        assert!(text.replace('\u{200C}', "").contains(&drawable), "{name:?} is not in {text}");
    }
}

#[test]
fn what_no_font_has_is_reported() {
    let renderer = plain();
    let page = TicketPage { holder_name: Some("田中 José 𓀀".to_owned()), ..sample::ticket() };
    let drawn = renderer.render(&page).unwrap();
    assert_eq!(drawn.missing, ['田', '中', '𓀀']);
    assert!(flat(&drawn.pdf).contains("田中 José"), "the text can still be copied");
    let (_folder, path) = saved(&drawn.pdf);
    run("qpdf", "qpdf", &["--check", &path]);
}

#[test]
fn hidden_characters_do_not_reach_the_page() {
    let page = TicketPage {
        holder_name: Some("Ann\u{0}a\u{202E}\u{2066}\r\nLee\u{7}".to_owned()),
        seat: "\u{0}7\u{200F}".to_owned(),
        ..sample::ticket()
    };
    let drawn = plain().render(&page).unwrap();
    assert_eq!(drawn.missing, []);
    assert!(flat(&drawn.pdf).contains("Anna Lee"));
}

#[test]
fn lines_of_an_address_stay_lines_or_get_commas() {
    let at = |address: &str, template| {
        let page = TicketPage { venue_address: Some(address.to_owned()), template, ..sample::ticket() };
        text(&plain().render(&page).unwrap().pdf)
    };
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let three = "Am Sandtorkai 12\r\n20457 Hamburg\n\n Germany";
    let text = at(three, None);
    for (line, other) in [("Am Sandtorkai 12", "20457"), ("20457 Hamburg", "Germany"), ("Germany", "Hamburg")]
    {
        let found = text.lines().find(|found| found.contains(line));
        let found = found.unwrap_or_else(|| panic!("{line}: {text}"));
        assert!(!found.contains(other) && !found.contains(','), "{text}");
    }
    // More lines than the box has, and a box of one line.
    let text = at("Haus 7\nHof 3\nAm Sandtorkai 12,\n20457 Hamburg\nGermany", None);
    for said in ["Haus 7, Hof 3, Am Sandtorkai", "12, 20457 Hamburg, Germany"] {
        assert!(words(&text).contains(said), "{text}");
    }
    let thermal = at(three, Some(Shipped::Thermal.bundle().hash()));
    assert!(words(&thermal).contains("Am Sandtorkai 12, 20457 Hamburg, Germany"), "{thermal}");
}

#[test]
fn wrong_input_is_refused_with_the_reason() {
    let renderer = plain();
    for code in [String::new(), "a".repeat(900), "A".repeat(2000)] {
        let page = TicketPage { code, ..sample::ticket() };
        assert!(matches!(renderer.render(&page), Err(RenderError::Code(_))));
    }
    let renderer = PdfRenderer::new(vec![b"no font".to_vec()]);
    assert!(matches!(renderer, Err(NewError::Font(FontError::Unusable(_)))));
}

#[test]
fn fonts_given_as_bytes_serve_as_well() {
    let hebrew = std::fs::read("/usr/share/fonts/truetype/noto/NotoSansHebrew-Regular.ttf");
    let hebrew = hebrew.expect("install it: apt-get install fonts-noto-core");
    let page = TicketPage { holder_name: Some("שרה".to_owned()), ..sample::ticket() };
    let drawn = PdfRenderer::new(vec![hebrew.clone()]).unwrap().render(&page).unwrap();
    assert_eq!(drawn.missing, []);
    assert!(flat(&drawn.pdf).contains("שרה"));
    let named = FontSource::from_bytes("Hebrew", hebrew, 0).only(&[('\u{590}', '\u{5FF}')]);
    let drawn = PdfRenderer::with_fonts(vec![named]).unwrap().render(&page).unwrap();
    assert_eq!(drawn.missing, []);
}
