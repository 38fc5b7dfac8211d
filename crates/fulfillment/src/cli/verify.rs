//! The command `fulfillment verify`: checks a code, or the code in an image or a PDF.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Args;
use fulfillment_credential::legacy::{PlatformCode, PretixCode, PretixError};
use fulfillment_credential::{Cti, DoorFeed, KeySet, Verdict, VerifyOptions, bare, read, verify};
use fulfillment_domain::Clock as _;
use fulfillment_pipeline::clock::SystemClock;
use fulfillment_pipeline::keyring;
use serde::Serialize;

use super::Context;
use super::standing::{Service, Teller};
use crate::error::CliError;

/// The largest file that is searched for a code.
const LARGEST: u64 = 64 << 20;

/// Check the code of a ticket, given as text, as an image or as the PDF
///
/// In an image or a PDF the QR code itself is scanned, as a scanner at the entrance would, not text that is hidden in
/// the file. Whether a genuine code was voided or replaced is looked up in the configured store, if there is one, or in
/// a running service. Without either, and with --keys, only the signature is checked, and the output says that voids
/// were not checked. pretix codes can be checked too; the platform's old format cannot, because it is not signed.
/// The settings are the variables and the file of --config; a fulfillment.toml in the current folder is not read.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fulfillment verify TK1:6BF...
  fulfillment verify ticket.pdf
  fulfillment verify --service https://tickets.example.org photo.png    with its keys, voids and reissues
  fulfillment verify --keys ticket-keys.json photo.png   with the keys from /.well-known/ticket-keys.json, offline
  fulfillment verify --json ticket.pdf | jq .voidsChecked
Exit code: 0 valid, 1 not valid (voided and replaced ones too) or no code found, 2 no keys to judge by or a file that
cannot be read, 3 the store or the service cannot be reached.")]
pub(crate) struct Verify {
    /// A PNG, JPEG or PDF file, else the code itself (TK1:...)
    #[arg(value_name = "CODE|IMAGE.png|TICKET.pdf")]
    input: String,
    /// A JWK Set with the public keys [default: the keys of this installation]
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// Ask this running service for voids, reissues and its keys; http.token of the settings is sent to it
    #[arg(long, value_name = "URL")]
    service: Option<String>,
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
    /// The file, folder or service whose keys it was judged by.
    #[serde(skip_serializing_if = "Option::is_none")]
    keys_from: Option<String>,
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
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        let service = self.service.as_deref().map(|url| Service::at(context, url)).transpose()?;
        let keys = self.keys(context, service.as_ref()).await?;
        let origin = self.keys_from(context, service.as_ref())?;
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
        let asked = self.known(context, service, &codes, &verdicts, keys.as_ref()).await?;
        if let Some(feed) = &asked {
            verdicts = self.judge(&codes, keys.as_ref(), Some(feed));
        }
        let people = |answer: &Answer| {
            let claimed = answer.credential.as_ref().map(|c| {
                format!(
                    "\nevent {}, category {}, generation {}, key {}",
                    c.event, c.category, c.generation, c.kid
                )
            });
            let checked = match answer.voids_checked {
                Some(true) if answer.verdict == "valid" => "; it was neither voided nor replaced",
                Some(false) => "; voids and reissues were not checked: name a running service with --service",
                _ => "",
            };
            let keys = answer.keys_from.as_ref().map(|from| format!("\nkeys: {from}"));
            format!("{}{checked}{}{}", answer.text, claimed.unwrap_or_default(), keys.unwrap_or_default())
        };
        let mut answers: Vec<_> = verdicts.iter().map(|verdict| answer(verdict, asked.is_some())).collect();
        for ((answer, verdict), code) in answers.iter_mut().zip(&verdicts).zip(&codes) {
            if matches!(verdict, Verdict::Malformed(_))
                && let Some(other) = self.other_form(code, keys.as_ref(), asked.as_ref())
            {
                *answer = other;
            }
            let no_key_decides = matches!(answer.verdict, "malformed" | "unsigned");
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
    fn judge(&self, codes: &[String], keys: Option<&KeySet>, feed: Option<&DoorFeed>) -> Vec<Verdict> {
        let (now, options) =
            (SystemClock.now().as_second(), VerifyOptions { event: self.event, feed, revoked: None });
        let none = KeySet::default();
        codes.iter().map(|code| verify(code, keys.unwrap_or(&none), now, &options)).collect()
    }

    /// The voids and replacements of genuine codes; `None` when neither a store nor a service can be asked. With keys
    /// from a file the codes belong to another installation.
    async fn known(
        &self,
        context: &Context,
        service: Option<Service>,
        codes: &[String],
        verdicts: &[Verdict],
        keys: Option<&KeySet>,
    ) -> Result<Option<DoorFeed>, CliError> {
        let of_pretix = codes.iter().filter_map(|code| PretixCode::read(code, keys?).ok());
        let of_pretix = of_pretix.filter_map(|(claimed, kid)| Some((identity(&claimed)?.0, kid)));
        let genuine =
            verdicts.iter().filter_map(Verdict::credential).map(|known| (known.claims.cti, known.kid));
        let genuine: BTreeMap<Cti, String> =
            genuine.chain(of_pretix).map(|(cti, kid)| (cti, kid.to_string())).collect();
        let teller = match service {
            _ if genuine.is_empty() => None,
            Some(service) => Some(Teller::Service(service)),
            None if self.keys.is_some() => None,
            None => Teller::configured(context, &genuine.values().cloned().collect()).await?,
        };
        Ok(match teller {
            Some(teller) => Some(teller.feed(genuine.into_keys()).await?),
            None => None,
        })
    }

    /// The answer to a code in an older scanner's format.
    fn other_form(&self, code: &str, keys: Option<&KeySet>, feed: Option<&DoorFeed>) -> Option<Answer> {
        let answer = |verdict, text| {
            Some(Answer { verdict, text, credential: None, voids_checked: None, keys_from: None })
        };
        let genuine = |verdict, text: String| {
            Some(Answer {
                verdict,
                text,
                credential: None,
                voids_checked: Some(feed.is_some()),
                keys_from: None,
            })
        };
        if PlatformCode::parse(code).is_some() {
            let text = "legacy: the platform's old form, which nothing signs; only the order can tell whether it is true";
            return answer("unsigned", text.to_owned());
        }
        let (claimed, kid) = match PretixCode::read(code, keys.unwrap_or(&KeySet::default())) {
            Err(PretixError::Malformed) => return None,
            Err(error @ PretixError::NotSigned) => return answer("bad_signature", error.to_string()),
            Ok(read) => read,
        };
        let known = identity(&claimed).zip(feed).map(|((cti, own), feed)| (feed.standing(&cti), own));
        match known {
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

    async fn keys(&self, context: &Context, service: Option<&Service>) -> Result<Option<KeySet>, CliError> {
        let Some(file) = &self.keys else {
            if let Some(service) = service {
                return service.keys().await.map(Some);
            }
            return Ok(keyring::public_keys(&context.config()?.keys_dir())?);
        };
        let text = read_file(file).map_err(CliError::misuse)?;
        let document = serde_json::from_slice(&text)
            .map_err(|e| CliError::misuse(format!("{} is not JSON: {e}", file.display())))?;
        let keys =
            KeySet::from_jwks(&document).map_err(|e| CliError::misuse(format!("{}: {e}", file.display())))?;
        Ok(Some(keys))
    }
}

/// Ends without any code: reported on standard error, and in the JSON answer.
fn nothing(
    context: &Context,
    verdict: &'static str,
    text: &str,
    error: impl FnOnce(String) -> CliError,
) -> Result<(), CliError> {
    if context.global.json {
        context.answer(
            &Answer {
                verdict,
                text: text.to_owned(),
                credential: None,
                voids_checked: None,
                keys_from: None,
            },
            |_| String::new(),
        )?;
    }
    Err(error(text.to_owned()))
}

/// Why a file gives no code.
enum Unread {
    /// It has the right type and is damaged.
    Damaged(String),
    /// It cannot be read, or has another type.
    Other(String),
}

fn codes_in(file: &Path) -> Result<Vec<String>, Unread> {
    let content = read_file(file).map_err(Unread::Other)?;
    let codes = if content.starts_with(b"\x89PNG") {
        read::codes_in_png(&content)
    } else if content.starts_with(b"\xFF\xD8\xFF") {
        read::codes_in_jpeg(&content)
    } else if content
        .get(..1024.min(content.len()))
        .is_some_and(|head| head.windows(5).any(|w| w == b"%PDF-"))
    {
        read::codes_in_pdf(&content)
    } else {
        return Err(Unread::Other(format!(
            "{} is neither a PNG, a JPEG nor a PDF, nor does it begin with TK1:",
            file.display()
        )));
    };
    codes.map_err(|e| Unread::Damaged(format!("{}: {e}", file.display())))
}

fn read_file(file: &Path) -> Result<Vec<u8>, String> {
    let mut content = Vec::new();
    std::fs::File::open(file)
        .and_then(|f| f.take(LARGEST + 1).read_to_end(&mut content))
        .map_err(|e| format!("cannot read {}: {e}", file.display()))?;
    if content.len() as u64 > LARGEST {
        return Err(format!("{} is larger than 64 MiB", file.display()));
    }
    Ok(content)
}

/// The code's id and generation, for a pretix code that was made here.
fn identity(claimed: &PretixCode) -> Option<(Cti, u8)> {
    let bytes: [u8; 11] = URL_SAFE_NO_PAD.decode(&claimed.seed).ok()?.try_into().ok()?;
    let (cti, generation) = bytes.split_first_chunk()?;
    Some((*cti, *generation.first()?))
}

fn answer(verdict: &Verdict, asked: bool) -> Answer {
    Answer {
        verdict: verdict.code(),
        text: verdict.to_string(),
        credential: verdict.credential().map(|c| Claimed {
            kid: c.kid.to_string(),
            event: c.claims.event,
            category: c.claims.category,
            generation: c.claims.generation,
            cti: hex::encode(c.claims.cti),
            expires_at: c.claims.expires_at,
        }),
        voids_checked: verdict.credential().map(|_| asked),
        keys_from: None,
    }
}
