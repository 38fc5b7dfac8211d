//! Tickets read back by programs that know nothing of ours.

use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// The text of a PDF in reading order, by pdftotext.
///
/// # Errors
/// The tool is missing, or it cannot read the file.
pub fn pdf_text(pdf: &[u8]) -> Result<String> {
    let file = on_disk(pdf)?;
    let out = run(Command::new("pdftotext").arg("-layout").arg(file.path()).arg("-"), "poppler-utils", &[0])?;
    String::from_utf8(out).context("pdftotext wrote no UTF-8")
}

/// How many pages a PDF has, by pdfinfo.
///
/// # Errors
/// The tool is missing, or it cannot read the file.
pub fn pdf_pages(pdf: &[u8]) -> Result<usize> {
    let file = on_disk(pdf)?;
    let out = run(Command::new("pdfinfo").arg(file.path()), "poppler-utils", &[0])?;
    let text = String::from_utf8_lossy(&out);
    let pages =
        text.lines().find_map(|line| line.strip_prefix("Pages:")).context("pdfinfo names no pages")?;
    Ok(pages.trim().parse()?)
}

/// A PDF's first page as a PNG of 150 dpi, by pdftoppm.
///
/// # Errors
/// The tool is missing or fails.
pub fn picture(pdf: &[u8]) -> Result<Vec<u8>> {
    let folder = tempfile::tempdir()?;
    let stem = folder.path().join("page");
    let file = on_disk(pdf)?;
    run(
        Command::new("pdftoppm").args(["-r", "150", "-png", "-singlefile"]).arg(file.path()).arg(&stem),
        "poppler-utils",
        &[0],
    )?;
    Ok(std::fs::read(stem.with_extension("png"))?)
}

/// The QR codes on a PDF's first page as a scanner reads them: a [`picture`], decoded by zbarimg. Empty when
/// it finds none.
///
/// # Errors
/// A tool is missing or fails.
pub fn scan(pdf: &[u8]) -> Result<Vec<String>> {
    let file = on_disk(&picture(pdf)?)?;
    // zbarimg ends with 4 when it finds nothing.
    let out = run(
        Command::new("zbarimg").args(["--quiet", "--raw", "-Sdisable", "-Sqrcode.enable"]).arg(file.path()),
        "zbar-tools",
        &[0, 4],
    )?;
    let text = String::from_utf8(out).context("zbarimg wrote no UTF-8")?;
    Ok(text.lines().map(str::to_owned).collect())
}

fn on_disk(bytes: &[u8]) -> Result<tempfile::NamedTempFile> {
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(bytes)?;
    Ok(file)
}

fn run(command: &mut Command, package: &str, good: &[i32]) -> Result<Vec<u8>> {
    let name = command.get_program().to_string_lossy().into_owned();
    let out = command.stdin(Stdio::null()).output().with_context(|| {
        format!(
            "{name} does not start; install it: sudo apt-get install -y {package} (scripts/rig/install does)"
        )
    })?;
    let said = String::from_utf8_lossy(&out.stderr);
    ensure!(out.status.code().is_some_and(|code| good.contains(&code)), "{name}: {}: {said}", out.status);
    Ok(out.stdout)
}
