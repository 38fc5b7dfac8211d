//! The command `fulfillment verify`: checks a code, or the code in an image or a PDF.

use std::path::{Path, PathBuf};

use clap::Args;
use fulfillment_credential::legacy::{PlatformCode, PretixCode, PretixError};
use fulfillment_credential::{
    Credential, DoorFeed, KeySet, Verdict, VerifyOptions, bare, decode_unverified, verify,
};
use fulfillment_domain::Clock as _;
use fulfillment_pipeline::clock::SystemClock;
use fulfillment_pipeline::keyring;
use serde::Serialize;

use super::Context;
use super::code_files::{Unread, codes_in, read_file};
use super::standing::{PublicKeys, Service, Teller};
use super::stored_feed::{self, StoredFeed};
use crate::error::CliError;

/// Check the code of a ticket, given as text, as an image or as the PDF
///
/// In an image or a PDF the QR code itself is scanned, as a scanner at the entrance would, not text that is hidden in
/// the file. Whether a genuine code was voided or replaced is looked up in the configured store, if there is one, or in
/// a running service. Without either, and with --keys, only the signature is checked, and the output says that voids
/// were not checked. A code of a revoked key is valid only if the store or the service has exactly this code as a live
/// one. pretix codes can be checked too; the platform's old format cannot, because it is not signed.
/// The settings are the variables and the file of --config; a fulfillment.toml in the current folder is not read.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fulfillment verify TK1:6BF...
  fulfillment verify ticket.pdf
  fulfillment verify --service https://tickets.example.org photo.png    with its keys, voids and reissues
  fulfillment verify --keys ticket-keys.json photo.png   with the keys from /.well-known/ticket-keys.json, offline
  fulfillment verify --keys ticket-keys.json --feed feed.cose TK1:6BF...    as a door without a network does
  fulfillment verify --json ticket.pdf | jq .voidsChecked
With --feed the keys are those that sign the feed; codes are judged by the keys in it.
Exit code: 0 valid, 1 not valid (voided and replaced ones too) or no code found, 2 no keys to judge by or a file that
cannot be read, 3 the store or the service cannot be reached.")]
pub(crate) struct Verify {
    /// A PNG, JPEG or PDF file, else the code itself (TK1:...)
    #[arg(value_name = "CODE|IMAGE.png|TICKET.pdf")]
    input: String,
    /// A JWK Set with the public keys [default: the keys of this installation]
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// A JWK Set with the public keys that were revoked [default: those of this installation or service]
    #[arg(long, value_name = "FILE")]
    revoked_keys: Option<PathBuf>,
    /// Ask this running service for voids, reissues and its keys; http.token of the settings is sent to it
    #[arg(long, value_name = "URL")]
    service: Option<String>,
    /// Judge by this snapshot of the door's feed, without a network: /events/{eventId}/door, stored in a file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["service", "event"])]
    feed: Option<PathBuf>,
    /// The number of the event that the entrance is for
    #[arg(long, value_name = "NUMBER")]
    event: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    /// The credential crate's name for the result, `unsigned` for the platform's old format, or `no_code` or
    /// `unreadable` for a file.
    verdict: &'static str,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential: Option<Claimed>,
    /// Of a genuine code: whether the store or a service was asked if it was voided or replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    voids_checked: Option<bool>,
    /// Its key was revoked, and the record says that this code is good.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    key_revoked: bool,
    /// The file, folder or service whose keys it was judged by.
    #[serde(skip_serializing_if = "Option::is_none")]
    keys_from: Option<String>,
    /// The stored feed that it was judged by.
    #[serde(skip_serializing_if = "Option::is_none")]
    feed: Option<StoredFeed>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Claimed {
    kid: String,
    event: u32,
    category: u16,
    generation: u8,
    cti: String,
    expires_at: i64,
}

impl Verify {
    pub(crate) async fn run(mut self, context: &Context) -> Result<(), CliError> {
        let service = self.service.as_deref().map(|url| Service::at(context, url)).transpose()?;
        let mut keys = self.keys(context, service.as_ref()).await?;
        let origin = self.keys_from(context, service.as_ref())?;
        let held = self.feed.as_deref().map(|file| stored_feed::read(file, keys.as_ref())).transpose()?;
        if let Some(held) = &held {
            self.event = Some(held.origin().event);
            keys = Some(PublicKeys { good: held.keys().clone(), revoked: held.revoked().clone() });
        }
        let is_code = bare(&self.input).starts_with("TK1:");
        let no_file = !is_code && !Path::new(&self.input).exists();
        let codes = if no_file || is_code {
            vec![self.input.clone()]
        } else {
            match codes_in(Path::new(&self.input)) {
                Ok(codes) if codes.is_empty() => {
                    let text = format!("no QR code can be read in {}", self.input);
                    return nothing(context, "no_code", &text, CliError::failed);
                }
                Ok(codes) => codes,
                Err(Unread::Damaged(text)) => return nothing(context, "unreadable", &text, CliError::failed),
                Err(Unread::Other(text)) => return nothing(context, "unreadable", &text, CliError::misuse),
            }
        };
        let mut verdicts = self.judge(&codes, keys.as_ref(), None);
        if keys.is_none() && verdicts.iter().any(|verdict| matches!(verdict, Verdict::UnknownKey(_))) {
            return Err(CliError::misuse(format!(
                "{} has no keys to verify with; give a JWK Set with --keys, the configuration file with --config, or \
                 the folder with FULFILLMENT_CREDENTIAL_KEYS_DIR",
                context.config()?.keys_dir().display()
            )));
        }
        let teller = match &held {
            Some(_) => None,
            None => self.teller(context, service, &codes, &verdicts, keys.as_mut()).await?,
        };
        let asked = match (teller, &keys) {
            _ if held.is_some() => held.as_ref().map(|held| held.door().clone()),
            (Some(teller), Some(keys)) => teller.feed(&self.claimed(&codes, keys), keys).await?,
            _ => None,
        };
        verdicts = self.judge(&codes, keys.as_ref(), asked.as_ref());
        let people = |answer: &Answer| {
            let claimed = answer.credential.as_ref().map(|c| {
                format!(
                    "\nevent {}, category {}, generation {}, key {}",
                    c.event, c.category, c.generation, c.kid
                )
            });
            let checked = match answer.voids_checked {
                Some(true) if answer.verdict == "valid" && answer.key_revoked => {
                    "; its key was revoked, and the record has this code: it was neither voided nor replaced"
                }
                Some(true) if answer.verdict == "valid" && answer.feed.is_some() => {
                    "; by the feed it was neither voided nor replaced"
                }
                Some(true) if answer.verdict == "valid" => "; it was neither voided nor replaced",
                None if answer.verdict == "revoked_key" && asked.is_none() => {
                    "; the record was not asked: name a running service with --service"
                }
                Some(false) => "; voids and reissues were not checked: name a running service with --service",
                _ => "",
            };
            let keys = answer.keys_from.as_ref().map(|from| format!("\nkeys: {from}"));
            let feed = answer.feed.as_ref().map(|feed| format!("\n{feed}")).unwrap_or_default();
            format!(
                "{}{checked}{}{}{feed}",
                answer.text,
                claimed.unwrap_or_default(),
                keys.unwrap_or_default()
            )
        };
        let mut answers: Vec<_> =
            verdicts.iter().map(|verdict| answer(verdict, asked.is_some(), keys.as_ref())).collect();
        for ((answer, verdict), code) in answers.iter_mut().zip(&verdicts).zip(&codes) {
            if matches!(verdict, Verdict::Malformed(_))
                && let Some(other) = self.other_form(code, keys.as_ref(), asked.as_ref())
            {
                *answer = other;
            }
            let no_key_decides = matches!(answer.verdict, "malformed" | "unsigned");
            answer.feed = held.as_ref().map(StoredFeed::of);
            answer.keys_from = (keys.is_some() && !no_key_decides).then(|| origin.clone());
        }
        if let ([one @ Answer { verdict: "malformed", .. }], true) = (&mut answers[..], no_file) {
            one.text.push_str("; and no file has this name");
        }
        match &answers[..] {
            [one] => context.answer(one, people)?,
            many => context.answer(&many, |many| many.iter().map(people).collect::<Vec<_>>().join("\n"))?,
        }
        // A page of several tickets is as good as its worst code.
        if answers.iter().all(|answer| answer.verdict == "valid") {
            Ok(())
        } else {
            Err(CliError::failed(""))
        }
    }

    /// Without keys only the format can be judged.
    fn judge(&self, codes: &[String], keys: Option<&PublicKeys>, feed: Option<&DoorFeed>) -> Vec<Verdict> {
        let none = PublicKeys::default();
        let PublicKeys { good, revoked } = keys.unwrap_or(&none);
        let options = VerifyOptions { event: self.event, feed, revoked: Some(revoked) };
        let now = SystemClock.now().as_second();
        codes.iter().map(|code| verify(code, good, now, &options)).collect()
    }

    /// Who can be asked about these codes; `None` when neither a store nor a service can. With keys from a file the
    /// codes belong to another installation. A store also knows which keys were revoked.
    async fn teller(
        &self,
        context: &Context,
        service: Option<Service>,
        codes: &[String],
        verdicts: &[Verdict],
        keys: Option<&mut PublicKeys>,
    ) -> Result<Option<Teller>, CliError> {
        if let Some(service) = service {
            return Ok(Some(Teller::Service(service)));
        }
        let none = KeySet::default();
        let could_be_ours = |(code, verdict): (&String, &Verdict)| match verdict {
            Verdict::BadSignature(_) => false,
            Verdict::Malformed(_) => PretixCode::read(code, &none) != Err(PretixError::Malformed),
            _ => true,
        };
        match keys {
            Some(keys) if self.keys.is_none() && codes.iter().zip(verdicts).any(could_be_ours) => {
                Teller::configured(context, keys).await
            }
            _ => Ok(None),
        }
    }

    /// What these codes say of themselves, if a known key can have signed them.
    fn claimed(&self, codes: &[String], keys: &PublicKeys) -> Vec<Credential> {
        let verdicts = self.judge(codes, Some(keys), None);
        let claimed = codes.iter().zip(verdicts).filter_map(|(code, verdict)| match verdict {
            Verdict::RevokedKey(_) => decode_unverified(code).ok(),
            Verdict::Malformed(_) => {
                let (code, kid) = keys.read_pretix(code).ok()?;
                Some(Credential { claims: code.claims()?, kid })
            }
            verdict => verdict.credential().copied(),
        });
        claimed.collect()
    }

    /// The answer to a code in an older scanner's format.
    fn other_form(&self, code: &str, keys: Option<&PublicKeys>, feed: Option<&DoorFeed>) -> Option<Answer> {
        let answer = |verdict, text| Some(Answer::without_credential(verdict, text));
        if PlatformCode::parse(code).is_some() {
            let text = "legacy: the platform's old form, which nothing signs; only the order can tell whether it is true";
            return answer("unsigned", text.to_owned());
        }
        let none = PublicKeys::default();
        let keys = keys.unwrap_or(&none);
        let (claimed, kid) = match keys.read_pretix(code) {
            Err(PretixError::Malformed) => return None,
            Err(error @ PretixError::NotSigned) => return answer("bad_signature", error.to_string()),
            Ok(read) => read,
        };
        let key_revoked = keys.revoked.get(kid).is_some();
        let genuine = |verdict, text: String| {
            let answer = Answer::without_credential(verdict, text);
            Some(Answer { voids_checked: Some(feed.is_some()), key_revoked, ..answer })
        };
        let known = claimed.claims().zip(feed);
        if key_revoked && !known.is_some_and(|(claims, feed)| feed.is_still_good(&claims)) {
            return answer("revoked_key", Verdict::RevokedKey(kid).to_string());
        }
        match known.map(|(claims, feed)| (feed.standing(&claims.cti), claims.generation)) {
            Some((standing, _)) if standing.voided => {
                return genuine("voided", "voided: this ticket was cancelled".to_owned());
            }
            Some((standing, own)) if own < standing.lowest_good_generation => {
                return genuine("superseded", "replaced: ask for the new ticket".to_owned());
            }
            _ => {}
        }
        if claimed.valid_until.is_some_and(|until| until < SystemClock.now().as_second()) {
            return genuine("expired", "a pretix code that has expired".to_owned());
        }
        if self.event.is_some_and(|wanted| claimed.subevent != i64::from(wanted)) {
            return genuine("other_event", format!("a pretix code for another event: {}", claimed.subevent));
        }
        let text = format!("valid: a pretix code for event {}, signed with key {kid}", claimed.subevent);
        genuine("valid", text)
    }

    /// Where the keys are, for people.
    fn keys_from(&self, context: &Context, service: Option<&Service>) -> Result<String, CliError> {
        Ok(match (&self.keys, service) {
            (Some(file), _) => file.display().to_string(),
            (None, Some(service)) => service.keys_address(),
            (None, None) => {
                let dir = context.config()?.keys_dir();
                std::path::absolute(&dir).unwrap_or(dir).display().to_string()
            }
        })
    }

    async fn keys(
        &self,
        context: &Context,
        service: Option<&Service>,
    ) -> Result<Option<PublicKeys>, CliError> {
        let (good, revoked) = match (&self.keys, service) {
            (Some(file), service) => {
                let revoked = match service {
                    Some(service) => service.revoked_keys().await?,
                    None => KeySet::default(),
                };
                (jwks_in(file)?, revoked)
            }
            (None, Some(service)) => (service.keys().await?, service.revoked_keys().await?),
            (None, None) => match keyring::public_keys(&context.config()?.keys_dir())? {
                Some(sets) => sets,
                None => return Ok(None),
            },
        };
        let revoked = match &self.revoked_keys {
            Some(file) => jwks_in(file)?,
            None => revoked,
        };
        Ok(Some(PublicKeys { good, revoked }))
    }
}

/// The keys in a file.
fn jwks_in(file: &Path) -> Result<KeySet, CliError> {
    let text = read_file(file).map_err(CliError::misuse)?;
    let document = serde_json::from_slice(&text)
        .map_err(|e| CliError::misuse(format!("{} is not JSON: {e}", file.display())))?;
    KeySet::from_jwks(&document).map_err(|e| CliError::misuse(format!("{}: {e}", file.display())))
}

/// Ends without any code: reported on standard error, and in the JSON answer.
fn nothing(
    context: &Context,
    verdict: &'static str,
    text: &str,
    error: impl FnOnce(String) -> CliError,
) -> Result<(), CliError> {
    if context.global.json {
        context.answer(&Answer::without_credential(verdict, text.to_owned()), |_| String::new())?;
    }
    Err(error(text.to_owned()))
}

fn answer(verdict: &Verdict, asked: bool, keys: Option<&PublicKeys>) -> Answer {
    let credential = verdict.credential();
    let key_revoked = credential.zip(keys).is_some_and(|(c, keys)| keys.revoked.get(c.kid).is_some());
    Answer {
        credential: credential.map(|c| Claimed {
            kid: c.kid.to_string(),
            event: c.claims.event,
            category: c.claims.category,
            generation: c.claims.generation,
            cti: hex::encode(c.claims.cti),
            expires_at: c.claims.expires_at,
        }),
        voids_checked: credential.map(|_| asked),
        key_revoked,
        ..Answer::without_credential(verdict.code(), verdict.to_string())
    }
}

impl Answer {
    fn without_credential(verdict: &'static str, text: String) -> Self {
        Self {
            verdict,
            text,
            credential: None,
            voids_checked: None,
            key_revoked: false,
            keys_from: None,
            feed: None,
        }
    }
}
