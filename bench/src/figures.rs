//! The benchmark's figures, as a table for people and as JSON for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// One measured figure.
#[derive(Debug, Clone)]
struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
    floor: Option<f64>,
}

impl Figure {
    /// The ratio of the value to its floor; 1 is the floor.
    fn ratio(&self) -> Option<f64> {
        self.floor.filter(|floor| *floor > 0.0).map(|floor| self.value / floor)
    }
}

/// All figures of a run, in the order in which they were measured.
#[derive(Debug, Default)]
pub(crate) struct Figures(Vec<Figure>);

impl Figures {
    /// Adds a figure without a measurable floor, or one that is a floor itself.
    pub(crate) fn add(&mut self, name: impl Into<String>, value: f64, unit: &'static str) {
        self.note(Figure { name: name.into(), value, unit, floor: None });
    }

    /// Adds a figure with its floor.
    pub(crate) fn add_beside(&mut self, name: impl Into<String>, value: f64, unit: &'static str, floor: f64) {
        self.note(Figure { name: name.into(), value, unit, floor: Some(floor) });
    }

    fn note(&mut self, figure: Figure) {
        eprintln!("bench: {} = {} {}", figure.name, plain(figure.value), figure.unit);
        self.0.push(figure);
    }

    /// The table, one line per figure.
    pub(crate) fn table(&self) -> String {
        let mut text = String::new();
        let mut line = |name: &str, value: &str, unit: &str, floor: &str, ratio: &str| {
            let _ = writeln!(text, "{name:<43} {value:>10} {unit:<11} {floor:>10} {ratio:>7}");
        };
        line("figure", "value", "unit", "floor", "ratio");
        let dash = || "-".to_owned();
        for figure in &self.0 {
            let floor = figure.floor.map_or_else(dash, plain);
            let ratio = figure.ratio().map_or_else(dash, |ratio| format!("{ratio:.2}"));
            line(&figure.name, &plain(figure.value), figure.unit, &floor, &ratio);
        }
        text
    }

    /// The figures as a JSON array of objects.
    pub(crate) fn json(&self) -> Value {
        let object = |figure: &Figure| {
            json!({
                "name": figure.name,
                "value": rounded(figure.value),
                "unit": figure.unit,
                "floor": figure.floor.map(rounded),
                "ratio": figure.ratio().map(rounded),
            })
        };
        self.0.iter().map(object).collect()
    }
}

/// Formats a value with its significant digits.
fn plain(value: f64) -> String {
    if value.abs() < 100.0 { format!("{value:.1}") } else { format!("{value:.0}") }
}

fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_needs_a_floor() {
        let mut figures = Figures::default();
        figures.add_beside("ingest", 50.0, "payments/s", 200.0);
        figures.add("memory", 12.3456, "MB");
        assert_eq!(
            figures.json(),
            json!([
                {"name": "ingest", "value": 50.0, "unit": "payments/s", "floor": 200.0, "ratio": 0.25},
                {"name": "memory", "value": 12.346, "unit": "MB", "floor": null, "ratio": null},
            ])
        );
        assert!(figures.table().contains("0.25"), "{}", figures.table());
    }
}
