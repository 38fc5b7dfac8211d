//! Authorization by named bearer tokens with scopes (RFC 6750), from the settings and from the store.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue};
use fulfillment_config::{Http, NamedToken, Scope, WebOrigin, token_hash};
use fulfillment_domain::Clock;
use fulfillment_store::{Actor, DeviceState};
use jiff::Timestamp;
use tracing::warn;

use crate::device::{self, Device};
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
    /// The web pages that may use doors.
    pub(crate) door_origins: Vec<WebOrigin>,
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

    /// The device that the client is.
    pub(crate) fn device(&self) -> Option<&Device> {
        match self {
            Self::Token(token) => token.device.as_ref(),
            Self::Anonymous => None,
        }
    }

    /// Whether the client is a device that was revoked, or had expired, at this time.
    pub(crate) fn had_ended(&self, at: Timestamp) -> bool {
        let Self::Token(token) = self else { return false };
        token.device.is_some() && token.expires_at.is_some_and(|end| end <= at)
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
    /// A device that was revoked or has expired: it may upload.
    Ended(Arc<Token>),
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
            (sha256, Arc::new(Token { name, scopes, expires_at: None, stored: None, device: None }))
        });
        let (tokens, rates): (HashMap<_, _>, _) = (known.collect(), Rates::new(http.token_requests));
        let of_store = stored.snapshot();
        for token in tokens.values().filter(|token| of_store.tokens.values().any(|s| s.name == token.name)) {
            warn!(
                token = token.name,
                "the settings and the store each have a token of this name; logs mix them up"
            );
        }
        let door_origins = http.door_origins.clone();
        Self { tokens, stored, clock, without, rates, tries: FailedTries::default(), door_origins }
    }

    /// The client that sends these headers, if its token has one of these scopes. The first is the narrowest that
    /// suffices, and named to a client without it. No device is let in.
    pub(crate) fn require(&self, headers: &HeaderMap, any: &[Scope]) -> Result<Caller, Problem> {
        let caller = self.admit(self.caller(headers)?, any)?;
        if caller.device().is_some() {
            let detail =
                "The token is a device's: it is for check-ins at the door of its event, and its feed.";
            return Err(Problem::new(Kind::Forbidden, detail));
        }
        Ok(caller)
    }

    /// The same about an event: also a device that was enrolled for it.
    pub(crate) fn require_at(
        &self,
        headers: &HeaderMap,
        any: &[Scope],
        event: &str,
    ) -> Result<Caller, Problem> {
        self.at_event(headers, self.caller(headers)?, any, event)
    }

    /// The same for what devices alone are given.
    pub(crate) fn require_device(&self, headers: &HeaderMap, event: &str) -> Result<Caller, Problem> {
        let caller = self.require_at(headers, &[Scope::Door], event)?;
        if caller.device().is_none() {
            let detail = "Ticket numbers and their key are for enrolled devices only: enrol one with `fulfillment door \
                          device new`, and send its token.";
            return Err(Problem::new(Kind::Forbidden, detail));
        }
        Ok(caller)
    }

    /// The same for scans: also a device that may only upload, which has [ended](Self::has_ended).
    pub(crate) fn require_scanner(&self, headers: &HeaderMap, event: &str) -> Result<Caller, Problem> {
        let caller = match self.find(headers, &self.stored.snapshot()) {
            Found::Ended(token) => Caller::Token(token),
            _ => self.caller(headers)?,
        };
        self.at_event(headers, caller, &[Scope::Door], event)
    }

    fn at_event(
        &self,
        headers: &HeaderMap,
        caller: Caller,
        any: &[Scope],
        event: &str,
    ) -> Result<Caller, Problem> {
        let caller = self.admit(caller, any)?;
        if let Some(device) = caller.device() {
            device.check_event(event)?;
            self.note(&caller, device::state_of(headers));
        }
        Ok(caller)
    }

    /// Notes a contact of a device.
    pub(crate) fn note(&self, caller: &Caller, state: DeviceState) {
        if let Caller::Token(token) = caller
            && let (Some(_), Some(sha256)) = (&token.device, token.stored)
        {
            self.stored.contacts.note(sha256, self.clock.now(), state);
        }
    }

    /// Refuses a device that has ended what is no upload.
    pub(crate) fn check_upload(&self, caller: &Caller, is_upload: bool) -> Result<(), Problem> {
        if is_upload || !caller.had_ended(self.clock.now()) { Ok(()) } else { Err(unauthorized(ENDED)) }
    }

    /// Refuses a code that enrols no device, as late as a token that is not valid.
    pub(crate) async fn refuse_code(&self, client: Option<IpAddr>) -> Problem {
        let Some(_place) = self.tries.hold() else {
            self.tries.note(client, Reason::Crowded);
            return crowded();
        };
        tokio::time::sleep(DELAY).await;
        self.tries.note(client, Reason::Unknown);
        unauthorized(
            "The code is unknown, was used, was revoked, or is older than 15 minutes: ask for another one \
             (`fulfillment door device new`).",
        )
    }

    fn admit(&self, caller: Caller, any: &[Scope]) -> Result<Caller, Problem> {
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
        self.caller(headers).is_ok_and(|caller| caller.device().is_none())
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
        match snapshot.tokens.get(hash).or_else(|| snapshot.devices.get(hash)) {
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
            return Err(crowded());
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
            Found::Ended(_) => ENDED,
            Found::Invalid(Reason::Expired) => "The token has expired.",
            // It may have been made since the store was read.
            Found::Invalid(_) if !snapshot.is_fresh() => return Err(unsure()),
            Found::Invalid(_) => "The token is unknown, or was revoked.",
        };
        Err(unauthorized(detail))
    }

    /// Whom the headers name. Where no token is needed, everybody but devices is anonymous, whatever is sent.
    fn find(&self, headers: &HeaderMap, snapshot: &Snapshot) -> Found {
        let token = bearer(headers);
        let hash = token.map(token_hash);
        if let Some(device) = hash.as_ref().and_then(|hash| snapshot.devices.get(hash)) {
            let device = Arc::clone(device);
            return if self.is_over(&device) {
                Found::Ended(device)
            } else {
                Found::Caller(Caller::Token(device))
            };
        }
        let open = match self.without {
            WithoutToken::Nobody => false,
            WithoutToken::LocalUser(_) => !snapshot.any,
            WithoutToken::Everybody => snapshot.tokens.is_empty(),
        };
        // A device that is not known must not become somebody who may do anything.
        let is_of_device = token.is_some_and(|token| token.starts_with(device::PREFIX));
        if self.tokens.is_empty() && open && !is_of_device {
            return Found::Caller(Caller::Anonymous);
        }
        let Some(hash) = hash else { return Found::None };
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

/// Why a device is refused all but uploads.
const ENDED: &str = "The device was revoked or has expired: for thirty days it may upload the scans that it made without \
     a network, and nothing else.";

fn unauthorized(detail: &str) -> Problem {
    Problem::new(Kind::Unauthorized, detail)
        .header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"fulfillment\""))
}

fn crowded() -> Problem {
    Problem::new(Kind::TooManyRequests, "Too many requests came with tokens that are not valid.")
        .retry_after(1)
}

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
