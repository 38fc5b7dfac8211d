//! Runs independent tools that read tickets back.

use std::process::Command;

use fulfillment_document::PdfRenderer;

/// Runs a tool that reads tickets back and returns what it prints.
pub(crate) fn run(package: &str, tool: &str, args: &[&str]) -> String {
    let output = Command::new(tool).args(args).output();
    let output =
        output.unwrap_or_else(|error| panic!("{tool}: {error}; install it: apt-get install {package}"));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{tool} {args:?}: {out}{err}");
    out.into_owned()
}

/// Writes the file to disk; it exists as long as the folder is not dropped.
pub(crate) fn saved(pdf: &[u8]) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ticket.pdf");
    std::fs::write(&path, pdf).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

/// The page's text, without the marks that poppler adds around text that reads from right to left.
pub(crate) fn text(pdf: &[u8]) -> String {
    let (_folder, path) = saved(pdf);
    let text = run("poppler-utils", "pdftotext", &["-layout", &path, "-"]);
    text.replace(|c| matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{C}'), "")
}

/// The same on one line, so that wrapped text can be searched.
pub(crate) fn flat(pdf: &[u8]) -> String {
    let (_folder, path) = saved(pdf);
    let text = run("poppler-utils", "pdftotext", &[&path, "-"]);
    let text = text.replace(|c| matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{C}'), "");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A renderer with Debian's fonts.
pub(crate) fn noto() -> PdfRenderer {
    let fonts = fulfillment_fonts::installed(&fulfillment_fonts::USUAL_FOLDERS.map(Into::into));
    let names = format!("{fonts:?}");
    for face in [
        "NotoSansArabic",
        "NotoSansHebrew",
        "NotoSansDevanagari",
        "NotoSansThai",
        "NotoSansCJKJP",
        "NotoColorEmoji",
    ] {
        assert!(
            names.contains(face),
            "{face} is missing; install it: apt-get install fonts-noto-core fonts-noto-cjk fonts-noto-color-emoji"
        );
    }
    PdfRenderer::with_fonts(fonts).unwrap()
}
