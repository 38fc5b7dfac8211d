//! Places codewords as modules (ISO/IEC 18004, 7.7 to 7.10): a row is an integer, a module is a bit of it, so that
//! masks are tried and scored many modules at a time.

use std::sync::OnceLock;

use super::codewords::VERSIONS;
use super::level::Level;

/// One bit per module, bit 0 at the left; 77 modules at most.
pub(super) type Row = u128;

const MASKS: usize = 8;

/// What codes of one version have in common; computed once.
struct Frame {
    size: usize,
    /// The dark modules that hold no codewords, by level and mask (the format says which).
    fixed: [[Square; MASKS]; 2],
    /// The positions of the codewords' bits, in order.
    path: Vec<(u8, u8)>,
    /// The masks, without the reserved modules.
    masks: [Square; MASKS],
}

/// Modules by row and by column: the rules about runs apply to both.
#[derive(Clone, Default)]
struct Square {
    rows: Vec<Row>,
    columns: Vec<Row>,
}

impl Square {
    fn new(size: usize) -> Self {
        Self { rows: vec![0; size], columns: vec![0; size] }
    }

    fn set(&mut self, x: usize, y: usize) {
        self.rows[y] |= 1 << x;
        self.columns[x] |= 1 << y;
    }
}

/// The rows of a code with its codewords under the best mask.
pub(super) fn place(codewords: &[u8], version: usize, level: Level) -> Vec<Row> {
    static FRAMES: [OnceLock<Frame>; VERSIONS] = [const { OnceLock::new() }; VERSIONS];
    let frame = FRAMES[version - 1].get_or_init(|| Frame::new(version));
    let mut data = Square::new(frame.size);
    for (byte, path) in codewords.iter().zip(frame.path.chunks(8)) {
        let mut byte = *byte;
        for &(x, y) in path {
            if byte & 0x80 != 0 {
                data.set(x.into(), y.into());
            }
            byte <<= 1;
        }
    }
    let fixed = &frame.fixed[usize::from(level == Level::Q)];
    let masked = |lines: &[Row], mask: &[Row], fixed: &[Row]| -> Vec<Row> {
        lines.iter().zip(mask).zip(fixed).map(|((line, mask), fixed)| line ^ mask | fixed).collect()
    };
    let candidates = frame.masks.iter().zip(fixed).map(|(mask, fixed)| Square {
        rows: masked(&data.rows, &mask.rows, &fixed.rows),
        columns: masked(&data.columns, &mask.columns, &fixed.columns),
    });
    candidates.min_by_key(penalty).map(|square| square.rows).unwrap_or_default()
}

/// The penalty score of a code (ISO/IEC 18004, 7.8.3): runs, blocks, finder look-alikes, imbalance.
fn penalty(square: &Square) -> u32 {
    let size = square.rows.len();
    let inner: Row = (1 << (size - 1)) - 1;
    let mut sum = 0;
    for lines in [&square.rows, &square.columns] {
        for &line in lines {
            // A run of n equal modules has n - 1 equal neighbours; from 5 on it costs n - 2.
            let equal = !(line ^ line >> 1) & inner;
            let long = equal & equal >> 1 & equal >> 2 & equal >> 3;
            sum += long.count_ones() + 2 * (long & !(long << 1)).count_ones();
            // Dark, light, three dark, light, dark, with four light modules before or after; outside the code, modules
            // are light.
            let line = line << 4;
            let core = line & !(line >> 1) & line >> 2 & line >> 3 & line >> 4 & !(line >> 5) & line >> 6;
            let before = !(line << 1 | line << 2 | line << 3 | line << 4);
            let after = !(line >> 7 | line >> 8 | line >> 9 | line >> 10);
            sum += 40 * ((core & before).count_ones() + (core & after).count_ones());
        }
    }
    for pair in square.rows.windows(2) {
        let (a, b) = (pair[0], pair[1]);
        sum += 3 * (!(a ^ a >> 1) & !(b ^ b >> 1) & !(a ^ b) & inner).count_ones();
    }
    let dark: u32 = square.rows.iter().map(|row| row.count_ones()).sum();
    let all = u32::try_from(size * size).unwrap_or(u32::MAX);
    // Ten for every five per cent of deviation from one half.
    sum + 10 * ((dark * 20).abs_diff(all * 10) / all)
}

impl Frame {
    fn new(version: usize) -> Self {
        let size = 17 + 4 * version;
        let mut reserved = Square::new(size);
        let mut dark = Square::new(size);
        let mut put = |x: usize, y: usize, is_dark: bool| {
            reserved.set(x, y);
            if is_dark {
                dark.set(x, y);
            }
        };
        for at in 0..size {
            put(6, at, at.is_multiple_of(2));
            put(at, 6, at.is_multiple_of(2));
        }
        // Finders with the light modules around them.
        for (left, top) in [(0, 0), (size - 7, 0), (0, size - 7)] {
            for x in left.saturating_sub(1)..(left + 8).min(size) {
                for y in top.saturating_sub(1)..(top + 8).min(size) {
                    let distance = x.abs_diff(left + 3).max(y.abs_diff(top + 3));
                    put(x, y, distance != 2 && distance != 4);
                }
            }
        }
        let centres = alignment(version);
        let last = centres.len().saturating_sub(1);
        for (i, &x) in centres.iter().enumerate() {
            for (j, &y) in centres.iter().enumerate() {
                if [(0, 0), (0, last), (last, 0)].contains(&(i, j)) {
                    continue;
                }
                for (dx, dy) in (0..5).flat_map(|dx| (0..5).map(move |dy| (dx, dy))) {
                    put(x + dx - 2, y + dy - 2, dx.abs_diff(2).max(dy.abs_diff(2)) != 1);
                }
            }
        }
        if version >= 7 {
            let bits = checked(version, 12, 0x1F25);
            for index in 0..18 {
                let (a, b) = (size - 11 + index % 3, index / 3);
                put(a, b, bits >> index & 1 == 1);
                put(b, a, bits >> index & 1 == 1);
            }
        }
        // Reserves modules for the format; one module there is always dark.
        for (x, y) in (0..15).flat_map(|index| format_places(index, size)) {
            put(x, y, false);
        }
        put(8, size - 8, true);

        let fixed = [Level::M, Level::Q].map(|level| {
            std::array::from_fn(|mask| {
                let bits = format(level, mask);
                let mut fixed = dark.clone();
                for index in (0..15).filter(|index| bits >> index & 1 == 1) {
                    for (x, y) in format_places(index, size) {
                        fixed.set(x, y);
                    }
                }
                fixed
            })
        });
        let free = |x: usize, y: usize| reserved.rows[y] >> x & 1 == 0;
        let masks = std::array::from_fn(|mask| {
            let mut square = Square::new(size);
            for (x, y) in (0..size).flat_map(|x| (0..size).map(move |y| (x, y))) {
                if free(x, y) && is_masked(mask, x, y) {
                    square.set(x, y);
                }
            }
            square
        });
        let path = path(size, free);
        Self { size, fixed, path, masks }
    }
}

/// The order of modules: two columns at a time from the right, up and down in turn, skipping the vertical timing
/// pattern.
fn path(size: usize, free: impl Fn(usize, usize) -> bool) -> Vec<(u8, u8)> {
    let mut out = Vec::new();
    let rights = (7..size).rev().step_by(2).chain([5, 3, 1]);
    for (turn, right) in rights.enumerate() {
        for step in 0..size {
            let y = if turn.is_multiple_of(2) { size - 1 - step } else { step };
            for x in [right, right - 1] {
                if free(x, y) {
                    out.push((x.to_le_bytes()[0], y.to_le_bytes()[0]));
                }
            }
        }
    }
    out
}

/// The centres of alignment patterns, in both directions.
fn alignment(version: usize) -> Vec<usize> {
    if version == 1 {
        return Vec::new();
    }
    let count = version / 7 + 2;
    let step = (version * 8 + count * 3 + 5) / (count * 4 - 4) * 2;
    let mut out: Vec<usize> = (0..count - 1).map(|index| 10 + 4 * version - index * step).collect();
    out.push(6);
    out.reverse();
    out
}

/// A number followed by the remainder of its division in GF(2).
fn checked(number: usize, bits: usize, generator: usize) -> usize {
    let remainder = (0..bits).fold(number, |rest, _| (rest << 1) ^ ((rest >> (bits - 1)) * generator));
    number << bits | remainder
}

/// The 15 bits of format information: level and mask.
fn format(level: Level, mask: usize) -> usize {
    let level = match level {
        Level::M => 0b00,
        Level::Q => 0b11,
    };
    checked(level << 3 | mask, 10, 0x537) ^ 0x5412
}

/// The two positions of a bit of the format.
fn format_places(index: usize, size: usize) -> [(usize, usize); 2] {
    let first = match index {
        0..=5 => (8, index),
        6 => (8, 7),
        7 => (8, 8),
        8 => (7, 8),
        _ => (14 - index, 8),
    };
    let second = if index < 8 { (size - 1 - index, 8) } else { (8, size - 15 + index) };
    [first, second]
}

fn is_masked(mask: usize, x: usize, y: usize) -> bool {
    let product = x * y;
    match mask {
        0 => (x + y).is_multiple_of(2),
        1 => y.is_multiple_of(2),
        2 => x.is_multiple_of(3),
        3 => (x + y).is_multiple_of(3),
        4 => (x / 3 + y / 2).is_multiple_of(2),
        5 => product % 2 + product % 3 == 0,
        6 => (product % 2 + product % 3).is_multiple_of(2),
        _ => ((x + y) % 2 + product % 3).is_multiple_of(2),
    }
}
