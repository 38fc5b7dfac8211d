//! Origins of web pages, as browsers name them.

/// The origin of a web page (RFC 6454): scheme, host, and port where it is not the scheme's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebOrigin(String);

impl WebOrigin {
    /// Reads an origin. What is more than an origin is refused: whoever writes a path, a user or a wildcard means something
    /// that browsers do not name.
    fn parse(text: &str) -> Option<Self> {
        let (_, authority) = text.split_once("://")?;
        if authority.contains(|c: char| "/\\?#@*%".contains(c) || c.is_whitespace()) {
            return None;
        }
        let url = url::Url::parse(text).ok()?;
        (matches!(url.scheme(), "http" | "https") && url.has_host())
            .then(|| Self(url.origin().ascii_serialization()))
    }

    /// Reads origins separated by commas.
    pub(crate) fn list(text: &str) -> Option<Vec<Self>> {
        text.split(',').map(str::trim).filter(|origin| !origin.is_empty()).map(Self::parse).collect()
    }

    /// As browsers send it in the header `Origin`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_those_that_browsers_send() {
        for (written, sent) in [
            ("https://scanner.example", "https://scanner.example"),
            ("HTTPS://Scanner.Example:443", "https://scanner.example"),
            ("http://localhost:8080", "http://localhost:8080"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("https://türen.example", "https://xn--tren-0ra.example"),
        ] {
            assert_eq!(WebOrigin::parse(written).as_ref().map(WebOrigin::as_str), Some(sent), "{written}");
        }
        for bad in [
            "*",
            "null",
            "scanner.example",
            "https://",
            "https://*.example",
            "https://scanner.example/",
            "https://scanner.example/app",
            "https://scanner.example?x",
            "https://scanner.example#x",
            "https://a@scanner.example",
            "https://scanner.example:99999",
            "https:scanner.example",
            "ftp://scanner.example",
            "file:///app",
            "chrome-extension://abc",
            "https://a b",
        ] {
            assert_eq!(WebOrigin::parse(bad), None, "{bad}");
        }
        assert_eq!(WebOrigin::list(" https://a.example , http://b:1 ").map(|list| list.len()), Some(2));
        assert_eq!(WebOrigin::list("").map(|list| list.len()), Some(0));
        assert_eq!(WebOrigin::list("https://a.example,*"), None);
    }
}
