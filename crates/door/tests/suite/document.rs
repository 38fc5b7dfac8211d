//! Tests that docs/door.md says what the crate does.

use std::collections::BTreeMap;

use fulfillment_door::{Rules, Verdict};

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
fn every_verdict_is_described() {
    let rows = rows("The verdicts");
    let mut words = Verdict::ALL.map(Verdict::word);
    words.sort_unstable();
    assert_eq!(rows.keys().copied().collect::<Vec<_>>(), words);
    for verdict in Verdict::ALL {
        let cells = &rows[verdict.word()];
        let may_lift = cells[2] == "yes";
        assert_eq!(may_lift, verdict.yields_to_override(), "{verdict:?} {cells:?}");
        assert!(["yes", "never", ""].contains(&cells[2]), "{cells:?}");
        assert_eq!(cells[2] == "never", verdict <= Verdict::Superseded, "{verdict:?}");
    }
    let order: Vec<usize> = Verdict::ALL
        .iter()
        .map(|verdict| DOCUMENT.find(&format!("\n| `{}` |", verdict.word())).unwrap())
        .collect();
    assert!(order.is_sorted(), "the rows are in the order of the checks");
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
