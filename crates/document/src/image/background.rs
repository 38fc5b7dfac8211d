//! A page of a foreign PDF as a ticket's background.
//!
//! `hayro-write` copies the page with all objects it refers to; the result is copied unchanged into every ticket's
//! file.

use hayro_syntax::Pdf as Foreign;
use hayro_syntax::object::Object;
use hayro_write::{ChunkSettings, ExtractionQuery, extract};
use pdf_writer::Ref;

use crate::pdf::FormXObject;

/// The maximum number of objects that a background refers to.
const MOST_OBJECTS: usize = 20_000;

/// A page prepared as a background.
#[derive(Debug)]
pub(crate) struct Background {
    /// Width and height as displayed, in points.
    pub(crate) size: (f32, f32),
    /// Whether the file it comes from claims PDF/A.
    pub(crate) archival: bool,
    pub(crate) form: FormXObject,
}

impl Background {
    /// Reads the first page of a PDF.
    ///
    /// # Errors
    /// A message why it cannot be used.
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
        Ok(Self { size, archival: is_archival(&foreign), form: FormXObject::new(copy.chunk, root, count) })
    }
}

/// Whether the file's metadata claim PDF/A.
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
