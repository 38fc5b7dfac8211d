//! Reads the codes in images and PDFs, in a process of its own with limits of memory and time.
//!
//! A PDF of half a megabyte can unpack to gigabytes, and its decoders have no limit of their own. The kernel's limits
//! hold for everything that they do, and where they are reached, only that process ends.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use clap::Args;
use fulfillment_credential::read;
use rustix::process::{Resource, Rlimit, Signal, setrlimit};
use serde::{Deserialize, Serialize};

use crate::error::CliError;

/// The largest file that is searched for a code.
const LARGEST: u64 = 64 << 20;
/// The memory that a search may take. A page at 300 dots per inch takes half of it, a photograph of 50 million pixels two thirds.
const MEMORY: u64 = 160 << 20;
/// The processor time that a search may take, in seconds.
const SECONDS: u64 = 120;

/// Find the codes in an image or a PDF that is read from standard input, for `fulfillment verify`
#[derive(Debug, Args)]
#[command(after_help = "Example:
  fulfillment read-codes < ticket.pdf")]
pub(crate) struct ReadCodes {}

/// What a file gives, as one process writes it for the other.
#[derive(Debug, Serialize, Deserialize)]
enum Found {
    Codes(Vec<String>),
    Damaged(String),
    Other(String),
}

/// Why a file gives no code.
pub(super) enum Unread {
    /// It has the right type and is damaged, or cannot be read within the limits.
    Damaged(String),
    /// It cannot be read, or has another type.
    Other(String),
}

/// The codes in a file.
pub(super) fn codes_in(path: &Path) -> Result<Vec<String>, Unread> {
    let name = path.display();
    let other = |error: std::io::Error| Unread::Other(format!("cannot read {name}: {error}"));
    let file = File::open(path).map_err(other)?;
    let output = std::env::current_exe()
        .and_then(|program| {
            Command::new(program)
                .arg("read-codes")
                // The allocator takes address space in advance otherwise, which the limit of memory would not see.
                .env("MIMALLOC_ARENA_EAGER_COMMIT", "0")
                .stdin(file)
                .stderr(Stdio::null())
                .output()
        })
        .map_err(other)?;
    match serde_json::from_slice(&output.stdout) {
        Ok(Found::Codes(codes)) => Ok(codes),
        Ok(Found::Damaged(why)) => Err(Unread::Damaged(format!("{name}: {why}"))),
        Ok(Found::Other(why)) => Err(Unread::Other(format!("{name} {why}"))),
        Err(_) => Err(Unread::Damaged(format!("{name}: {}", why_ended(output.status)))),
    }
}

/// Why the search ended without an answer.
fn why_ended(status: ExitStatus) -> String {
    if status.signal() == Some(Signal::XCPU.as_raw()) {
        format!("it cannot be read within {SECONDS} seconds")
    } else {
        format!("it breaks the decoder, or cannot be read within {} MiB of memory", MEMORY >> 20)
    }
}

/// Limits this process, and writes what standard input gives. Nothing else may run in it.
pub(crate) fn read_codes() -> Result<(), CliError> {
    let limit = |most| Rlimit { current: Some(most), maximum: Some(most) };
    let limited = setrlimit(Resource::Data, limit(MEMORY))
        .and_then(|()| setrlimit(Resource::Cpu, limit(SECONDS)))
        .and_then(|()| setrlimit(Resource::Core, limit(0)));
    let found = match limited {
        Ok(()) => search(),
        Err(error) => Found::Other(format!("is not read, because its memory cannot be limited: {error}")),
    };
    serde_json::to_writer(std::io::stdout(), &found).map_err(CliError::misuse)
}

fn search() -> Found {
    let content = match whole(std::io::stdin().lock()) {
        Ok(content) => content,
        Err(why) => return Found::Other(why),
    };
    let is_pdf =
        || content.get(..1024.min(content.len())).is_some_and(|head| head.windows(5).any(|w| w == b"%PDF-"));
    let codes = if content.starts_with(b"\x89PNG") {
        read::codes_in_png(&content)
    } else if content.starts_with(b"\xFF\xD8\xFF") {
        read::codes_in_jpeg(&content)
    } else if is_pdf() {
        read::codes_in_pdf(&content)
    } else {
        return Found::Other("is neither a PNG, a JPEG nor a PDF, nor does it begin with TK1:".to_owned());
    };
    codes.map_or_else(|error| Found::Damaged(error.to_string()), Found::Codes)
}

/// The content of a small file, whatever it is.
pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let file = File::open(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    whole(file).map_err(|why| format!("{} {why}", path.display()))
}

fn whole(file: impl std::io::Read) -> Result<Vec<u8>, String> {
    let mut content = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut content).map_err(|error| format!("cannot be read: {error}"))?;
    if content.len() as u64 > LARGEST {
        return Err("is larger than 64 MiB".to_owned());
    }
    Ok(content)
}
