//! Files that an import takes over: PDFs under one folder, and nothing else.
//!
//! The paths come from the rows that are imported, so they are input from outside: a row must not make the service
//! serve a file of this machine.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// The largest file that is taken over, in bytes.
const LARGEST_FILE: u64 = 20 << 20;

const PDF: &[u8] = b"%PDF-";

/// Why a file is not taken over.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error("there is no such file")]
    Missing,
    #[error("it is outside the folder of --files, or a link leads out of it")]
    Outside,
    #[error("it is not a regular file")]
    NotRegular,
    #[error("it has more than {LARGEST_FILE} bytes")]
    TooLarge,
    #[error("it is not a PDF")]
    NotPdf,
    /// The disk or the permissions: repeating the import can help.
    #[error("{0}")]
    Unreadable(std::io::Error),
}

impl From<std::io::Error> for Refused {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => Self::Missing,
            _ => Self::Unreadable(error),
        }
    }
}

/// Reads the file of a ticket: at its recorded path if that is in `folder`, otherwise in `folder` under the recorded
/// path's last part, or under `name` if none is recorded.
pub(super) fn read(folder: &Path, recorded: Option<&Path>, name: &str) -> Result<Vec<u8>, Refused> {
    let folder = fs::canonicalize(folder)?;
    let inside = recorded.filter(|path| path.is_absolute() && path.starts_with(&folder));
    let path = match inside {
        Some(path) => path.to_owned(),
        None => folder.join(recorded.and_then(Path::file_name).unwrap_or(name.as_ref())),
    };
    content(&opened(&folder, &path)?)
}

/// Opens a regular file that is still in `folder` when every link on its path has been followed.
fn opened(folder: &Path, path: &Path) -> Result<File, Refused> {
    let path: PathBuf = fs::canonicalize(path)?;
    if !path.starts_with(folder) {
        return Err(Refused::Outside);
    }
    if !fs::symlink_metadata(&path)?.is_file() {
        return Err(Refused::NotRegular);
    }
    // What replaces the file between the look and this is not followed, and a pipe does not stop the import.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(&path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(Refused::NotRegular) }
}

fn content(file: &File) -> Result<Vec<u8>, Refused> {
    let mut content = Vec::new();
    file.take(LARGEST_FILE + 1).read_to_end(&mut content)?;
    if content.len() as u64 > LARGEST_FILE {
        return Err(Refused::TooLarge);
    }
    if content.starts_with(PDF) { Ok(content) } else { Err(Refused::NotPdf) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_pdfs_of_the_folder_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let (inside, outside) = (dir.path().join("in"), dir.path().join("out"));
        fs::create_dir_all(inside.join("2024")).unwrap();
        fs::create_dir(&outside).unwrap();
        fs::write(inside.join("a.pdf"), b"%PDF-1.4 a").unwrap();
        fs::write(inside.join("2024/b.pdf"), b"%PDF-1.4 b").unwrap();
        fs::write(inside.join("text.pdf"), b"root:x:0:0").unwrap();
        fs::write(outside.join("secret.pdf"), b"%PDF-1.4 secret").unwrap();
        symlink(outside.join("secret.pdf"), inside.join("link.pdf")).unwrap();
        symlink(&outside, inside.join("folder")).unwrap();
        symlink(inside.join("a.pdf"), inside.join("alias.pdf")).unwrap();
        let large = File::create(inside.join("large.pdf")).unwrap();
        large.set_len(LARGEST_FILE + 1).unwrap();
        fs::create_dir(inside.join("dir.pdf")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, inside.join("pipe.pdf"), 0o600.into()).unwrap();

        let read = |path: &str| {
            let recorded = (!path.is_empty()).then(|| PathBuf::from(path));
            read(&inside, recorded.as_deref(), "a.pdf").map_err(|why| why.to_string())
        };
        assert_eq!(read("").unwrap(), b"%PDF-1.4 a", "named by the ticket");
        assert_eq!(read("/app/data/a.pdf").unwrap(), b"%PDF-1.4 a", "moved");
        assert_eq!(read("alias.pdf").unwrap(), b"%PDF-1.4 a", "a link within the folder");
        let below = fs::canonicalize(&inside).unwrap().join("2024/b.pdf");
        assert_eq!(read(below.to_str().unwrap()).unwrap(), b"%PDF-1.4 b", "where it is recorded");
        let up = fs::canonicalize(&inside).unwrap().join("../out/secret.pdf");
        for (path, why) in [
            ("/etc/passwd", "no such file"),
            ("link.pdf", "outside"),
            (up.to_str().unwrap(), "outside"),
            (below.with_file_name("../folder/secret.pdf").to_str().unwrap(), "outside"),
            ("text.pdf", "not a PDF"),
            ("large.pdf", "more than"),
            ("dir.pdf", "not a regular file"),
            ("pipe.pdf", "not a regular file"),
        ] {
            let said = read(path).unwrap_err();
            assert!(said.contains(why), "{path}: {said}");
        }
    }
}
