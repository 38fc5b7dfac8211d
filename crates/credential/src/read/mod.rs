//! Finds QR codes in pictures and PDF files, from the modules as drawn: text hidden in a file is ignored.
//!
//! Files are untrusted. Sizes are bounded before anything is decoded, and a panic in a decoder becomes
//! [`ReadError::Decoder`]. Bounds cannot catch a file that is made to keep the rasteriser busy, nor a PDF whose streams
//! unpack to gigabytes: the caller has to run this in a process with limits of time and memory. Do not run it inside a
//! server on files that anyone may send.

mod jpeg;
mod pdf;
mod picture;
mod png;

use std::panic::{UnwindSafe, catch_unwind};

pub use self::jpeg::codes_in_jpeg;
pub use self::pdf::codes_in_pdf;
pub use self::png::codes_in_png;

/// The maximum size of a file in bytes.
pub const MAX_FILE_BYTES: usize = 64 << 20;
/// The maximum number of pixels of a picture; a phone's camera has up to 50 million.
pub const MAX_PIXELS: usize = 64_000_000;
/// The maximum number of pages of a PDF.
pub const MAX_PAGES: usize = 20;
/// The maximum number of pixels of a side of a rasterised page; a larger page is drawn at a lower resolution.
pub const MAX_PAGE_SIDE: u16 = 4000;

/// Why a picture or file could not be searched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// More bytes, pixels or pages than the limits allow.
    #[error("too large: {0}")]
    TooLarge(String),
    /// The file is damaged or of another kind.
    #[error("not a readable {kind} file: {why}")]
    Unreadable {
        /// The kind of file it was read as.
        kind: &'static str,
        /// The decoder's message.
        why: String,
    },
    /// The pixels are not `width` times `height`.
    #[error("{given} pixels do not make a picture of {width} x {height}")]
    Dimensions {
        /// Pixels per row.
        width: usize,
        /// Rows.
        height: usize,
        /// Bytes that were passed.
        given: usize,
    },
    /// A decoder panicked; the file is probably made to cause that.
    #[error("the file breaks the decoder and cannot be read")]
    Decoder,
}

/// The texts of all QR codes in a picture, in the order in which they are found, each once; finding none is not an
/// error.
///
/// `luma` is one byte per pixel, 0 black to 255 white, row by row from the top. If no code is black on white, codes
/// that are white on black are searched: phones may invert their screens.
pub fn read_qr(width: usize, height: usize, luma: &[u8]) -> Result<Vec<String>, ReadError> {
    if width.checked_mul(height) != Some(luma.len()) {
        return Err(ReadError::Dimensions { width, height, given: luma.len() });
    }
    if luma.len() > MAX_PIXELS {
        return Err(ReadError::TooLarge(format!("{width} x {height} pixels, at most {MAX_PIXELS} in all")));
    }
    // The smallest symbol is 21 modules wide.
    if width < 21 || height < 21 {
        return Ok(Vec::new());
    }
    contained(|| {
        let codes = dark_codes(width, height, |x, y| luma[y * width + x]);
        Ok(if codes.is_empty() { dark_codes(width, height, |x, y| 255 - luma[y * width + x]) } else { codes })
    })
}

/// Codes whose modules are darker than the background.
fn dark_codes(width: usize, height: usize, luma: impl Fn(usize, usize) -> u8) -> Vec<String> {
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(width, height, luma);
    let mut codes = Vec::new();
    for grid in image.detect_grids() {
        // A grid that does not decode is not a code, or has another kind of content.
        if let Ok((_, text)) = grid.decode() {
            push_new(&mut codes, text);
        }
    }
    codes
}

fn push_new(codes: &mut Vec<String>, text: String) {
    if !codes.contains(&text) {
        codes.push(text);
    }
}

/// Runs a decoder of untrusted bytes; its panic becomes an error of this file.
fn contained<T>(decode: impl FnOnce() -> Result<T, ReadError> + UnwindSafe) -> Result<T, ReadError> {
    catch_unwind(decode).unwrap_or(Err(ReadError::Decoder))
}

fn check_size(bytes: &[u8]) -> Result<(), ReadError> {
    if bytes.len() > MAX_FILE_BYTES {
        return Err(ReadError::TooLarge(format!("{} bytes, at most {MAX_FILE_BYTES}", bytes.len())));
    }
    Ok(())
}

/// The brightness of a colour with the weights of ITU-R BT.601, in integers.
fn luma_of(red: u8, green: u8, blue: u8) -> u8 {
    let weighed = 77 * u32::from(red) + 150 * u32::from(green) + 29 * u32::from(blue);
    // The weights add up to 256, so the quotient always fits.
    u8::try_from(weighed / 256).unwrap_or(u8::MAX)
}
