//! E-mail addresses in one spelling, wherever and however they are written.

mod text;

use std::collections::BTreeSet;
use std::fmt;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// An address in its normal form: lower case, composed (NFC), the domain in ASCII (RFC 5891) and without a final dot.
/// Two spellings of one address are equal; what may be another person's address is not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    local: String,
    domain: String,
}

impl Address {
    /// The only address in a text; `None` when there is none, or more than one.
    pub fn only_in(text: &str) -> Option<Self> {
        let mut found = text::principal(text).into_iter();
        found.next().filter(|_| found.next().is_none())
    }

    /// Every address in a text, such as `Ada <ada@example.org>`, `mailto:ada@example.org` or a list.
    pub fn all_in(text: &str) -> BTreeSet<Self> {
        text::all(text)
    }

    /// Every address in a message: in the texts of JSON, however they are escaped, also of JSON in a text. Bytes that
    /// are not JSON count as text.
    pub fn all_in_message(bytes: &[u8]) -> BTreeSet<Self> {
        let mut found = BTreeSet::new();
        text::visit(bytes, &mut found);
        found
    }

    /// What similar addresses have in common: without a `+suffix`, dots, dashes and accents. They may be another person's.
    pub fn similar(&self) -> String {
        let local = self.local.split('+').next().filter(|l| !l.is_empty()).unwrap_or(&self.local);
        let plain = |c: &char| !is_combining_mark(*c) && !['.', '-', '_', '\''].contains(c);
        let local: String = local.nfkd().filter(plain).collect::<String>().to_uppercase().to_lowercase();
        let domain = match self.domain.as_str() {
            "googlemail.com" => "gmail.com",
            domain => domain.strip_prefix("www.").unwrap_or(domain),
        };
        format!("{local}@{domain}")
    }

    fn new(local: &str, domain: &str) -> Option<Self> {
        let domain = domain.trim_matches(['.', '-', '\u{3002}', '\u{ff0e}', '\u{ff61}']);
        if local.is_empty() || domain.is_empty() {
            return None;
        }
        // A domain that IDNA refuses is still a spelling that must be found.
        let domain = idna::domain_to_ascii(domain).unwrap_or_else(|_| lower(domain));
        Some(Self { local: lower(local), domain })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.domain)
    }
}

/// Lower case in composed form; each letter by itself, so that a final sigma is no other letter.
fn lower(text: &str) -> String {
    let lower = text.nfkc().flat_map(char::to_lowercase).map(|c| if c == 'ς' { 'σ' } else { c });
    lower.collect::<String>().nfc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> String {
        Address::only_in(text).map(|a| a.to_string()).unwrap_or_default()
    }

    #[test]
    fn spellings_of_one_address_are_equal() {
        for (spelling, normal) in [
            ("ada@example.org", "ada@example.org"),
            (" ADA@Example.ORG ", "ada@example.org"),
            ("ada@example.org.", "ada@example.org"),
            ("Ada Lovelace <ada@example.org>", "ada@example.org"),
            ("\"Lovelace, Ada\" <ada@example.org>", "ada@example.org"),
            ("ada@example.org (Ada)", "ada@example.org"),
            ("mailto:ada@example.org?subject=tickets", "ada@example.org"),
            ("MAILTO:ada%2Btickets@example.org", "ada+tickets@example.org"),
            ("mailto:ada%40example.org", "ada@example.org"),
            ("\"ada\"@example.org", "ada@example.org"),
            ("'ada@example.org'", "ada@example.org"),
            ("o'brien@example.org", "o'brien@example.org"),
            ("ZO\u{cb}@example.org", "zo\u{eb}@example.org"),
            ("zoe\u{308}@example.org", "zo\u{eb}@example.org"),
            ("ada@B\u{fc}cher.example", "ada@xn--bcher-kva.example"),
            ("ada@bu\u{308}cher.example", "ada@xn--bcher-kva.example"),
            ("ada@XN--BCHER-KVA.example", "ada@xn--bcher-kva.example"),
            ("ada@example\u{3002}org", "ada@example.org"),
            ("ada\u{ff20}example.org", "ada@example.org"),
            ("\u{200b}ada@exam\u{ad}ple.org", "ada@example.org"),
            (
                "\u{39d}\u{399}\u{39a}\u{39f}\u{3a3}@example.org",
                "\u{3bd}\u{3b9}\u{3ba}\u{3bf}\u{3c3}@example.org",
            ),
        ] {
            assert_eq!(one(spelling), normal, "{spelling}");
        }
        for none in ["", "%", "ada", "@", "ada@", "@example.org", "ada@example.org, bob@example.org"] {
            assert_eq!(one(none), "", "{none}");
        }
    }

    #[test]
    fn what_may_be_another_person_is_only_similar() {
        let similar = |text: &str| Address::only_in(text).unwrap().similar();
        for (a, b) in [
            ("ada@example.org", "ada+tickets@example.org"),
            ("ada.lovelace@gmail.com", "adalovelace@googlemail.com"),
            ("zo\u{eb}@example.org", "zoe@example.org"),
            ("stra\u{df}e@example.org", "STRASSE@example.org"),
        ] {
            assert_ne!(one(a), one(b));
            assert_eq!(similar(a), similar(b), "{a} and {b}");
        }
        assert_ne!(similar("ada@example.org"), similar("ida@example.org"));
        assert_ne!(similar("ada@example.org"), similar("ada@example.com"));
        assert_eq!(similar("+ada@example.org"), "+ada@example.org");
    }
}
