//! Declares settings: one declaration of type, default and documentation gives the struct field, the commented default
//! file, the environment variable and the error message.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use fulfillment_domain::order::LocalTimes;
use fulfillment_domain::{Currency, Share, Spelling};
use zeroize::Zeroize;

use crate::address_range::AddressRange;
use crate::hosts::Host;
use crate::origins::WebOrigin;

/// A type that a setting can have. Every value is parsed from text, so that a file and the environment agree.
pub(crate) trait Setting: Sized {
    /// The expected value, to be read after "must be".
    const EXPECTED: &'static str;
    /// Whether the value must never be shown.
    const SECRET: bool = false;
    /// Parses the text.
    fn read(text: &str) -> Option<Self>;
    /// Its magnitude, for values that can be too small or too large.
    fn size(&self) -> Option<u128> {
        None
    }
}

macro_rules! settings {
    ($($type:ty, $expected:literal, $read:expr $(, $size:expr)?;)*) => {
        $(impl Setting for $type {
            const EXPECTED: &'static str = $expected;
            fn read(text: &str) -> Option<Self> {
                let read: fn(&str) -> Option<Self> = $read;
                read(text)
            }
            $(fn size(&self) -> Option<u128> {
                let size: fn(&Self) -> u128 = $size;
                Some(size(self))
            })?
        })*
    };
}

settings! {
    String, "text", |t| Some(t.to_owned());
    Option<String>, "text, or empty", |t| Some((!t.is_empty()).then(|| t.to_owned()));
    PathBuf, "a path", |t| (!t.is_empty()).then(|| t.into());
    Option<PathBuf>, "a path, or empty", |t| Some((!t.is_empty()).then(|| t.into()));
    bool, "true or false", |t| t.parse().ok();
    Option<bool>, "true, false, or empty", |t| if t.is_empty() { Some(None) } else { t.parse().ok().map(Some) };
    u32, "a whole number", |t| t.parse().ok(), |n| u128::from(*n);
    usize, "a whole number", |t| t.parse().ok(), |n| *n as u128;
    SocketAddr, "an address and a port, like 127.0.0.1:5004", |t| t.parse().ok();
    Duration, "a duration, like 500ms, 10s, 15min or 7days", |t| humantime::parse_duration(t).ok(),
        Duration::as_nanos;
    Option<Duration>, "a duration, like 90days, or empty",
        |t| if t.is_empty() { Some(None) } else { humantime::parse_duration(t).ok().map(Some) };
    Share, "a share from 0 to 1, with at most 6 decimals", |t| t.parse().ok();
    Spelling, "camelCase, snake_case or PascalCase", |t| t.parse().ok();
    LocalTimes, "zone or utc", |t| t.parse().ok();
    Currency, "an ISO 4217 code of three letters, like EUR", |t| t.parse().ok();
    Vec<AddressRange>, "addresses and networks separated by commas, like 10.0.0.0/8", AddressRange::list;
    Vec<Host>, "host names separated by commas, without ports and wildcards", Host::list;
    Vec<WebOrigin>, "origins of web pages separated by commas, like https://scanner.example or http://localhost:8080, \
        without a path, a slash at the end or a wildcard", WebOrigin::list;
    Vec<PathBuf>, "paths separated by commas",
        |t| Some(t.split(',').map(str::trim).filter(|p| !p.is_empty()).map(PathBuf::from).collect());
    HttpUrl, "an http:// or https:// URL", |t| HttpUrl::parse(t);
    Option<HttpUrl>, "an http:// or https:// URL, or empty",
        |t| if t.is_empty() { Some(None) } else { HttpUrl::parse(t).map(Some) };
    Bytes, "a size, like 512KiB, 1MiB or a number of bytes", Bytes::parse, |b| b.0 as u128;
}

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub usize);

impl Bytes {
    fn parse(text: &str) -> Option<Self> {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let shift = match unit.trim() {
            "" | "B" => 0,
            "KiB" => 10,
            "MiB" => 20,
            "GiB" => 30,
            _ => return None,
        };
        number.parse::<usize>().ok()?.checked_mul(1 << shift).map(Self)
    }
}

/// The base of an HTTP service, without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpUrl(String);

impl HttpUrl {
    /// Parses an address with a scheme and a host.
    pub fn parse(text: &str) -> Option<Self> {
        let url = url::Url::parse(text).ok()?;
        (matches!(url.scheme(), "http" | "https") && url.has_host())
            .then(|| Self(text.trim_end_matches('/').to_owned()))
    }

    /// As text, without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn has_password(&self) -> bool {
        url::Url::parse(&self.0).is_ok_and(|url| url.password().is_some())
    }

    pub(crate) fn host(&self) -> Option<Host> {
        Host::parse(url::Url::parse(&self.0).ok()?.host_str()?)
    }
}

/// A secret: never shown, wiped from memory when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Sensitive(String);

impl Sensitive {
    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Sensitive {
    fn from(secret: String) -> Self {
        Self(secret)
    }
}

impl std::fmt::Debug for Sensitive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sensitive(..)")
    }
}

impl Drop for Sensitive {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl Setting for Option<Sensitive> {
    const EXPECTED: &'static str = "a secret, or empty";
    const SECRET: bool = true;
    fn read(text: &str) -> Option<Self> {
        Some((!text.is_empty()).then(|| Sensitive(text.to_owned())))
    }
}

/// A setting, as its documentation shows it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    /// Its section.
    pub(crate) section: &'static str,
    /// Its name within.
    pub(crate) name: &'static str,
    /// The default, as text.
    pub(crate) default: &'static str,
    /// Its description, one line per entry.
    pub(crate) doc: &'static [&'static str],
    /// The expected value.
    pub(crate) expected: &'static str,
    /// The least and the greatest value; empty where there is no limit.
    pub(crate) bounds: &'static [&'static str],
    /// Whether it can also be read from a file, named by the key with `_file` appended.
    pub(crate) secret: bool,
}

impl Key {
    /// The environment variable: `FULFILLMENT_<SECTION>_<KEY>`.
    pub(crate) fn variable(&self) -> String {
        variable(self.section, self.name)
    }

    /// The names of its entries in a section: its own, and for a secret that of the file that contains it.
    pub(crate) fn entries(&self) -> impl Iterator<Item = String> {
        let file = self.secret.then(|| self.file_entry());
        std::iter::once(self.name.to_owned()).chain(file)
    }

    /// The entry that names the file of a secret.
    pub(crate) fn file_entry(&self) -> String {
        format!("{}_file", self.name)
    }
}

/// The variable of an entry: `FULFILLMENT_<SECTION>_<KEY>`.
pub(crate) fn variable(section: &str, entry: &str) -> String {
    format!("FULFILLMENT_{section}_{entry}").to_uppercase()
}

/// Declares a section: a struct, its keys, and how it is read.
macro_rules! section {
    (
        $(#[doc = $about:literal])*
        $name:ident in $section:literal {
            $($(#[doc = $doc:literal])* $field:ident: $type:ty = $default:literal
                $(from $least:literal to $most:literal)?;)*
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Debug, Clone)]
        pub struct $name {
            $($(#[doc = $doc])* pub $field: $type,)*
        }

        impl $name {
            pub(crate) const ABOUT: &'static [&'static str] = &[$($about),*];
            pub(crate) const KEYS: &'static [$crate::section::Key] = &[
                $($crate::section::Key {
                    section: $section,
                    name: stringify!($field),
                    default: $default,
                    doc: &[$($doc),*],
                    expected: <$type as $crate::section::Setting>::EXPECTED,
                    bounds: &[$($least, $most)?],
                    secret: <$type as $crate::section::Setting>::SECRET,
                },)*
            ];

            /// Takes the section's values out of `raw`; what cannot be read goes to `raw`'s problems.
            pub(crate) fn take(raw: &mut $crate::raw::Raw) -> Option<Self> {
                let mut keys = Self::KEYS.iter();
                $(let $field = keys.next().and_then(|key| raw.take::<$type>(key));)*
                Some(Self { $($field: $field?,)* })
            }
        }
    };
}
pub(crate) use section;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(Bytes::parse("1MiB"), Some(Bytes(1 << 20)));
        assert_eq!(Bytes::parse("512"), Some(Bytes(512)));
        for bad in ["", "1MB", "MiB", "-1", "99999999999999GiB"] {
            assert_eq!(Bytes::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn bases_lose_their_last_slash() {
        assert_eq!(HttpUrl::parse("http://a:1/b/").unwrap().as_str(), "http://a:1/b");
        for bad in ["a:1", "ftp://a", "http://", ""] {
            assert!(HttpUrl::parse(bad).is_none(), "{bad}");
        }
    }
}
