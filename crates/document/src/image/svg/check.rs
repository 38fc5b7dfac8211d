//! Checks which SVG elements a drawing has before it is converted. What would be left out is refused by name.

use std::collections::HashSet;

use usvg::roxmltree::{Document, Node};

use super::style::{Names, follows, name_of, urls};
use super::weight;

/// Elements that are drawn, or define how others are drawn.
const DRAWN: &[&str] = &[
    "svg",
    "g",
    "a",
    "defs",
    "symbol",
    "use",
    "switch",
    "path",
    "rect",
    "circle",
    "ellipse",
    "line",
    "polyline",
    "polygon",
    "linearGradient",
    "radialGradient",
    "stop",
    "clipPath",
    "mask",
];
/// Elements that draw nothing in their place.
const SILENT: &[&str] =
    &["title", "desc", "metadata", "style", "view", "filter", "pattern", "marker", "color-profile"];

/// Checks a whole drawing.
///
/// # Errors
/// A message: what is not supported, and what to do.
pub(super) fn check(document: &Document<'_>) -> Result<(), String> {
    let root = document.root_element();
    if name_of(root) != Some("svg") {
        return Err("its root element is no svg".to_owned());
    }
    if document.root().children().any(|node| node.pi().is_some_and(|pi| pi.target == "xml-stylesheet")) {
        return Err("it refers to a style sheet in another file: put the styles into it".to_owned());
    }
    let names = Names::of(document)?;
    weight::check(root, &names)?;
    let (mut seen, mut ahead) = (HashSet::new(), vec![root]);
    while let Some(node) = ahead.pop() {
        if seen.insert(node.id()) {
            element(node, &names, &mut ahead)?;
        }
    }
    Ok(())
}

/// Checks an element, and collects those that are drawn with it.
fn element<'a, 'input>(
    node: Node<'a, 'input>,
    names: &Names<'a, 'input>,
    ahead: &mut Vec<Node<'a, 'input>>,
) -> Result<(), String> {
    let kind = name_of(node).unwrap_or_default();
    if !DRAWN.contains(&kind) {
        return Err(refusal(kind));
    }
    for (name, value) in names.properties(node) {
        if name == "href" && follows(kind) {
            let id = value.strip_prefix('#').ok_or_else(|| elsewhere(value))?;
            ahead.extend(target(id, names)?);
        } else {
            property(name, value, names)?;
        }
    }
    for child in node.children() {
        let Some(name) = name_of(child) else { continue };
        // Drawing programs keep data of their own in elements that viewers ignore.
        if !SILENT.contains(&name) && !child.has_attribute("requiredExtensions") {
            ahead.push(child);
        }
    }
    Ok(())
}

fn target<'n, 'a, 'input>(id: &str, names: &'n Names<'a, 'input>) -> Result<&'n [Node<'a, 'input>], String> {
    match names.target(id) {
        [] => Err(format!("it refers to #{}, which is not in it", shown(id))),
        found => Ok(found),
    }
}

fn property(name: &str, value: &str, names: &Names<'_, '_>) -> Result<(), String> {
    match name {
        "filter" if value != "none" => return Err(refusal("filter")),
        "marker" | "marker-start" | "marker-mid" | "marker-end" if value != "none" => {
            return Err(refusal("marker"));
        }
        "clip-path" | "mask" if value != "none" && !value.starts_with("url(") => {
            return Err(format!("its {name} {:?} is not taken: only elements are referred to", shown(value)));
        }
        "mask-image" | "vector-effect" if value != "none" => {
            return Err(format!("it uses {name}, which is not taken: expand it into paths"));
        }
        name if name.starts_with("animation") => return Err(refusal("animate")),
        _ => {}
    }
    if value.contains("var(") {
        return Err(format!("its {} is a variable of CSS: write the value itself", shown(name)));
    }
    for url in urls(value) {
        let id = url.strip_prefix('#').ok_or_else(|| elsewhere(url))?;
        let fitting: &[&str] = match name {
            "clip-path" => &["clipPath"],
            "mask" => &["mask"],
            "fill" | "stroke" => &["linearGradient", "radialGradient"],
            _ => continue,
        };
        for target in target(id, names)? {
            let kind = name_of(*target).unwrap_or_default();
            if kind == "pattern" {
                return Err(refusal(kind));
            }
            if !fitting.contains(&kind) {
                return Err(format!("its {name} refers to #{}, which is none", shown(id)));
            }
        }
    }
    Ok(())
}

/// Why an element is not supported, and what to do.
fn refusal(name: &str) -> String {
    let what = match name {
        "text" | "tspan" | "textPath" | "tref" | "flowRoot" => {
            "it has text, and looks different wherever its font is missing: convert text to paths"
        }
        "image" | "feImage" => "it has a picture in it: leave it out, or save the whole as PNG",
        "filter" => {
            "it has filters (shadows, blurs), which are no paths: leave them out, or save the whole as PNG"
        }
        "pattern" => "it is filled with a pattern: expand it into paths",
        "marker" => "its lines have markers (arrow heads): expand them into paths",
        "script" => "it has a script: leave it out",
        "foreignObject" => "it has a part that is no SVG (foreignObject): leave it out",
        "animate" | "animateMotion" | "animateTransform" | "animateColor" | "set" => {
            "it moves (animation), and paper does not: leave the animation out"
        }
        other => {
            return format!("it has an element <{}>, which is not taken: expand it into paths", shown(other));
        }
    };
    what.to_owned()
}

fn elsewhere(target: &str) -> String {
    format!("it refers to something outside of it, {:?}: only what is in the file is drawn", shown(target))
}

/// A text from the file, shortened to fit a message.
fn shown(text: &str) -> String {
    text.chars().take(60).collect()
}
