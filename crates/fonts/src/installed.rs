//! Installed fonts: finds font files in folders and passes them to the renderer, reading only their first bytes.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use fulfillment_document::{Coverage, FontSource};

use crate::catalogue::{CJK_FACES, CJK_STEM, FAMILIES, Family, WEIGHTS, by_name};
use crate::emoji;

/// Folders where Linux distributions put fonts.
pub const USUAL_FOLDERS: [&str; 2] = ["/usr/share/fonts", "/usr/local/share/fonts"];

/// The maximum depth of nested folders that are searched.
const DEEPEST: usize = 6;

/// The faces in these folders and those below them, in a fixed order that does not depend on the folders' order: Noto's
/// for the scripts of the catalogue, then all others. Only the first bytes of files are read here; each file is read
/// when a character first needs it. A missing folder counts as empty; a file found twice is taken from the first
/// folder.
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
    if let Some(shared) = find(emoji::FILE).and_then(|path| Shared::open(path)) {
        add(&shared, emoji::NAME, 0);
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
        let cover = move || File::open(&path).map(Coverage::read).unwrap_or_default();
        sources.push(by_name(shared.source(name, 0), cover));
    }
    sources
}

/// Fonts by their files' names without the extension, in the order in which they are tried: Noto's before others, those
/// without serifs first. Two of a family's weights and slopes are enough.
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
            // The collections of Chinese, Japanese and Korean are handled above.
            let regular = all.contains(&*format!("{stem}-Regular")) || all.contains(stem) && stem != *name;
            stem != CJK_STEM && *name != emoji::NAME && (wanted || !regular) && seen.insert(*name)
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
        file.take(FontSource::FINGERPRINT_PREFIX as u64).read_to_end(&mut prefix).ok()?;
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

    use fulfillment_document::{PdfRenderer, Renderer as _, TicketPage, sample};
    use unicode_script::{Script, UnicodeScript as _};

    use super::*;

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
            let coverage = Coverage::read(File::open(file).unwrap());
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
