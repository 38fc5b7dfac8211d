//! Writes numbers, strings and references in PDF syntax (ISO 32000-1, 7.3).

/// Writes any text as a string object.
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

/// A reference to an object.
pub(crate) fn reference(out: &mut Vec<u8>, id: i32) {
    out.push(b' ');
    integer(out, id);
    out.extend_from_slice(b" 0 R");
}
