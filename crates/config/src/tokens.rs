//! Bearer tokens of the HTTP API: `http.token` and the `[[token]]` tables.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::lists::{check_name, leftovers, required, secret};
use super::raw::{Problem, Raw};
use super::section::Sensitive;
use super::{Config, Http};

fulfillment_domain::words! {
    /// What a token may do.
    pub enum Scope: "scope of a token" {
        /// Bring payments.
        Ingest = "ingest",
        /// Take tickets back: refunds, cancellations, voids.
        Withdraw = "withdraw",
        /// Read the state of tickets and orders, without personal data, codes and links.
        ReadStatus = "read:status",
        /// Read tickets and orders whole: personal data, codes, links, files.
        Read = "read",
        /// Follow events, which have personal data, codes and links.
        Events = "events",
        /// Say that a ticket was delivered.
        Deliver = "deliver",
        /// Check tickets in; ask whether codes were voided or replaced.
        Door = "door",
        /// See the names of holders at the door.
        DoorNames = "door:names",
        /// Overrule refusals at the doors, and see the list of check-ins.
        DoorSupervise = "door:supervise",
        /// Read metrics.
        Metrics = "metrics",
        /// Read what was recorded about the use of the service.
        Audit = "audit",
        /// Everything that changes how the service works; metrics too.
        Admin = "admin",
    }
}

/// The least length of a token.
pub const LEAST_TOKEN: usize = 32;

/// The name of `http.token` in logs and records.
const MAIN: &str = "http.token";

/// A bearer token, and the name that logs show in its place.
#[derive(Debug, Clone)]
pub struct NamedToken {
    /// Its name in logs.
    pub name: String,
    /// The token itself, unless the settings have its hash alone.
    pub token: Option<Sensitive>,
    /// Its SHA-256, by which it is found.
    pub sha256: [u8; 32],
    /// What it may do.
    pub scopes: BTreeSet<Scope>,
}

impl NamedToken {
    /// A token that is known itself.
    pub fn new(name: impl Into<String>, token: Sensitive, scopes: BTreeSet<Scope>) -> Self {
        let sha256 = token_hash(token.expose());
        Self { name: name.into(), token: Some(token), sha256, scopes }
    }

    fn is_short(&self) -> bool {
        self.token.as_ref().is_some_and(|token| token.expose().len() < LEAST_TOKEN)
    }

    /// Its place in the settings.
    fn place(&self) -> String {
        if self.name == MAIN { MAIN.to_owned() } else { format!("[[token]] {}", self.name) }
    }
}

/// The hash by which a token is found.
pub fn token_hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// `http.token` with every scope, then the `[[token]]` tables.
pub(super) fn tokens(raw: &mut Raw, http: Option<&Http>) -> Vec<NamedToken> {
    let all = || Scope::ALL.iter().copied().collect();
    let main = http.and_then(|http| http.token.clone()).map(|token| NamedToken::new(MAIN, token, all()));
    if let Some(token) = main.as_ref().and_then(|main| main.token.as_ref()) {
        check_token(raw, MAIN, token);
    }
    let mut tokens: Vec<NamedToken> = main.into_iter().collect();
    let broad = http.is_some_and(|http| http.broad_scopes == Some(true));
    for (i, mut entry) in raw.take_list("token").into_iter().enumerate() {
        let place = |key: &str| format!("token[{i}].{key}");
        let name = required(raw, &mut entry, "name", &place);
        let token = secret_or_hash(raw, &mut entry, &place);
        let scopes = scopes(raw, &mut entry, broad, &place);
        leftovers(raw, entry, &place, "name, token, token_file, token_sha256 and scopes");
        if let (Some(name), Some((token, sha256))) = (name, token) {
            check_name(raw, &place("name"), &name, tokens.iter().map(|t| &t.name));
            check_distinct(raw, &place, &name, &sha256, token.is_some(), &tokens);
            tokens.push(NamedToken { name, token, sha256, scopes });
        }
    }
    tokens
}

/// Refuses a token that another name has: logs and records could not tell the two apart, and one would have the scopes
/// of the other.
fn check_distinct(
    raw: &mut Raw,
    place: &dyn Fn(&str) -> String,
    name: &str,
    sha256: &[u8; 32],
    is_known: bool,
    others: &[NamedToken],
) {
    let Some(other) = others.iter().find(|other| other.sha256 == *sha256 && other.name != name) else {
        return;
    };
    let key = if is_known { "token" } else { "token_sha256" };
    raw.problem(
        place(key),
        format!("is the same token as {}: each name needs one of its own", other.place()),
    );
}

/// The token, here or in a file, or its hash alone.
fn secret_or_hash(
    raw: &mut Raw,
    entry: &mut BTreeMap<String, String>,
    place: &dyn Fn(&str) -> String,
) -> Option<(Option<Sensitive>, [u8; 32])> {
    let Some(text) = entry.remove("token_sha256").filter(|text| !text.is_empty()) else {
        let token = secret(raw, entry, "token", place)?;
        check_token(raw, &place("token"), &token);
        let sha256 = token_hash(token.expose());
        return Some((Some(token), sha256));
    };
    let given = ["token", "token_file"].into_iter().filter(|key| entry.remove(*key).is_some()).min();
    if let Some(key) = given {
        raw.problem(place("token_sha256"), format!("cannot be combined with {key}; keep one of them"));
        return None;
    }
    let sha256 = sha256(&text);
    if sha256.is_none() {
        let how = "printf %s \"$TOKEN\" | sha256sum";
        raw.problem(
            place("token_sha256"),
            format!("must be the SHA-256 of the token, 64 hexadecimal digits; try: {how}"),
        );
    }
    Some((None, sha256?))
}

/// 64 hexadecimal digits as bytes.
fn sha256(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> =
        text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    let bytes: Vec<u8> = pairs.iter().map(|[high, low]| high << 4 | low).collect();
    if rest.is_empty() { bytes.try_into().ok() } else { None }
}

fn scopes(
    raw: &mut Raw,
    entry: &mut BTreeMap<String, String>,
    broad: bool,
    place: &dyn Fn(&str) -> String,
) -> BTreeSet<Scope> {
    let mut scopes = BTreeSet::new();
    for word in entry.remove("scopes").unwrap_or_default().split(',').filter(|w| !w.is_empty()) {
        match word.trim().parse() {
            Ok(scope) => drop(scopes.insert(scope)),
            Err(_) => raw.problem(place("scopes"), format!("must be any of {}, not {word:?}", words())),
        }
    }
    if scopes.is_empty() {
        raw.problem(place("scopes"), format!("must name at least one of {}", words()));
    }
    for (scope, part, _) in NARROWED.into_iter().filter(|_| broad) {
        if scopes.contains(&scope) {
            scopes.insert(part);
        }
    }
    scopes
}

fn words() -> String {
    Scope::ALL.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(", ")
}

/// RFC 6750: a bearer token is visible ASCII. Any other could be configured, and would never match.
pub(super) fn check_token(raw: &mut Raw, key: &str, token: &Sensitive) {
    if !token.expose().bytes().all(|b| b.is_ascii_graphic()) {
        raw.problem(
            key,
            "must be ASCII letters, digits and punctuation without spaces, because it is sent in an HTTP header",
        );
    }
}

/// Scopes that earlier versions had included in others: what included them, and what needs them now.
const NARROWED: [(Scope, Scope, &str); 2] = [
    (Scope::Ingest, Scope::Withdraw, "refunds and cancellations"),
    (Scope::Read, Scope::Events, "GET /events"),
];

impl Config {
    /// Tokens that can be guessed, which keep a process from starting.
    pub(super) fn weak_tokens(&self) -> impl Iterator<Item = Problem> {
        let weak = self.tokens.iter().filter(|token| token.is_short());
        weak.map(|token| Problem {
            key: token.place(),
            message: format!(
                "is shorter than {LEAST_TOKEN} characters, so that it may be guessed: make another one, as by \
                 `openssl rand -hex 32`, or set http.allow_weak_tokens = true"
            ),
        })
    }

    /// Tokens in the settings that had more rights in earlier versions, unless `http.broad_scopes` says whether that is
    /// meant.
    pub fn narrowed_tokens(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for token in self.tokens.iter().filter(|_| self.http.broad_scopes.is_none()) {
            for (scope, part, what) in NARROWED {
                if token.scopes.contains(&scope) && !token.scopes.contains(&part) {
                    let message = format!(
                        "{scope} no longer includes {part}, so {what} with this token are answered 403: add {part} to \
                         its scopes if it needs that; http.broad_scopes = true restores it for all tokens, and false \
                         ends this warning"
                    );
                    problems.push(Problem { key: token.place(), message });
                }
            }
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(toml: &str) -> Result<Config, Vec<Problem>> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), toml).unwrap();
        Config::load_only(Some(file.path()), []).map_err(|bad| bad.problems)
    }

    fn token(scopes: &str) -> String {
        format!("[[token]]\nname = \"a\"\ntoken = \"{}\"\nscopes = [{scopes}]\n", "t".repeat(LEAST_TOKEN))
    }

    #[test]
    fn every_scope_has_its_word() {
        for scope in Scope::ALL {
            let config = load(&token(&format!("\"{scope}\""))).unwrap();
            assert_eq!(config.tokens[0].scopes, [*scope].into());
        }
        let wrong = load(&token("\"write\"")).unwrap_err();
        assert!(wrong[0].message.contains("read:status, read, events"), "{wrong:?}");
    }

    #[test]
    fn a_hash_stands_for_its_token() {
        let hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        let table = |lines: &str| load(&format!("[[token]]\nname = \"a\"\nscopes = [\"read\"]\n{lines}"));
        for text in [hash.to_owned(), hash.to_ascii_uppercase()] {
            let config = table(&format!("token_sha256 = \"{text}\"")).unwrap();
            let NamedToken { token, sha256, .. } = &config.tokens[0];
            assert_eq!((token.is_none(), *sha256), (true, token_hash("test")));
            assert!(config.exposures(true, false, &[]).is_empty(), "its length is not known");
        }
        for (lines, key) in [
            (format!("token_sha256 = \"{hash}\"\ntoken = \"x\""), "token[0].token_sha256"),
            (format!("token_sha256 = \"{hash}\"\ntoken_file = \"/dev/null\""), "token[0].token_sha256"),
            (format!("token_sha256 = \"{}\"", &hash[1..]), "token[0].token_sha256"),
            (format!("token_sha256 = \"{}+\"", &hash[1..]), "token[0].token_sha256"),
            (format!("token_sha256 = \"{hash}00\""), "token[0].token_sha256"),
            ("token_sha256 = \"\"".to_owned(), "token[0].token"),
        ] {
            let problems = table(&lines).unwrap_err();
            assert_eq!(problems.iter().map(|p| p.key.as_str()).collect::<Vec<_>>(), [key], "{lines}");
        }
    }

    #[test]
    fn a_token_has_one_name() {
        let value = "t".repeat(LEAST_TOKEN);
        let digits = token_hash(&value).map(|byte| format!("{byte:02x}"));
        let hash = digits.concat();
        let other = |line: &str| format!("[[token]]\nname = \"b\"\nscopes = [\"admin\"]\n{line}\n");
        for (line, key) in [
            (format!("token = \"{value}\""), "token[1].token"),
            (format!("token_sha256 = \"{hash}\""), "token[1].token_sha256"),
        ] {
            let problems = load(&(token("\"read\"") + &other(&line))).unwrap_err();
            let [problem] = &problems[..] else { panic!("{problems:?}") };
            assert_eq!(problem.key, key);
            assert!(problem.message.starts_with("is the same token as [[token]] a"), "{problem}");
            assert!(!problem.message.contains(&value), "no message has the token");
        }
        let main = format!("[http]\ntoken = \"{value}\"\n{}", token("\"read\""));
        let problems = load(&main).unwrap_err();
        assert_eq!(
            problems[0].to_string().split(": ").take(2).collect::<Vec<_>>(),
            ["token[0].token", "is the same token as http.token"]
        );
        assert!(load(&(token("\"read\"") + &other(&format!("token = \"u{value}\"")))).is_ok());
    }

    #[test]
    fn short_tokens_keep_a_process_from_starting() {
        let short = "t".repeat(LEAST_TOKEN - 1);
        let text = format!(
            "[http]\ntoken = \"{short}\"\n{}",
            token("\"read\"").replace(&"t".repeat(32), &short.replace('t', "u"))
        );
        let config = load(&text).unwrap();
        let keys = |config: &Config, serves| {
            config.exposures(serves, false, &[]).into_iter().map(|problem| problem.key).collect::<Vec<_>>()
        };
        for serves in [true, false] {
            assert_eq!(
                keys(&config, serves),
                ["http.token", "[[token]] a"],
                "metrics need a token in every role"
            );
        }
        let lifted = load(&text.replacen("[http]", "[http]\nallow_weak_tokens = true", 1)).unwrap();
        assert!(keys(&lifted, true).is_empty());
        assert!(lifted.warnings().iter().any(|warning| warning.key == "http.allow_weak_tokens"));
        let problems = config.exposures(true, false, &[]);
        assert!(problems.iter().all(|problem| !problem.message.contains(&short)), "no message has the token");
    }

    #[test]
    fn scopes_that_became_narrower_are_named() {
        let narrowed = |text: &str| {
            let problems = load(text).unwrap().narrowed_tokens();
            problems.into_iter().map(|p| p.message.split_once(',').unwrap().0.to_owned()).collect::<Vec<_>>()
        };
        let all = token("\"ingest\", \"read\", \"deliver\", \"admin\"");
        assert_eq!(narrowed(&all), ["ingest no longer includes withdraw", "read no longer includes events"]);
        assert!(narrowed(&token("\"ingest\", \"withdraw\", \"read\", \"events\"")).is_empty());
        assert!(narrowed(&format!("[http]\nbroad_scopes = false\n{all}")).is_empty());
        let broad = load(&format!("[http]\nbroad_scopes = true\n{all}")).unwrap();
        assert!(broad.narrowed_tokens().is_empty());
        let scopes = &broad.tokens[0].scopes;
        assert!(scopes.contains(&Scope::Withdraw) && scopes.contains(&Scope::Events));
        assert!(!scopes.contains(&Scope::Metrics), "admin suffices for them");
        let main = load("[http]\ntoken = \"x\"").unwrap();
        assert!(main.narrowed_tokens().is_empty() && main.tokens[0].scopes.len() == Scope::ALL.len());
    }

    #[test]
    fn tokens_in_the_store_close_a_public_url_too() {
        let config = load("[http]\npublic_url = \"https://tickets.example\"").unwrap();
        assert_eq!(config.exposures(true, false, &[]).len(), 1);
        assert!(config.exposures(true, true, &[]).is_empty());
    }
}
