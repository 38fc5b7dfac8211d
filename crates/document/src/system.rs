//! Finds fonts in folders: the one place here that reads files. Noto's families are known by their names and asked for
//! their scripts; every other font is asked for what nothing before it has.

use std::collections::HashSet;
use std::fs::File;
use std::io::{Cursor, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::coverage::Coverage;
use crate::face::{FINGERPRINT_PREFIX, FontSource};
use crate::fallback::FontId;

/// Folders where Linux distributions put fonts.
pub const USUAL_FOLDERS: [&str; 2] = ["/usr/share/fonts", "/usr/local/share/fonts"];

/// Folders within folders that are looked into.
const DEEPEST: usize = 6;

type Ranges = &'static [(char, char)];

/// A family looked for: the file's name without weight and extension, and the characters it is asked for.
struct Family {
    stem: &'static str,
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

/// The weights of each, and whether they are for headings.
const WEIGHTS: [(&str, bool); 2] = [("Regular", false), ("Bold", true)];

/// One script each, in the order in which they are asked; each in `Regular` and `Bold`.
const FAMILIES: &[Family] = &[
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

/// The face whose glyphs are pictures, and what it is asked for unasked: characters that are emoji of their own accord
/// (`Emoji_Presentation` in Unicode's emoji-data.txt, and the blocks that hold the others). Text has `☎` as a letter.
const EMOJI_FILE: &str = "NotoColorEmoji.ttf";
const EMOJI_NAME: &str = "NotoColorEmoji";
const EMOJI: Ranges = &[
    ('\u{231A}', '\u{231B}'),
    ('\u{23E9}', '\u{23EC}'),
    ('\u{23F0}', '\u{23F0}'),
    ('\u{23F3}', '\u{23F3}'),
    ('\u{25FD}', '\u{25FE}'),
    ('\u{2614}', '\u{2615}'),
    ('\u{2648}', '\u{2653}'),
    ('\u{267F}', '\u{267F}'),
    ('\u{2693}', '\u{2693}'),
    ('\u{26A1}', '\u{26A1}'),
    ('\u{26AA}', '\u{26AB}'),
    ('\u{26BD}', '\u{26BE}'),
    ('\u{26C4}', '\u{26C5}'),
    ('\u{26CE}', '\u{26CE}'),
    ('\u{26D4}', '\u{26D4}'),
    ('\u{26EA}', '\u{26EA}'),
    ('\u{26F2}', '\u{26F3}'),
    ('\u{26F5}', '\u{26F5}'),
    ('\u{26FA}', '\u{26FA}'),
    ('\u{26FD}', '\u{26FD}'),
    ('\u{2705}', '\u{2705}'),
    ('\u{270A}', '\u{270B}'),
    ('\u{2728}', '\u{2728}'),
    ('\u{274C}', '\u{274C}'),
    ('\u{274E}', '\u{274E}'),
    ('\u{2753}', '\u{2755}'),
    ('\u{2757}', '\u{2757}'),
    ('\u{2795}', '\u{2797}'),
    ('\u{27B0}', '\u{27B0}'),
    ('\u{27BF}', '\u{27BF}'),
    ('\u{2B1B}', '\u{2B1C}'),
    ('\u{2B50}', '\u{2B50}'),
    ('\u{2B55}', '\u{2B55}'),
    ('\u{1F004}', '\u{1F004}'),
    ('\u{1F0CF}', '\u{1F0CF}'),
    ('\u{1F18E}', '\u{1F18E}'),
    ('\u{1F191}', '\u{1F19A}'),
    ('\u{1F1E6}', '\u{1F1FF}'),
    ('\u{1F200}', '\u{1F265}'),
    ('\u{1F300}', '\u{1FAFF}'),
];

const CJK_STEM: &str = "NotoSansCJK";
/// The faces of that collection with the languages they are made for. Simplified Chinese is asked first
/// where nothing says otherwise: Han characters alone are most often that.
const CJK_FACES: &[(&str, u32, &[&str])] = &[
    ("SC", 2, &["zh"]),
    ("JP", 0, &["ja"]),
    ("KR", 1, &["ko"]),
    ("TC", 3, &["zh-tw", "zh-hant"]),
    ("HK", 4, &["zh-hk", "zh-mo", "zh-hant-hk"]),
];

/// The faces in these folders and those below them, in a fixed order whatever the folders' own: Noto's for the scripts of
/// `FAMILIES`, then all others. Files are only looked at here; each is read when a character first needs it. A folder
/// that is not there counts as empty, a file found twice is taken from the first folder.
#[must_use]
pub fn installed(folders: &[PathBuf]) -> Vec<FontSource> {
    let mut files = Vec::new();
    for folder in folders {
        list(folder, DEEPEST, &mut files);
    }
    let find = |name: &str| files.iter().find(|path| path.file_name().is_some_and(|file| file == name));
    let mut sources = Vec::new();
    let mut add = |shared: &Shared, name: &str, index| {
        sources.push(by_name(shared.source(name, index), Coverage::default));
    };
    if let Some(shared) = find(EMOJI_FILE).and_then(|path| Shared::open(path)) {
        add(&shared, EMOJI_NAME, 0);
    }
    for Family { stem, .. } in FAMILIES {
        for (weight, _) in WEIGHTS {
            let path =
                find(&format!("{stem}-{weight}.ttf")).or_else(|| find(&format!("{stem}-{weight}.otf")));
            if let Some(shared) = path.and_then(|path| Shared::open(path)) {
                add(&shared, &format!("{stem}-{weight}"), 0);
            }
        }
    }
    for (weight, _) in WEIGHTS {
        let Some(shared) = find(&format!("{CJK_STEM}-{weight}.ttc")).and_then(|path| Shared::open(path))
        else {
            continue;
        };
        for (region, index, _) in CJK_FACES {
            add(&shared, &format!("{CJK_STEM}{region}-{weight}"), *index);
        }
    }
    let known: HashSet<String> = sources.iter().map(|source| source.name().to_owned()).collect();
    for (name, path) in others(&files).into_iter().filter(|(name, _)| !known.contains(*name)) {
        let Some(shared) = Shared::open(path) else { continue };
        let path = path.clone();
        let cover = move || File::open(&path).map(|mut file| Coverage::read(&mut file)).unwrap_or_default();
        sources.push(by_name(shared.source(name, 0), cover));
    }
    sources
}

/// Fonts by their files' names without the extension, in the order in which they are asked: Noto's before others, those
/// without serifs first. Of a family's weights and slopes two are enough.
fn others(files: &[PathBuf]) -> Vec<(&str, &PathBuf)> {
    let named: Vec<(&str, &PathBuf)> =
        files.iter().filter_map(|path| Some((path.file_stem()?.to_str()?, path))).collect();
    let all: HashSet<&str> = named.iter().map(|(name, _)| *name).collect();
    let mut seen = HashSet::new();
    let mut others: Vec<_> = named
        .into_iter()
        .filter(|(name, _)| {
            let (stem, weight) = name.rsplit_once('-').unwrap_or((name, "Regular"));
            let wanted = WEIGHTS.iter().any(|(known, _)| *known == weight);
            // The collections of Chinese, Japanese and Korean are taken apart above.
            let regular = all.contains(&*format!("{stem}-Regular")) || all.contains(stem) && stem != *name;
            stem != CJK_STEM && *name != EMOJI_NAME && (wanted || !regular) && seen.insert(*name)
        })
        .collect();
    let rank = |name: &str| match name {
        _ if name.starts_with("NotoSans") => 0,
        _ if name.starts_with("Noto") => 1,
        _ => 2,
    };
    others.sort_by(|(a, _), (b, _)| rank(a).cmp(&rank(b)).then_with(|| a.cmp(b)));
    others
}

/// A font as [`installed`] hands it in, with bytes from another place: those of a file with the font's fingerprint. A font
/// of last resort without bytes has nothing; pages that were drawn with it have kept them, and others did without it.
pub fn named(font: &FontId, load: impl Fn() -> Option<Arc<Vec<u8>>> + Send + Sync + 'static) -> FontSource {
    let load = Arc::new(load);
    let bytes = Arc::clone(&load);
    let source = FontSource::lazy(&font.name, font.index, font.fingerprint, move || bytes());
    by_name(source, move || load().map(|bytes| Coverage::read(&mut Cursor::new(&*bytes))).unwrap_or_default())
}

/// What a font is asked for follows from its name: one of Noto's for its script, any other as a last resort for what
/// `cover` says that it has.
fn by_name(source: FontSource, cover: impl Fn() -> Coverage + Send + Sync + 'static) -> FontSource {
    if source.name() == EMOJI_NAME {
        return source.emoji().only(EMOJI);
    }
    if let Some((bold, ranges, languages)) = asked_for(source.name()) {
        return source.bold(bold).only(ranges).languages(languages);
    }
    let bold = source.name().ends_with("Bold");
    source.bold(bold).last_resort(cover)
}

/// Whether a font of Noto's is bold, what it is asked for, and the languages that it is made for.
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

/// Collects the font files below a folder, sorted, so that two machines with the same files agree.
fn list(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut entries: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    entries.sort();
    for path in entries {
        let is_font = path.extension().is_some_and(|end| end == "ttf" || end == "otf" || end == "ttc");
        if is_font {
            files.push(path);
        } else if depth > 0 && path.is_dir() {
            list(&path, depth - 1, files);
        }
    }
}

/// A file, read at most once for all its faces.
struct Shared {
    path: PathBuf,
    fingerprint: [u8; 32],
    bytes: Arc<Mutex<Option<Arc<Vec<u8>>>>>,
}

impl Shared {
    fn open(path: &Path) -> Option<Self> {
        let file = File::open(path).ok()?;
        let length = file.metadata().ok()?.len();
        let mut prefix = Vec::new();
        file.take(FINGERPRINT_PREFIX as u64).read_to_end(&mut prefix).ok()?;
        let fingerprint = FontSource::fingerprint(&prefix, length);
        Some(Self { path: path.to_owned(), fingerprint, bytes: Arc::default() })
    }

    fn source(&self, name: &str, index: u32) -> FontSource {
        let (path, bytes) = (self.path.clone(), Arc::clone(&self.bytes));
        FontSource::lazy(name, index, self.fingerprint, move || {
            let mut bytes = bytes.lock().unwrap_or_else(PoisonError::into_inner);
            if bytes.is_none() {
                *bytes = std::fs::read(&path).ok().map(Arc::new);
            }
            bytes.clone()
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use unicode_script::{Script, UnicodeScript as _};

    use super::*;
    use crate::{PdfRenderer, Renderer as _, TicketPage, sample};

    #[test]
    fn any_script_that_an_installed_font_has_is_drawn() {
        let folders = USUAL_FOLDERS.map(PathBuf::from);
        let mut files = Vec::new();
        for folder in &folders {
            list(folder, DEEPEST, &mut files);
        }
        // A letter of each script, whichever font has it.
        let mut letters = BTreeMap::new();
        for file in &files {
            let coverage = Coverage::read(&mut File::open(file).unwrap());
            for c in ('\u{250}'..='\u{1FFFF}').filter(|c| c.is_alphabetic() && coverage.has(*c)) {
                let script = c.script();
                if !matches!(script, Script::Common | Script::Inherited | Script::Unknown) {
                    letters.entry(script.short_name()).or_insert(c);
                }
            }
        }
        for script in ["Tibt", "Thaa", "Cher", "Yiii", "Orya", "Nkoo", "Adlm", "Cans"] {
            assert!(letters.contains_key(script), "fonts-noto-core is missing: scripts/rig/install");
        }
        let renderer = PdfRenderer::with_fonts(installed(&folders)).unwrap();
        let letters: Vec<char> = letters.into_values().collect();
        for some in letters.chunks(6) {
            let name: String = some.iter().flat_map(|c| [*c, ' ']).collect();
            let page = TicketPage { event_name: name.clone(), holder_name: Some(name), ..sample::bare() };
            let drawn = renderer.render(&page).unwrap();
            assert_eq!(drawn.missing, [], "{some:?}");
        }
        let read = renderer.files_read().map(|(print, _)| print).collect::<HashSet<_>>().len();
        assert!(read < files.len(), "fonts that nothing needed are not read");
    }

    #[test]
    fn of_a_family_its_regular_and_bold_are_asked_and_noto_first() {
        let files = [
            "DejaVuSans.ttf",
            "DejaVuSans-Bold.ttf",
            "DejaVuSans-ExtraLight.ttf",
            "NotoSerifTibetan-Regular.ttf",
            "NotoSerifTibetan-Black.ttf",
            "NotoSansYi-Regular.ttf",
            "NotoSansCJK-Black.ttc",
            "Odd-Thin.otf",
            "Odd-Thin.otf",
        ];
        let files: Vec<_> = files.iter().map(|file| Path::new("/fonts").join(file)).collect();
        let names: Vec<_> = others(&files).into_iter().map(|(name, _)| name).collect();
        let expected =
            ["NotoSansYi-Regular", "NotoSerifTibetan-Regular", "DejaVuSans", "DejaVuSans-Bold", "Odd-Thin"];
        assert_eq!(names, expected);
    }
}
