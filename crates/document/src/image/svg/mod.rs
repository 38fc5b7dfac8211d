//! SVG drawings, converted to PDF form XObjects with paths and gradients.
//!
//! `check` refuses what would be left out and `weight` what takes too long, with messages that say what to do (`style`
//! finds an element's styles). `usvg` then resolves styles, units and references, reading no other file and no font;
//! `draw`, `path` and `paint` write what it finds, each stream as a `layer`.
//!
//! Each limit is here because without it, some drawing of at most 4 MiB takes more than a second or 200 MB; `tests` has
//! one for each. With all limits, the slowest that was found takes 2.3 s and 33 MB. Without one of them, in CPU time of
//! an optimised library (`stopped`: not finished when it was ended after 20 to 60 s on a busy machine):
//!
//! | without the limit on | a drawing takes |
//! |---|---|
//! | entities | stopped (a path of 1,000 references to 1 MB) |
//! | attributes of an element | stopped (400,000 attributes) |
//! | namespaces | stopped (60 elements in each other, each with 500 of them) |
//! | XML nodes | 216 MB (1,000,000 of them) |
//! | lengths of styles | stopped (a style of 400,000 declarations) |
//! | parts of a selector | stopped (`x g g g g`, 58 groups deep) |
//! | rules by elements | 3 s (2,000 rules, 19,000 elements) |
//! | elements in each other | a stack overflow (1,000 `svg` in each other) |
//! | elements that refer to themselves | a stack overflow (of the count itself) |
//! | elements | 236 MB (1,000 shapes used 400 times) |
//! | bytes, also inherited ones | stopped (5,000 paths inherit 500,000 dashes) |
//! | sizes of numbers | stopped (an arc with a radius of 3e38) |
//! | colours of a gradient | stopped (15,000 of them, used 4,000 times) |
//! | lines and curves | 5 s (8,000,000 of them) |
//! | objects of the PDF | 1.3 s, and 9 MB in every order's file |
//! | filters, markers | more than 4,000 MB; stopped |
//!
//! Three keep the PDF valid: on coordinates and on the sides (no infinite numbers), and on saved graphics states.

mod check;
mod draw;
mod layer;
mod paint;
mod path;
mod style;
#[cfg(test)]
mod tests;
mod weight;

use std::panic::catch_unwind;

use usvg::roxmltree::{Document, Error, ParsingOptions};
use usvg::{ImageHrefResolver, Options, Tree};

use crate::pdf::FormXObject;

/// The maximum number of XML nodes: elements, texts and comments.
const MOST_NODES: u32 = 200_000;
/// The maximum length of what precedes the root element in a file that declares entities, in bytes.
const LONGEST_ENTITIES: usize = 8 * 1024;
/// The maximum number of references in a file that declares entities.
const MOST_REFERENCES: usize = 1000;
/// The maximum number of attributes of an element: the XML library compares each with all others.
const MOST_ATTRIBUTES: usize = 1000;
/// The maximum number of namespaces that a file declares: the XML library compares each with all others.
const MOST_NAMESPACES: usize = 1000;
/// The maximum ratio of the longer side to the shorter one.
const LONGEST_SIDE: f32 = 10_000.0;

/// An SVG file as a form that fills the unit square.
#[derive(Clone, Debug)]
pub(crate) struct Drawing {
    ratio: f32,
    form: FormXObject,
}

impl Drawing {
    /// Reads an SVG file.
    ///
    /// # Errors
    /// A message why it cannot be used.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, String> {
        let bytes = bytes.strip_prefix(BOM).unwrap_or(bytes);
        let text = str::from_utf8(bytes).map_err(|_| "it is not in UTF-8")?;
        few_entities(text)?;
        few_attributes(text)?;
        // A damaged file may make the libraries that read it panic: then it is refused, too.
        catch_unwind(|| Self::parse(text)).unwrap_or_else(|_| Err("it is damaged".to_owned()))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let options = ParsingOptions { allow_dtd: true, nodes_limit: MOST_NODES, entity_resolver: None };
        let document = Document::parse_with_options(text, options).map_err(|error| match error {
            Error::NodesLimitReached => format!("it has more than {MOST_NODES} XML nodes"),
            error => error.to_string(),
        })?;
        check::check(&document)?;
        let refuse = ImageHrefResolver {
            resolve_data: Box::new(|_, _, _| None),
            resolve_string: Box::new(|_, _| None),
        };
        let options = Options { image_href_resolver: refuse, ..Options::default() };
        let tree = Tree::from_xmltree(&document, &options).map_err(|error| match error {
            usvg::Error::InvalidSize => "it has no size: give it a \"viewBox\" that is not empty".to_owned(),
            error => error.to_string(),
        })?;
        let ratio = tree.size().height() / tree.size().width();
        if !(1.0 / LONGEST_SIDE..=LONGEST_SIDE).contains(&ratio) {
            return Err(format!("one side is more than {LONGEST_SIDE} times as long as the other"));
        }
        Ok(Self { ratio, form: draw::draw(&tree)? })
    }

    /// Height over width.
    pub(crate) fn ratio(&self) -> f32 {
        self.ratio
    }

    pub(crate) fn form(&self) -> &FormXObject {
        &self.form
    }
}

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// Whether bytes are a compressed file (gzip, RFC 1952), as SVGZ is.
pub(crate) fn is_compressed(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1F, 0x8B])
}

/// Whether bytes are an SVG file: its root element is `svg`.
pub(crate) fn is_svg(bytes: &[u8]) -> bool {
    let Some(tag) = prologue(bytes).and_then(|length| bytes.get(length + 1..)) else { return false };
    let end = tag.iter().position(|byte| !(byte.is_ascii_alphanumeric() || b":_-.".contains(byte)));
    let name = &tag[..end.unwrap_or(tag.len())];
    name.rsplit(|&byte| byte == b':').next() == Some(b"svg")
}

/// How many bytes precede the root element: spaces, the XML declaration, comments, the document type.
fn prologue(bytes: &[u8]) -> Option<usize> {
    let after = |at: usize, end: &[u8]| {
        let found = bytes[at..].windows(end.len()).position(|window| window == end)?;
        Some(at + found + end.len())
    };
    let mut at = if bytes.starts_with(BOM) { BOM.len() } else { 0 };
    loop {
        at = match bytes.get(at..)? {
            [b' ' | b'\t' | b'\r' | b'\n', ..] => at + 1,
            [b'<', b'?', ..] => after(at, b"?>")?,
            [b'<', b'!', b'-', b'-', ..] => after(at + 4, b"-->")?,
            [b'<', b'!', ..] => {
                let subset = bytes[at..].iter().position(|byte| b"[>".contains(byte))?;
                match bytes[at + subset] {
                    b'[' => after(after(at + subset, b"]")?, b">")?,
                    _ => at + subset + 1,
                }
            }
            [b'<', ..] => return Some(at),
            _ => return None,
        };
    }
}

/// Limits entity references, which multiply text: a file with many is refused before it is parsed.
fn few_entities(text: &str) -> Result<(), String> {
    if !text.contains("<!ENTITY") {
        return Ok(());
    }
    let before = prologue(text.as_bytes()).and_then(|length| text.get(..length)).unwrap_or(text);
    let references = text.matches('&').count();
    if before.len() > LONGEST_ENTITIES || before.contains('&') || references > MOST_REFERENCES {
        return Err(format!(
            "its entities repeat too much: at most {LONGEST_ENTITIES} bytes declare them, none refers to another, and \
             at most {MOST_REFERENCES} references are followed"
        ));
    }
    Ok(())
}

/// Limits attributes. They are counted in the text, which gives a few more than there are.
fn few_attributes(text: &str) -> Result<(), String> {
    if text.split('<').any(|tag| tag.matches('=').count() > MOST_ATTRIBUTES) {
        return Err(format!("an element in it has more than {MOST_ATTRIBUTES} attributes"));
    }
    if text.matches("xmlns").count() > MOST_NAMESPACES {
        return Err(format!("it declares more than {MOST_NAMESPACES} namespaces"));
    }
    Ok(())
}
