//! Object buffers: PDF objects before they are written to a file, as streams and object streams (ISO 32000-1, 7.3.8 and
//! 7.5.7).
//!
//! `pdf-writer` writes objects, but it has no object streams, which halve the size of a tagged page's many small
//! objects. An [`ObjectBuffer`] that many files share is copied unchanged into each, so its objects have fixed numbers.

use std::io::Write as _;

use pdf_writer::{Chunk, Obj, Ref, Settings};

use super::compress::Deflate;
use super::syntax::integer;

/// Where an object is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Location {
    /// At this offset in bytes from the buffer's start.
    At(usize),
    /// At this index of an object stream.
    In(Ref, usize),
}

/// Serialised objects, as they are written to a file.
#[derive(Clone, Debug, Default)]
pub(crate) struct ObjectBuffer {
    bytes: Vec<u8>,
    objects: Vec<(Ref, Location)>,
}

impl ObjectBuffer {
    /// Adds a stream; `entries` are those of its dictionary except the length.
    pub(crate) fn stream(&mut self, id: Ref, entries: &str, data: &[u8]) {
        self.objects.push((id, Location::At(self.bytes.len())));
        let _infallible =
            write!(self.bytes, "{} 0 obj\n<<{entries}/Length {}>>\nstream\n", id.get(), data.len());
        self.bytes.extend_from_slice(data);
        self.bytes.extend_from_slice(b"\nendstream\nendobj\n");
    }

    /// Adds an object that is already serialised.
    pub(crate) fn raw(&mut self, id: Ref, bytes: &[u8]) {
        self.objects.push((id, Location::At(self.bytes.len())));
        self.bytes.extend_from_slice(bytes);
    }

    /// Adds a stream with data that this function compresses.
    pub(crate) fn compress_stream(&mut self, id: Ref, entries: &str, data: &[u8], deflate: Deflate) {
        self.compressed_stream(id, entries, &deflate(data));
    }

    /// Adds a stream with data that is already compressed.
    pub(crate) fn compressed_stream(&mut self, id: Ref, entries: &str, data: &[u8]) {
        self.stream(id, &format!("{entries}/Filter/FlateDecode"), data);
    }

    /// Adds an object stream with these objects.
    pub(crate) fn object_stream(&mut self, id: Ref, objects: &ObjectStream, deflate: Deflate) {
        let mut data = Vec::with_capacity(objects.bytes.len() + 8 * objects.starts.len());
        for (index, (object, start)) in objects.starts.iter().enumerate() {
            self.objects.push((*object, Location::In(id, index)));
            for number in [object.get(), i32::try_from(*start).unwrap_or(0)] {
                integer(&mut data, number);
                data.push(b' ');
            }
        }
        let first = data.len();
        data.extend_from_slice(&objects.bytes);
        let entries = format!("/Type/ObjStm/N {}/First {first}", objects.starts.len());
        self.compress_stream(id, &entries, &data, deflate);
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where each of its objects is.
    pub(super) fn locations(&self) -> &[(Ref, Location)] {
        &self.objects
    }

    /// Adds another buffer's objects.
    pub(crate) fn extend(&mut self, other: &Self) {
        let base = self.bytes.len();
        self.bytes.extend_from_slice(&other.bytes);
        self.objects.extend(other.objects.iter().map(|&(id, place)| match place {
            Location::At(at) => (id, Location::At(base + at)),
            inside @ Location::In(..) => (id, inside),
        }));
    }
}

/// Objects for an object stream; none of them may be a stream.
#[derive(Debug, Default)]
pub(crate) struct ObjectStream {
    bytes: Vec<u8>,
    starts: Vec<(Ref, usize)>,
}

impl ObjectStream {
    /// Begins an object; the caller appends its content.
    pub(crate) fn object(&mut self, id: Ref) -> &mut Vec<u8> {
        if !self.bytes.is_empty() {
            self.bytes.push(b'\n');
        }
        self.starts.push((id, self.bytes.len()));
        &mut self.bytes
    }

    /// Adds an object that `pdf-writer` writes.
    pub(crate) fn write(&mut self, id: Ref, write: impl FnOnce(Obj<'_>)) {
        let mut chunk = Chunk::with_settings_and_capacity(Settings { pretty: false }, 512);
        write(chunk.indirect(id));
        let bytes = chunk.as_bytes();
        // Without "1 0 obj" before it and "endobj" after it.
        let start = bytes.iter().position(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        let object = &bytes[start..];
        self.object(id).extend_from_slice(object.strip_suffix(b"\nendobj\n").unwrap_or(object));
    }
}
