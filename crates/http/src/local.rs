//! Whether a request comes from this machine's user, where no token protects the service.
//!
//! A loopback address alone does not show that. A web page can give its own host name the address 127.0.0.1 (DNS
//! rebinding) or send requests to it from another origin, and a reverse proxy on this machine passes on the requests of
//! others. Each shows in a header.

use axum::extract::Request;
use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::{Authority, Scheme};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use axum::middleware::Next;
use axum::response::Response;
use fulfillment_config::Host;

use crate::problem::{Kind, Problem};

/// Headers that proxies add, besides `X-Forwarded-...`.
const PROXIED: [&str; 3] = ["forwarded", "x-real-ip", "via"];

/// The names that this machine's user may call the service by.
pub(crate) struct LocalUser {
    hosts: Vec<Host>,
}

impl LocalUser {
    /// `hosts` besides localhost and the loopback addresses.
    pub(crate) fn new(hosts: &[Host]) -> Self {
        Self { hosts: hosts.to_vec() }
    }

    /// Refuses a request that shows signs of somebody else.
    pub(crate) fn check(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let proxied =
            |name: &&HeaderName| PROXIED.contains(&name.as_str()) || name.as_str().starts_with("x-forwarded");
        if let Some(name) = headers.keys().find(proxied) {
            return Err(refusal(
                name.as_str(),
                "shows that a proxy passed the request on",
                "set http.token, or http.allow_anonymous = true if everybody may do everything",
            ));
        }
        let to_add = "set http.token, or add the name to http.hosts if it is this machine's own";
        if headers.get(HOST).is_none() {
            return Err(refusal("host", "is missing", "send it"));
        }
        if headers.get_all(HOST).iter().any(|host| !self.is_own(authority(host))) {
            return Err(refusal("host", "names another machine than this one", to_add));
        }
        if headers.get_all(ORIGIN).iter().any(|origin| !self.is_own(origin_of(origin))) {
            return Err(refusal("origin", "names a web page of another site", to_add));
        }
        Ok(())
    }

    fn is_own(&self, host: Option<Host>) -> bool {
        host.is_some_and(|host| host.is_loopback() || self.hosts.contains(&host))
    }
}

fn refusal(header: &str, fault: &str, remedy: &str) -> Problem {
    let detail = format!(
        "No token is set, so the service answers this machine's user only, and the header {header} {fault}: {remedy}."
    );
    Problem::new(Kind::NotLocal, detail).with("header", header)
}

/// The host of a `Host` header. A user name before it is refused: no client sends one.
fn authority(value: &HeaderValue) -> Option<Host> {
    let text = value.to_str().ok().filter(|text| !text.contains('@'))?;
    Host::parse(text.parse::<Authority>().ok()?.host())
}

/// The host of an `Origin` header. `null`, the origin of sandboxed pages and files, has none.
fn origin_of(value: &HeaderValue) -> Option<Host> {
    let origin: Uri = value.to_str().ok()?.parse().ok()?;
    let web = [Scheme::HTTP, Scheme::HTTPS].iter().any(|scheme| origin.scheme() == Some(scheme));
    Host::parse(origin.host().filter(|_| web)?)
}

/// Makes the `Host` header name the host that the request is for: a request target with a host replaces the header
/// (RFC 9112, 3.2.2), and HTTP/2 has no other place for it.
pub(crate) async fn name_host(mut request: Request, next: Next) -> Response {
    let target = request.uri().authority().map(|authority| HeaderValue::try_from(authority.as_str()));
    if let Some(Ok(host)) = target {
        request.headers_mut().insert(HOST, host);
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The header that a request with these is refused for.
    fn refused(headers: &[(&'static str, &str)]) -> Option<String> {
        let hosts = [Host::parse("tickets.internal").unwrap()];
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect();
        let problem = LocalUser::new(&hosts).check(&headers).err()?;
        Some(problem.extension("header").unwrap().as_str().unwrap().to_owned())
    }

    #[test]
    fn own_names_with_any_port() {
        for host in [
            "localhost",
            "LOCALHOST:5004",
            "a.localhost:1",
            "127.0.0.1:5004",
            "127.1.2.3",
            "[::1]:5004",
            "[::1]",
            "tickets.internal",
            "Tickets.Internal.:80",
        ] {
            assert_eq!(refused(&[("host", host)]), None, "{host}");
            let origin = format!("http://{host}");
            assert_eq!(refused(&[("host", "localhost"), ("origin", &origin)]), None, "{origin}");
        }
    }

    #[test]
    fn the_names_of_others() {
        for host in [
            "",
            "evil.example",
            "localhost.evil.example:5004",
            "evil.example:localhost",
            "localhost@evil.example",
            "evil.example@localhost",
            "10.0.0.1:5004",
            "[::2]",
            "localhost, evil.example",
        ] {
            assert_eq!(refused(&[("host", host)]).as_deref(), Some("host"), "{host}");
        }
        assert_eq!(refused(&[]).as_deref(), Some("host"));
        assert_eq!(refused(&[("host", "localhost"), ("host", "evil.example")]).as_deref(), Some("host"));
        for origin in [
            "null",
            "http://evil.example",
            "https://localhost.evil.example",
            "file://localhost",
            "localhost",
            "chrome-extension://localhost",
            "http://localhost http://evil.example",
        ] {
            let said = refused(&[("host", "localhost"), ("origin", origin)]);
            assert_eq!(said.as_deref(), Some("origin"), "{origin}");
        }
        for name in
            ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via"]
        {
            assert_eq!(refused(&[("host", "localhost"), (name, "")]).as_deref(), Some(name));
        }
    }
}
