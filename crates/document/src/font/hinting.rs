//! Hinting removal: TrueType outlines without instructions (OpenType, `glyf`). A file is smaller without them, by a
//! third for some faces, and PDF viewers and printers do not use them.

/// Flags of a composite glyph's parts.
const WORDS: u16 = 0x0001;
const SCALE: u16 = 0x0008;
const MORE: u16 = 0x0020;
const TWO_SCALES: u16 = 0x0040;
const MATRIX: u16 = 0x0080;
const INSTRUCTIONS: u16 = 0x0100;

/// The `glyf` and `loca` tables of these outlines without their instructions, `loca` in its present format (`long`:
/// four bytes an offset). None where the tables are malformed.
pub(crate) fn without_instructions(glyf: &[u8], loca: &[u8], long: bool) -> Option<(Vec<u8>, Vec<u8>)> {
    let places: Vec<usize> = if long {
        loca.chunks_exact(4).map(|place| Some(u32::from_be_bytes(place.try_into().ok()?) as usize)).collect()
    } else {
        loca.chunks_exact(2).map(|place| Some(2 * usize::from(word(place, 0)?))).collect::<Option<_>>()
    }?;
    let (mut outlines, mut table) = (Vec::with_capacity(glyf.len()), Vec::with_capacity(loca.len()));
    let mut note = |at: usize| {
        if long {
            table.extend_from_slice(&u32::try_from(at).ok()?.to_be_bytes());
        } else {
            table.extend_from_slice(&u16::try_from(at / 2).ok()?.to_be_bytes());
        }
        Some(())
    };
    note(0)?;
    for pair in places.windows(2) {
        outline(glyf.get(pair[0]..pair[1])?, &mut outlines)?;
        outlines.resize(outlines.len().next_multiple_of(2), 0);
        note(outlines.len())?;
    }
    Some((outlines, table))
}

/// Copies one glyph.
fn outline(glyph: &[u8], out: &mut Vec<u8>) -> Option<()> {
    // A glyph that draws nothing.
    if glyph.is_empty() {
        return Some(());
    }
    let contours = word(glyph, 0)?;
    if let Ok(contours) = usize::try_from(contours.cast_signed()) {
        let ends = 10 + 2 * contours;
        let length = usize::from(word(glyph, ends)?);
        out.extend_from_slice(glyph.get(..ends)?);
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(glyph.get(ends + 2 + length..)?);
        return Some(());
    }
    out.extend_from_slice(glyph.get(..10)?);
    let mut at = 10;
    loop {
        let flags = word(glyph, at)?;
        let scales = match flags & (SCALE | TWO_SCALES | MATRIX) {
            0 => 0,
            SCALE => 2,
            TWO_SCALES => 4,
            MATRIX => 8,
            _ => return None,
        };
        let end = at + 4 + if flags & WORDS == 0 { 2 } else { 4 } + scales;
        out.extend_from_slice(&(flags & !INSTRUCTIONS).to_be_bytes());
        out.extend_from_slice(glyph.get(at + 2..end)?);
        if flags & MORE == 0 {
            return Some(());
        }
        at = end;
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A header: contours, then a box.
    fn head(contours: i16) -> Vec<u8> {
        [&contours.to_be_bytes()[..], &[1, 2, 3, 4, 5, 6, 7, 8]].concat()
    }

    #[test]
    fn instructions_go_and_the_rest_stays() {
        let simple = [&head(1)[..], &[0, 2], &[0, 3, 9, 9, 9], &[0x31, 0x33, 0x35, 40]].concat();
        let bare = [&head(1)[..], &[0, 2], &[0, 0], &[0x31, 0x33, 0x35, 40]].concat();
        // Two parts: one with words and a matrix, one with bytes and a scale; then two instructions.
        let parts = [&[0, 7, 1, 1, 2, 2][..], &[3; 8], &[0, 8, 5, 6], &[4; 2]].concat();
        let composite = |flags: [[u8; 2]; 2], end: &[u8]| {
            [&head(-1)[..], &flags[0], &parts[..14], &flags[1], &parts[14..], end].concat()
        };
        let with = composite([[0x01, 0xA1], [0x01, 0x08]], &[0, 2, 9, 9]);
        let without = composite([[0x00, 0xA1], [0x00, 0x08]], &[]);
        let glyf = [&simple[..], &[0], &with].concat();
        for long in [false, true] {
            let places = |ends: [usize; 4]| -> Vec<u8> {
                ends.iter()
                    .flat_map(|end| {
                        let (word, half) = (u32::try_from(*end).unwrap(), u16::try_from(end / 2).unwrap());
                        if long { word.to_be_bytes().to_vec() } else { half.to_be_bytes().to_vec() }
                    })
                    .collect()
            };
            let second = simple.len() + 1;
            let loca = places([0, second, second, glyf.len()]);
            let (outlines, table) = without_instructions(&glyf, &loca, long).unwrap();
            let expected = [&bare[..], &[0, 0], &without].concat();
            let end = bare.len() + 2;
            assert_eq!((outlines, table), (expected, places([0, end, end, end + without.len()])));
        }
        assert_eq!(without_instructions(&glyf, &[0, 0, 0, 200], false), None, "a place outside");
        assert_eq!(without_instructions(&glyf[..12], &[0, 0, 0, 6], false), None, "cut off");
    }

    proptest! {
        #[test]
        fn any_bytes_get_an_answer(
            glyf in prop::collection::vec(any::<u8>(), 0..60),
            loca in prop::collection::vec(0..40_u8, 0..30),
            long: bool,
        ) {
            let loca: Vec<u8> = loca.chunks(2).flat_map(|pair| [0, pair[0]]).collect();
            let _: Option<(Vec<u8>, Vec<u8>)> = without_instructions(&glyf, &loca, long);
        }
    }
}
