//! Encodes a text as codewords: alphanumeric or byte mode, padding, Reed-Solomon blocks (ISO/IEC 18004, 7.4 to 7.6).

use super::level::Level;

/// The largest supported version, with 77 modules per side.
pub(super) const VERSIONS: usize = 15;

/// Per version: error correction codewords per block, and the number of blocks.
type Blocks = [(u8, u8); VERSIONS];

const M: Blocks = [
    (10, 1),
    (16, 1),
    (26, 1),
    (18, 2),
    (24, 2),
    (16, 4),
    (18, 4),
    (22, 4),
    (22, 5),
    (26, 5),
    (30, 5),
    (22, 8),
    (22, 9),
    (24, 9),
    (24, 10),
];
const Q: Blocks = [
    (13, 1),
    (22, 1),
    (18, 2),
    (26, 2),
    (18, 4),
    (24, 4),
    (18, 6),
    (22, 6),
    (20, 8),
    (24, 8),
    (28, 8),
    (26, 10),
    (24, 12),
    (20, 16),
    (30, 12),
];

/// How the codewords of a version and level are split.
struct Shape {
    /// All codewords.
    total: usize,
    /// Error correction codewords per block.
    correction: usize,
    blocks: usize,
}

impl Shape {
    fn of(version: usize, level: Level) -> Self {
        let (correction, blocks) = match level {
            Level::M => M[version - 1],
            Level::Q => Q[version - 1],
        };
        Self { total: modules(version) / 8, correction: correction.into(), blocks: blocks.into() }
    }

    fn data(&self) -> usize {
        self.total - self.correction * self.blocks
    }
}

/// The modules left for codewords after finders, timing, alignment, format and version.
fn modules(version: usize) -> usize {
    let all = (16 * version + 128) * version + 64;
    if version < 2 {
        return all;
    }
    let aligned = version / 7 + 2;
    all - ((25 * aligned - 10) * aligned - 55) - if version >= 7 { 36 } else { 0 }
}

/// A text as one segment of a symbol.
pub(super) enum Segment<'a> {
    /// Values of the 45 characters, 5.5 bits each.
    Alphanumeric(Vec<u16>),
    /// Anything else, in UTF-8. Readers guess the encoding of bytes, so text that is not ASCII declares it.
    Bytes { bytes: &'a [u8], said: bool },
}

/// Declares that the bytes after it are UTF-8: the mode of an extended channel interpretation, and its number 26
/// (ISO/IEC 18004, 7.4.2; AIM ITS/04-023).
const UTF8: (u32, usize) = (0b0111 << 8 | 0b1_1010, 12);

impl<'a> Segment<'a> {
    /// The segment in the mode that takes less room.
    pub(super) fn of(text: &'a str) -> Self {
        let values: Option<Vec<u16>> = text.bytes().map(value).collect();
        let bytes = || Self::Bytes { bytes: text.as_bytes(), said: !text.is_ascii() };
        values.map_or_else(bytes, Self::Alphanumeric)
    }

    fn len(&self) -> usize {
        match self {
            Self::Alphanumeric(values) => values.len(),
            Self::Bytes { bytes, .. } => bytes.len(),
        }
    }

    /// The width of the character count field, in bits.
    fn count_bits(&self, version: usize) -> usize {
        match (self, version < 10) {
            (Self::Alphanumeric(_), true) => 9,
            (Self::Alphanumeric(_), false) => 11,
            (Self::Bytes { .. }, true) => 8,
            (Self::Bytes { .. }, false) => 16,
        }
    }

    /// The smallest version that holds it.
    pub(super) fn version(&self, level: Level) -> Option<usize> {
        let bits = match self {
            Self::Alphanumeric(values) => values.len() / 2 * 11 + values.len() % 2 * 6,
            Self::Bytes { bytes, said } => 8 * bytes.len() + if *said { UTF8.1 } else { 0 },
        };
        (1..=VERSIONS)
            .find(|&version| 4 + self.count_bits(version) + bits <= 8 * Shape::of(version, level).data())
    }

    /// Writes mode, count and characters.
    fn write(&self, bits: &mut Bits, version: usize) {
        let count = u32::try_from(self.len()).unwrap_or(0);
        match self {
            Self::Alphanumeric(values) => {
                bits.push(0b0010, 4);
                bits.push(count, self.count_bits(version));
                for pair in values.chunks(2) {
                    match *pair {
                        [a, b] => bits.push(u32::from(a) * 45 + u32::from(b), 11),
                        [a] => bits.push(a.into(), 6),
                        _ => {}
                    }
                }
            }
            Self::Bytes { bytes, said } => {
                if *said {
                    bits.push(UTF8.0, UTF8.1);
                }
                bits.push(0b0100, 4);
                bits.push(count, self.count_bits(version));
                for &byte in *bytes {
                    bits.push(byte.into(), 8);
                }
            }
        }
    }
}

/// A character's value, if it is one of the 45.
fn value(byte: u8) -> Option<u16> {
    Some(match byte {
        b'0'..=b'9' => u16::from(byte - b'0'),
        b'A'..=b'Z' => u16::from(byte - b'A') + 10,
        b' ' => 36,
        b'$' => 37,
        b'%' => 38,
        b'*' => 39,
        b'+' => 40,
        b'-' => 41,
        b'.' => 42,
        b'/' => 43,
        b':' => 44,
        _ => return None,
    })
}

/// All codewords in the order in which they are placed. The segment must fit the version.
pub(super) fn codewords(segment: &Segment<'_>, version: usize, level: Level) -> Vec<u8> {
    let shape = Shape::of(version, level);
    let data = data(segment, version, shape.data());
    // Blocks differ by at most one data codeword; the short ones come first.
    let short = shape.data() / shape.blocks;
    let longer = shape.data() % shape.blocks;
    let generator = generator(shape.correction);
    let mut rest = &data[..];
    let blocks: Vec<(&[u8], Vec<u8>)> = (0..shape.blocks)
        .map(|index| {
            let (block, after) = rest.split_at(short + usize::from(index >= shape.blocks - longer));
            rest = after;
            (block, remainder(block, &generator))
        })
        .collect();
    let mut out = Vec::with_capacity(shape.total);
    for index in 0..=short {
        out.extend(blocks.iter().filter_map(|(block, _)| block.get(index)));
    }
    for index in 0..shape.correction {
        out.extend(blocks.iter().filter_map(|(_, correction)| correction.get(index)));
    }
    out
}

/// The segment, the terminator and padding.
fn data(segment: &Segment<'_>, version: usize, length: usize) -> Vec<u8> {
    let mut bits = Bits { bytes: Vec::with_capacity(length), pending: 0, count: 0 };
    segment.write(&mut bits, version);
    let room = length * 8 - bits.bytes.len() * 8 - bits.count;
    bits.push(0, room.min(4));
    let mut bytes = bits.finish();
    let padding = [0xEC, 0x11].into_iter().cycle().take(length - bytes.len());
    bytes.extend(padding);
    bytes
}

struct Bits {
    bytes: Vec<u8>,
    pending: u32,
    count: usize,
}

impl Bits {
    fn push(&mut self, value: u32, count: usize) {
        self.pending = self.pending << count | value;
        self.count += count;
        while self.count >= 8 {
            self.count -= 8;
            self.bytes
                .push(self.pending.wrapping_shr(u32::try_from(self.count).unwrap_or(0)).to_le_bytes()[0]);
        }
    }

    /// Fills the last byte with zeros.
    fn finish(mut self) -> Vec<u8> {
        if self.count > 0 {
            self.push(0, 8 - self.count);
        }
        self.bytes
    }
}

/// Powers of 2 in GF(256) modulo x^8 + x^4 + x^3 + x^2 + 1, twice over, and their logarithms.
const FIELD: ([u8; 510], [u8; 256]) = {
    let (mut powers, mut logs) = ([0; 510], [0; 256]);
    let mut value = 1_usize;
    let mut index = 0;
    while index < 255 {
        powers[index] = value.to_le_bytes()[0];
        powers[index + 255] = powers[index];
        logs[value] = index.to_le_bytes()[0];
        value <<= 1;
        if value > 255 {
            value ^= 0x11D;
        }
        index += 1;
    }
    (powers, logs)
};

fn multiply(a: u8, b: u8) -> u8 {
    if a == 0 || b == 0 {
        return 0;
    }
    let log = |value: u8| usize::from(FIELD.1[usize::from(value)]);
    FIELD.0[log(a) + log(b)]
}

/// The coefficients of (x - 1)(x - 2)(x - 4)... below the highest, which is 1.
fn generator(degree: usize) -> Vec<u8> {
    let mut out = vec![0; degree];
    out[degree - 1] = 1;
    let mut root = 1;
    for _ in 0..degree {
        for index in 0..degree {
            let next = out.get(index + 1).copied().unwrap_or(0);
            out[index] = multiply(out[index], root) ^ next;
        }
        root = multiply(root, 2);
    }
    out
}

/// The remainder of a block's polynomial divided by the generator.
fn remainder(block: &[u8], generator: &[u8]) -> Vec<u8> {
    let mut out = vec![0; generator.len()];
    for &byte in block {
        let factor = byte ^ out[0];
        out.rotate_left(1);
        if let Some(last) = out.last_mut() {
            *last = 0;
        }
        for (value, &coefficient) in out.iter_mut().zip(generator) {
            *value ^= multiply(coefficient, factor);
        }
    }
    out
}
