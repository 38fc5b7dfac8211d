//! What the page's grey and colours mean: the sRGB colour space as an ICC profile (ICC.1:2004-10, version 4.2), which
//! PDF/A asks for.

/// The colours' coordinates: the primaries of IEC 61966-2-1 seen under the profile's white, D50.
const RED: [f64; 3] = [0.436_07, 0.222_49, 0.013_92];
const GREEN: [f64; 3] = [0.385_15, 0.716_87, 0.097_08];
const BLUE: [f64; 3] = [0.143_07, 0.060_61, 0.714_10];
const D50: [f64; 3] = [0.9642, 1.0, 0.8249];
/// From the white of sRGB, D65, to D50 (Bradford), by rows.
const ADAPTED: [f64; 9] =
    [1.047_88, 0.022_92, -0.050_22, 0.029_59, 0.990_48, -0.017_07, -0.009_25, 0.015_08, 0.751_68];
/// The curve of IEC 61966-2-1: exponent, then the line for dark colours.
const CURVE: [f64; 5] = [2.4, 1.0 / 1.055, 0.055 / 1.055, 1.0 / 12.92, 0.040_45];

/// The profile's bytes.
pub(crate) fn srgb() -> Vec<u8> {
    let tags: [(&[u8; 4], Vec<u8>); 10] = [
        (b"desc", text("sRGB")),
        (b"cprt", text("CC0")),
        (b"wtpt", numbers(*b"XYZ ", &D50)),
        (b"chad", numbers(*b"sf32", &ADAPTED)),
        (b"rXYZ", numbers(*b"XYZ ", &RED)),
        (b"gXYZ", numbers(*b"XYZ ", &GREEN)),
        (b"bXYZ", numbers(*b"XYZ ", &BLUE)),
        (b"rTRC", curve()),
        (b"gTRC", curve()),
        (b"bTRC", curve()),
    ];
    let mut table = 10_u32.to_be_bytes().to_vec();
    let mut data: Vec<u8> = Vec::new();
    // Equal data is stored once: the curves.
    let mut known: Vec<(Vec<u8>, u32)> = Vec::new();
    for (name, value) in tags {
        let stored = known.iter().find(|(other, _)| *other == value).map(|(_, start)| *start);
        let start = stored.unwrap_or_else(|| size(HEADER + 4 + 12 * 10 + data.len()));
        if stored.is_none() {
            data.extend_from_slice(&value);
            data.resize(data.len().next_multiple_of(4), 0);
            known.push((value.clone(), start));
        }
        table.extend_from_slice(name);
        table.extend_from_slice(&start.to_be_bytes());
        table.extend_from_slice(&size(value.len()).to_be_bytes());
    }
    let mut out = vec![0; HEADER];
    let whole = size(HEADER + table.len() + data.len());
    for (at, field) in [
        (0, &whole.to_be_bytes()),
        (8, &[4, 0x20, 0, 0]),
        (12, b"mntr"),
        (16, b"RGB "),
        (20, b"XYZ "),
        // The profile's date: 1 January 2026.
        (24, &[0x07, 0xEA, 0, 1]),
        (28, &[0, 1, 0, 0]),
        (36, b"acsp"),
    ] {
        out[at..at + 4].copy_from_slice(field);
    }
    out[68..80].copy_from_slice(&D50.map(fixed).concat());
    out.extend_from_slice(&table);
    out.extend_from_slice(&data);
    out
}

const HEADER: usize = 128;

fn size(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(0)
}

/// A number with 16 bits after the point.
fn fixed(value: f64) -> [u8; 4] {
    #[expect(clippy::cast_possible_truncation, reason = "all are below three")]
    ((value * 65536.0).round() as i32).to_be_bytes()
}

fn numbers(kind: [u8; 4], values: &[f64]) -> Vec<u8> {
    let mut out = [kind, [0; 4]].concat();
    out.extend(values.iter().flat_map(|&value| fixed(value)));
    out
}

/// A parametric curve of the kind that ends in a line.
fn curve() -> Vec<u8> {
    let mut out = b"para\0\0\0\0\0\x03\0\0".to_vec();
    out.extend(CURVE.iter().flat_map(|&value| fixed(value)));
    out
}

/// A text in English.
fn text(text: &str) -> Vec<u8> {
    let mut out = b"mluc\0\0\0\0\0\0\0\x01\0\0\0\x0CenUS".to_vec();
    out.extend_from_slice(&size(2 * text.len()).to_be_bytes());
    out.extend_from_slice(&28_u32.to_be_bytes());
    out.extend(text.encode_utf16().flat_map(u16::to_be_bytes));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_colours_add_up_to_white() {
        for axis in 0..3 {
            assert!((RED[axis] + GREEN[axis] + BLUE[axis] - D50[axis]).abs() < 2e-4);
        }
        let profile = srgb();
        assert_eq!(profile.len(), u32::from_be_bytes(profile[..4].try_into().unwrap()) as usize);
        assert!(profile.len() < 512, "{}", profile.len());
    }
}
