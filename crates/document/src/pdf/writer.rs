//! The PDF writer: a file's header, cross-reference table and end around its objects (ISO 32000-1, 7.5).

use std::io::{self, Write as _};

use pdf_writer::Ref;
use sha2::{Digest, Sha256};

use super::compress::deflate;
use super::objects::{Location, ObjectBuffer};
use super::syntax::hex;

/// The second line's bytes show programs that guess file types that the file is not text.
const HEADER: &[u8] = b"%PDF-1.7\n%\xE2\xE3\xCF\xD3\n";

/// The file of these objects: `root` is its catalog, `info` its document information dictionary, `id` its identifier.
pub(crate) fn assemble(buffer: &ObjectBuffer, root: Ref, info: Ref, id: &[u8; 16]) -> Vec<u8> {
    let mut table = CrossReferences::default();
    table.add(buffer, HEADER.len());
    let start = HEADER.len() + buffer.bytes().len();
    let end = table.end(start, root, info, id);
    let mut out = Vec::with_capacity(start + end.len());
    out.extend_from_slice(HEADER);
    out.extend_from_slice(buffer.bytes());
    out.extend_from_slice(&end);
    out
}

/// The cross-reference table by object number: the kind of entry, the offset or the object stream, the index in that.
#[derive(Debug, Default)]
struct CrossReferences(Vec<(u8, u64, u16)>);

impl CrossReferences {
    /// Records objects of a buffer that starts at this offset of the file.
    fn add(&mut self, buffer: &ObjectBuffer, start: usize) {
        for &(id, place) in buffer.locations() {
            self.set(
                id.get(),
                match place {
                    Location::At(at) => (1, (start + at) as u64, 0),
                    Location::In(stream, index) => (
                        2,
                        u64::try_from(stream.get()).unwrap_or(0),
                        u16::try_from(index).unwrap_or(u16::MAX),
                    ),
                },
            );
        }
    }

    fn set(&mut self, id: i32, entry: (u8, u64, u16)) {
        let Ok(id) = usize::try_from(id) else { return };
        if self.0.len() <= id {
            self.0.resize(id + 1, (0, 0, 0));
        }
        self.0[id] = entry;
    }

    /// The table as the file's last object, at offset `start`, and the trailer that points to it. Offsets take three
    /// bytes, or five in a file beyond 16 MB.
    fn end(mut self, start: usize, root: Ref, info: Ref, id: &[u8; 16]) -> Vec<u8> {
        let table = self.0.len().max(1);
        self.set(i32::try_from(table).unwrap_or(i32::MAX), (1, start as u64, 0));
        let width = if start < 1 << 24 { 3 } else { 5 };
        let mut entries = Vec::with_capacity(self.0.len() * (width + 3));
        for (kind, place, index) in &self.0 {
            entries.push(*kind);
            entries.extend_from_slice(&place.to_be_bytes()[8 - width..]);
            entries.extend_from_slice(&index.to_be_bytes());
        }
        let packed = deflate(&entries);
        let mut name = Vec::with_capacity(32);
        id.chunks(2)
            .for_each(|pair| hex(&mut name, pair.iter().fold(0, |word, &byte| word << 8 | u16::from(byte))));
        let id = String::from_utf8_lossy(&name);
        let mut out = Vec::with_capacity(packed.len() + 300);
        let _infallible = write!(
            out,
            "{table} 0 obj\n<</Type/XRef/Size {}/W[1 {width} 2]/Root {} 0 R/Info {} 0 R/ID[<{id}><{id}>]\
             /Filter/FlateDecode/Length {}>>\nstream\n",
            self.0.len(),
            root.get(),
            info.get(),
            packed.len()
        );
        out.extend_from_slice(&packed);
        let _infallible = write!(out, "\nendstream\nendobj\nstartxref\n{start}\n%%EOF\n");
        out
    }
}

/// A file that is written in parts.
pub(crate) struct FileWriter<W> {
    out: W,
    written: usize,
    table: CrossReferences,
    hash: Sha256,
}

impl<W: io::Write> FileWriter<W> {
    pub(crate) fn new(mut out: W) -> io::Result<Self> {
        out.write_all(HEADER)?;
        Ok(Self { out, written: HEADER.len(), table: CrossReferences::default(), hash: Sha256::new() })
    }

    /// Writes objects.
    pub(crate) fn write(&mut self, buffer: &ObjectBuffer) -> io::Result<()> {
        self.table.add(buffer, self.written);
        self.hash.update(buffer.bytes());
        self.written += buffer.bytes().len();
        self.out.write_all(buffer.bytes())
    }

    /// Finishes the file; its identifier is made of its content and the engine's `version`.
    pub(crate) fn finish(mut self, root: Ref, info: Ref, version: &str) -> io::Result<W> {
        self.hash.update(version);
        let mut id = [0; 16];
        id.copy_from_slice(&self.hash.finalize()[..16]);
        self.out.write_all(&self.table.end(self.written, root, info, &id))?;
        self.out.flush()?;
        Ok(self.out)
    }
}
