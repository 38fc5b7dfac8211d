//! Seat labels: taken apart where they say section, row and seat, and put together from the parts.

/// "Section A, Row 5, Seat 12" taken apart; anything else stays a label.
pub(super) fn parts_of_label(label: &str) -> (Option<String>, Option<String>, Option<String>) {
    let mut found = [None, None, None];
    for part in label.split(',') {
        let Some((word, value)) = part.trim().split_once(char::is_whitespace) else {
            return (None, None, None);
        };
        let slot = match word.to_ascii_lowercase().as_str() {
            "section" => 0,
            "row" => 1,
            "seat" => 2,
            _ => return (None, None, None),
        };
        found[slot] = Some(value.trim().to_owned());
    }
    let [section, row, number] = found;
    (section, row, number)
}

pub(super) fn label_of(section: Option<&str>, row: Option<&str>, number: Option<&str>) -> String {
    match (section, row, number) {
        (None, None, Some(number)) => number.to_owned(),
        (None, None, None) => "N/A".to_owned(),
        _ => [("Section", section), ("Row", row), ("Seat", number)]
            .iter()
            .filter_map(|(word, value)| value.map(|v| format!("{word} {v}")))
            .collect::<Vec<_>>()
            .join(", "),
    }
}
