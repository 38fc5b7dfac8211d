//! `fulfillment verify`

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;
use fulfillment_credential::legacy::{PlatformCode, PretixCode, PretixError};
use fulfillment_credential::{KeySet, Verdict, VerifyOptions, read, verify};
use fulfillment_domain::Clock as _;
use serde::Serialize;

use super::Context;
use crate::clock::SystemClock;
use crate::keyring;
use crate::stop::Stop;

/// The largest file that is looked into.
const LARGEST: u64 = 64 << 20;

/// Check the code of a ticket: as text, as a picture, or as the PDF it is drawn in
///
/// From a picture or a PDF the modules are read as they are drawn, as a scanner at the door would, not text
/// that is hidden in the file. Needs no network, no store and no secret: the keys are enough. A pretix code is
/// judged too, the platform's old form cannot be: nothing signs it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fulfillment verify TK1:6BF...
  fulfillment verify ticket.pdf
  fulfillment verify --keys ticket-keys.json photo.png   with the keys from /.well-known/ticket-keys.json
Exit code: 0 valid, 1 not valid or no code found, 2 no keys to judge by or a file that cannot be read.")]
pub(crate) struct Verify {
    /// A PNG or PDF file, else the code itself (TK1:...)
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
    /// The crate's word, `unsigned` for the platform's old form, or `no_code` or `unreadable` for a file.
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
        let no_file = !self.input.starts_with("TK1:") && !Path::new(&self.input).exists();
        let codes = if no_file || self.input.starts_with("TK1:") {
            vec![self.input.clone()]
        } else {
            match codes_in(Path::new(&self.input)) {
                Ok(codes) if codes.is_empty() => {
                    let text = format!("no QR code can be read in {}", self.input);
                    return nothing(context, "no_code", &text, Stop::no);
                }
                Ok(codes) => codes,
                Err(Unread::Damaged(text)) => return nothing(context, "unreadable", &text, Stop::no),
                Err(Unread::Other(text)) => return nothing(context, "unreadable", &text, Stop::misuse),
            }
        };
        let verdicts = self.judge(&codes, keys.as_ref());
        if keys.is_none() && verdicts.iter().any(|verdict| matches!(verdict, Verdict::UnknownKey(_))) {
            return Err(Stop::misuse(format!(
                "{} has no keys to verify with; name a JWK Set with --keys, or the folder with \
                 FULFILLMENT_CREDENTIAL_KEYS_DIR",
                context.config()?.keys_dir().display()
            )));
        }
        let people = |answer: &Answer| {
            let claimed = answer.credential.as_ref().map(|c| {
                format!(
                    "\nevent {}, category {}, generation {}, key {}",
                    c.event, c.category, c.generation, c.kid
                )
            });
            format!("{}{}", answer.text, claimed.unwrap_or_default())
        };
        let mut answers: Vec<_> = verdicts.iter().map(answer).collect();
        for ((answer, verdict), code) in answers.iter_mut().zip(&verdicts).zip(&codes) {
            if matches!(verdict, Verdict::Malformed(_))
                && let Some(other) = self.other_form(code, keys.as_ref())
            {
                *answer = other;
            }
        }
        if let ([one @ Answer { verdict: "malformed", .. }], true) = (&mut answers[..], no_file) {
            one.text.push_str("; and no file has this name");
        }
        match &answers[..] {
            [one] => context.answer(one, people)?,
            many => context.answer(&many, |many| many.iter().map(people).collect::<Vec<_>>().join("\n"))?,
        }
        // A page of several tickets is as good as its worst code.
        if answers.iter().all(|answer| answer.verdict == "valid") { Ok(()) } else { Err(Stop::no("")) }
    }

    /// Without keys nothing but the form can be judged.
    fn judge(&self, codes: &[String], keys: Option<&KeySet>) -> Vec<Verdict> {
        let (now, options) = (SystemClock.now().as_second(), VerifyOptions { event: self.event, feed: None });
        let none = KeySet::default();
        codes.iter().map(|code| verify(code, keys.unwrap_or(&none), now, &options)).collect()
    }

    /// The answer to a code of an older scanner's form.
    fn other_form(&self, code: &str, keys: Option<&KeySet>) -> Option<Answer> {
        let answer = |verdict, text| Some(Answer { verdict, text, credential: None });
        if PlatformCode::parse(code).is_some() {
            let text = "legacy: the platform's old form, which nothing signs; only the order can tell whether it is true";
            return answer("unsigned", text.to_owned());
        }
        match PretixCode::read(code, keys.unwrap_or(&KeySet::default())) {
            Err(PretixError::Malformed) => None,
            Err(error @ PretixError::NotSigned) => answer("bad_signature", error.to_string()),
            Ok((claimed, _))
                if claimed.valid_until.is_some_and(|until| until < SystemClock.now().as_second()) =>
            {
                answer("expired", "a pretix code that has expired".to_owned())
            }
            Ok((claimed, _)) if self.event.is_some_and(|wanted| claimed.subevent != i64::from(wanted)) => {
                answer("other_event", format!("a pretix code for another event: {}", claimed.subevent))
            }
            Ok((claimed, kid)) => answer(
                "valid",
                format!("valid: a pretix code for event {}, signed with key {kid}", claimed.subevent),
            ),
        }
    }

    fn keys(&self, context: &Context) -> Result<Option<KeySet>, Stop> {
        let Some(file) = &self.keys else {
            return Ok(keyring::public_keys(&context.config()?.keys_dir())?);
        };
        let text = read_file(file).map_err(Stop::misuse)?;
        let document = serde_json::from_slice(&text)
            .map_err(|e| Stop::misuse(format!("{} is not JSON: {e}", file.display())))?;
        let keys =
            KeySet::from_jwks(&document).map_err(|e| Stop::misuse(format!("{}: {e}", file.display())))?;
        Ok(Some(keys))
    }
}

/// Ends without any code: said on standard error, and as an answer to a machine.
fn nothing(
    context: &Context,
    verdict: &'static str,
    text: &str,
    stop: impl FnOnce(String) -> Stop,
) -> Result<(), Stop> {
    if context.global.json {
        context.answer(&Answer { verdict, text: text.to_owned(), credential: None }, |_| String::new())?;
    }
    Err(stop(text.to_owned()))
}

/// Why no code comes from a file.
enum Unread {
    /// It is of the right kind, and broken.
    Damaged(String),
    /// It cannot be read, or is of another kind.
    Other(String),
}

fn codes_in(file: &Path) -> Result<Vec<String>, Unread> {
    let content = read_file(file).map_err(Unread::Other)?;
    let codes = if content.starts_with(b"\x89PNG") {
        read::codes_in_png(&content)
    } else if content
        .get(..1024.min(content.len()))
        .is_some_and(|head| head.windows(5).any(|w| w == b"%PDF-"))
    {
        read::codes_in_pdf(&content)
    } else {
        return Err(Unread::Other(format!(
            "{} is neither a PNG nor a PDF, nor does it begin with TK1:",
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
