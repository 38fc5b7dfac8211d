//! An SVG element's styles: its attributes, and the matching rules of the drawing's style sheets.

use std::collections::HashMap;

use simplecss::{AttributeOperator, DeclarationTokenizer, PseudoClass, StyleSheet};
use usvg::roxmltree::{Document, Node};

/// The maximum number of style rules times elements: each rule is matched with each element.
const MOST_MATCHES: usize = 2_000_000;
/// The maximum number of parts of a selector: the library tries every combination of ancestors that may match them.
const MOST_PARTS: usize = 2;
/// The maximum sum of the squared lengths of all styles: the library's parser takes time in proportion to it.
const LONGEST_READING: u64 = 2_000_000_000;

const SVG: &str = "http://www.w3.org/2000/svg";
const XLINK: &str = "http://www.w3.org/1999/xlink";
const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// The name of an element in the SVG namespace.
pub(super) fn name_of<'a>(node: Node<'a, '_>) -> Option<&'a str> {
    let ours = node.is_element() && matches!(node.tag_name().namespace(), None | Some(SVG));
    ours.then(|| node.tag_name().name())
}

/// A drawing's style rules, and its elements by id.
pub(super) struct Names<'a, 'input> {
    rules: StyleSheet<'a>,
    ids: HashMap<&'a str, Vec<Node<'a, 'input>>>,
}

impl<'a, 'input> Names<'a, 'input> {
    /// # Errors
    /// A message about styles that would be left out.
    pub(super) fn of(document: &'a Document<'input>) -> Result<Self, String> {
        if reading(document) > LONGEST_READING {
            return Err("its styles are too long: one of 40 KB, or 1000 of 1 KB are taken".to_owned());
        }
        let mut rules = StyleSheet::new();
        for node in document.descendants().filter(|node| node.has_tag_name("style")) {
            let text = node.text().unwrap_or_default();
            no_rules_at(text)?;
            rules.parse_more(text);
        }
        let elements = document.descendants().filter(Node::is_element).count();
        if rules.rules.len().saturating_mul(elements) > MOST_MATCHES {
            return Err(format!(
                "its {} rules of style are too many for its {elements} elements: at most {MOST_MATCHES} are \
                 compared",
                rules.rules.len()
            ));
        }
        for selector in rules.rules.iter().map(|rule| rule.selector.to_string()) {
            if selector.split(' ').filter(|part| !matches!(*part, ">" | "+")).count() > MOST_PARTS {
                return Err(format!(
                    "its style sheet has a selector of more than {MOST_PARTS} parts, {selector:.60}: use classes"
                ));
            }
        }
        let mut ids: HashMap<&str, Vec<Node<'_, '_>>> = HashMap::new();
        for node in document.descendants() {
            for id in node.attributes().filter(|attribute| attribute.name() == "id") {
                ids.entry(id.value()).or_default().push(node);
            }
        }
        Ok(Self { rules, ids })
    }

    /// Every element of that name; there should be one.
    pub(super) fn target(&self, id: &str) -> &[Node<'a, 'input>] {
        self.ids.get(id).map_or(&[], Vec::as_slice)
    }

    /// An element's properties from attributes and rules, as names and values. Where two contradict each other, both
    /// are returned.
    pub(super) fn properties(&self, node: Node<'a, 'input>) -> Vec<(&'a str, &'a str)> {
        let mut found = Vec::new();
        for attribute in node.attributes() {
            if !matches!(attribute.namespace(), None | Some(SVG | XLINK | XML)) {
                continue;
            }
            if attribute.name() == "style" {
                found.extend(
                    DeclarationTokenizer::from(attribute.value()).map(|one| (one.name, one.value.trim())),
                );
            } else {
                found.push((attribute.name(), attribute.value().trim()));
            }
        }
        for rule in self.rules.rules.iter().filter(|rule| rule.selector.matches(&Styled(node))) {
            found.extend(rule.declarations.iter().map(|one| (one.name, one.value.trim())));
        }
        found
    }
}

fn reading(document: &Document<'_>) -> u64 {
    let sheets =
        document.descendants().filter(|node| node.has_tag_name("style")).filter_map(|node| node.text());
    let attributes = document.descendants().flat_map(|node| node.attributes());
    let styles =
        attributes.filter(|attribute| attribute.name() == "style").map(|attribute| attribute.value());
    sheets.chain(styles).map(|style| (style.len() as u64).pow(2)).sum()
}

/// The references of a value: the contents of all `url(...)`.
pub(super) fn urls(value: &str) -> impl Iterator<Item = &str> {
    value.split("url(").skip(1).map(|rest| {
        let inside = rest.split(')').next().unwrap_or_default().trim();
        inside.trim_matches(|c| c == '"' || c == '\'').trim()
    })
}

/// Elements whose link is followed when they are drawn.
pub(super) fn follows(name: &str) -> bool {
    matches!(name, "use" | "linearGradient" | "radialGradient")
}

/// The library ignores at-rules, so only those that change nothing are accepted.
fn no_rules_at(style: &str) -> Result<(), String> {
    let mut rest = style;
    let mut plain = String::new();
    while let Some((before, comment)) = rest.split_once("/*") {
        plain.push_str(before);
        rest = comment.split_once("*/").map_or("", |(_, after)| after);
    }
    plain.push_str(rest);
    for rule in plain.split('@').skip(1) {
        let name: String = rule.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
        if !matches!(name.as_str(), "charset" | "namespace" | "font-face") {
            return Err(format!("its style sheet has a rule @{name}, which is not taken: write plain rules"));
        }
    }
    Ok(())
}

/// An element as selectors match it, the same way as in `usvg`, so that the same rules are found.
struct Styled<'a, 'input>(Node<'a, 'input>);

impl simplecss::Element for Styled<'_, '_> {
    fn parent_element(&self) -> Option<Self> {
        self.0.parent_element().map(Styled)
    }

    fn prev_sibling_element(&self) -> Option<Self> {
        self.0.prev_sibling_element().map(Styled)
    }

    fn has_local_name(&self, name: &str) -> bool {
        self.0.tag_name().name() == name
    }

    fn attribute_matches(&self, name: &str, operator: AttributeOperator<'_>) -> bool {
        self.0.attribute(name).is_some_and(|value| operator.matches(value))
    }

    fn pseudo_class_matches(&self, class: PseudoClass<'_>) -> bool {
        matches!(class, PseudoClass::FirstChild) && self.0.prev_sibling_element().is_none()
    }
}
