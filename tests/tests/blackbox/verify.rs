//! Tests of `verify` with files that are made to harm whoever checks them.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use fulfillment_tests::service::Setup;
use serde_json::Value;

/// The most memory that the processes had that read this file, in KiB.
fn memory_of_readers(file: &Path) -> u64 {
    let peak = |process: &Path| {
        let name = file.as_os_str().as_encoded_bytes();
        let arguments = std::fs::read(process.join("cmdline")).unwrap_or_default();
        let reads = std::fs::read_link(process.join("fd/0")).is_ok_and(|input| input == file)
            || arguments.split(|byte| *byte == 0).any(|argument| argument == name);
        let status = std::fs::read_to_string(process.join("status")).ok().filter(|_| reads)?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.split_whitespace().next()?.parse().ok()
    };
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    processes.filter_map(|process| peak(&process.path())).max().unwrap_or_default()
}

/// A page whose content takes 64 times as much memory as its file.
fn bomb(size: usize) -> Vec<u8> {
    let content = [129, b' '].repeat(size / 128);
    let head = format!(
        "%PDF-1.7\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n2 0 obj\n<</Type/Pages/Kids[3 0 R]/Count 1>>\n\
         endobj\n3 0 obj\n<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]/Contents 4 0 R/Resources<<>>>>\nendobj\n\
         4 0 obj\n<</Length {}/Filter/RunLengthDecode>>stream\n",
        content.len()
    );
    let tail = b"\nendstream\nendobj\ntrailer\n<</Root 1 0 R/Size 5>>\n%%EOF";
    [head.as_bytes(), &content, tail].concat()
}

#[tokio::test]
async fn a_file_that_unpacks_to_gigabytes_is_refused_in_little_memory() -> Result<()> {
    let setup = Setup::new()?;
    let file = std::fs::canonicalize(setup.data())?.join("ticket.pdf");
    let name = file.display().to_string();
    for (size, verdict, why) in
        [(1 << 20, "no_code", "no QR code"), (1 << 30, "unreadable", "160 MiB of memory")]
    {
        std::fs::write(&file, bomb(size))?;
        let arguments = ["verify", "--json", &name];
        let mut verify = std::pin::pin!(setup.run(&arguments));
        let mut peak = 0;
        let said = loop {
            tokio::select! {
                said = &mut verify => break said?,
                () = tokio::time::sleep(Duration::from_millis(5)) => peak = peak.max(memory_of_readers(&file)),
            }
        };
        let answer: Value = serde_json::from_slice(&said.stdout)?;
        assert_eq!((said.status.code(), &answer["verdict"]), (Some(1), &verdict.into()), "{answer}");
        ensure!(answer["text"].as_str().is_some_and(|text| text.contains(why)), "{answer}");
        ensure!((10_000..220_000).contains(&peak), "{peak} KiB");
    }
    Ok(())
}
