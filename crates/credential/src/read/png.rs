//! Finds QR codes in a PNG picture: a screenshot, a scan, a page drawn by another program.

use std::io::Cursor;

use png::{ColorType, Decoder, Limits, Transformations};

use super::picture::Picture;
use super::{MAX_PIXELS, ReadError, check_size, contained, luma_of};

/// The texts of all QR codes in a PNG picture of up to [`MAX_PIXELS`] pixels and
/// [`MAX_FILE_BYTES`](super::MAX_FILE_BYTES) bytes; transparent pixels are shown on white.
pub fn codes_in_png(bytes: &[u8]) -> Result<Vec<String>, ReadError> {
    check_size(bytes)?;
    contained(|| decode(bytes))?.codes()
}

fn unreadable(why: impl Into<String>) -> ReadError {
    ReadError::Unreadable { kind: "PNG", why: why.into() }
}

fn decode(bytes: &[u8]) -> Result<Picture, ReadError> {
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), Limits { bytes: 4 * MAX_PIXELS });
    decoder.set_transformations(Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(|e| unreadable(e.to_string()))?;
    let (width, height) = (reader.info().width as usize, reader.info().height as usize);
    if width.checked_mul(height).is_none_or(|pixels| pixels > MAX_PIXELS) {
        return Err(ReadError::TooLarge(format!("{width} x {height} pixels, at most {MAX_PIXELS} in all")));
    }
    let size = reader.output_buffer_size().ok_or_else(|| unreadable("its size overflows"))?;
    let mut pixels = vec![0; size];
    let frame = reader.next_frame(&mut pixels).map_err(|e| unreadable(e.to_string()))?;
    pixels.truncate(frame.buffer_size());
    let luma = match frame.color_type {
        ColorType::Grayscale => pixels,
        ColorType::GrayscaleAlpha => pixels.chunks_exact(2).map(|p| on_white(p[0], p[1])).collect(),
        ColorType::Rgb => pixels.chunks_exact(3).map(|p| luma_of(p[0], p[1], p[2])).collect(),
        ColorType::Rgba => {
            pixels.chunks_exact(4).map(|p| on_white(luma_of(p[0], p[1], p[2]), p[3])).collect()
        }
        ColorType::Indexed => return Err(unreadable("its palette was not applied")),
    };
    Ok(Picture { width, height, luma })
}

fn on_white(luma: u8, alpha: u8) -> u8 {
    let (luma, alpha) = (u16::from(luma), u16::from(alpha));
    u8::try_from((luma * alpha + 255 * (255 - alpha)) / 255).unwrap_or(u8::MAX)
}
