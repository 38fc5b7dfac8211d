//! Tests that this crate's modules depend on each other in one direction: none names one that comes after it.

#![expect(clippy::unwrap_used, reason = "a test's helper fails its test")]

use std::path::Path;

/// From the lowest layer up, as the crate's documentation lists them.
const ROOMS: [&str; 10] =
    ["pdf", "image", "font", "text", "page", "file", "template", "renderer", "preflight", "sample"];

/// The source of a folder's files, without their tests.
fn sources(folder: &Path, out: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.file_name().is_some_and(|name| name != "tests.rs" && name != "lib.rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned();
            out.push((path.display().to_string(), code));
        }
    }
}

#[test]
fn none_uses_one_that_comes_after_it() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&source, &mut files);
    assert!(files.len() > 60, "{} files", files.len());
    for (path, code) in files {
        let inside = path.strip_prefix(&format!("{}/", source.display())).unwrap();
        let room = inside.split('/').next().unwrap_or_default().trim_end_matches(".rs");
        let at = |room: &str| ROOMS.iter().position(|known| *known == room);
        let own = at(room).unwrap_or_else(|| panic!("{room} is not in the list"));
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            for used in line.split("crate::").skip(1) {
                let name =
                    used.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default();
                let used =
                    at(name).unwrap_or_else(|| panic!("{path}: {line}: name the room, not what it hands on"));
                assert!(used <= own, "{path}: {line}");
            }
        }
    }
}
