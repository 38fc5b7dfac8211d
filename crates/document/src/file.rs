//! The file around the objects: streams, object streams and the table that says where each object is
//! (ISO 32000-1, 7.5.7 and 7.5.8).
//!
//! `pdf-writer` writes objects; it has no object streams, which take half of what a tagged page's many small objects
//! take. And a [`ObjectBuffer`] that many files share is copied into each as it is, so its objects have fixed numbers.

use std::cell::RefCell;
use std::io::{self, Write as _};

use libdeflater::{CompressionLvl, Compressor};
use pdf_writer::{Chunk, Obj, Ref, Settings};
use sha2::{Digest, Sha256};

/// Where an object is.
#[derive(Clone, Copy, Debug)]
enum Location {
    /// This many bytes after the part's start.
    At(usize),
    /// In an object stream, as its so manieth object.
    In(Ref, usize),
}

/// Objects as they stand in a file.
#[derive(Clone, Debug, Default)]
pub(crate) struct ObjectBuffer {
    bytes: Vec<u8>,
    objects: Vec<(Ref, Location)>,
}

impl ObjectBuffer {
    /// A stream; `entries` are those of its dictionary beside the length.
    pub(crate) fn stream(&mut self, id: Ref, entries: &str, data: &[u8]) {
        self.objects.push((id, Location::At(self.bytes.len())));
        let _infallible =
            write!(self.bytes, "{} 0 obj\n<<{entries}/Length {}>>\nstream\n", id.get(), data.len());
        self.bytes.extend_from_slice(data);
        self.bytes.extend_from_slice(b"\nendstream\nendobj\n");
    }

    /// An object as it stands in a file.
    pub(crate) fn raw(&mut self, id: Ref, bytes: &[u8]) {
        self.objects.push((id, Location::At(self.bytes.len())));
        self.bytes.extend_from_slice(bytes);
    }

    /// The same with data that is compressed now.
    pub(crate) fn compress_stream(&mut self, id: Ref, entries: &str, data: &[u8], deflate: Deflate) {
        self.compressed_stream(id, entries, &deflate(data));
    }

    /// The same with data that is compressed already.
    pub(crate) fn compressed_stream(&mut self, id: Ref, entries: &str, data: &[u8]) {
        self.stream(id, &format!("{entries}/Filter/FlateDecode"), data);
    }

    /// An object stream with these objects.
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

    /// Adds another part's objects.
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
    /// Begins an object; what is appended is the object.
    pub(crate) fn object(&mut self, id: Ref) -> &mut Vec<u8> {
        if !self.bytes.is_empty() {
            self.bytes.push(b'\n');
        }
        self.starts.push((id, self.bytes.len()));
        &mut self.bytes
    }

    /// An object by `pdf-writer`.
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

/// The second line's bytes tell programs that guess that the file is not text.
const HEADER: &[u8] = b"%PDF-1.7\n%\xE2\xE3\xCF\xD3\n";

/// The file of these objects, `root` its catalog and `info` its dictionary of information. `id` names it.
pub(crate) fn assemble(part: &ObjectBuffer, root: Ref, info: Ref, id: &[u8; 16]) -> Vec<u8> {
    let mut table = CrossReferences::default();
    table.add(part, HEADER.len());
    let start = HEADER.len() + part.bytes.len();
    let end = table.end(start, root, info, id);
    let mut out = Vec::with_capacity(start + end.len());
    out.extend_from_slice(HEADER);
    out.extend_from_slice(&part.bytes);
    out.extend_from_slice(&end);
    out
}

/// Where each object is, by its number: the kind of entry, the place or the object stream, the place in that.
#[derive(Debug, Default)]
struct CrossReferences(Vec<(u8, u64, u16)>);

impl CrossReferences {
    /// Notes a part that starts this many bytes into the file.
    fn add(&mut self, part: &ObjectBuffer, start: usize) {
        for &(id, place) in &part.objects {
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

    /// The table as the file's last object, which starts there, and what points to it. Places take three bytes, or five
    /// in a file beyond 16 MB.
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

/// A file that is written part by part.
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

    /// Writes a part's objects.
    pub(crate) fn write(&mut self, part: &ObjectBuffer) -> io::Result<()> {
        self.table.add(part, self.written);
        self.hash.update(&part.bytes);
        self.written += part.bytes.len();
        self.out.write_all(&part.bytes)
    }

    /// Ends the file, which is named by its content and the engine's `version`.
    pub(crate) fn finish(mut self, root: Ref, info: Ref, version: &str) -> io::Result<W> {
        self.hash.update(version);
        let mut id = [0; 16];
        id.copy_from_slice(&self.hash.finalize()[..16]);
        self.out.write_all(&self.table.end(self.written, root, info, &id))?;
        self.out.flush()?;
        Ok(self.out)
    }
}

/// How a stream is compressed.
pub(crate) type Deflate = fn(&[u8]) -> Vec<u8>;

/// Compresses for `FlateDecode`. The same bytes in give the same bytes out.
pub(crate) fn deflate(bytes: &[u8]) -> Vec<u8> {
    thread_local! {
        static COMPRESSOR: RefCell<Compressor> = RefCell::new(compressor(LEVEL));
    }
    COMPRESSOR.with_borrow_mut(|compressor| compress(compressor, bytes))
}

/// The same for what is compressed once and written many times: smaller, and slower.
pub(crate) fn deflate_once(bytes: &[u8]) -> Vec<u8> {
    compress(&mut compressor(SMALLEST), bytes)
}

/// A page's own streams: level 3 takes twice as long for 3 % less, level 6 four times for 11 %.
const LEVEL: i32 = 1;
const SMALLEST: i32 = 12;

fn compressor(level: i32) -> Compressor {
    Compressor::new(CompressionLvl::new(level).unwrap_or_default())
}

fn compress(compressor: &mut Compressor, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0; compressor.zlib_compress_bound(bytes.len())];
    // The bound is what the compressor itself says it needs at most.
    let length = compressor.zlib_compress(bytes, &mut out).unwrap_or(0);
    out.truncate(length);
    out
}

/// A text as a string object, whatever is in it.
pub(crate) fn text_string(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(b"<FEFF");
    for unit in text.encode_utf16() {
        hex(out, unit);
    }
    out.push(b'>');
}

/// Four hexadecimal digits.
pub(crate) fn hex(out: &mut Vec<u8>, value: u16) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.extend([12, 8, 4, 0].map(|shift| DIGITS[usize::from(value >> shift & 15)]));
}

/// A whole number.
pub(crate) fn integer(out: &mut Vec<u8>, value: i32) {
    if value < 0 {
        out.push(b'-');
    }
    digits(out, value.unsigned_abs());
}

pub(crate) fn digits(out: &mut Vec<u8>, value: u32) {
    if value >= 10 {
        digits(out, value / 10);
    }
    out.push(b'0' + (value % 10).to_le_bytes()[0]);
}
