//! Raster images, each prepared for a PDF once: JPEG unchanged; PNG decompressed and compressed again, its transparency
//! as a separate mask.

use std::fmt::Write as _;
use std::io::Cursor;

use png::{ColorType, Decoder, Limits, Transformations};

use pdf_writer::Ref;

use crate::pdf::{ObjectBuffer, deflate_once};

/// The maximum number of pixels: 100 million would take 300 MB to decompress.
pub(crate) const MOST_PIXELS: u64 = 16_000_000;

/// A picture as a PDF has it: 8 bits a channel, grey or sRGB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Image {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Grey instead of red, green and blue.
    pub(crate) grey: bool,
    pub(crate) packing: Packing,
    pub(crate) data: Vec<u8>,
}

/// How an image's bytes are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    Deflate,
    Jpeg,
}

impl Image {
    /// Reads a PNG or JPEG file: the image, and where it has transparency, the opacity of each pixel.
    ///
    /// # Errors
    /// Why it cannot be used, in words.
    pub(crate) fn read(bytes: &[u8]) -> Result<(Self, Option<Self>), String> {
        match bytes {
            [0x89, b'P', b'N', b'G', ..] => {
                Self::png(bytes).map_err(|why| format!("it is no usable PNG: {why}"))
            }
            [0xFF, 0xD8, 0xFF, ..] => Self::jpeg(bytes)
                .map(|image| (image, None))
                .map_err(|why| format!("it is no usable JPEG: {why}")),
            _ => Err("it is neither a PNG nor a JPEG nor an SVG".to_owned()),
        }
    }

    /// Height over width.
    pub(crate) fn ratio(&self) -> f32 {
        #[expect(clippy::cast_possible_truncation, reason = "a ratio of two whole numbers")]
        let ratio = (f64::from(self.height) / f64::from(self.width)) as f32;
        ratio
    }

    /// Reads a PNG file with its transparency: the image, and the opacity of each pixel.
    ///
    /// # Errors
    /// Why it cannot be used, in words.
    pub(crate) fn with_mask(png: &[u8]) -> Result<(Self, Self), String> {
        Ok(Self::parted(&Pixels::read(png)?))
    }

    fn png(png: &[u8]) -> Result<(Self, Option<Self>), String> {
        let pixels = Pixels::read(png)?;
        let shows_through = pixels.show_through();
        let (image, mask) = Self::parted(&pixels);
        Ok((image, shows_through.then_some(mask)))
    }

    fn parted(pixels: &Pixels) -> (Self, Self) {
        let &Pixels { width, height, colours, ref bytes } = pixels;
        let channels = colours.samples();
        let clear = matches!(colours, ColorType::GrayscaleAlpha | ColorType::Rgba);
        let own = channels - usize::from(clear);
        let pixels = || bytes.chunks_exact(channels);
        let image = |grey, data: Vec<u8>| {
            let data = deflate_once(&data);
            Self { width, height, grey, packing: Packing::Deflate, data }
        };
        let opaque = pixels().flat_map(|pixel| &pixel[..own]).copied().collect();
        let mask = pixels().map(|pixel| if clear { pixel[own] } else { 255 }).collect();
        (image(own == 1, opaque), image(true, mask))
    }

    /// Writes the image; `mask` is the image of its opacity.
    pub(crate) fn write(&self, buffer: &mut ObjectBuffer, id: Ref, mask: Option<Ref>) {
        let colours = if self.grey { "DeviceGray" } else { "DeviceRGB" };
        let filter = match self.packing {
            Packing::Deflate => "FlateDecode",
            Packing::Jpeg => "DCTDecode",
        };
        let mut entries = format!(
            "/Type/XObject/Subtype/Image/Width {}/Height {}/BitsPerComponent 8/ColorSpace/{colours}/Filter/{filter}",
            self.width, self.height
        );
        if let Some(mask) = mask {
            let _infallible = write!(entries, "/SMask {} 0 R", mask.get());
        }
        buffer.stream(id, &entries, &self.data);
    }

    /// A JPEG's size and colours are in its frame header (ITU T.81, B.2.2).
    fn jpeg(bytes: &[u8]) -> Result<Self, String> {
        let mut at = 2;
        loop {
            let &[0xFF, marker, high, low, ..] = bytes.get(at..).unwrap_or_default() else {
                return Err("it has no frame header".to_owned());
            };
            let length = usize::from(u16::from_be_bytes([high, low]));
            match marker {
                0xFF => at += 1,
                // Baseline, extended and progressive, by Huffman codes.
                0xC0..=0xC2 => {
                    let Some(&[bits, h1, h0, w1, w0, channels]) = bytes.get(at + 4..at + 10) else {
                        return Err("its frame header is cut off".to_owned());
                    };
                    let (width, height) = (u16::from_be_bytes([w1, w0]), u16::from_be_bytes([h1, h0]));
                    few_enough(width.into(), height.into())?;
                    if bits != 8 {
                        return Err(format!("it has {bits} bits a channel, not 8"));
                    }
                    let grey = match channels {
                        1 => true,
                        3 => false,
                        _ => return Err(format!("it has {channels} channels: save it as RGB or grey")),
                    };
                    if !bytes.ends_with(&[0xFF, 0xD9]) {
                        return Err("its end is missing".to_owned());
                    }
                    return Ok(Self {
                        width: width.into(),
                        height: height.into(),
                        grey,
                        packing: Packing::Jpeg,
                        data: bytes.to_vec(),
                    });
                }
                0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF | 0xDA => {
                    return Err("it is of a kind that PDF viewers do not show".to_owned());
                }
                _ if length >= 2 => at += 2 + length,
                _ => return Err("it is damaged".to_owned()),
            }
        }
    }
}

/// A decompressed PNG file: its pixels from the top, 8 bits a channel and no palette.
struct Pixels {
    width: u32,
    height: u32,
    colours: ColorType,
    bytes: Vec<u8>,
}

impl Pixels {
    /// Whether any pixel is not opaque.
    fn show_through(&self) -> bool {
        let clear = matches!(self.colours, ColorType::GrayscaleAlpha | ColorType::Rgba);
        clear && self.bytes.chunks_exact(self.colours.samples()).any(|pixel| pixel.last() != Some(&255))
    }

    fn read(png: &[u8]) -> Result<Self, String> {
        let limits = Limits { bytes: 256 << 20 };
        let mut decoder = Decoder::new_with_limits(Cursor::new(png), limits);
        decoder.set_transformations(Transformations::normalize_to_color8());
        let mut reader = decoder.read_info().map_err(|error| error.to_string())?;
        let (width, height) = (reader.info().width, reader.info().height);
        few_enough(width, height)?;
        let size = reader.output_buffer_size().ok_or("it is too large")?;
        let mut bytes = vec![0; size];
        let info = reader.next_frame(&mut bytes).map_err(|error| error.to_string())?;
        bytes.truncate(info.buffer_size());
        if info.color_type == ColorType::Indexed {
            return Err("its palette cannot be read".to_owned());
        }
        Ok(Self { width, height, colours: info.color_type, bytes })
    }
}

fn few_enough(width: u32, height: u32) -> Result<(), String> {
    if width == 0 || height == 0 {
        return Err("it is empty".to_owned());
    }
    if u64::from(width) * u64::from(height) > MOST_PIXELS {
        return Err(format!("it has {width} x {height} pixels, and at most {MOST_PIXELS} are taken"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn png(colour: ColorType, pixels: &[u8], width: u32, height: u32) -> Vec<u8> {
        let mut out = Vec::new();
        let mut encoder = png::Encoder::new(&mut out, width, height);
        encoder.set_color(colour);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(pixels).unwrap();
        writer.finish().unwrap();
        out
    }

    fn unpacked(image: &Image, length: usize) -> Vec<u8> {
        let mut out = vec![0; length];
        libdeflater::Decompressor::new().zlib_decompress(&image.data, &mut out).unwrap();
        out
    }

    #[test]
    fn transparency_is_kept_where_there_is_any() {
        let (image, mask) =
            Image::read(&png(ColorType::Rgba, &[255, 0, 0, 255, 0, 0, 0, 0, 0, 0, 9, 128], 3, 1)).unwrap();
        assert_eq!((image.width, image.height, image.grey), (3, 1, false));
        assert_eq!(unpacked(&image, 9), [255, 0, 0, 0, 0, 0, 0, 0, 9]);
        let mask = mask.unwrap();
        assert_eq!((mask.width, mask.grey, unpacked(&mask, 3)), (3, true, vec![255, 0, 128]));
        let (image, mask) = Image::read(&png(ColorType::GrayscaleAlpha, &[7, 255, 9, 255], 1, 2)).unwrap();
        assert_eq!((image.grey, unpacked(&image, 2), mask), (true, vec![7, 9], None));
        let (image, mask) = Image::read(&png(ColorType::Grayscale, &[7, 9], 1, 2)).unwrap();
        assert_eq!((image.grey, unpacked(&image, 2), mask), (true, vec![7, 9], None));
    }

    #[test]
    fn a_jpegs_header_is_read() {
        let header = [0xFF, 0xD8, 0xFF, 0xE0, 0, 4, 1, 2, 0xFF, 0xC0, 0, 17, 8, 0, 20, 0, 30, 3, 0xFF, 0xD9];
        let (image, _) = Image::read(&header).unwrap();
        assert_eq!((image.width, image.height, image.grey, image.packing), (30, 20, false, Packing::Jpeg));
        for end in 0..header.len() {
            assert!(Image::read(&header[..end]).is_err());
        }
        let mut cmyk = header;
        cmyk[17] = 4;
        assert!(Image::read(&cmyk).unwrap_err().contains("4 channels"));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400), at in 0_usize..200) {
            let mut damaged = png(ColorType::Rgb, &[9; 300], 10, 10);
            if let Some(byte) = damaged.get_mut(at) {
                *byte ^= bytes.first().copied().unwrap_or(1);
            }
            for start in [&[][..], &[0xFF, 0xD8, 0xFF], &[0x89, b'P', b'N', b'G']] {
                let _either = Image::read(&[start, &bytes].concat());
            }
            let _either = Image::read(&damaged);
        }
    }
}
