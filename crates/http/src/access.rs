//! Authorization by named bearer tokens with scopes (RFC 6750).

use std::collections::BTreeSet;
use std::net::SocketAddr;

use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue};
use fulfillment_config::{Http, NamedToken, Scope};
use fulfillment_store::Actor;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::local::LocalUser;
use crate::problem::{Kind, Problem};
use crate::rates::Rates;

/// The tokens, and who needs none.
pub struct Access {
    tokens: Vec<Known>,
    without: WithoutToken,
    /// Requests by token.
    rates: Option<Rates<String>>,
}

/// Who is let in without a token.
enum WithoutToken {
    Nobody,
    /// No token is set, on a loopback address.
    LocalUser(LocalUser),
    /// No token is set, and a setting says so.
    Everybody,
}

/// A token, kept as a MAC: its comparison takes the same time whatever is sent.
struct Known {
    name: String,
    mac: [u8; 32],
    scopes: BTreeSet<Scope>,
}

/// The client of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Caller {
    /// The holder of a token.
    Token { name: String, scopes: BTreeSet<Scope> },
    /// Anyone, where no token is required.
    Anonymous,
}

impl Caller {
    /// For logs and records.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Token { name, .. } => name,
            Self::Anonymous => "anonymous",
        }
    }

    /// For the audit.
    pub(crate) fn actor(&self) -> Actor {
        Actor::http(self.name())
    }

    /// Refuses a caller whose token lacks a scope.
    fn require(&self, scope: Scope) -> Result<(), Problem> {
        match self {
            Self::Token { scopes, .. } if !scopes.contains(&scope) => {
                let word = scope.as_str();
                Err(Problem::new(Kind::Forbidden, format!("The token lacks the scope \"{word}\"."))
                    .with("scope", word))
            }
            Self::Token { .. } | Self::Anonymous => Ok(()),
        }
    }
}

impl Access {
    /// With `tokens`, each request needs one. Without any, a loopback address is open to this machine's user, and
    /// `http.allow_anonymous` opens any address to everybody; otherwise only the public routes are allowed.
    pub fn new(tokens: &[NamedToken], listen: SocketAddr, http: &Http) -> Self {
        let without = if !tokens.is_empty() {
            WithoutToken::Nobody
        } else if http.allow_anonymous {
            WithoutToken::Everybody
        } else if listen.ip().is_loopback() {
            WithoutToken::LocalUser(LocalUser::new(&http.hosts))
        } else {
            WithoutToken::Nobody
        };
        let known = |token: &NamedToken| Known {
            name: token.name.clone(),
            mac: keyed(token.token.expose()).finalize().into_bytes().into(),
            scopes: token.scopes.clone(),
        };
        Self { tokens: tokens.iter().map(known).collect(), without, rates: Rates::new(http.token_requests) }
    }

    /// The client that sends these headers, if its token has `scope`.
    pub(crate) fn require(&self, headers: &HeaderMap, scope: Scope) -> Result<Caller, Problem> {
        let caller = self.caller(headers)?;
        if let (Some(rates), Caller::Token { name, .. }) = (&self.rates, &caller) {
            rates.count(name, "http.token_requests")?;
        }
        caller.require(scope).map(|()| caller)
    }

    /// Whether the client has any right: by a token, or without where none is needed.
    pub(crate) fn is_insider(&self, headers: &HeaderMap) -> bool {
        self.caller(headers).is_ok()
    }

    /// Whether these headers have a valid token.
    pub(crate) fn is_known(&self, headers: &HeaderMap) -> bool {
        self.token_of(headers).is_some()
    }

    /// The holder of the token in these headers, if it is valid.
    pub(crate) fn token_of(&self, headers: &HeaderMap) -> Option<Caller> {
        self.caller(headers).ok().filter(|caller| matches!(caller, Caller::Token { .. }))
    }

    /// The client that sends these headers, whatever its scopes.
    fn caller(&self, headers: &HeaderMap) -> Result<Caller, Problem> {
        match &self.without {
            WithoutToken::Everybody => return Ok(Caller::Anonymous),
            WithoutToken::LocalUser(user) => return user.check(headers).map(|()| Caller::Anonymous),
            WithoutToken::Nobody => {}
        }
        let Some(token) = bearer(headers) else {
            return Err(self.unauthorized("Send a token as \"Authorization: Bearer <token>\"."));
        };
        // Every token is compared, so that the time does not reveal which one was similar.
        let mut found = None;
        for known in &self.tokens {
            if keyed(token).verify_slice(&known.mac).is_ok() {
                found = Some(known);
            }
        }
        let known = found.ok_or_else(|| self.unauthorized("The token is unknown."))?;
        Ok(Caller::Token { name: known.name.clone(), scopes: known.scopes.clone() })
    }

    fn unauthorized(&self, detail: &str) -> Problem {
        let detail = if self.tokens.is_empty() {
            "No token is configured: set http.token, or http.allow_anonymous = true."
        } else {
            detail
        };
        Problem::new(Kind::Unauthorized, detail)
            .header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"fulfillment\""))
    }
}

/// The bearer token of a request.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn keyed(token: &str) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    let mac = Hmac::<Sha256>::new_from_slice(b"fulfillment token").expect("HMAC takes a key of any length");
    mac.chain_update(token.as_bytes())
}
