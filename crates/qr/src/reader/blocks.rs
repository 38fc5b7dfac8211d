//! Splits codewords into blocks and checks each as a Reed-Solomon codeword (ISO/IEC 18004, 7.5 and 7.6).

use super::error::SymbolError;
use super::level::Level;

/// Error correction codewords per block, by version (table 9).
#[rustfmt::skip]
const CORRECTION: [[u8; 40]; 4] = [
    [7, 10, 15, 20, 26, 18, 20, 24, 30, 18, 20, 24, 26, 30, 22, 24, 28, 30, 28, 28,
     28, 28, 30, 30, 26, 28, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30],
    [10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26,
     26, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28],
    [13, 22, 18, 26, 18, 24, 18, 22, 20, 24, 28, 26, 24, 20, 30, 24, 28, 28, 26, 30,
     28, 30, 30, 30, 30, 28, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30],
    [17, 28, 22, 16, 22, 28, 26, 26, 24, 28, 24, 28, 22, 24, 24, 30, 28, 28, 26, 28,
     30, 24, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30],
];

/// The number of blocks, by version (table 9).
#[rustfmt::skip]
const BLOCKS: [[u8; 40]; 4] = [
    [1, 1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4, 4, 6, 6, 6, 6, 7, 8,
     8, 9, 9, 10, 12, 12, 12, 13, 14, 15, 16, 17, 18, 19, 19, 20, 21, 22, 24, 25],
    [1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16,
     17, 17, 18, 20, 21, 23, 25, 26, 28, 29, 31, 33, 35, 37, 38, 40, 43, 45, 47, 49],
    [1, 1, 2, 2, 4, 4, 6, 6, 8, 8, 8, 10, 12, 16, 12, 17, 16, 18, 21, 20,
     23, 23, 25, 27, 29, 34, 34, 35, 38, 40, 43, 45, 48, 51, 53, 56, 59, 62, 65, 68],
    [1, 1, 2, 4, 4, 4, 5, 6, 8, 8, 11, 11, 16, 16, 18, 16, 19, 21, 25, 25,
     25, 34, 30, 32, 35, 37, 40, 42, 45, 48, 51, 54, 57, 60, 63, 66, 70, 74, 77, 81],
];

/// The maximum number of error correction codewords of a block.
const MOST: usize = 30;

/// The data of all codewords, after checking that no block has a wrong one.
pub(super) fn data(codewords: &[u8], version: usize, level: Level) -> Result<Vec<u8>, SymbolError> {
    let of = |table: &[[u8; 40]; 4]| usize::from(table[level as usize][version - 1]);
    let (correction, blocks) = (of(&CORRECTION), of(&BLOCKS));
    let length = codewords.len() - correction * blocks;
    // The first blocks are one data codeword shorter where the data cannot be split evenly.
    let (short, longer) = (length / blocks, length % blocks);
    let mut out = Vec::with_capacity(length);
    for block in 0..blocks {
        let begin = out.len();
        out.extend(codewords[..short * blocks].iter().skip(block).step_by(blocks));
        if block >= blocks - longer {
            out.push(codewords[length - blocks + block]);
        }
        let check = codewords[length..].iter().skip(block).step_by(blocks);
        if !is_whole(out[begin..].iter().chain(check), correction) {
            return Err(SymbolError::Codeword(block));
        }
    }
    Ok(out)
}

/// Whether a block's syndromes are zero: its polynomial at the first `correction` powers of 2.
fn is_whole<'a>(block: impl Iterator<Item = &'a u8>, correction: usize) -> bool {
    let mut syndromes = [0_u8; MOST];
    let syndromes = &mut syndromes[..correction];
    for &codeword in block {
        for (syndrome, times) in syndromes.iter_mut().zip(&TIMES) {
            *syndrome = times[usize::from(*syndrome)] ^ codeword;
        }
    }
    syndromes.iter().all(|&syndrome| syndrome == 0)
}

/// Every element of GF(256) modulo x^8 + x^4 + x^3 + x^2 + 1, times each of the first powers of 2.
static TIMES: [[u8; 256]; MOST] = {
    let mut table = [[0; 256]; MOST];
    let mut value = 0;
    while value < 256 {
        let mut product = value;
        let mut power = 0;
        while power < MOST {
            table[power][value] = product.to_le_bytes()[0];
            product <<= 1;
            if product > 255 {
                product ^= 0b1_0001_1101;
            }
            power += 1;
        }
        value += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_needs_every_root_of_its_generator() {
        let mut product = vec![1];
        for (degree, times) in TIMES.iter().enumerate() {
            assert!(is_whole(product.iter(), degree), "{degree}");
            assert!(!is_whole(product.iter(), degree + 1), "{degree}");
            // Times x minus the next power of 2.
            let scaled = product.iter().map(|&value| times[usize::from(value)]);
            let next =
                scaled.enumerate().map(|(at, value)| value ^ product.get(at + 1).copied().unwrap_or(0));
            product = [1].into_iter().chain(next).collect();
        }
    }
}
