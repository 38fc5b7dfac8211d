//! The structure tree: the page's content in reading order, for screen readers (ISO 32000-1, 14.7; ISO 14289-1).
//!
//! Document > H1, P and Figure. A label and its value are one paragraph, the label a Span read with a colon.

use std::io::Write as _;

use pdf_writer::Ref;

use crate::pdf::{ObjectStream, integer, reference, text_string};

use super::display_list::Role;

/// An element of the tree; its index gives its object number.
struct Element {
    role: &'static str,
    parent: usize,
    /// Its kids: references to elements, and numbers of marked content.
    kids: Vec<Kid>,
    /// Further entries of its dictionary.
    entries: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Kid {
    Element(usize),
    Content(usize),
}

/// The tree of a page; it grows while the page is drawn.
pub(crate) struct StructureTree {
    /// The document element is first; empty where there is no tree.
    elements: Vec<Element>,
    /// Which element each piece of marked content belongs to.
    owners: Vec<usize>,
}

impl StructureTree {
    /// A tree below an element of this role: `Document`, or `Part` for one page of a document.
    pub(crate) fn new(role: &'static str) -> Self {
        let first = Element { role, parent: 0, kids: Vec::new(), entries: Vec::new() };
        Self { elements: vec![first], owners: Vec::new() }
    }

    /// No tree: what is drawn is not marked.
    pub(crate) fn none() -> Self {
        Self { elements: Vec::new(), owners: Vec::new() }
    }

    pub(crate) fn is_none(&self) -> bool {
        self.elements.is_empty()
    }

    /// Adds a text. `spoken` is what a screen reader is to say where that differs from the drawn characters. Returns
    /// the kind and the number of the content to mark; `None` for decoration.
    pub(crate) fn text(&mut self, role: Role, spoken: Option<&str>) -> Option<(&'static str, usize)> {
        let element = match role {
            _ if self.is_none() => return None,
            Role::Decoration => return None,
            Role::Heading => self.element("H1", 0),
            Role::Paragraph => self.element("P", 0),
            Role::Label => {
                let paragraph = self.element("P", 0);
                self.element("Span", paragraph)
            }
            Role::Rest => {
                let last = self.elements.iter().rposition(|element| element.parent == 0).unwrap_or(0);
                // The spoken text replaces the value, not its label.
                if spoken.is_some() { self.element("Span", last) } else { last }
            }
        };
        if let Some(spoken) = spoken {
            self.entry(element, "ActualText", spoken);
        }
        Some(self.content(element))
    }

    /// Adds a picture with its alternative text; the corners of its area are counted from the page's bottom.
    pub(crate) fn figure(
        &mut self,
        [left, bottom, right, top]: [f32; 4],
        alt: &str,
    ) -> Option<(&'static str, usize)> {
        if self.is_none() {
            return None;
        }
        let element = self.element("Figure", 0);
        self.entry(element, "Alt", alt);
        let _infallible = write!(
            self.elements[element].entries,
            "/A<</O/Layout/Placement/Block/BBox[{left:.2} {bottom:.2} {right:.2} {top:.2}]>>"
        );
        Some(self.content(element))
    }

    fn element(&mut self, role: &'static str, parent: usize) -> usize {
        let index = self.elements.len();
        self.elements.push(Element { role, parent, kids: Vec::new(), entries: Vec::new() });
        self.elements[parent].kids.push(Kid::Element(index));
        index
    }

    fn entry(&mut self, element: usize, name: &str, text: &str) {
        let entries = &mut self.elements[element].entries;
        let _infallible = write!(entries, "/{name}");
        text_string(entries, text);
    }

    fn content(&mut self, element: usize) -> (&'static str, usize) {
        let number = self.owners.len();
        self.owners.push(element);
        let element = &mut self.elements[element];
        element.kids.push(Kid::Content(number));
        (element.role, number)
    }

    /// Writes the elements, numbered from `first`; the first of them is a kid of `parent`. Returns the next free
    /// number.
    pub(crate) fn write(&self, objects: &mut ObjectStream, parent: Ref, page: Ref, first: i32) -> i32 {
        let id = |index: usize| first + i32::try_from(index).unwrap_or(0);
        for (index, element) in self.elements.iter().enumerate() {
            let out = objects.object(Ref::new(id(index)));
            out.extend_from_slice(b"<</S/");
            out.extend_from_slice(element.role.as_bytes());
            out.extend_from_slice(b"/P");
            reference(out, if index == 0 { parent.get() } else { id(element.parent) });
            out.extend_from_slice(b"/Pg");
            reference(out, page.get());
            out.extend_from_slice(b"/K[");
            for kid in &element.kids {
                match *kid {
                    Kid::Element(index) => reference(out, id(index)),
                    Kid::Content(number) => {
                        out.push(b' ');
                        integer(out, i32::try_from(number).unwrap_or(0));
                    }
                }
            }
            out.push(b']');
            out.extend_from_slice(&element.entries);
            out.extend_from_slice(b">>");
        }
        id(self.elements.len())
    }

    /// Writes the parent tree entry: the element of each piece of the page's marked content. Elements are numbered from
    /// `first`.
    pub(crate) fn write_owners(&self, out: &mut Vec<u8>, first: i32) {
        out.push(b'[');
        for &owner in &self.owners {
            reference(out, first + i32::try_from(owner).unwrap_or(0));
        }
        out.push(b']');
    }
}
