//! Limits the time and memory that a drawing takes: what its references multiply is counted before they are followed.

use std::collections::HashMap;

use usvg::roxmltree::{Node, NodeId};

use super::style::{Names, follows, name_of, urls};

/// The maximum nesting depth of elements, references followed.
const DEEPEST: usize = 64;
/// The maximum number of elements, each counted as often as it is referred to.
const MOST_ELEMENTS: u64 = 20_000;
/// The maximum size of their attributes and styles in bytes, counted as often as they are referred to.
const MOST_BYTES: u64 = 16 << 20;
/// A longer value is also counted for each descendant, which may inherit it and parse it again.
const LONG: usize = 64;
/// The largest number: beyond the range of the library's curve arithmetic, its loops do not end.
const LARGEST: f64 = 10_000_000.0;
/// Attributes and properties that are made of numbers.
const NUMBERS: &[&str] = &[
    "d",
    "points",
    "transform",
    "gradientTransform",
    "transform-origin",
    "viewBox",
    "x",
    "y",
    "x1",
    "y1",
    "x2",
    "y2",
    "cx",
    "cy",
    "r",
    "rx",
    "ry",
    "fx",
    "fy",
    "fr",
    "width",
    "height",
    "stroke-width",
    "stroke-dasharray",
    "stroke-dashoffset",
    "stroke-miterlimit",
    "font-size",
];
/// The maximum number of colours of a gradient.
const MOST_STOPS: usize = 256;

/// Refuses a drawing that takes too much, or never ends.
pub(super) fn check<'a>(root: Node<'a, '_>, names: &Names<'a, '_>) -> Result<(), String> {
    let whole = Scale { names, seen: HashMap::new() }.weigh(root, 0)?;
    if whole.elements > MOST_ELEMENTS {
        return Err(format!(
            "it has {} elements, those that are used again counted each time, and at most {MOST_ELEMENTS} are taken",
            whole.elements
        ));
    }
    if whole.bytes > MOST_BYTES {
        return Err(format!(
            "its elements, those that are used again counted each time, have more than {MOST_BYTES} bytes"
        ));
    }
    Ok(())
}

/// The cost of an element with its descendants and all that it refers to.
#[derive(Clone, Copy, Default)]
struct Weight {
    elements: u64,
    bytes: u64,
    /// The nesting depth.
    depth: usize,
}

struct Scale<'n, 'a, 'input> {
    names: &'n Names<'a, 'input>,
    /// None for elements whose weight is being computed.
    seen: HashMap<NodeId, Option<Weight>>,
}

impl<'a, 'input> Scale<'_, 'a, 'input> {
    fn weigh(&mut self, node: Node<'a, 'input>, depth: usize) -> Result<Weight, String> {
        let name = node.tag_name().name();
        let known = match self.seen.get(&node.id()) {
            Some(Some(weight)) => Some(*weight),
            Some(None) => return Err(format!("a <{name}> in it refers to itself")),
            None => None,
        };
        if depth + known.map_or(0, |weight| weight.depth) > DEEPEST {
            return Err(format!(
                "its elements stand more than {DEEPEST} deep in each other, references followed"
            ));
        }
        if let Some(weight) = known {
            return Ok(weight);
        }
        self.seen.insert(node.id(), None);
        let mut within: Vec<_> = node.children().filter(Node::is_element).collect();
        if name.ends_with("Gradient") && within.len() > MOST_STOPS {
            return Err(format!("a gradient in it has more than {MOST_STOPS} colours"));
        }
        let mut weight = Weight { elements: 1, ..Weight::default() };
        let properties = self.names.properties(node);
        let raw = node.attributes().filter(|attribute| attribute.name() != "style");
        let lengths = raw.map(|one| one.value().len()).chain(properties.iter().map(|(_, value)| value.len()));
        let inherited: u64 = lengths.filter(|length| *length > LONG).map(|length| length as u64).sum();
        for (property, value) in properties {
            weight.bytes = weight.bytes.saturating_add(value.len() as u64);
            if NUMBERS.contains(&property) && numbers(value).any(|number| number > LARGEST) {
                return Err(format!("a number in its {property} is larger than {LARGEST}"));
            }
            // Gradients are leaves.
            match property {
                "href" if name_of(node).is_some_and(follows) => {
                    within
                        .extend(value.strip_prefix('#').map(|id| self.names.target(id)).unwrap_or_default());
                }
                "clip-path" | "mask" => {
                    let ids = urls(value).filter_map(|url| url.strip_prefix('#'));
                    within.extend(ids.flat_map(|id| self.names.target(id)));
                }
                _ => {}
            }
        }
        for part in within {
            let part = self.weigh(part, depth + 1)?;
            weight.elements = weight.elements.saturating_add(part.elements);
            weight.bytes = weight.bytes.saturating_add(part.bytes);
            weight.depth = weight.depth.max(part.depth + 1);
        }
        weight.bytes = weight.bytes.saturating_add(inherited.saturating_mul(weight.elements - 1));
        self.seen.insert(node.id(), Some(weight));
        Ok(weight)
    }
}

/// The numbers in a text, without their signs.
fn numbers(text: &str) -> impl Iterator<Item = f64> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = &rest[rest.find(|c: char| c.is_ascii_digit() || c == '.')?..];
        let mut length = digits(rest);
        if rest[length..].starts_with('.') {
            length += 1 + digits(&rest[length + 1..]);
        }
        if let Some(exponent) = rest[length..].strip_prefix(['e', 'E']) {
            let sign = usize::from(exponent.starts_with(['+', '-']));
            let count = digits(&exponent[sign..]);
            length += if count > 0 { 1 + sign + count } else { 0 };
        }
        let number = rest[..length].parse().unwrap_or(0.0);
        rest = &rest[length..];
        Some(number)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_in_any_spelling() {
        let found: Vec<f64> = numbers("M1-2.5.5e1,3E-1a.7 1e+2em 4e5m é9.").collect();
        assert_eq!(found, [1.0, 2.5, 5.0, 0.3, 0.7, 100.0, 400_000.0, 9.0]);
    }
}
