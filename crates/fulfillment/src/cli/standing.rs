//! Looks up whether codes were voided or replaced: in the installation's store, or from a running service.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use fulfillment_config::{HttpUrl, Sensitive};
use fulfillment_credential::{Cti, DoorFeed, KeySet};
use fulfillment_store::Store;
use futures::{StreamExt as _, TryStreamExt as _};
use serde::Deserialize;
use serde_json::Value;

use super::Context;
use crate::error::CliError;

/// Concurrent requests for codes.
const CONCURRENCY: usize = 8;
const KEYS: &str = ".well-known/ticket-keys.json";
const TIMEOUT: Duration = Duration::from_secs(10);

/// The source that is asked.
pub(super) enum Teller {
    Store(Arc<dyn Store>),
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
}

impl Teller {
    /// The store of the configuration, if there is one (a database that is named, or a file that exists) and it knows
    /// these keys: another installation's store cannot answer.
    pub(super) async fn configured(
        context: &Context,
        kids: &BTreeSet<String>,
    ) -> Result<Option<Self>, CliError> {
        let config = context.config()?;
        if config.store_file().is_some_and(|file| !file.exists()) {
            return Ok(None);
        }
        let store = context.store(&config).await?;
        let known = store.registration().await?.keys;
        let ours = kids.iter().all(|kid| known.iter().any(|key| key.kid == *kid));
        Ok(ours.then_some(Self::Store(store)))
    }

    /// What is recorded against codes of these ids.
    pub(super) async fn feed(&self, ids: impl IntoIterator<Item = Cti>) -> Result<DoorFeed, CliError> {
        let answers =
            futures::stream::iter(ids).map(async |cti| self.ask(cti).await.map(|known| (cti, known)));
        let answers: Vec<_> = answers.buffered(CONCURRENCY).try_collect().await?;
        let mut feed = DoorFeed::new();
        for (cti, Answer { voided, lowest_good_generation }) in answers {
            // The generation in a code has no higher value.
            feed.supersede(cti, u8::try_from(lowest_good_generation).unwrap_or(u8::MAX));
            if voided {
                feed.void(cti);
            }
        }
        Ok(feed)
    }

    async fn ask(&self, cti: Cti) -> Result<Answer, CliError> {
        match self {
            Self::Store(store) => {
                let known = store.code_standing(cti).await?;
                let lowest_good_generation = known.lowest_good_generation;
                Ok(Answer { voided: known.voided, lowest_good_generation })
            }
            Self::Service(service) => service.get(&format!("codes/{}", hex::encode(cti))).await,
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
        let document: Value = self.get(KEYS).await?;
        KeySet::from_jwks(&document)
            .map_err(|error| CliError::misuse(format!("the keys of {}: {error}", self.url.as_str())))
    }

    async fn get<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<T, CliError> {
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
            200 => answer.json().await.map_err(away),
            401 | 403 => Err(CliError::misuse(format!(
                "{base} refuses this request: set FULFILLMENT_HTTP_TOKEN to a token with the scope door or read"
            ))),
            404 => Err(CliError::misuse(format!(
                "{base} has no route for codes; is it a fulfillment service of this version?"
            ))),
            status => Err(CliError::Unreachable(anyhow::anyhow!("{base} answers {status}"))),
        }
    }
}
