use proptest::prelude::*;

use super::*;
use crate::template::CompiledTemplate;

/// A page of this size in millimetres, as a PDF.
fn blank(width: f32, height: f32) -> Vec<u8> {
    use pdf_writer::{Finish, Pdf, Rect, Ref};
    let mut pdf = Pdf::new();
    let [catalog, pages, page, content] = [1, 2, 3, 4].map(Ref::new);
    pdf.catalog(catalog).pages(pages);
    pdf.pages(pages).kids([page]).count(1);
    let mut out = pdf.page(page);
    out.parent(pages).media_box(Rect::new(0.0, 0.0, width * MM, height * MM)).contents(content);
    out.resources();
    out.finish();
    pdf.stream(content, b"1 0 0 rg 20 20 100 30 re f");
    pdf.finish()
}

/// The default layout of pretix, written from its description.
fn default_layout() -> String {
    let text = |content: &str, left: f32, bottom: f32, width: f32, height: f32, more: Value| {
        let mut text = json!({
            "type": "textcontainer", "left": format!("{left:.2}"), "bottom": format!("{bottom:.2}"),
            "width": format!("{width:.2}"), "height": format!("{height:.2}"), "content": content,
            "fontsize": "13.0", "fontfamily": "Open Sans", "color": [0, 0, 0, 1], "bold": false,
            "italic": false, "align": "left", "verticalalign": "middle", "autoresize": true,
        });
        for (key, value) in more.as_object().unwrap() {
            text[key] = value.clone();
        }
        text
    };
    json!([
        { "type": "barcodearea", "left": "130.40", "bottom": "204.50", "size": "64.00", "content": "secret" },
        { "type": "poweredby", "left": "88.72", "bottom": "10.00", "size": "20.00", "content": "dark" },
        text("event_name", 16.35, 272.09, 177.07, 11.80, json!({ "fontsize": "14.0" })),
        text("itemvar", 16.35, 261.77, 113.03, 7.83, json!({})),
        text("attendee_name", 16.35, 251.30, 113.03, 7.83, json!({})),
        text("event_begin", 16.35, 240.30, 113.03, 7.83, json!({})),
        text("seat", 16.35, 231.30, 113.03, 7.83, json!({})),
        text("event_location", 16.35, 203.43, 113.03, 25.70, json!({ "verticalalign": "bottom" })),
        text("order", 16.50, 193.33, 32.32, 7.83, json!({})),
        text("price", 51.50, 193.33, 47.38, 7.83, json!({ "align": "right" })),
        text("secret", 101.50, 193.33, 91.93, 7.83, json!({})),
    ])
    .to_string()
}

#[test]
fn the_default_layout_becomes_a_template() {
    let imported = import_pretix(&default_layout(), Some(&blank(210.0, 297.0))).unwrap();
    let template = CompiledTemplate::new(&imported.bundle).unwrap();
    assert_eq!(template.model.elements.len(), 10);
    let said: Vec<_> = imported.problems.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].contains("mark of another program") && said[1].contains("the ticket's number"));
    let code = &template.model.elements[0].area;
    let close = |a: f32, b: f32| (a - b).abs() < 0.1;
    assert!(
        close(code.x, 130.4 * MM) && close(code.y, 28.5 * MM) && close(code.width, 64.0 * MM),
        "{code:?}"
    );
    let name = &template.model.elements[1].area;
    assert!(close(name.y, 13.11 * MM) && close(name.height, 11.8 * MM), "{name:?}");
}

#[test]
fn free_texts_keep_what_is_not_known() {
    let layout = r#"[{"type": "textcontainer", "left": 10, "bottom": 10, "width": 90, "height": 30, "fontsize": 10,
        "content": "other", "text": "Hello {attendee_name}\n{nothing} } {"},
        {"type": "textarea", "left": 10, "bottom": 60, "width": 90, "content": "other_i18n", "rotation": 90,
         "text_i18n": {"en": "Bye", "de": "Tschüss"}, "fontfamily": "Lobster", "italic": true},
        {"type": "textarea", "left": 10, "bottom": 60, "width": 90, "content": "meta:color"},
        {"type": "textarea", "left": 400, "bottom": 60, "width": 90, "content": "order"},
        {"type": "barcodearea", "left": 10, "bottom": 100, "size": 40, "nowhitespace": true},
        {"type": "video"}, 7]"#;
    let imported = import_pretix(layout, None).unwrap();
    let json: Value = serde_json::from_str(&imported.bundle.json).unwrap();
    assert_eq!(json["elements"][0]["text"], json!(["Hello {holder.name}", "{{nothing}} }} {{"]));
    assert_eq!(json["texts"]["text 1"], json!({ "default": "Bye", "en": "Bye", "de": "Tschüss" }));
    assert_eq!(json["elements"][2]["size"], json!(46.04));
    let said: Vec<_> = imported.problems.iter().map(ToString::to_string).collect();
    for expected in [
        "stays as it was typed",
        "not rotated",
        "Lobster",
        "upright",
        "meta:color",
        "not on the page",
        "video",
    ] {
        assert!(said.iter().any(|problem| problem.contains(expected)), "{expected}: {said:?}");
    }
    assert!(said[0].starts_with("1:2: warning"), "{said:?}");
    CompiledTemplate::new(&imported.bundle).unwrap();
}

#[test]
fn a_code_that_leaves_the_page_is_moved_onto_it() {
    for (left, bottom) in [("207.5", "100"), ("100", "-62.5"), ("208.9", "-62.9")] {
        let layout =
            format!(r#"[{{"type": "barcodearea", "left": "{left}", "bottom": "{bottom}", "size": "64"}}]"#);
        let imported = import_pretix(&layout, None).unwrap();
        let said = imported.problems.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert!(said[0].contains("it left the page"), "{said:?}");
        let compiled = CompiledTemplate::new(&imported.bundle);
        assert!(compiled.is_ok(), "{left} {bottom}: {}", compiled.unwrap_err());
    }
}

#[test]
fn what_is_no_layout_is_refused() {
    assert!(import_pretix("{}", None).is_err());
    assert!(import_pretix("[", None).is_err());
    assert!(import_pretix("[]", Some(b"no PDF")).is_err());
    assert!(CompiledTemplate::new(&import_pretix("[]", None).unwrap().bundle).is_ok());
}

fn loose() -> impl Strategy<Value = Value> {
    prop_oneof![
        (-300.0_f32..600.0).prop_map(|number| json!(number)),
        (-300.0_f32..600.0).prop_map(|number| json!(format!("{number:.2}"))),
        Just(json!("x")),
        Just(json!(null)),
        Just(json!(1e300)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Importing any layout gives a valid template.
    #[test]
    fn any_layout_becomes_a_template(
        numbers in prop::collection::vec(loose(), 7),
        kind in prop::sample::select(vec!["barcodearea", "textcontainer", "textarea", "imagearea", "?"]),
        content in prop::sample::select(vec!["secret", "seat", "event_location", "other", "other_i18n", "nope"]),
        text in "[a-z{}\n ]{0,20}",
        flags in any::<[bool; 4]>(),
    ) {
        let layout = json!([{
            "type": kind, "content": content, "text": text, "text_i18n": { "en": text, "de": "x" },
            "left": numbers[0], "bottom": numbers[1], "width": numbers[2], "height": numbers[3],
            "size": numbers[4], "fontsize": numbers[5], "lineheight": numbers[6], "autoresize": flags[0],
            "downward": flags[1], "bold": flags[2], "nowhitespace": flags[3], "color": [numbers[0], 1, 2],
        }]);
        let imported = import_pretix(&layout.to_string(), None).unwrap();
        let compiled = CompiledTemplate::new(&imported.bundle);
        prop_assert!(compiled.is_ok(), "{}\n{}", compiled.unwrap_err(), imported.bundle.json);
    }
}
