//! Authorization by named bearer tokens with scopes (RFC 6750), from the settings and from the store.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue};
use fulfillment_config::{Http, NamedToken, Scope, token_hash};
use fulfillment_domain::Clock;
use fulfillment_store::Actor;
use tracing::warn;

use crate::local::LocalUser;
use crate::problem::{Kind, Problem};
use crate::rates::Rates;
use crate::stored_tokens::{Snapshot, StoredTokens};
use crate::token::Token;
use crate::tries::{FailedTries, Reason};

/// The tokens, and who needs none.
pub struct Access {
    /// Those of the settings, by their hashes: comparing hashes tells nothing about a token.
    tokens: HashMap<[u8; 32], Arc<Token>>,
    stored: Arc<StoredTokens>,
    clock: Arc<dyn Clock>,
    without: WithoutToken,
    /// Requests by token.
    rates: Option<Rates<String>>,
    tries: FailedTries,
}

/// Who is let in while there are no tokens.
enum WithoutToken {
    Nobody,
    /// On a loopback address, until the store has had a token.
    LocalUser(LocalUser),
    /// A setting says so.
    Everybody,
}

/// The client of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Caller {
    /// The holder of a token.
    Token(Arc<Token>),
    /// Anyone, where no token is required.
    Anonymous,
}

impl Caller {
    /// For logs and records.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Token(token) => &token.name,
            Self::Anonymous => "anonymous",
        }
    }

    /// For the audit.
    pub(crate) fn actor(&self) -> Actor {
        Actor::http(self.name())
    }

    /// Whether the client has one of these scopes.
    pub(crate) fn has(&self, any: &[Scope]) -> bool {
        match self {
            Self::Token(token) => any.iter().any(|scope| token.scopes.contains(scope)),
            Self::Anonymous => true,
        }
    }

    /// Refuses a caller whose token has none of these scopes. The first is the narrowest that suffices.
    fn require(&self, any: &[Scope]) -> Result<(), Problem> {
        if self.has(any) {
            return Ok(());
        }
        let word = any.first().map_or("", |scope| scope.as_str());
        Err(Problem::new(Kind::Forbidden, format!("The token lacks the scope \"{word}\"."))
            .with("scope", word))
    }
}

/// What is known of a caller that was let in before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Good,
    /// The store has not been read lately: the token may have been revoked.
    Unsure,
    /// Revoked or expired.
    Ended,
}

/// What the headers of a request say.
enum Found {
    Caller(Caller),
    /// No token, where one is needed.
    None,
    /// A token that is not valid.
    Invalid(Reason),
}

impl Access {
    /// With a token in the settings, or a valid one in the store, each request needs one. Without any,
    /// `http.allow_anonymous` opens every address to everybody, and a loopback address is open to this machine's user as
    /// long as the store has never had a token: revoking the last one must not open the service. Otherwise only the
    /// public routes are allowed.
    pub fn new(
        tokens: &[NamedToken],
        listen: SocketAddr,
        http: &Http,
        stored: Arc<StoredTokens>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let without = if http.allow_anonymous {
            WithoutToken::Everybody
        } else if listen.ip().is_loopback() {
            WithoutToken::LocalUser(LocalUser::new(&http.hosts))
        } else {
            WithoutToken::Nobody
        };
        let known = tokens.iter().map(|token| {
            let NamedToken { name, sha256, scopes, .. } = token.clone();
            (sha256, Arc::new(Token { name, scopes, expires_at: None, stored: None }))
        });
        let (tokens, rates): (HashMap<_, _>, _) = (known.collect(), Rates::new(http.token_requests));
        let of_store = stored.snapshot();
        for token in tokens.values().filter(|token| of_store.tokens.values().any(|s| s.name == token.name)) {
            warn!(
                token = token.name,
                "the settings and the store each have a token of this name; logs mix them up"
            );
        }
        Self { tokens, stored, clock, without, rates, tries: FailedTries::default() }
    }

    /// The client that sends these headers, if its token has one of these scopes. The first is the narrowest that
    /// suffices, and named to a client without it.
    pub(crate) fn require(&self, headers: &HeaderMap, any: &[Scope]) -> Result<Caller, Problem> {
        let caller = self.caller(headers)?;
        if let (Some(rates), Caller::Token(token)) = (&self.rates, &caller) {
            rates.count(&token.name, "http.token_requests")?;
        }
        caller.require(any)?;
        // Numbers alone are no reason to be blind while the store is away.
        if self.standing(&caller) == Standing::Unsure && !any.contains(&Scope::Metrics) {
            return Err(unsure());
        }
        Ok(caller)
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
        self.caller(headers).ok().filter(|caller| matches!(caller, Caller::Token(_)))
    }

    /// Whether a caller that was let in before would be let in now.
    pub(crate) fn standing(&self, caller: &Caller) -> Standing {
        let Caller::Token(token) = caller else { return Standing::Good };
        let Some(hash) = &token.stored else { return Standing::Good };
        let snapshot = self.stored.snapshot();
        match snapshot.tokens.get(hash) {
            Some(token) if !self.is_over(token) => {
                if snapshot.is_fresh() {
                    Standing::Good
                } else {
                    Standing::Unsure
                }
            }
            _ => Standing::Ended,
        }
    }

    /// Holds back the answer to a request whose token is not valid, so that guessing is slow: only that answer, and
    /// within that time a token that was made just now is found. Refuses the request if too many are held back.
    pub(crate) async fn hold_back(&self, headers: &HeaderMap, client: Option<IpAddr>) -> Result<(), Problem> {
        let Found::Invalid(reason) = self.find(headers, &self.stored.snapshot()) else { return Ok(()) };
        let Some(_place) = self.tries.hold() else {
            self.tries.note(client, Reason::Crowded);
            let detail = "Too many requests came with tokens that are not valid.";
            return Err(Problem::new(Kind::TooManyRequests, detail).retry_after(1));
        };
        let valid =
            self.stored.until(DELAY, |snapshot| !matches!(self.find(headers, snapshot), Found::Invalid(_)));
        if !valid.await {
            self.tries.note(client, reason);
        }
        Ok(())
    }

    /// The client that sends these headers, whatever its scopes.
    fn caller(&self, headers: &HeaderMap) -> Result<Caller, Problem> {
        let snapshot = self.stored.snapshot();
        let detail = match self.find(headers, &snapshot) {
            Found::Caller(Caller::Anonymous) => return self.nobody(headers).map(|()| Caller::Anonymous),
            Found::Caller(caller) => return Ok(caller),
            Found::None if self.tokens.is_empty() && !snapshot.any => {
                "No token is configured: set http.token, make one by `fulfillment token new`, or set \
                 http.allow_anonymous = true."
            }
            Found::None => "Send a token as \"Authorization: Bearer <token>\".",
            Found::Invalid(Reason::Expired) => "The token has expired.",
            // It may have been made since the store was read.
            Found::Invalid(_) if !snapshot.is_fresh() => return Err(unsure()),
            Found::Invalid(_) => "The token is unknown, or was revoked.",
        };
        Err(Problem::new(Kind::Unauthorized, detail)
            .header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"fulfillment\"")))
    }

    /// Whom the headers name. Where no token is needed, everybody is anonymous, whatever is sent.
    fn find(&self, headers: &HeaderMap, snapshot: &Snapshot) -> Found {
        let open = match self.without {
            WithoutToken::Nobody => false,
            WithoutToken::LocalUser(_) => !snapshot.any,
            WithoutToken::Everybody => snapshot.tokens.is_empty(),
        };
        if self.tokens.is_empty() && open {
            return Found::Caller(Caller::Anonymous);
        }
        let Some(token) = bearer(headers) else { return Found::None };
        let hash = token_hash(token);
        let known = self.tokens.get(&hash).or_else(|| snapshot.tokens.get(&hash));
        match known {
            Some(token) if self.is_over(token) => Found::Invalid(Reason::Expired),
            Some(token) => Found::Caller(Caller::Token(Arc::clone(token))),
            None => Found::Invalid(Reason::Unknown),
        }
    }

    /// Refuses a client without a token that is not this machine's user, where only that one is let in.
    fn nobody(&self, headers: &HeaderMap) -> Result<(), Problem> {
        match &self.without {
            WithoutToken::LocalUser(user) => user.check(headers),
            WithoutToken::Nobody | WithoutToken::Everybody => Ok(()),
        }
    }

    fn is_over(&self, token: &Token) -> bool {
        token.expires_at.is_some_and(|end| end <= self.clock.now())
    }
}

/// How long the answer to a token that is not valid is held back.
const DELAY: Duration = Duration::from_millis(500);

/// A revoked token must not be let in because the store cannot be read, nor a good one be called unknown.
fn unsure() -> Problem {
    let detail =
        "The store cannot be read, so it is not known whether the token is valid. Send the request again.";
    Problem::new(Kind::StoreUnavailable, detail).retry_after(5)
}

/// The bearer token of a request.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
