//! The catalogue of known font families: Noto's, one for each script, and which characters other fonts are used for.

use fulfillment_document::{Coverage, FontSource};

use crate::emoji;

pub(crate) type Ranges = &'static [(char, char)];

/// A known family: the file's name without weight and extension, and the characters it is used for.
pub(crate) struct Family {
    pub(crate) stem: &'static str,
    ranges: Ranges,
}

const fn family(stem: &'static str, ranges: Ranges) -> Family {
    Family { stem, ranges }
}

const ARABIC: Ranges = &[
    ('\u{600}', '\u{6FF}'),
    ('\u{750}', '\u{77F}'),
    ('\u{870}', '\u{8FF}'),
    ('\u{FB50}', '\u{FDFF}'),
    ('\u{FE70}', '\u{FEFE}'),
];
const CJK: Ranges = &[
    ('\u{1100}', '\u{11FF}'),
    ('\u{2E80}', '\u{2FFF}'),
    ('\u{3000}', '\u{9FFF}'),
    ('\u{A960}', '\u{A97F}'),
    ('\u{AC00}', '\u{D7FF}'),
    ('\u{F900}', '\u{FAFF}'),
    ('\u{FE30}', '\u{FE4F}'),
    ('\u{FF00}', '\u{FFEF}'),
    ('\u{20000}', '\u{3FFFF}'),
];

/// The weights of each family, and whether they are for headings.
pub(crate) const WEIGHTS: [(&str, bool); 2] = [("Regular", false), ("Bold", true)];

/// One family for each script, in the order in which they are tried; each in `Regular` and `Bold`.
pub(crate) const FAMILIES: &[Family] = &[
    family("NotoSansArabic", ARABIC),
    family("NotoSansHebrew", &[('\u{590}', '\u{5FF}'), ('\u{FB1D}', '\u{FB4F}')]),
    family("NotoSansDevanagari", &[('\u{900}', '\u{97F}'), ('\u{A8E0}', '\u{A8FF}')]),
    family("NotoSansThai", &[('\u{E00}', '\u{E7F}')]),
    family("NotoSansBengali", &[('\u{980}', '\u{9FF}')]),
    family("NotoSansGurmukhi", &[('\u{A00}', '\u{A7F}')]),
    family("NotoSansGujarati", &[('\u{A80}', '\u{AFF}')]),
    family("NotoSansTamil", &[('\u{B80}', '\u{BFF}')]),
    family("NotoSansTelugu", &[('\u{C00}', '\u{C7F}')]),
    family("NotoSansKannada", &[('\u{C80}', '\u{CFF}')]),
    family("NotoSansMalayalam", &[('\u{D00}', '\u{D7F}')]),
    family("NotoSansSinhala", &[('\u{D80}', '\u{DFF}')]),
    family("NotoSansLao", &[('\u{E80}', '\u{EFF}')]),
    family("NotoSansMyanmar", &[('\u{1000}', '\u{109F}')]),
    family(
        "NotoSansGeorgian",
        &[('\u{10A0}', '\u{10FF}'), ('\u{1C90}', '\u{1CBF}'), ('\u{2D00}', '\u{2D2F}')],
    ),
    family("NotoSansArmenian", &[('\u{530}', '\u{58F}'), ('\u{FB13}', '\u{FB17}')]),
    family("NotoSansEthiopic", &[('\u{1200}', '\u{139F}'), ('\u{2D80}', '\u{2DDF}')]),
    family("NotoSansKhmer", &[('\u{1780}', '\u{17FF}'), ('\u{19E0}', '\u{19FF}')]),
    family("NotoEmoji", &[('\u{203C}', '\u{3299}'), ('\u{1F000}', '\u{1FAFF}')]),
    family("NotoSansSymbols", &[('\u{2100}', '\u{27BF}'), ('\u{1F000}', '\u{1F8FF}')]),
    family("NotoSansSymbols2", &[('\u{2100}', '\u{2BFF}'), ('\u{1F000}', '\u{1F8FF}')]),
    family("NotoSans", &[('\u{100}', '\u{2FFF}'), ('\u{A640}', '\u{ABFF}')]),
];

pub(crate) const CJK_STEM: &str = "NotoSansCJK";
/// The faces of that collection with the languages they are made for. Simplified Chinese is tried first if the language
/// is not known: Han characters alone are most often that.
pub(crate) const CJK_FACES: &[(&str, u32, &[&str])] = &[
    ("SC", 2, &["zh"]),
    ("JP", 0, &["ja"]),
    ("KR", 1, &["ko"]),
    ("TC", 3, &["zh-tw", "zh-hant"]),
    ("HK", 4, &["zh-hk", "zh-mo", "zh-hant-hk"]),
];

/// Which characters a font is used for depends on its name: a Noto font for its script, any other as a last resort for
/// the characters in its `cover`.
pub(crate) fn by_name(
    source: FontSource,
    cover: impl Fn() -> Coverage + Send + Sync + 'static,
) -> FontSource {
    if source.name() == emoji::NAME {
        return source.emoji().only(emoji::RANGES);
    }
    if let Some((bold, ranges, languages)) = asked_for(source.name()) {
        return source.bold(bold).only(ranges).languages(languages);
    }
    let bold = source.name().ends_with("Bold");
    source.bold(bold).last_resort(cover)
}

/// Whether a Noto font is bold, the characters it is used for, and the languages it is made for.
fn asked_for(name: &str) -> Option<(bool, Ranges, &'static [&'static str])> {
    let (stem, weight) = name.rsplit_once('-')?;
    let (_, bold) = WEIGHTS.into_iter().find(|(known, _)| *known == weight)?;
    if let Some(region) = stem.strip_prefix(CJK_STEM) {
        let (_, _, languages) = CJK_FACES.iter().find(|(known, ..)| *known == region)?;
        return Some((bold, CJK, languages));
    }
    let family = FAMILIES.iter().find(|family| family.stem == stem)?;
    Some((bold, family.ranges, &[]))
}
