//! Decodes text from segments of three modes, and checks the terminator and the padding (ISO/IEC 18004, 7.4).

use super::error::SymbolError;

/// The 45 characters of alphanumeric mode in the order of their values (table 5).
const ALPHANUMERIC: &[u8; 45] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";

/// The number of UTF-8 among the extended channel interpretations (AIM ITS/04-023).
const UTF8: u8 = 26;

/// The text of a symbol's data codewords.
pub(super) fn text(data: &[u8], version: usize) -> Result<String, SymbolError> {
    let mut bits = Bits { bytes: data, at: 0 };
    let mut out = Vec::with_capacity(2 * data.len());
    // Near the end there may be no room for a whole terminator; the bits that are left are zero.
    while let Some(mode) = bits.take(4).filter(|&mode| mode != 0) {
        // Widths of the count up to versions 9, 26 and 40 (table 3).
        let widths = match mode {
            0b0001 => [10, 12, 14],
            0b0010 => [9, 11, 13],
            0b0100 => [8, 16, 16],
            // The encoding of the bytes after it; only UTF-8 is supported here.
            0b0111 => match bits.byte().ok_or(SymbolError::Truncated)? {
                UTF8 => continue,
                other => return Err(SymbolError::Interpretation(other)),
            },
            _ => return Err(SymbolError::Mode(mode)),
        };
        let width = widths[usize::from(version > 9) + usize::from(version > 26)];
        let count = bits.take(width).ok_or(SymbolError::Truncated)?;
        match mode {
            0b0001 => numeric(&mut bits, count, &mut out)?,
            0b0010 => alphanumeric(&mut bits, count, &mut out)?,
            _ => {
                for _ in 0..count {
                    out.push(bits.byte().ok_or(SymbolError::Truncated)?);
                }
            }
        }
    }
    if !bits.only_padding_is_left() {
        return Err(SymbolError::Padding);
    }
    String::from_utf8(out).map_err(|_| SymbolError::Encoding)
}

/// Three digits in ten bits; two in seven or one in four at the end.
fn numeric(bits: &mut Bits<'_>, count: u32, out: &mut Vec<u8>) -> Result<(), SymbolError> {
    let mut left = count;
    while left > 0 {
        let (digits, width) = match left {
            1 => (1, 4),
            2 => (2, 7),
            _ => (3, 10),
        };
        let value = bits.take(width).ok_or(SymbolError::Truncated)?;
        if value >= 10_u32.pow(digits) {
            return Err(SymbolError::Character);
        }
        for place in (0..digits).rev() {
            character(value / 10_u32.pow(place) % 10, out)?;
        }
        left -= digits;
    }
    Ok(())
}

/// Two characters in eleven bits; one in six at the end.
fn alphanumeric(bits: &mut Bits<'_>, count: u32, out: &mut Vec<u8>) -> Result<(), SymbolError> {
    for _ in 0..count / 2 {
        let pair = bits.take(11).ok_or(SymbolError::Truncated)?;
        character(pair / 45, out)?;
        character(pair % 45, out)?;
    }
    if count % 2 == 1 {
        character(bits.take(6).ok_or(SymbolError::Truncated)?, out)?;
    }
    Ok(())
}

/// Digits are the first ten of the alphanumeric characters.
fn character(value: u32, out: &mut Vec<u8>) -> Result<(), SymbolError> {
    let known = usize::try_from(value).ok().and_then(|value| ALPHANUMERIC.get(value));
    out.push(*known.ok_or(SymbolError::Character)?);
    Ok(())
}

struct Bits<'a> {
    bytes: &'a [u8],
    /// The position of the next bit.
    at: usize,
}

impl Bits<'_> {
    /// The next `width` bits, 16 at most; `None` where fewer are left, and then nothing is taken.
    fn take(&mut self, width: usize) -> Option<u32> {
        let end = self.at + width;
        if end > 8 * self.bytes.len() {
            return None;
        }
        // 16 bits that do not begin at a byte boundary extend into a third byte.
        let first = self.at / 8;
        let window = (first..first + 3)
            .fold(0, |window, index| window << 8 | u32::from(self.bytes.get(index).copied().unwrap_or(0)));
        let behind = 8 * (first + 3) - end;
        self.at = end;
        Some(window >> behind & ((1 << width) - 1))
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(8).and_then(|byte| u8::try_from(byte).ok())
    }

    /// Whether only padding is left: zeros up to the next whole byte, then two bytes in turn (7.4.10).
    fn only_padding_is_left(&mut self) -> bool {
        let partial = (8 - self.at % 8) % 8;
        let zeros = self.take(partial) == Some(0);
        let rest = &self.bytes[self.at / 8..];
        zeros && rest.iter().zip([0b1110_1100, 0b0001_0001].iter().cycle()).all(|(byte, pad)| byte == pad)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Fields of (value, width) as bytes, padded to the length.
    fn data(fields: &[(u32, u32)], length: usize) -> Vec<u8> {
        let bits: Vec<u32> = fields
            .iter()
            .flat_map(|&(value, width)| (0..width).rev().map(move |bit| value >> bit & 1))
            .collect();
        let mut bytes: Vec<u8> = bits
            .chunks(8)
            .map(|byte| (0..8).fold(0, |all, at| all << 1 | u8::from(byte.get(at) == Some(&1))))
            .collect();
        let pads = [236, 17].into_iter().cycle().take(length - bytes.len());
        bytes.extend(pads);
        bytes
    }

    #[test]
    fn segments_follow_one_another() {
        let [numeric, alphanumeric] =
            [[(1, 4), (4, 10), (123, 10), (4, 4)], [(2, 4), (3, 9), (460, 11), (44, 6)]];
        let bytes = [(4, 4), (2, 8), (0xc3, 8), (0xa9, 8)];
        let all = [&numeric[..], &alphanumeric, &bytes].concat();
        let expected = "1234AA:é";
        // 28 + 30 + 28 bits: eleven bytes with two bits left, too few for a terminator.
        assert_eq!(text(&data(&all, 11), 1).as_deref(), Ok(expected));
        assert_eq!(text(&data(&[&all[..], &[(0, 4)]].concat(), 19), 9).as_deref(), Ok(expected));
        let said = [&[(7, 4), (26, 8)], &bytes[..], &[(0, 4)]].concat();
        assert_eq!(text(&data(&said, 9), 1).as_deref(), Ok("é"));
        assert_eq!(text(&data(&[], 0), 1).as_deref(), Ok(""));
        assert_eq!(text(&data(&[(0, 4)], 2), 40).as_deref(), Ok(""));
    }

    #[test]
    fn every_wrong_field_is_told() {
        let wrong = |fields: &[(u32, u32)]| text(&data(fields, 9), 1).unwrap_err();
        assert_eq!(wrong(&[(8, 4)]), SymbolError::Mode(8));
        assert_eq!(wrong(&[(7, 4), (3, 8)]), SymbolError::Interpretation(3));
        assert_eq!(wrong(&[(1, 4), (3, 10), (1000, 10), (0, 4)]), SymbolError::Character);
        assert_eq!(wrong(&[(1, 4), (2, 10), (100, 7), (0, 4)]), SymbolError::Character);
        assert_eq!(wrong(&[(1, 4), (1, 10), (10, 4), (0, 4)]), SymbolError::Character);
        assert_eq!(wrong(&[(2, 4), (2, 9), (2025, 11), (0, 4)]), SymbolError::Character);
        assert_eq!(wrong(&[(2, 4), (1, 9), (45, 6), (0, 4)]), SymbolError::Character);
        assert_eq!(wrong(&[(4, 4), (1, 8), (0xff, 8), (0, 4)]), SymbolError::Encoding);
        assert_eq!(wrong(&[(4, 4), (200, 8)]), SymbolError::Truncated);
        assert_eq!(wrong(&[(0, 4), (1, 4)]), SymbolError::Padding);
        assert_eq!(wrong(&[(0, 4), (0, 4), (0, 8)]), SymbolError::Padding);
        // Seventeen digits leave one bit, which is too few for a terminator.
        let digits = [&[(1, 4), (17, 10)][..], &[(0, 10); 5], &[(0, 7)]].concat();
        assert_eq!(text(&data(&digits, 9), 1), Ok("0".repeat(17)));
        assert_eq!(wrong(&[&digits[..], &[(1, 1)]].concat()), SymbolError::Padding);
    }

    proptest! {
        #[test]
        fn any_data_gets_an_answer(data in proptest::collection::vec(any::<u8>(), 0..200), version in 1..=40_usize) {
            let _: Result<String, SymbolError> = text(&data, version);
        }
    }
}
