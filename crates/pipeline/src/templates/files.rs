//! Reads a template from a folder: a JSON file, and beside it the images and the background that it names.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use fulfillment_document::{Branding, Files, Problem, Refused, Shipped, TemplateBundle, file_names};

use fulfillment_config::TemplateEntry;

/// The most that is read of a file; the limits of templates are lower.
const LARGEST: u64 = 16 << 20;

/// Extensions that an image's name may omit: a branding's `logo` is `logo.png`.
const ENDINGS: [&str; 5] = ["", ".png", ".jpg", ".jpeg", ".svg"];

/// Why a template cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// A file cannot be read.
    #[error("{}: {why}", .file.display())]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// The system's error.
        why: String,
    },
    /// Its JSON has mistakes.
    #[error("{}", .problems.iter().map(|problem| format!("{name}:{problem}")).collect::<Vec<_>>().join("\n"))]
    Refused {
        /// The file, or the name of a built-in template.
        name: String,
        /// The mistakes, each with its place.
        problems: Vec<Problem>,
    },
}

impl Unusable {
    pub(super) fn refused(name: String, Refused(problems): Refused) -> Self {
        Self::Refused { name, problems }
    }
}

/// The source of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// A built-in template.
    Shipped(Shipped),
    /// A template's JSON, with its images beside it.
    File(PathBuf),
}

impl Base {
    /// Its name on a command line or in a setting.
    pub fn read(text: &str) -> Self {
        Shipped::named(text).map_or_else(|| Self::File(text.into()), Self::Shipped)
    }

    /// Its name in messages.
    pub fn name(&self) -> String {
        match self {
            Self::Shipped(shipped) => shipped.name().to_owned(),
            Self::File(file) => file.display().to_string(),
        }
    }
}

/// A template with its files. A file that is named and missing is left out: compiling decides whether that matters.
pub fn bundle(base: &Base) -> Result<TemplateBundle, Unusable> {
    let file = match base {
        Base::Shipped(shipped) => return Ok(shipped.bundle()),
        Base::File(file) => file,
    };
    let json = String::from_utf8(read(file)?)
        .map_err(|_| Unusable::Unreadable { file: file.clone(), why: "is not text in UTF-8".into() })?;
    let folder = file.parent().unwrap_or(Path::new(""));
    let mut files = Files::new();
    for name in file_names(&json) {
        // A name, not a path: nothing outside the folder is drawn on a ticket.
        if Path::new(&name).file_name().is_none_or(|plain| plain != name.as_str()) {
            continue;
        }
        let there = ENDINGS.iter().map(|ending| folder.join(format!("{name}{ending}"))).find(|p| p.is_file());
        if let Some(path) = there {
            files.insert(name, read(&path)?);
        }
    }
    Ok(TemplateBundle { json, files })
}

/// The template of an entry, with its branding.
pub fn branded(entry: &TemplateEntry) -> Result<TemplateBundle, Unusable> {
    let branding = Branding {
        logo: entry.logo.as_deref().map(read).transpose()?,
        colors: entry.colors.clone(),
        texts: entry.texts.clone(),
    };
    let base = Base::read(&entry.base);
    let plain = bundle(&base)?;
    if branding == Branding::default() {
        return Ok(plain);
    }
    plain
        .branded(&branding)
        .map_err(|problem| Unusable::Refused { name: base.name(), problems: vec![problem] })
}

fn read(file: &Path) -> Result<Vec<u8>, Unusable> {
    let unreadable = |why: String| Unusable::Unreadable { file: file.to_owned(), why };
    let mut content = Vec::new();
    std::fs::File::open(file)
        .and_then(|f| f.take(LARGEST + 1).read_to_end(&mut content))
        .map_err(|error| unreadable(error.to_string()))?;
    if content.len() as u64 > LARGEST {
        return Err(unreadable(format!("is larger than {} MiB", LARGEST >> 20)));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_know_what_ships() {
        assert_eq!(Shipped::ALL.map(Shipped::name), fulfillment_config::SHIPPED);
    }

    #[test]
    fn what_a_template_names_is_read_beside_it_and_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("gala");
        std::fs::create_dir(&inner).unwrap();
        std::fs::write(folder.path().join("secret.png"), "x").unwrap();
        std::fs::write(inner.join("logo.png"), "logo").unwrap();
        std::fs::write(inner.join("ground.pdf"), "ground").unwrap();
        std::fs::write(inner.join("other.png"), "other").unwrap();
        let json = r#"{"page": {"background": "ground.pdf"},
            "elements": [{"file": "logo"}, {"file": "../secret.png"}, {"file": ".."}, {"file": "none.png"}]}"#;
        let file = inner.join("template.json");
        std::fs::write(&file, json).unwrap();
        let bundle = bundle(&Base::File(file.clone())).unwrap();
        let expected = [("ground.pdf", &b"ground"[..]), ("logo", b"logo")];
        assert!(bundle.files.iter().map(|(n, c)| (n.as_str(), c.as_slice())).eq(expected));
        std::fs::write(&file, [0xff]).unwrap();
        let error = super::bundle(&Base::File(file)).unwrap_err().to_string();
        assert!(error.ends_with("template.json: is not text in UTF-8"), "{error}");
    }
}
