//! Form XObjects (ISO 32000-1, 8.10): content that one operator draws, with all objects it refers to; here a page of a
//! foreign PDF, or an SVG drawing. A form is made once and copied unchanged into every file.

use pdf_writer::{Chunk, Pdf, Ref};
use sha2::{Digest, Sha256};

use super::objects::ObjectBuffer;

/// A form's objects, numbered from 1 until they get their numbers in a file.
#[derive(Clone, Debug)]
pub(crate) struct FormXObject {
    chunk: Chunk,
    root: Ref,
    count: i32,
    /// A hash of its bytes.
    pub(crate) digest: [u8; 32],
}

impl FormXObject {
    /// The form `root` in a chunk whose objects have numbers from 1 to `count`.
    pub(crate) fn new(chunk: Chunk, root: Ref, count: i32) -> Self {
        let digest = Sha256::digest(chunk.as_bytes()).into();
        Self { chunk, root, count, digest }
    }

    /// How many object numbers it takes.
    pub(crate) fn count(&self) -> i32 {
        self.count
    }

    /// The objects with numbers from `first`, and the one to draw.
    pub(crate) fn at(&self, first: i32) -> (Ref, ObjectBuffer) {
        let number = |id: Ref| Ref::new(id.get() + first - 1);
        (number(self.root), objects_of(&self.chunk.renumber(number)))
    }
}

/// A template's forms with their object numbers in files of one page.
#[derive(Debug)]
pub(crate) struct NumberedForms {
    /// All their objects.
    pub(crate) buffer: ObjectBuffer,
    /// The objects to draw, in the order of the forms.
    pub(crate) roots: Vec<Ref>,
    /// The next free number.
    pub(crate) next: i32,
}

impl NumberedForms {
    /// Numbers forms from `first`, one after the other.
    pub(crate) fn new<'f>(first: i32, forms: impl Iterator<Item = &'f FormXObject>) -> Self {
        let mut placed = Self { buffer: ObjectBuffer::default(), roots: Vec::new(), next: first };
        for form in forms {
            let (root, buffer) = form.at(placed.next);
            placed.buffer.extend(&buffer);
            placed.roots.push(root);
            placed.next += form.count;
        }
        placed
    }
}

/// Finds the objects of a chunk by the cross-reference table that `pdf-writer` writes.
fn objects_of(chunk: &Chunk) -> ObjectBuffer {
    let mut buffer = ObjectBuffer::default();
    let mut pdf = Pdf::new();
    pdf.extend(chunk);
    let bytes = pdf.finish();
    let tail = String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(64)..]).into_owned();
    let table =
        tail.rsplit("startxref").next().and_then(|rest| rest.trim().lines().next()?.trim().parse().ok());
    let table: usize = table.unwrap_or(0);
    // After "xref" and the range, twenty bytes an object: its offset, its generation, whether it is in use.
    let rows = String::from_utf8_lossy(&bytes[table..]).into_owned();
    let mut places: Vec<(usize, i32)> = rows
        .lines()
        .skip(2)
        .zip(0..)
        .map_while(|(row, id)| {
            let mut fields = row.split_ascii_whitespace();
            let place = fields.next()?.parse().ok()?;
            let in_use = fields.nth(1)? == "n";
            Some(in_use.then_some((place, id)))
        })
        .flatten()
        .collect();
    places.sort_unstable();
    let ends: Vec<usize> = places.iter().skip(1).map(|(place, _)| *place).chain([table]).collect();
    for ((start, id), end) in places.iter().zip(ends) {
        buffer.raw(Ref::new(*id), bytes.get(*start..end).unwrap_or_default());
    }
    buffer
}
