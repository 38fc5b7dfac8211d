//! Finds QR codes in a JPEG picture: a photograph, a scan, a page forwarded by a messenger.

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::picture::Picture;
use super::{MAX_PIXELS, ReadError, check_size, contained, luma_of};

/// The maximum number of scans of a progressive JPEG; usual files have ten.
const MAX_SCANS: usize = 64;

/// The texts of all QR codes in a JPEG picture of up to [`MAX_PIXELS`] pixels and
/// [`MAX_FILE_BYTES`](super::MAX_FILE_BYTES) bytes, rotated or not.
pub fn codes_in_jpeg(bytes: &[u8]) -> Result<Vec<String>, ReadError> {
    check_size(bytes)?;
    contained(|| decode(bytes))?.codes()
}

fn unreadable(why: impl Into<String>) -> ReadError {
    ReadError::Unreadable { kind: "JPEG", why: why.into() }
}

fn decode(bytes: &[u8]) -> Result<Picture, ReadError> {
    let options = DecoderOptions::default()
        .set_max_width(MAX_PIXELS)
        .set_max_height(MAX_PIXELS)
        .jpeg_set_max_scans(MAX_SCANS)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(|e| unreadable(format!("{e:?}")))?;
    let (width, height) = decoder.dimensions().ok_or_else(|| unreadable("it has no size"))?;
    if width.checked_mul(height).is_none_or(|pixels| pixels > MAX_PIXELS) {
        return Err(ReadError::TooLarge(format!("{width} x {height} pixels, at most {MAX_PIXELS} in all")));
    }
    // Of most pictures the brightness is stored by itself: the colours, twice as many bytes, need not be decoded.
    if let Some(ColorSpace::YCbCr | ColorSpace::Luma) = decoder.input_colorspace() {
        decoder.set_options(options.jpeg_set_out_colorspace(ColorSpace::Luma));
    }
    let pixels = decoder.decode().map_err(|e| unreadable(format!("{e:?}")))?;
    let luma: Vec<u8> = if decoder.output_colorspace() == Some(ColorSpace::Luma) {
        pixels
    } else {
        pixels.chunks_exact(3).map(|p| luma_of(p[0], p[1], p[2])).collect()
    };
    if luma.len() != width * height {
        return Err(unreadable("it has fewer pixels than it says"));
    }
    Ok(Picture { width, height, luma })
}
