//! A page of a foreign PDF behind a ticket.
//!
//! `hayro-write` copies the page with all it refers to; it is copied into every ticket's file as it is.

use hayro_syntax::Pdf as Foreign;
use hayro_syntax::object::Object;
use hayro_write::{ChunkSettings, ExtractionQuery, extract};
use pdf_writer::{Chunk, Pdf, Ref};

use crate::common::Common;
use crate::face::BUILT_IN;
use crate::file::Part;

/// No background refers to more objects.
const MOST_OBJECTS: usize = 20_000;

/// A page made ready to be drawn on.
#[derive(Debug)]
pub(crate) struct Background {
    /// Width and height as it is shown, in points.
    pub(crate) size: (f32, f32),
    /// Whether the file it comes from says that it is PDF/A.
    pub(crate) archival: bool,
    chunk: Chunk,
    root: Ref,
    /// The objects with the numbers that files of one page give them.
    part: Part,
    objects: i32,
}

impl Background {
    /// Reads the first page of a PDF.
    ///
    /// # Errors
    /// Why it cannot be used, in words.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, String> {
        let foreign = Foreign::new(bytes.to_vec()).map_err(|_| "it is no PDF that can be read".to_owned())?;
        let page = foreign.pages().first().ok_or("it has no page")?;
        let size = page.render_dimensions();
        let mut count = 0;
        let number = || {
            count += 1;
            Ref::new(count)
        };
        let copy =
            extract(&foreign, Box::new(number), ChunkSettings::default(), &[ExtractionQuery::new_xobject(0)])
                .map_err(|_| "its first page cannot be copied".to_owned())?;
        let root =
            copy.root_refs.first().and_then(|root| root.ok()).ok_or("its first page cannot be copied")?;
        if copy.chunk.refs().len() > MOST_OBJECTS {
            return Err(format!("its page has more than {MOST_OBJECTS} objects"));
        }
        let first = Common::after(BUILT_IN);
        let part = part_of(&renumbered(&copy.chunk, first));
        Ok(Self {
            size,
            archival: is_archival(&foreign),
            chunk: copy.chunk,
            root: Ref::new(root.get() + first - 1),
            part,
            objects: count,
        })
    }

    /// The page as an object to draw, and how many numbers from the first free one it takes.
    pub(crate) fn object(&self) -> (Ref, i32) {
        (self.root, self.objects)
    }

    pub(crate) fn part(&self) -> &Part {
        &self.part
    }

    /// The same with numbers from `first`.
    pub(crate) fn at(&self, first: i32) -> (Ref, Part) {
        let root = self.root.get() - Common::after(BUILT_IN) + first;
        (Ref::new(root), part_of(&renumbered(&self.chunk, first)))
    }
}

fn renumbered(chunk: &Chunk, first: i32) -> Chunk {
    chunk.renumber(|id| Ref::new(id.get() + first - 1))
}

/// Finds the objects of a chunk by the table that `pdf-writer` makes of them.
fn part_of(chunk: &Chunk) -> Part {
    let mut part = Part::default();
    let mut pdf = Pdf::new();
    pdf.extend(chunk);
    let bytes = pdf.finish();
    let tail = String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(64)..]).into_owned();
    let table =
        tail.rsplit("startxref").next().and_then(|rest| rest.trim().lines().next()?.trim().parse().ok());
    let table: usize = table.unwrap_or(0);
    // After "xref" and the range, twenty bytes an object: its place, its generation, whether it is in use.
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
        part.raw(Ref::new(*id), bytes.get(*start..end).unwrap_or_default());
    }
    part
}

/// Whether the file's metadata say that it is PDF/A.
fn is_archival(foreign: &Foreign) -> bool {
    foreign.objects().into_iter().any(|object| match object {
        Object::Stream(stream) => {
            let says = |bytes: &[u8]| bytes.windows(11).any(|window| window == b"pdfaid:part");
            let metadata = stream.dict().get::<hayro_syntax::object::Name<'_>>(b"Subtype".as_ref());
            metadata.is_some_and(|name| name.as_ref() == b"XML")
                && stream.decoded().is_ok_and(|bytes| says(&bytes))
        }
        _ => false,
    })
}
