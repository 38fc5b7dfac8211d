//! Tests the reader with symbols of another encoder, compared with another decoder, and with symbols of our own
//! encoder.

#![expect(clippy::unwrap_used, reason = "a test's helper fails its test")]

use fast_qr::{ECL, Mask, Mode, QRBuilder, Version};
use fulfillment_qr::{Level, SymbolError, encode, text_of_modules};
use proptest::prelude::*;

/// A ticket's credential: a code of the usual length.
const CODE: &str = "TK1:6BF+70790T9WJWG.FKY*4GO0.O1CV2 O5 N2FBBRW1*70HS8WY04AC*WIFN0AHCD8KD97TK0F90KECTHGWJC0FDC:5AIA%G7X+AQB9746HS80:54IBQF60R6$A80X6S1BTYACG6M+9XG8KIAWNA91AY%67092L4WJCT3EHS8XJC +DXJCCWENF6OF6";

const LEVELS: [ECL; 4] = [ECL::L, ECL::M, ECL::Q, ECL::H];
const MASKS: [Mask; 8] = [
    Mask::Checkerboard,
    Mask::HorizontalLines,
    Mask::VerticalLines,
    Mask::DiagonalLines,
    Mask::LargeCheckerboard,
    Mask::Fields,
    Mask::Diamonds,
    Mask::Meadow,
];
const VERSIONS: [Version; 40] = [
    Version::V01,
    Version::V02,
    Version::V03,
    Version::V04,
    Version::V05,
    Version::V06,
    Version::V07,
    Version::V08,
    Version::V09,
    Version::V10,
    Version::V11,
    Version::V12,
    Version::V13,
    Version::V14,
    Version::V15,
    Version::V16,
    Version::V17,
    Version::V18,
    Version::V19,
    Version::V20,
    Version::V21,
    Version::V22,
    Version::V23,
    Version::V24,
    Version::V25,
    Version::V26,
    Version::V27,
    Version::V28,
    Version::V29,
    Version::V30,
    Version::V31,
    Version::V32,
    Version::V33,
    Version::V34,
    Version::V35,
    Version::V36,
    Version::V37,
    Version::V38,
    Version::V39,
    Version::V40,
];

type Rows = Vec<Vec<bool>>;

fn rows(builder: &QRBuilder) -> Option<Rows> {
    let symbol = builder.build().ok()?;
    Some((0..symbol.size).map(|y| symbol[y].iter().map(|module| module.value()).collect()).collect())
}

fn read(rows: &Rows) -> Result<String, SymbolError> {
    text_of_modules(rows.len(), |x, y| rows[y][x])
}

fn read_by_another(rows: &Rows) -> String {
    let grid = rqrr::SimpleGrid::from_func(rows.len(), |x, y| rows[y][x]);
    rqrr::Grid::new(grid).decode().unwrap().1
}

/// Text for each mode, longer than any symbol.
fn texts() -> [(Mode, String); 3] {
    let alphanumeric = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
    [
        (Mode::Numeric, "9035712648".repeat(800)),
        (Mode::Alphanumeric, alphanumeric.repeat(200)),
        (Mode::Byte, "a\u{7f}é€漢🎫 ".repeat(400)),
    ]
}

/// The maximum length that fits, cut between whole characters.
fn longest(build: impl Fn(&str) -> Option<Rows>, text: &str) -> usize {
    let (mut fits, mut does_not) = (0, text.chars().count() + 1);
    while does_not - fits > 1 {
        let middle = usize::midpoint(fits, does_not);
        if build(&text.chars().take(middle).collect::<String>()).is_some() {
            fits = middle;
        } else {
            does_not = middle;
        }
    }
    fits
}

#[test]
fn every_version_level_and_mode_is_read() {
    let mut number = 0;
    for (version, side) in VERSIONS.into_iter().zip((21..).step_by(4)) {
        for level in LEVELS {
            for (mode, text) in texts() {
                let build = |text: &str, mask| {
                    let mut builder = QRBuilder::new(text);
                    rows(builder.version(version).ecl(level).mode(mode).mask(mask))
                };
                let most = longest(|text| build(text, Mask::Fields), &text);
                // Full to the last bit; slightly less, so that terminator and padding are truncated in every way; and
                // small.
                for length in [most, most - 1, most - 2, most - 3, most / 2, 1] {
                    number += 1;
                    let text: String = text.chars().take(length).collect();
                    let drawn = build(&text, MASKS[number % 8]).unwrap();
                    assert_eq!(drawn.len(), side);
                    assert_eq!(read(&drawn), Ok(text), "{side} modules, {level:?}, {mode:?}, {length}");
                }
            }
        }
    }
}

#[test]
fn no_module_may_be_wrong() {
    // The smallest; a ticket's code; one with short and long blocks, alignment on the timing, and remainder bits.
    let symbols = [
        rows(QRBuilder::new("7").ecl(ECL::H).version(Version::V01)),
        rows(QRBuilder::new(CODE).ecl(ECL::Q)),
        rows(QRBuilder::new(CODE).ecl(ECL::M).version(Version::V14)),
    ];
    for symbol in symbols {
        let mut drawn = symbol.unwrap();
        let text = read(&drawn).unwrap();
        let side = drawn.len();
        for (x, y) in (0..side * side).map(|at| (at % side, at / side)) {
            drawn[y][x] ^= true;
            assert!(read(&drawn).is_err(), "{side} modules a side, column {x}, row {y}");
            drawn[y][x] ^= true;
        }
        assert_eq!(read(&drawn), Ok(text));
    }
}

#[test]
fn what_is_wrong_is_said() {
    let good = rows(QRBuilder::new(CODE).ecl(ECL::Q).mask(Mask::Meadow)).unwrap();
    let side = good.len();
    let wrong = |places: &[(usize, usize)]| {
        let mut bad = good.clone();
        for &(x, y) in places {
            bad[y][x] ^= true;
        }
        read(&bad).unwrap_err()
    };
    let pattern = |x, y, pattern| assert_eq!(wrong(&[(x, y)]), SymbolError::Pattern { pattern, x, y });
    pattern(3, 3, "finder pattern");
    pattern(7, 0, "finder pattern");
    pattern(side - 8, 7, "finder pattern");
    pattern(6, 20, "timing pattern");
    pattern(side - 7, side - 7, "alignment pattern");
    pattern(8, side - 8, "dark module");
    assert_eq!(wrong(&[(8, 0)]), SymbolError::Format);
    // The same bit in both copies.
    assert_eq!(wrong(&[(8, 0), (side - 1, 8)]), SymbolError::Format);
    assert_eq!(wrong(&[(0, side - 11)]), SymbolError::Version);
    assert_eq!(wrong(&[(0, side - 11), (side - 11, 0)]), SymbolError::Version);
    assert_eq!(wrong(&[(side - 1, side - 1)]), SymbolError::Codeword(0));
    assert_eq!(wrong(&[(side - 1, side - 9)]), SymbolError::Codeword(2));
    // Version 2 has seven bits more than codewords; the last are in the two leftmost columns.
    let mut small = rows(QRBuilder::new("1").version(Version::V02)).unwrap();
    assert_eq!(read(&small), Ok("1".into()));
    small[25 - 9][0] ^= true;
    assert_eq!(read(&small), Err(SymbolError::Remainder));
    for size in [0, 1, 17, 20, 22, 181, usize::MAX] {
        assert_eq!(text_of_modules(size, |_, _| true), Err(SymbolError::Size(size)));
    }
    // Rotated, mirrored or inverted, it is refused.
    for other in
        [|side, x, y| (side - 1 - y, x), |_, x, y| (y, x), |side: usize, x, y| (side - 1 - x, side - 1 - y)]
    {
        let seen = text_of_modules(side, |x, y| {
            let (x, y) = other(side, x, y);
            good[y][x]
        });
        assert!(seen.is_err(), "{seen:?}");
    }
    assert!(text_of_modules(side, |x, y| !good[y][x]).is_err());
}

fn symbol() -> impl Strategy<Value = (String, usize, usize)> {
    let text = prop_oneof!["[0-9]{1,300}", "[0-9A-Z $%*+./:-]{1,300}", "\\PC{1,80}"];
    (text, 0..4_usize, 0..8_usize)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn another_decoder_reads_the_same((text, level, mask) in symbol()) {
        let drawn = rows(QRBuilder::new(text.clone()).ecl(LEVELS[level]).mask(MASKS[mask])).unwrap();
        prop_assert_eq!(read(&drawn), Ok(text.clone()));
        prop_assert_eq!(read_by_another(&drawn), text);
    }

    /// The encoder and the reader share nothing, and agree.
    #[test]
    fn what_is_encoded_is_read_back(text in prop_oneof!["[0-9A-Z $%*+./:-]{1,260}", "\\PC{1,60}"], at_q: bool) {
        let symbol = encode(&text, if at_q { Level::Q } else { Level::M }).unwrap();
        let rows = symbol.rows();
        prop_assert_eq!(read(&rows), Ok(text.clone()));
        prop_assert_eq!(read_by_another(&rows), text);
    }

    /// A scanner corrects stains; here they are errors.
    #[test]
    fn stains_are_refused(
        (text, level, mask) in symbol(),
        stains in proptest::collection::btree_set((0..177_usize, 0..177_usize), 1..60),
    ) {
        let mut drawn = rows(QRBuilder::new(text).ecl(LEVELS[level]).mask(MASKS[mask])).unwrap();
        let side = drawn.len();
        let stains: std::collections::BTreeSet<_> = stains.iter().map(|(x, y)| (x % side, y % side)).collect();
        for (x, y) in stains {
            drawn[y][x] ^= true;
        }
        prop_assert!(read(&drawn).is_err());
    }

    #[test]
    fn noise_is_refused(version in 0..40_usize, noise in proptest::collection::vec(any::<bool>(), 997)) {
        let side = 21 + 4 * version;
        prop_assert!(text_of_modules(side, |x, y| noise[(x * side + y) % 997]).is_err());
    }
}
