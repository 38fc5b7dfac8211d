use proptest::prelude::*;

use super::keys::{DEEPEST, LOOK, MOST_CHARACTERS, MOST_ELEMENTS, PAGE, PLACE, TOP, TYPES};
use crate::template::{CompiledTemplate, Shipped, TemplateBundle};

/// The problems of a template with these elements on a page of 100 x 100 mm.
fn problems(elements: &str) -> Vec<String> {
    let json = format!(
        "{{\"format\": 1, \"page\": {{\"width\": 100, \"height\": 100}},\n\"elements\": [\n{elements}]}}"
    );
    match CompiledTemplate::new(&TemplateBundle::new(json)) {
        Ok(_) => Vec::new(),
        Err(refused) => refused.0.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn what_ships_is_sound() {
    for shipped in Shipped::ALL {
        let compiled = CompiledTemplate::new(&shipped.bundle());
        assert!(compiled.is_ok(), "{}:\n{}", shipped.name(), compiled.unwrap_err());
    }
}

#[test]
fn every_error_has_its_place() {
    for (elements, expected) in [
        ("", ""),
        (r#"{"type": "text", "x": 0, "y": 0, "width": 50}"#, r#"3:1: error: "text" is missing"#),
        (
            r#"{"type": "text", "text": "{event}", "x": 0, "y": 0, "width": 50}"#,
            "3:26: error: there is no placeholder \"event\"",
        ),
        (r#"{"type": "txt"}"#, "3:10: error: \"type\" is one of text, line,"),
        (
            r#"{"type": "text", "text": "a", "x": 60, "y": 0, "width": 50}"#,
            "3:1: error: it leaves the page: it ends at 110 x",
        ),
        (
            r#"{"type": "text", "text": "a", "x": 60, "y": 0, "width": 9, "colour": 1}"#,
            "3:60: error: there is no \"colour\" here; there are text,",
        ),
        (
            r#"{"type": "text", "text": "a", "x": 60, "y": "0", "width": 9}"#,
            "3:45: error: a number is wanted here, not a text",
        ),
        (
            r#"{"type": "text", "text": "a", "x": 0, "y": 0, "width": 9, "height": 2}"#,
            "3:1: error: its height has no room for a line",
        ),
        (
            r#"{"type": "stack", "x": 0, "y": 0, "width": 9, "height": 2, "children": [{"type": "text", "text": "a"}]}"#,
            "3:1: error: its contents may need 4.8 mm of height and it has 2",
        ),
        (
            r#"{"type": "stack", "x": 0, "y": 0, "width": 9, "children": [{"type": "text", "text": "a", "x": 1}]}"#,
            "3:90: error: \"x\" has no meaning here",
        ),
        (
            r#"{"type": "row", "x": 0, "y": 0, "width": 9, "children": [{"type": "text", "text": "a", "width": 10}]}"#,
            "3:1: error: its columns need 10 mm of width and have 9",
        ),
        (
            r#"{"type": "image", "x": 0, "y": 0, "width": 9, "height": 9, "file": "logo"}"#,
            "3:68: error: there is no file \"logo\" with the template",
        ),
        (
            r#"{"type": "qr", "x": 0, "y": 0, "size": 30}, {"type": "qr", "x": 50, "y": 0, "size": 30}"#,
            "3:45: error: a ticket has one code",
        ),
        (
            r#"{"type": "qr", "x": 0, "y": 0, "size": 30, "level": "H"}"#,
            "3:53: error: \"level\" is one of M, Q, not \"H\"",
        ),
        (r#"{"type": "text", "text": "a" "x""#, "3:30: error: this is not JSON"),
    ] {
        let found = problems(elements);
        let first = found.first().map(String::as_str).unwrap_or_default();
        assert!(
            first.starts_with(expected) && (found.is_empty() == expected.is_empty()),
            "{elements}\n{found:?}"
        );
    }
}

#[test]
fn all_errors_are_found_at_once() {
    let found = problems(
        "{\"type\": \"text\", \"text\": \"{x}\", \"x\": 0, \"y\": 0, \"width\": 9},\n{\"type\": \"line\", \"x\": 0, \"y\": 0},\n{\"type\": \"rect\", \"x\": -1, \"y\": 0, \"width\": 9}",
    );
    let lines: Vec<_> = found.iter().map(|problem| &problem[..1]).collect();
    assert_eq!(lines, ["3", "4", "5", "5"], "{found:?}");
}

#[test]
fn limits_hold() {
    let deep = |depth: usize| {
        let open = r#"{"type": "stack", "children": ["#.repeat(depth);
        let first = r#"{"type": "stack", "x": 0, "y": 0, "width": 90, "children": ["#;
        format!("{first}{open}{{\"type\": \"text\", \"text\": \"a\"}}{}", "]}".repeat(depth + 1))
    };
    assert_eq!(problems(&deep(DEEPEST - 1)), Vec::<String>::new());
    assert!(problems(&deep(DEEPEST))[0].contains("deep in each other"));
    assert!(!problems(&deep(5000)).is_empty());
    let many =
        |count: usize| vec![r#"{"type": "text", "text": "a", "x": 0, "y": 0, "width": 9}"#; count].join(",");
    assert_eq!(problems(&many(MOST_ELEMENTS)), Vec::<String>::new());
    assert!(problems(&many(MOST_ELEMENTS + 1))[0].contains("at most"));
    let long = format!(
        r#"{{"type": "text", "text": "{}", "x": 0, "y": 0, "width": 9}}"#,
        "a".repeat(MOST_CHARACTERS + 1)
    );
    assert!(problems(&long)[0].contains("characters"));
    let huge = TemplateBundle::new(" ".repeat(super::super::bundle::LONGEST_JSON + 1));
    assert!(CompiledTemplate::new(&huge).unwrap_err().to_string().contains("bytes"));
}

/// The keys in the schema are the keys that the reader accepts.
#[test]
fn the_schema_has_the_same_keys() {
    let schema: serde_json::Value =
        serde_json::from_str(include_str!("../../../../../docs/template.schema.json")).unwrap();
    let keys = |pointer: &str| {
        let properties = schema.pointer(pointer).and_then(|value| value.as_object());
        let mut keys: Vec<String> =
            properties.unwrap_or_else(|| panic!("{pointer}")).keys().cloned().collect();
        keys.sort();
        keys
    };
    let sorted = |lists: &[&[&str]]| {
        let mut keys: Vec<String> =
            lists.iter().flat_map(|list| list.iter().map(|key| (*key).to_owned())).collect();
        keys.sort();
        keys
    };
    assert_eq!(keys("/properties"), sorted(&[TOP]));
    assert_eq!(keys("/properties/page/properties"), sorted(&[PAGE]));
    assert_eq!(keys("/$defs/look/properties"), sorted(&[LOOK]));
    for (name, own) in TYPES {
        let look: &[&str] = if *name == "text" { LOOK } else { &[] };
        let place: &[&str] = match *name {
            "qr" => &["type", "x", "y", "grow"],
            _ => PLACE,
        };
        assert_eq!(keys(&format!("/$defs/{name}/properties")), sorted(&[own, look, place]), "{name}");
    }
}

/// Templates with parts removed, repeated or changed.
fn damaged() -> impl Strategy<Value = String> {
    let cut = (0_usize..20_000, 0_usize..60, 0_usize..60, "[ -~é]{0,6}", 0_usize..3);
    prop::collection::vec(cut, 1..4).prop_map(|cuts| {
        let mut text: Vec<char> = Shipped::ALL[cuts[0].4].bundle().json.chars().collect();
        for (at, length, other, new, _) in cuts {
            let at = at % text.len().max(1);
            let end = (at + length).min(text.len());
            let piece: Vec<char> = text[at.saturating_sub(other)..at].to_vec();
            let new: Vec<char> = if length % 2 == 0 { piece } else { new.chars().collect() };
            text.splice(at..end, new);
        }
        text.into_iter().collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_or_refused(text in prop_oneof![damaged(), "\\PC{0,80}"]) {
        if let Err(refused) = CompiledTemplate::new(&TemplateBundle::new(text.clone())) {
            prop_assert!(!refused.0.is_empty());
            let lines = text.lines().count().max(1);
            prop_assert!(refused.0.iter().all(|problem| (1..=lines + 1).contains(&problem.at.line)), "{refused}");
        }
    }
}
