//! Repeated tables of the configuration: what they share, and `[[webhook]]`.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Webhook;
use super::raw::{Raw, both, secret_in};
use super::section::{HttpUrl, Sensitive, Setting};

/// The name of the webhook that `webhook.url` sets.
pub(super) const SINGLE: &str = "default";

/// A webhook that events are posted to.
#[derive(Debug, Clone)]
pub struct WebhookTarget {
    /// The destination's name in the store: it must not change while events wait for it.
    pub name: String,
    /// The address to post to.
    pub url: HttpUrl,
    /// The secret that posts are signed with.
    pub secret: Sensitive,
}

pub(super) fn check_name<'a>(
    raw: &mut Raw,
    key: &str,
    name: &str,
    mut taken: impl Iterator<Item = &'a String>,
) {
    if taken.any(|t| t == name) {
        raw.problem(key, format!("name {name:?} is used twice"));
    }
}

/// The webhook of the two settings, then the `[[webhook]]` tables.
pub(super) fn webhooks(raw: &mut Raw, single: Option<&Webhook>) -> Vec<WebhookTarget> {
    let mut targets: Vec<WebhookTarget> = Vec::new();
    match single.map(|w| (w.url.clone(), w.secret.clone())) {
        Some((Some(url), Some(secret))) => {
            check_secret(raw, "webhook.secret", &secret);
            targets.push(WebhookTarget { name: SINGLE.into(), url, secret });
        }
        Some((Some(_), None)) => {
            raw.clash(&["webhook.secret", "webhook.url"], "must be set when webhook.url is set");
        }
        Some((None, Some(_))) => {
            raw.clash(&["webhook.url", "webhook.secret"], "must be set when webhook.secret is set");
        }
        _ => {}
    }
    for (i, mut entry) in raw.take_list("webhook").into_iter().enumerate() {
        let place = |key: &str| format!("webhook[{i}].{key}");
        let name = required(raw, &mut entry, "name", &place);
        let url = required(raw, &mut entry, "url", &place);
        let url = url.and_then(|url| {
            let read = <HttpUrl as Setting>::read(&url);
            if read.is_none() {
                raw.problem(place("url"), format!("must be {}, not {url:?}", HttpUrl::EXPECTED));
            }
            read
        });
        let secret = secret(raw, &mut entry, "secret", &place);
        leftovers(raw, entry, &place, "name, url, secret and secret_file");
        if let (Some(name), Some(url), Some(secret)) = (name, url, secret) {
            check_secret(raw, &place("secret"), &secret);
            check_name(raw, &place("name"), &name, targets.iter().map(|t| &t.name));
            targets.push(WebhookTarget { name, url, secret });
        }
    }
    targets
}

/// Standard Webhooks: `whsec_` and base64 of 24 to 64 bytes.
fn check_secret(raw: &mut Raw, key: &str, secret: &Sensitive) {
    let good = secret
        .expose()
        .strip_prefix("whsec_")
        .and_then(|encoded| STANDARD.decode(encoded).ok())
        .is_some_and(|bytes| (24..=64).contains(&bytes.len()));
    if !good {
        raw.problem(
            key,
            "must be whsec_ and base64 of 24 to 64 bytes; try: echo whsec_$(openssl rand -base64 32)",
        );
    }
}

pub(super) fn required(
    raw: &mut Raw,
    entry: &mut BTreeMap<String, String>,
    key: &str,
    place: &dyn Fn(&str) -> String,
) -> Option<String> {
    let value = entry.remove(key).filter(|v| !v.is_empty());
    if value.is_none() {
        raw.problem(place(key), "must be set");
    }
    value
}

/// A secret, or the file that contains it (`<key>_file`).
pub(super) fn secret(
    raw: &mut Raw,
    entry: &mut BTreeMap<String, String>,
    key: &str,
    place: &dyn Fn(&str) -> String,
) -> Option<Sensitive> {
    let file_key = format!("{key}_file");
    let direct = entry.remove(key).filter(|text| !text.is_empty());
    let text = match (direct, entry.remove(&file_key)) {
        (Some(_), Some(_)) => Err(both(&place(key))),
        (None, Some(file)) => {
            let text = secret_in(&file);
            raw.secret_files.push((place(&file_key), file.into()));
            text.map(Some)
        }
        (direct, None) => Ok(direct),
    };
    let text = match text {
        Ok(text) => text,
        Err(message) => {
            raw.problem(place(&file_key), message);
            return None;
        }
    };
    let secret = text.and_then(|t| <Option<Sensitive> as Setting>::read(&t).flatten());
    if secret.is_none() {
        raw.problem(place(key), format!("must be set, here or in the file that {file_key} names"));
    }
    secret
}

pub(super) fn leftovers(
    raw: &mut Raw,
    entry: BTreeMap<String, String>,
    place: &dyn Fn(&str) -> String,
    known: &str,
) {
    for key in entry.into_keys() {
        raw.problem(place(&key), format!("is unknown; known keys are {known}"));
    }
}
