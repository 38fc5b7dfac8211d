//! The colour space of the page's grey and colours, as an ICC profile. PDF/A requires one in every file.
//!
//! `assets/srgb.icc` is sRGB (IEC 61966-2-1): a display profile (`mntr`, RGB to XYZ) of version 4.2 (ICC.1:2004-10). It
//! was made for this project from the standard's numbers: the primaries and the white point D65, adapted to the
//! profile's white point D50 by Bradford's matrix, and one parametric curve for the three channels. Its copyright tag
//! dedicates it to the public domain (CC0), because every ticket contains it. It has only the tags that the version
//! requires of a display profile, hence its 480 bytes.

/// The profile's bytes.
pub(crate) const SRGB: &[u8] = include_bytes!("../../assets/srgb.icc");

#[cfg(test)]
mod tests {
    use super::*;

    fn number(at: usize) -> u32 {
        u32::from_be_bytes(SRGB[at..at + 4].try_into().unwrap())
    }

    /// A tag's name and its data, which begins with the name of its type.
    fn tags() -> Vec<(&'static [u8], &'static [u8])> {
        let entries = SRGB[132..].chunks(12).take(number(128) as usize).enumerate();
        let data = |entry| number(136 + 12 * entry) as usize..;
        entries.map(|(i, name)| (&name[..4], &SRGB[data(i)][..number(140 + 12 * i) as usize])).collect()
    }

    fn tag(name: &[u8]) -> &'static [u8] {
        tags().iter().find(|(other, _)| *other == name).unwrap().1
    }

    #[test]
    fn the_header_is_of_an_rgb_display_profile_of_version_4_2() {
        assert_eq!(number(0) as usize, SRGB.len());
        for (at, field) in [(8, b"\x04\x20\0\0"), (12, b"mntr"), (16, b"RGB "), (20, b"XYZ "), (36, b"acsp")]
        {
            assert_eq!(&SRGB[at..at + 4], field, "at {at}");
        }
        assert_eq!(SRGB[68..80], tag(b"wtpt")[8..], "the white of the profile connection space");
    }

    #[test]
    fn it_has_the_tags_of_a_display_profile_and_each_has_its_type() {
        let types: Vec<_> = tags().iter().map(|(name, data)| [name, &data[..4]].concat()).collect();
        let required = [
            b"descmluc",
            b"cprtmluc",
            b"wtptXYZ ",
            b"chadsf32",
            b"rXYZXYZ ",
            b"gXYZXYZ ",
            b"bXYZXYZ ",
            b"rTRCpara",
            b"gTRCpara",
            b"bTRCpara",
        ];
        assert_eq!(types, required.map(|name| name.to_vec()));
    }

    #[test]
    fn its_primaries_add_up_to_white() {
        let axes =
            |name: &[u8]| [8, 12, 16].map(|at| i32::from_be_bytes(tag(name)[at..at + 4].try_into().unwrap()));
        let (red, green, blue, white) = (axes(b"rXYZ"), axes(b"gXYZ"), axes(b"bXYZ"), axes(b"wtpt"));
        for axis in 0..3 {
            let sum = red[axis] + green[axis] + blue[axis];
            assert!((sum - white[axis]).abs() < 13, "{sum} and {} of 65536", white[axis]);
        }
    }
}
