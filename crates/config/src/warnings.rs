//! Warnings: settings that are valid, start the service, and will hurt later. `fulfillment config check` shows them.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::{CodeFormat, Config, Problem};

impl Config {
    /// What is likely not meant, by key, with its consequence and what to do.
    pub fn warnings(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        let mut warn = |key: &str, message: String| found.push(Problem { key: key.to_owned(), message });
        let listen = self.http.listen;
        if self.http.public_url.is_none() && listen.ip().is_unspecified() {
            let link = self.public_url(listen);
            warn(
                "http.public_url",
                format!(
                    "is not set, so links lead to {link}, where no ticket holder finds anything: set it to the address that they reach"
                ),
            );
        }
        if self.http.allow_anonymous {
            let who = match (self.tokens.is_empty(), listen.ip().is_loopback()) {
                (true, false) => "lets everybody who reaches the service",
                (true, true) => {
                    "lets every page in a browser of this machine, and everybody whom a proxy passes on,"
                }
                (false, _) => "lets everybody, as soon as no token is valid any more,",
            };
            warn("http.allow_anonymous", format!("{who} read and change everything: set tokens instead"));
        }
        for range in self.http.trusted_proxies.iter().filter(|range| range.is_everybody()) {
            warn(
                "http.trusted_proxies",
                format!(
                    "{range} lets everybody choose the address that limits and logs know them by: name the proxies alone"
                ),
            );
        }
        if self.http.allow_weak_tokens {
            warn("http.allow_weak_tokens", "lets tokens be used that may be guessed".to_owned());
        }
        if self.http.broad_scopes == Some(true) {
            let what = "gives tokens more rights than their scopes say: give each the scopes that it needs";
            warn("http.broad_scopes", what.to_owned());
        }
        if self.network.allow_cleartext {
            let what = "lets passwords, tokens, orders and events be sent to other machines without TLS";
            warn("network.allow_cleartext", what.to_owned());
        }
        if self.ordering.url.is_none() {
            warn("ordering.url", "is not set, so payments are recorded and no ticket is issued".to_owned());
        }
        if self.credential.form == CodeFormat::Platform {
            warn("credential.form", "makes codes that anybody who knows an order can forge".to_owned());
        }
        let files = self.files.url.as_deref().and_then(|url| url.strip_prefix("file://")).map(Path::new);
        let keys = self.credential.keys_dir.as_deref();
        for (key, folder) in [("files.url", files), ("credential.keys_dir", keys)] {
            if let Some(folder) = folder.filter(|folder| !folder.exists()) {
                let folder = folder.display();
                warn(
                    key,
                    format!(
                        "{folder} does not exist, and a start creates it: if it is a volume, mount it first"
                    ),
                );
            }
        }
        for folder in self.document.fonts.iter().filter(|folder| !folder.is_dir()) {
            warn(
                "document.fonts",
                format!("{} is not a folder, so no font is read from it", folder.display()),
            );
        }
        for (key, file) in &self.secret_files {
            let mode = std::fs::metadata(file).map_or(0, |metadata| metadata.permissions().mode() & 0o777);
            if mode & 0o077 != 0 {
                let file = file.display();
                warn(key, format!("others can read {file} (mode {mode:04o}): run `chmod 600 {file}`"));
            }
        }
        found.extend(self.narrowed_tokens());
        found
    }
}
