//! The buyer's locale, in the spellings of other platforms, as one BCP 47 tag.
//!
//! Whatever depends on a language reads the tag made here: the page, its labels, dates and money.

/// The longest tag kept; a longer one loses what comes after language, script and region.
const LONGEST: usize = 35;

/// The meaning of a locale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// This tag, in the usual case: `zh-Hans`, `de-DE`.
    Tag(String),
    /// No language in particular: `C`, `POSIX`, `und`, `*`.
    None,
    /// Not a locale.
    Unknown,
}

/// The BCP 47 tag for `text`, if any. A valid tag is returned as it is.
pub fn tag(text: &str) -> Option<String> {
    match read(text) {
        Meaning::Tag(tag) => Some(tag),
        Meaning::None | Meaning::Unknown => None,
    }
}

/// Reads BCP 47 (`de-DE`) and other spellings of locales: with underscores, a charset or a modifier as in POSIX
/// (`de_DE.UTF-8`, `sr_RS@latin`), Java's (`iw`, `zh_TW_#Hant`), old .NET's (`zh-CHS`), codes of three letters (`deu`),
/// and the first of a list (`de-DE,de;q=0.9`).
pub fn read(text: &str) -> Meaning {
    let first = text.split([',', ';']).next().unwrap_or_default().trim();
    let (named, modifier) = first.split_once('@').unwrap_or((first, ""));
    let named = named.split('.').next().unwrap_or_default();
    let mut parts = named.split(['-', '_']);
    let language = parts.next().unwrap_or_default().to_ascii_lowercase();
    // Java puts the script or its extensions last, after this sign.
    let parts = parts.filter(|part| !part.is_empty()).map(|part| match part.strip_prefix('#') {
        Some(rest) => (rest.to_ascii_lowercase(), true),
        None => (part.to_ascii_lowercase(), false),
    });
    let mut subtags: Vec<(String, bool)> = parts.collect();
    if matches!(language.as_str(), "" | "c" | "posix" | "und" | "*" | "root") {
        return Meaning::None;
    }
    let letters = |text: &str, sizes: std::ops::RangeInclusive<usize>| {
        sizes.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphabetic())
    };
    let is_subtag = |(part, _): &(String, bool)| {
        (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    if !letters(&language, 2..=3) || !subtags.iter().all(is_subtag) {
        return Meaning::Unknown;
    }
    // Java's Nynorsk.
    let nynorsk = language == "no" && subtags.iter().any(|(part, _)| part == "ny");
    let (language, implied) = if nynorsk { ("nn", None) } else { today(&language) };
    let mut script = match modifier.to_ascii_lowercase().as_str() {
        "latin" => Some("Latn"),
        "cyrillic" => Some("Cyrl"),
        _ => implied,
    }
    .map(str::to_owned);
    let mut region = None;
    let mut rest = Vec::new();
    for (part, marked) in subtags.drain(..) {
        let in_front = rest.is_empty();
        let in_extension = rest.iter().any(|part: &String| part.len() == 1);
        match part.as_str() {
            "chs" if language == "zh" => script = Some("Hans".into()),
            "cht" if language == "zh" => script = Some("Hant".into()),
            _ if letters(&part, 4..=4) && in_front && (region.is_none() || marked) => {
                script = Some(capital(&part));
            }
            _ if in_front && region.is_none() && is_region(&part) => region = Some(part.to_ascii_uppercase()),
            _ if part.len() == 1 || in_extension || is_variant(&part) => rest.push(part),
            // Not part of a tag: "EURO" and "JP" are Java's.
            _ => {}
        }
    }
    let mut tag = language.to_owned();
    for part in script.iter().chain(&region) {
        tag.push('-');
        tag.push_str(part);
    }
    let size = tag.len() + rest.iter().map(|part| part.len() + 1).sum::<usize>();
    if size <= LONGEST {
        for part in rest {
            tag.push('-');
            tag.push_str(&part);
        }
    }
    Meaning::Tag(tag)
}

/// The current code of a language, and the script that the given code implies.
fn today(language: &str) -> (&str, Option<&'static str>) {
    let code = match language {
        "iw" | "heb" => "he",
        "in" | "ind" => "id",
        "ji" | "yid" => "yi",
        "jw" => "jv",
        "mo" | "ron" | "rum" => "ro",
        "no" | "nob" => "nb",
        "tl" => "fil",
        "sh" => return ("sr", Some("Latn")),
        "eng" => "en",
        "spa" => "es",
        "deu" | "ger" => "de",
        "fra" | "fre" => "fr",
        "por" => "pt",
        "ita" => "it",
        "nld" | "dut" => "nl",
        "pol" => "pl",
        "ara" => "ar",
        "zho" | "chi" | "cmn" => "zh",
        "jpn" => "ja",
        "kor" => "ko",
        other => other,
    };
    (code, None)
}

fn is_region(part: &str) -> bool {
    match part.len() {
        2 => part.bytes().all(|b| b.is_ascii_alphabetic()),
        3 => part.bytes().all(|b| b.is_ascii_digit()),
        _ => false,
    }
}

/// Whether a tag may have this part after its region (RFC 5646, 2.2.5).
fn is_variant(part: &str) -> bool {
    part.len() >= 5 || part.len() == 4 && part.starts_with(|c: char| c.is_ascii_digit())
}

/// `Hant`
fn capital(part: &str) -> String {
    let mut word = part.to_ascii_lowercase();
    if let Some(first) = word.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    word
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn locales_of_other_platforms_mean_one_thing() {
        for (text, expected) in [
            ("de", "de"),
            ("de-DE", "de-DE"),
            ("DE_de", "de-DE"),
            ("de_DE.UTF-8", "de-DE"),
            ("de-DE@euro", "de-DE"),
            ("de_DE.ISO8859-15@euro", "de-DE"),
            ("de-DE,de;q=0.9,en;q=0.8", "de-DE"),
            ("iw", "he"),
            ("iw_IL", "he-IL"),
            ("in", "id"),
            ("in_ID", "id-ID"),
            ("ji", "yi"),
            ("no", "nb"),
            ("no_NO", "nb-NO"),
            ("nn-NO", "nn-NO"),
            ("zh-CHS", "zh-Hans"),
            ("zh-CHT", "zh-Hant"),
            ("zh_TW", "zh-TW"),
            ("zh_TW_#Hant", "zh-Hant-TW"),
            ("zh-hant-hk", "zh-Hant-HK"),
            ("cmn-Hans-CN", "zh-Hans-CN"),
            ("sr_RS@latin", "sr-Latn-RS"),
            ("sh", "sr-Latn"),
            ("sr-Latn-CS", "sr-Latn-CS"),
            ("es-419", "es-419"),
            ("deu", "de"),
            ("en_US_POSIX", "en-US-posix"),
            ("de_DE_EURO", "de-DE"),
            ("de_DE_PREEURO", "de-DE-preeuro"),
            ("ja_JP_JP_#u-ca-japanese", "ja-JP-u-ca-japanese"),
            ("th_TH_TH_#u-nu-thai", "th-TH-u-nu-thai"),
            ("no_NO_NY", "nn-NO"),
            ("zh__#Hans", "zh-Hans"),
            ("de-1996", "de-1996"),
            ("ca-ES-valencia", "ca-ES-valencia"),
            ("de-DE-u-nu-latn", "de-DE-u-nu-latn"),
            ("de-DE-x-aaaaaaaa-bbbbbbbb-cccccccc-dddddddd", "de-DE"),
        ] {
            assert_eq!(read(text), Meaning::Tag(expected.to_owned()), "{text}");
        }
        for text in ["", ",", "C", "C.UTF-8", "POSIX", "und", "*", "root"] {
            assert_eq!(read(text), Meaning::None, "{text:?}");
        }
        for text in ["German", "no such locale", "d", "d1", "\u{202e}de", "de-\u{e4}", "de-abcdefghi"] {
            assert_eq!(read(text), Meaning::Unknown, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_tag_means_itself(text in "([a-zA-Z]{1,4}([-_#.@][a-zA-Z0-9]{0,9}){0,5}|\\PC{0,20})") {
            if let Some(first) = tag(&text) {
                prop_assert!(first.len() <= LONGEST && first.is_ascii());
                prop_assert_eq!(tag(&first), Some(first.clone()));
            }
        }
    }
}
