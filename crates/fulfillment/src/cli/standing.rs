//! Looks up whether codes were voided or replaced, and whether they are good although their key was revoked: in the
//! installation's store, or from a running service.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use fulfillment_config::{HttpUrl, Sensitive};
use fulfillment_credential::legacy::{PretixCode, PretixError, recorded_claims};
use fulfillment_credential::{Claims, Credential, Cti, DoorFeed, KeySet, Kid, PublicKey};
use fulfillment_store::{Registration, RevokedKey, Store};
use futures::{StreamExt as _, TryStreamExt as _};
use serde::Deserialize;
use serde_json::Value;

use super::Context;
use crate::error::CliError;

/// Concurrent requests for codes.
const CONCURRENCY: usize = 8;
const KEYS: &str = ".well-known/ticket-keys.json";
const REVOKED_KEYS: &str = ".well-known/revoked-ticket-keys.json";
const TIMEOUT: Duration = Duration::from_secs(10);

/// The source that is asked.
pub(super) enum Teller {
    Store(Arc<dyn Store>, Registration),
    Service(Service),
}

/// A running service, over HTTP.
pub(super) struct Service {
    url: HttpUrl,
    token: Option<Sensitive>,
    client: reqwest::Client,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    voided: bool,
    lowest_good_generation: u32,
    live: Option<Live>,
}

/// The rest of the code that the record has.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Live {
    generation: u8,
    category: u16,
    expires_at: i64,
}

/// The public keys that codes are judged by.
#[derive(Default)]
pub(super) struct PublicKeys {
    pub(super) good: KeySet,
    pub(super) revoked: KeySet,
}

impl PublicKeys {
    /// Takes the store's tombstones over: the folder may be a restored one.
    fn bar(&mut self, tombstones: &[RevokedKey]) {
        let keys = tombstones.iter().filter_map(|key| PublicKey::from_bytes(&key.public_key).ok());
        for key in keys {
            if self.good.get(key.kid()) == Some(&key) {
                self.good.remove(key.kid());
            }
            let _ = self.revoked.insert(key);
        }
    }

    /// Reads a pretix code by any of them.
    pub(super) fn read_pretix(&self, code: &str) -> Result<(PretixCode, Kid), PretixError> {
        PretixCode::read(code, &self.good).or_else(|_| PretixCode::read(code, &self.revoked))
    }
}

impl Teller {
    /// The store of the configuration, if there is one: a database that is named, or a file that exists. The keys that
    /// it says were revoked are, from now on.
    pub(super) async fn configured(
        context: &Context,
        keys: &mut PublicKeys,
    ) -> Result<Option<Self>, CliError> {
        let config = context.config()?;
        if config.store_file().is_some_and(|file| !file.exists()) {
            return Ok(None);
        }
        let store = context.store(&config).await?;
        let known = store.registration().await?;
        keys.bar(&known.revoked);
        Ok(Some(Self::Store(store, known)))
    }

    /// What is recorded about these codes; `None` where a store does not know their keys: another installation's cannot
    /// answer, and nothing is asked about no code.
    pub(super) async fn feed(
        &self,
        codes: &[Credential],
        keys: &PublicKeys,
    ) -> Result<Option<DoorFeed>, CliError> {
        let is_ours = |code: &Credential| match self {
            Self::Store(_, known) => known.keys.iter().any(|key| key.kid == code.kid.to_string()),
            Self::Service(_) => true,
        };
        if codes.is_empty() || !codes.iter().all(is_ours) {
            return Ok(None);
        }
        let asked: HashSet<_> = codes.iter().map(|c| (c.claims.cti, c.claims.event, c.kid)).collect();
        let answers = futures::stream::iter(asked).map(async |(cti, event, kid)| {
            let answer = self.ask(cti, event, kid, keys).await?;
            Ok::<_, CliError>((cti, event, kid, answer))
        });
        let answers: Vec<_> = answers.buffered(CONCURRENCY).try_collect().await?;
        let mut feed = DoorFeed::new();
        for (cti, event, kid, Answer { voided, lowest_good_generation, live }) in answers {
            // The generation in a code has no higher value.
            feed.supersede(cti, u8::try_from(lowest_good_generation).unwrap_or(u8::MAX));
            if voided {
                feed.void(cti);
            }
            if let (Some(Live { generation, category, expires_at }), Some(_)) = (live, keys.revoked.get(kid))
            {
                feed.keep(Claims { expires_at, cti, event, category, generation });
            }
        }
        Ok(Some(feed))
    }

    async fn ask(&self, cti: Cti, event: u32, kid: Kid, keys: &PublicKeys) -> Result<Answer, CliError> {
        match self {
            Self::Store(store, _) => {
                let known = store.code_standing(cti).await?;
                let code = store.live_code(&kid.to_string(), event, cti).await?;
                let claims = code.and_then(|code| recorded_claims(&code, &keys.revoked));
                Ok(Answer {
                    voided: known.voided,
                    lowest_good_generation: known.lowest_good_generation,
                    live: claims.map(|claims| Live {
                        generation: claims.generation,
                        category: claims.category,
                        expires_at: claims.expires_at,
                    }),
                })
            }
            Self::Service(service) => {
                service.get(&format!("codes/{}?kid={kid}&event={event}", hex::encode(cti))).await
            }
        }
    }
}

impl Service {
    /// The service at this address; `http.token` of the settings is sent with each request.
    pub(super) fn at(context: &Context, url: &str) -> Result<Self, CliError> {
        let wrong = || {
            CliError::misuse(format!("--service {url:?} is not an address like https://tickets.example.org"))
        };
        let url = HttpUrl::parse(url).ok_or_else(wrong)?;
        let client = reqwest::Client::builder().timeout(TIMEOUT).build().map_err(anyhow::Error::from)?;
        Ok(Self { url, token: context.config()?.http.token, client })
    }

    /// Where it publishes its keys.
    pub(super) fn keys_address(&self) -> String {
        format!("{}/{KEYS}", self.url.as_str())
    }

    /// The public keys that it publishes.
    pub(super) async fn keys(&self) -> Result<KeySet, CliError> {
        self.key_set(&self.get(KEYS).await?)
    }

    /// The revoked keys that it publishes; an earlier version publishes none.
    pub(super) async fn revoked_keys(&self) -> Result<KeySet, CliError> {
        let document = self.get_or_nothing(REVOKED_KEYS).await?;
        document.map_or_else(|| Ok(KeySet::default()), |document| self.key_set(&document))
    }

    fn key_set(&self, document: &Value) -> Result<KeySet, CliError> {
        KeySet::from_jwks(document)
            .map_err(|error| CliError::misuse(format!("the keys of {}: {error}", self.url.as_str())))
    }

    async fn get<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<T, CliError> {
        self.get_or_nothing(path).await?.ok_or_else(|| {
            CliError::misuse(format!(
                "{} has no route for codes; is it a fulfillment service of this version?",
                self.url.as_str()
            ))
        })
    }

    /// The answer; `None` for a route that it does not have.
    async fn get_or_nothing<T: serde::de::DeserializeOwned>(
        &self,
        path: &str,
    ) -> Result<Option<T>, CliError> {
        let base = self.url.as_str();
        let away = |error: reqwest::Error| {
            CliError::Unreachable(
                anyhow::Error::from(error.without_url()).context(format!("no answer from {base}")),
            )
        };
        let mut request = self.client.get(format!("{base}/{path}"));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose());
        }
        let answer = request.send().await.map_err(away)?;
        match answer.status().as_u16() {
            200 => answer.json().await.map(Some).map_err(away),
            401 | 403 => Err(CliError::misuse(format!(
                "{base} refuses this request: set FULFILLMENT_HTTP_TOKEN to a token with the scope door or read"
            ))),
            404 => Ok(None),
            status => Err(CliError::Unreachable(anyhow::anyhow!("{base} answers {status}"))),
        }
    }
}
