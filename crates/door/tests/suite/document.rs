//! Tests that docs/door.md says what the crate does.

use std::collections::BTreeMap;

use fulfillment_door::Rules;

const DOCUMENT: &str = include_str!("../../../../docs/door.md");

/// The cells of the rows that begin with a word in backticks, between two headings.
fn rows(heading: &str) -> BTreeMap<&'static str, Vec<&'static str>> {
    let (_, section) = DOCUMENT.split_once(&format!("## {heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let cells = |line: &'static str| -> Option<(&'static str, Vec<&'static str>)> {
        let mut cells = line.strip_prefix("| `")?.split('|').map(str::trim);
        Some((cells.next()?.split('`').next()?, cells.collect()))
    };
    section.lines().filter_map(cells).collect()
}

#[test]
fn the_example_is_good_and_has_every_field() {
    let (_, example) = DOCUMENT.split_once("```json\n").unwrap();
    let example = example.split("```").next().unwrap();
    let rules = Rules::read(example).unwrap();
    assert_ne!(rules, Rules::default());
    let fields = rows("The rules");
    for field in fields.keys() {
        let name = field.rsplit(['.', '}']).next().unwrap();
        assert!(example.contains(&format!("\"{name}\":")), "{field} is missing in the example");
    }
    assert!(fields.len() >= 14, "{fields:?}");
}
