//! Reads tickets back with independent programs.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

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

/// The QR codes on a PDF's first page as a scanner reads them: a [`picture`], decoded by zbarimg. Empty if it finds
/// none.
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

/// Runs schemathesis in a folder.
///
/// # Errors
/// It is missing, ran longer than `limit`, or found a fault; the error contains its output.
pub async fn schemathesis(folder: &Path, limit: Duration, arguments: &[&str]) -> Result<()> {
    let python = cache()?.join("schemathesis/bin/python3");
    ensure!(python.exists(), "{} is missing; scripts/rig/install makes it", python.display());
    let mut command = tokio::process::Command::new(python);
    command.args(["-m", "schemathesis.cli", "--no-color"]).args(arguments);
    command.current_dir(folder).stdin(Stdio::null()).kill_on_drop(true);
    let ended = tokio::time::timeout(limit, command.output());
    let out = ended.await.with_context(|| format!("schemathesis runs for more than {limit:?}"))??;
    let said = String::from_utf8_lossy(&out.stdout);
    // Requests with 5,000 messages have lines of a megabyte.
    let short = |line: &str| line.chars().take(600).chain(['\n']).collect::<String>();
    ensure!(
        out.status.success(),
        "{}{}",
        said.lines().map(short).collect::<String>(),
        String::from_utf8_lossy(&out.stderr)
    );
    Ok(())
}

/// Where `scripts/rig/install` keeps what it fetches.
fn cache() -> Result<PathBuf> {
    let named = std::env::var_os("FULFILLMENT_RIG_CACHE").map(PathBuf::from);
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache/fulfillment-rig"));
    named.or_else(home).context("neither FULFILLMENT_RIG_CACHE nor HOME is set")
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
