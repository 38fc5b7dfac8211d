//! Reads the codes in images and PDFs.

use std::io::Read as _;
use std::path::Path;

use fulfillment_credential::read;

/// The largest file that is searched for a code.
const LARGEST: u64 = 64 << 20;

/// Why a file gives no code.
pub(super) enum Unread {
    /// It has the right type and is damaged.
    Damaged(String),
    /// It cannot be read, or has another type.
    Other(String),
}

pub(super) fn codes_in(file: &Path) -> Result<Vec<String>, Unread> {
    let content = read_file(file).map_err(Unread::Other)?;
    let codes = if content.starts_with(b"\x89PNG") {
        read::codes_in_png(&content)
    } else if content.starts_with(b"\xFF\xD8\xFF") {
        read::codes_in_jpeg(&content)
    } else if content
        .get(..1024.min(content.len()))
        .is_some_and(|head| head.windows(5).any(|w| w == b"%PDF-"))
    {
        read::codes_in_pdf(&content)
    } else {
        return Err(Unread::Other(format!(
            "{} is neither a PNG, a JPEG nor a PDF, nor does it begin with TK1:",
            file.display()
        )));
    };
    codes.map_err(|e| Unread::Damaged(format!("{}: {e}", file.display())))
}

pub(super) fn read_file(file: &Path) -> Result<Vec<u8>, String> {
    let mut content = Vec::new();
    std::fs::File::open(file)
        .and_then(|f| f.take(LARGEST + 1).read_to_end(&mut content))
        .map_err(|e| format!("cannot read {}: {e}", file.display()))?;
    if content.len() as u64 > LARGEST {
        return Err(format!("{} is larger than 64 MiB", file.display()));
    }
    Ok(content)
}
