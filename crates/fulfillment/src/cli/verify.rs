//! `fulfillment verify`

use std::path::{Path, PathBuf};

use clap::Args;
use fulfillment_credential::{KeySet, Verdict, VerifyOptions, read, verify};
use fulfillment_domain::Clock as _;
use serde::Serialize;

use super::Context;
use crate::clock::SystemClock;
use crate::keyring;
use crate::stop::Stop;

/// Check the code of a ticket: as text, as a picture, or as the PDF it is drawn in
///
/// From a picture or a PDF the modules are read as they are drawn, as a scanner at the door would, not text
/// that is hidden in the file. Needs no network and no store: the keys are enough.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fulfillment verify TK1:6BF...
  fulfillment verify ticket.pdf
  fulfillment verify --keys ticket-keys.json photo.png   with the keys from /.well-known/ticket-keys.json
Exit code: 0 valid, 1 not valid.")]
pub(crate) struct Verify {
    /// The code (TK1:...), or a PNG or PDF file
    #[arg(value_name = "CODE|IMAGE.png|TICKET.pdf")]
    input: String,
    /// A JWK Set with the public keys [default: the keys of this installation]
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// The number of the event that the door is for
    #[arg(long, value_name = "NUMBER")]
    event: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    verdict: &'static str,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential: Option<Claimed>,
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
    pub(crate) fn run(self, context: &Context) -> Result<(), Stop> {
        let keys = self.keys(context)?;
        let now = SystemClock.now().as_second();
        let options = VerifyOptions { event: self.event, feed: None };
        let codes = if self.input.starts_with("TK1:") {
            vec![self.input.clone()]
        } else {
            codes_in(Path::new(&self.input))?
        };
        if codes.is_empty() {
            return Err(Stop::no(format!("no QR code can be read in {}", self.input)));
        }
        // A page of several tickets is as good as its worst code.
        let mut all_valid = true;
        let answers: Vec<_> = codes
            .iter()
            .map(|code| {
                let verdict = verify(code, &keys, now, &options);
                all_valid &= verdict.is_valid();
                answer(&verdict)
            })
            .collect();
        let people = |answer: &Answer| {
            let claimed = answer.credential.as_ref().map(|c| {
                format!(
                    "\nevent {}, category {}, generation {}, key {}",
                    c.event, c.category, c.generation, c.kid
                )
            });
            format!("{}{}", answer.text, claimed.unwrap_or_default())
        };
        match &answers[..] {
            [one] => context.answer(one, people)?,
            many => context.answer(&many, |many| many.iter().map(people).collect::<Vec<_>>().join("\n"))?,
        }
        if all_valid { Ok(()) } else { Err(Stop::no("")) }
    }

    fn keys(&self, context: &Context) -> Result<KeySet, Stop> {
        if let Some(file) = &self.keys {
            let text = read_file(file)?;
            let document = serde_json::from_slice(&text)
                .map_err(|e| Stop::misuse(format!("{} is not JSON: {e}", file.display())))?;
            return KeySet::from_jwks(&document)
                .map_err(|e| Stop::misuse(format!("{}: {e}", file.display())));
        }
        let config = context.config()?;
        keyring::public_keys(&config.keys_dir())?.ok_or_else(|| {
            Stop::misuse(format!(
                "{} has no keys to verify with; name a JWK Set with --keys, or the folder with FULFILLMENT_CREDENTIAL_KEYS_DIR",
                config.keys_dir().display()
            ))
        })
    }
}

fn codes_in(file: &Path) -> Result<Vec<String>, Stop> {
    let content = read_file(file)?;
    let codes = if content.starts_with(b"\x89PNG") {
        read::codes_in_png(&content)
    } else if content
        .get(..1024.min(content.len()))
        .is_some_and(|head| head.windows(5).any(|w| w == b"%PDF-"))
    {
        read::codes_in_pdf(&content)
    } else {
        return Err(Stop::misuse(format!(
            "{} is neither a PNG nor a PDF, nor does it begin with TK1:",
            file.display()
        )));
    };
    codes.map_err(|e| Stop::no(format!("{}: {e}", file.display())))
}

fn read_file(file: &Path) -> Result<Vec<u8>, Stop> {
    std::fs::read(file).map_err(|e| Stop::misuse(format!("cannot read {}: {e}", file.display())))
}

fn answer(verdict: &Verdict) -> Answer {
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
    }
}
