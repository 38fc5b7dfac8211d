//! Build script: names the commit in `--version`, from `FULFILLMENT_COMMIT`, else from the repository that is built.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=FULFILLMENT_COMMIT");
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={log}");
    }
    #[expect(clippy::disallowed_methods, reason = "what builds the program says which commit it is")]
    let commit = std::env::var("FULFILLMENT_COMMIT").ok().filter(|commit| !commit.is_empty());
    let commit = commit.or_else(|| git(&["rev-parse", "--short=12", "HEAD"]));
    let commit = commit.map(|commit| format!(" ({commit})")).unwrap_or_default();
    println!("cargo::rustc-env=FULFILLMENT_VERSION={}{commit}", env!("CARGO_PKG_VERSION"));
}

/// The output of git; nothing outside a repository, as in a released archive.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| said.trim().to_owned()).filter(|said| !said.is_empty())
}
