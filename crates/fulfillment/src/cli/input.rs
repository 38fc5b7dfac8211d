//! Input files of commands, decoded: UTF-8 or UTF-16, with or without a byte order mark.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use crate::error::CliError;

/// The most of a file that is inspected for its encoding.
const HEAD: u64 = 4;
/// Bytes of UTF-16 converted in one step.
const PIECE: u64 = 32 * 1024;
/// The replacement for half a unit at the end.
const REPLACEMENT: u16 = 0xFFFD;

/// Opens a file, or standard input for `-`.
pub(super) fn open(file: &Path) -> Result<Box<dyn Read + Send>, CliError> {
    if file.as_os_str() == "-" {
        return Ok(Box::new(io::stdin()));
    }
    Ok(Box::new(File::open(file).map_err(|e| unread(file, &e))?))
}

/// An error while a file is read.
pub(super) fn unread(file: &Path, error: &dyn std::fmt::Display) -> CliError {
    CliError::misuse(format!("cannot read {}: {error}", file.display()))
}

/// The content as UTF-8 without a byte order mark. UTF-16 with a mark is converted; without a mark nothing is, so that
/// what is not text is passed on unchanged.
///
/// # Errors
/// It begins like UTF-32, or like UTF-16 without a mark; or it is compressed.
pub(super) fn decoded<R: Read + Send + 'static>(reader: R) -> io::Result<Box<dyn BufRead + Send>> {
    let mut reader = BufReader::new(reader);
    let mut head = Vec::new();
    // Standard input may arrive in pieces smaller than a mark.
    reader.by_ref().take(HEAD).read_to_end(&mut head)?;
    let invalid = |why: String| Err(io::Error::new(io::ErrorKind::InvalidData, why));
    let refused = |what| invalid(format!("it is encoded as {what}: save it as UTF-8"));
    match head[..] {
        [0x1F, 0x8B, ..] => {
            return invalid("it is compressed with gzip: unpack it first, with zcat FILE | ... -".to_owned());
        }
        [b'P', b'K', 3, 4] => {
            return invalid("it is a ZIP file, as spreadsheets (.xlsx) are: save it as text".to_owned());
        }
        _ => {}
    }
    let (mark, big_endian) = match head[..] {
        [0xFF, 0xFE, 0, 0] | [0, 0, 0xFE, 0xFF] => return refused("UTF-32"),
        [0xFF, 0xFE, ..] => (2, Some(false)),
        [0xFE, 0xFF, ..] => (2, Some(true)),
        [0xEF, 0xBB, 0xBF, ..] => (3, None),
        [first, 0, ..] | [0, first, ..] if first.is_ascii_graphic() || first.is_ascii_whitespace() => {
            return refused("UTF-16 without a byte order mark");
        }
        _ => (0, None),
    };
    head.drain(..mark);
    let text = io::Cursor::new(head).chain(reader);
    Ok(match big_endian {
        None => Box::new(BufReader::new(text)),
        Some(big_endian) => Box::new(BufReader::new(Utf16 {
            reader: text,
            big_endian,
            bytes: Vec::new(),
            text: io::Cursor::default(),
        })),
    })
}

/// Converts UTF-16 into UTF-8. Invalid units become U+FFFD.
struct Utf16<R> {
    reader: R,
    big_endian: bool,
    /// Bytes that were read and are not a complete character yet.
    bytes: Vec<u8>,
    text: io::Cursor<Vec<u8>>,
}

impl<R: Read> Utf16<R> {
    /// Converts the next piece; the file is at its end when the piece is empty.
    fn convert(&mut self) -> io::Result<String> {
        loop {
            let read = self.reader.by_ref().take(PIECE).read_to_end(&mut self.bytes)?;
            let unit = |pair: &[u8]| match *pair {
                [a, b] if self.big_endian => u16::from_be_bytes([a, b]),
                [a, b] => u16::from_le_bytes([a, b]),
                _ => REPLACEMENT,
            };
            let mut units: Vec<u16> = self.bytes.chunks(2).map(unit).collect();
            let mut left = 0;
            if read > 0 {
                // The second half of a unit, or of a surrogate pair, has not been read yet.
                let odd = self.bytes.len() % 2;
                units.truncate(units.len() - odd);
                let high = units.pop_if(|unit| (0xD800..0xDC00).contains(unit)).is_some();
                left = odd + 2 * usize::from(high);
            }
            self.bytes.drain(..self.bytes.len() - left);
            let text: String =
                char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
            if read == 0 || !text.is_empty() {
                return Ok(text);
            }
        }
    }
}

impl<R: Read> Read for Utf16<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.text.read(buffer)?;
        if read > 0 || buffer.is_empty() {
            return Ok(read);
        }
        self.text = io::Cursor::new(self.convert()?.into_bytes());
        self.text.read(buffer)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A text in UTF-16 with its byte order mark.
    pub(in crate::cli) fn utf16(text: &str, big_endian: bool) -> Vec<u8> {
        let units = "\u{feff}".encode_utf16().chain(text.encode_utf16());
        units.flat_map(|unit| if big_endian { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
    }

    fn read(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        decoded(io::Cursor::new(bytes.to_vec()))?.read_to_end(&mut all)?;
        Ok(all)
    }

    #[test]
    fn utf_16_and_byte_order_marks_are_read() {
        let text = "Ada €𝄞\n";
        for bytes in [
            utf16(text, false),
            utf16(text, true),
            format!("\u{feff}{text}").into_bytes(),
            text.as_bytes().to_vec(),
        ] {
            assert_eq!(read(&bytes).unwrap(), text.as_bytes(), "{bytes:?}");
        }
        for raw in [&b""[..], b"\xff", b"a\xff\xfeb", b"\0\0\0\0\x07{}"] {
            assert_eq!(read(raw).unwrap(), raw, "what is no text comes through as it is");
        }
    }

    #[test]
    fn other_encodings_are_refused() {
        let bare = |big| utf16("{\"a\":1}", big)[2..].to_vec();
        for (bytes, said) in [
            (bare(false), "UTF-16 without a byte order mark"),
            (bare(true), "UTF-16 without a byte order mark"),
            (vec![0xFF, 0xFE, 0, 0, b'{', 0, 0, 0], "UTF-32"),
            (vec![0, 0, 0xFE, 0xFF, 0, 0, 0, b'{'], "UTF-32"),
        ] {
            let why = read(&bytes).unwrap_err().to_string();
            assert!(why.contains(said) && why.contains("save it as UTF-8"), "{why}");
        }
    }

    #[test]
    fn compressed_files_are_refused() {
        for (bytes, said) in
            [(&b"\x1f\x8b\x08\0"[..], "gzip"), (b"\x1f\x8b", "gzip"), (b"PK\x03\x04\x14", "ZIP")]
        {
            assert!(read(bytes).unwrap_err().to_string().contains(said), "{bytes:?}");
        }
        assert_eq!(read(b"PKW").unwrap(), b"PKW");
    }

    #[test]
    fn characters_at_the_edges_of_pieces_are_whole_and_halves_are_marked() {
        for lead in 0..3 {
            let text = "x".repeat(lead) + &"𝄞".repeat(40_000);
            assert!(read(&utf16(&text, false)).unwrap() == text.as_bytes(), "{lead}");
        }
        let half = [utf16("a", true), vec![0xD8]].concat();
        assert_eq!(read(&half).unwrap(), "a\u{fffd}".as_bytes());
        let lone = [utf16("a", true), vec![0xD8, 0x34]].concat();
        assert_eq!(read(&lone).unwrap(), "a\u{fffd}".as_bytes());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_the_same_in_either_encoding(text: String) {
            let text = text.trim_start_matches('\u{feff}');
            for big in [false, true] {
                // A first character U+0000 makes the mark look like UTF-32's.
                proptest::prop_assume!(!text.starts_with('\0'));
                proptest::prop_assert_eq!(read(&utf16(text, big)).unwrap(), text.as_bytes());
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _: io::Result<Vec<u8>> = read(&bytes);
        }
    }
}
