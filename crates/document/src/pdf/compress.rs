//! Compression of streams (`FlateDecode`; ISO 32000-1, 7.4.4).

use std::cell::RefCell;

use libdeflater::{CompressionLvl, Compressor};

/// How a stream is compressed.
pub(crate) type Deflate = fn(&[u8]) -> Vec<u8>;

/// Compresses for `FlateDecode`. The same bytes in give the same bytes out.
pub(crate) fn deflate(bytes: &[u8]) -> Vec<u8> {
    thread_local! {
        static COMPRESSOR: RefCell<Compressor> = RefCell::new(compressor(LEVEL));
    }
    COMPRESSOR.with_borrow_mut(|compressor| compress(compressor, bytes))
}

/// The same for data that is compressed once and written many times: smaller output, but slower.
pub(crate) fn deflate_once(bytes: &[u8]) -> Vec<u8> {
    compress(&mut compressor(SMALLEST), bytes)
}

/// The level for a page's own streams: level 3 takes twice as long for 3 % less, level 6 four times for 11 %.
const LEVEL: i32 = 1;
const SMALLEST: i32 = 12;

fn compressor(level: i32) -> Compressor {
    Compressor::new(CompressionLvl::new(level).unwrap_or_default())
}

fn compress(compressor: &mut Compressor, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0; compressor.zlib_compress_bound(bytes.len())];
    // The bound is the compressor's own maximum.
    let length = compressor.zlib_compress(bytes, &mut out).unwrap_or(0);
    out.truncate(length);
    out
}
