use fast_qr::{ECL, Mode, QRBuilder};

use super::*;

#[test]
fn sizes_follow_the_payload() {
    // Version n has 17 + 4n modules per side.
    assert_eq!(encode(&"A".repeat(189), Level::Q).unwrap().side(), 17 + 4 * 9);
    assert_eq!(encode(&"A".repeat(190), Level::Q).unwrap().side(), 17 + 4 * 8);
    assert_eq!(encode("", Level::Q), Err(EncodeError::Empty));
    // Eight bits per character instead of 5.5.
    assert_eq!(encode(&"a".repeat(130), Level::Q).unwrap().side(), 17 + 4 * 9);
    assert_eq!(encode(&"a".repeat(131), Level::Q).unwrap().side(), 17 + 4 * 8);
    // The usual credential at M: smaller, or larger modules.
    assert_eq!(encode(&"A".repeat(178), Level::M).unwrap().side(), 17 + 4 * 7);
    assert_eq!(encode(&"A".repeat(178), Level::Q).unwrap().side(), 17 + 4 * 9);
    assert_eq!(encode(&"A".repeat(800), Level::Q), Err(EncodeError::TooLong));
    assert_eq!(encode(&"A".repeat(9000), Level::Q), Err(EncodeError::TooLong));
}

#[test]
fn what_is_not_ascii_says_its_encoding() {
    let bytes = |text: &str| {
        let segment = Segment::of(text);
        codewords::codewords(&segment, segment.version(Level::M).unwrap(), Level::M)
    };
    // ECI 26, byte mode, four bytes.
    assert_eq!(bytes("Süd")[..5], [0x71, 0xA4, 0x04, 0x53, 0xC3]);
    assert_eq!(bytes("Sud")[..2], [0x40, 0x35]);
    // One character more than fits beside the UTF-8 declaration.
    assert_eq!(encode(&format!("{}ü", "a".repeat(11)), Level::M).unwrap().side(), 21);
    assert_eq!(encode(&format!("{}ü", "a".repeat(12)), Level::M).unwrap().side(), 25);
}

#[test]
fn runs_are_the_finder_patterns_top_row() {
    let symbol = encode("TK1:ABC", Level::Q).unwrap();
    let top: Vec<_> = symbol.runs().iter().filter(|run| run.1 == 0).collect();
    assert_eq!((top[0], top[top.len() - 1]), (&(0, 0, 7), &(symbol.side() - 7, 0, 7)));
    assert!(symbol.runs().iter().all(|&(x, y, length)| x + length <= symbol.side() && y < symbol.side()));
}

/// Lengths up to the longest, in both modes, at both levels, are the other encoder's matrix under one of its masks.
#[test]
fn modules_are_those_of_another_encoder() {
    const LETTERS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
    use fast_qr::Mask;
    let masks = || {
        [
            Mask::Checkerboard,
            Mask::HorizontalLines,
            Mask::VerticalLines,
            Mask::DiagonalLines,
            Mask::LargeCheckerboard,
            Mask::Fields,
            Mask::Diamonds,
            Mask::Meadow,
        ]
    };
    let mut used = std::collections::BTreeSet::new();
    let letter = |at: usize, length: usize| LETTERS[(at * at + 7 * at + length) % 45];
    for (mode, level, ecl) in [
        (Mode::Alphanumeric, Level::M, ECL::M),
        (Mode::Alphanumeric, Level::Q, ECL::Q),
        (Mode::Byte, Level::M, ECL::M),
        (Mode::Byte, Level::Q, ECL::Q),
    ] {
        for length in (1..620).step_by(7) {
            let mut text: Vec<u8> = (0..length).map(|at| letter(at, length)).collect();
            if let Mode::Byte = mode {
                text.make_ascii_lowercase();
                text[0] = b'#';
            }
            let text = String::from_utf8(text).unwrap();
            let segment = Segment::of(&text);
            let Some(version) = segment.version(level) else { continue };
            let rows = modules::place(&codewords::codewords(&segment, version, level), version, level);
            let same = masks().into_iter().position(|mask| {
                let mut builder = QRBuilder::new(text.as_str());
                let other = builder.mode(mode).ecl(ecl).mask(mask).build().unwrap();
                other.size == rows.len()
                    && (0..other.size)
                        .all(|y| (0..other.size).all(|x| other[y][x].value() == (rows[y] >> x & 1 == 1)))
            });
            used.insert(same.unwrap_or_else(|| panic!("{length} characters at {level:?} differ")));
        }
    }
    assert!(used.len() >= 6, "masks are chosen: {used:?}");
}
