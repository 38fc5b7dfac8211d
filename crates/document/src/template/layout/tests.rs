use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::page::PlacedLine;
use crate::renderer::PageContext;
use crate::template::{CompiledTemplate, Shipped, TemplateBundle};
use crate::text;
use crate::{PdfRenderer, Renderer as _, TicketPage};

static RENDERER: LazyLock<PdfRenderer> = LazyLock::new(|| PdfRenderer::new(Vec::new()).unwrap());

/// Texts of any length, with words of any length, in several scripts.
fn texts() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        4 => "[A-Za-z]{1,14}",
        2 => "[0-9]{1,20}",
        1 => "[А-Яа-яÀ-žẠ-ỹ]{1,30}",
        1 => "[אבגדה]{1,12}",
        1 => "[一-龠]{1,30}",
        1 => "[W]{1,90}",
        1 => "[\u{0}-\u{20}\u{200B}-\u{202E}\u{300}-\u{310}—/-]{1,8}",
    ];
    prop::collection::vec(pieces, 0..40).prop_map(|pieces| pieces.join(" "))
}

pub(crate) fn page(texts: &[String], locale: Option<&str>) -> TicketPage {
    let text = |index: usize| texts[index].clone();
    let some = |index: usize| Some(text(index)).filter(|text| text.len() % 5 != 0);
    TicketPage {
        ticket_id: uuid::Uuid::nil(),
        ticket_number: text(0),
        order_id: uuid::Uuid::max(),
        event_name: text(1),
        organizer_name: some(2),
        venue_name: some(3),
        venue_address: some(4),
        starts: some(5),
        doors: some(6),
        ends: some(7),
        holder_name: some(8),
        customer: text(9),
        section: some(10),
        row: some(11),
        seat: text(12),
        seat_unknown: texts[12].len() % 7 == 1,
        category: some(13),
        price: some(14),
        ticket_index: u32::MAX,
        ticket_count: u32::MAX,
        issued_at: jiff::Timestamp::UNIX_EPOCH,
        issued: text(15),
        code: "TK1:ABC".to_owned(),
        locale: locale.map(str::to_owned),
        template: None,
    }
}

/// The page, and for each text and the code, the element it is in and the area it takes there.
fn laid_out(template: &CompiledTemplate, page: &TicketPage) -> (DisplayList, Vec<(usize, Area)>) {
    let context = PageContext::of(page);
    let mut shaper = RENDERER.shaper(&context.tag);
    let display_list = context.lay_out(template, page, &mut shaper).unwrap();
    let cache = LayoutCache::default();
    let mut flow = Flow::new(&template.model, context.source(template), &mut shaper, &cache);
    let frames = flow.pieces().unwrap().into_iter().filter_map(|(element, piece)| match piece.what {
        What::Text { .. } | What::Code => Some((element, display_list.mirror(piece.area))),
        _ => None,
    });
    let frames = frames.collect();
    (display_list, frames)
}

/// Checks that texts and the code do not overlap and are within their element's area and on the page, and that every
/// line is within its text's frame.
fn check(template: &CompiledTemplate, page: &TicketPage) {
    let (display_list, frames) = laid_out(template, page);
    for (index, (element, a)) in frames.iter().enumerate() {
        let place = template.model.elements[*element].area;
        let place = display_list.mirror(place);
        let within = |a: &Area, b: &Area| {
            a.x >= b.x - 0.05
                && a.y >= b.y - 0.05
                && a.x + a.width <= b.x + b.width + 0.05
                && a.y + a.height <= b.y + b.height + 0.05
        };
        assert!(within(a, &place), "{a:?} leaves its place {place:?}");
        let paper = Area { x: 0.0, y: 0.0, width: display_list.page.0, height: display_list.page.1 };
        assert!(within(a, &paper), "{a:?} leaves the page");
        for (other, b) in &frames[..index] {
            let apart = a.x + a.width <= b.x + 0.01
                || b.x + b.width <= a.x + 0.01
                || a.y + a.height <= b.y + 0.01
                || b.y + b.height <= a.y + 0.01;
            assert!(apart, "{a:?} of element {element} overlaps {b:?} of {other}");
        }
    }
    let lines = display_list.items.iter().flat_map(|item| match item {
        DisplayItem::Text { size, lines, .. } => lines.iter().map(|placed| (size, placed)).collect(),
        _ => Vec::new(),
    });
    for (size, PlacedLine { x, baseline, line }) in lines {
        let width = f64::from(line.width) * f64::from(*size) / 1000.0;
        let inside = |a: &Area| {
            *x >= a.x - 0.1
                && f64::from(*x) + width <= f64::from(a.x + a.width) + 0.1
                && *baseline - 0.75 * size >= a.y
                && *baseline + 0.2 * size <= a.y + a.height
        };
        assert!(frames.iter().any(|(_, a)| inside(a)), "{:?} is in no frame", line.text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_overlaps_or_leaves_the_page(texts in prop::collection::vec(texts(), 16), language in 0_usize..4) {
        let page = page(&texts, [None, Some("de"), Some("ar"), Some("ja")][language]);
        for shipped in Shipped::ALL {
            let page = TicketPage { template: Some(shipped.bundle().hash()), ..page.clone() };
            let drawn = RENDERER.render(&page).unwrap();
            prop_assert!(drawn.pdf.starts_with(b"%PDF-1.7") && drawn == RENDERER.render(&page).unwrap());
            check(&RENDERER.template(shipped.bundle().hash()).unwrap(), &page);
        }
    }
}

fn laid(json: &str, texts: &[(usize, &str)]) -> Vec<(String, Area)> {
    let template = CompiledTemplate::new(&TemplateBundle::new(json)).unwrap();
    let mut all = vec![String::new(); 16];
    for (index, text) in texts {
        (*text).clone_into(&mut all[*index]);
    }
    let page = page(&all, None);
    let (display_list, frames) = laid_out(&template, &page);
    let texts = display_list.items.iter().filter_map(|item| match item {
        DisplayItem::Text { lines, .. } => Some(lines[0].line.text.clone()),
        _ => None,
    });
    texts.zip(frames.iter().map(|(_, area)| *area)).collect()
}

#[test]
fn absent_fields_leave_no_holes() {
    let json = r#"{"format": 1, "page": {"width": 100, "height": 100}, "elements": [
        {"type": "stack", "x": 0, "y": 0, "width": 100, "gap": 1, "children": [
            {"type": "stack", "children": [
                {"type": "text", "text": "{label.section}"}, {"type": "text", "text": "{seat.section}"}]},
            {"type": "row", "children": [
                {"type": "text", "text": "{seat.row}"}, {"type": "text", "text": "{seat.number}"}]}
        ]}]}"#;
    let texts = |laid: &[(String, Area)]| laid.iter().map(|(text, _)| text.clone()).collect::<Vec<_>>();
    let all = laid(json, &[(10, "A"), (11, "12"), (12, "7")]);
    assert_eq!(texts(&all), ["Section", "A", "12", "7"]);
    assert!((all[3].1.x - all[2].1.x - all[2].1.width).abs() < 0.01);
    let seat = laid(json, &[(12, "7")]);
    assert_eq!(texts(&seat), ["7"], "a label belongs to its field");
    assert_eq!((seat[0].1.x, seat[0].1.y), (0.0, 0.0));
    assert_eq!(texts(&laid(json, &[(10, "A")])), ["Section", "A"], "a section without a seat");
    assert_eq!(texts(&laid(json, &[])), ["Free seating"]);
}

#[test]
fn a_row_of_one_size_takes_the_smallest_but_not_a_tiny_one() {
    let json = r#"{"format": 1, "page": {"width": 100, "height": 100}, "elements": [
        {"type": "row", "x": 0, "y": 0, "width": 90, "children": [
            {"type": "text", "text": "{seat.section}", "size": 30, "min_size": 6, "same_size": true},
            {"type": "text", "text": "{seat.row}", "size": 30, "min_size": 6, "same_size": true}]}]}"#;
    let heights = |section: &str| {
        laid(json, &[(10, section), (11, "12")]).iter().map(|(_, area)| area.height).collect::<Vec<_>>()
    };
    let pitch = |size: f32| text::pitch(size, None);
    assert_eq!(heights("A1"), [pitch(30.0); 2]);
    let middle = heights("Parkett lin");
    assert!(middle[0] < pitch(30.0) && (middle[0] - middle[1]).abs() < 0.01, "{middle:?}");
    let long = heights("Parkett links hinten rechts außen");
    assert!(long[0] < pitch(15.0) && (long[1] - pitch(30.0)).abs() < 0.01, "{long:?}");
}
