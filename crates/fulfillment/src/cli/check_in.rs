//! The command `fulfillment check-in`: checks one ticket in.

use std::path::Path;

use clap::Args;
use fulfillment_credential::{KeySet, OpenedCode, bare, open};
use fulfillment_domain::{Clock as _, ticket_number};
use fulfillment_door::{Direction, MAX_NAME_CHARS, Verdict, corrected_time};
use fulfillment_pipeline::clock::SystemClock;
use fulfillment_pipeline::keyring::Keyring;
use fulfillment_store::{CheckInOutcome, MAX_OVERRIDE_REASON, NewCheckIn, Scanned, Store};

use super::Context;
use super::code_files::{Unread, codes_in};
use crate::error::CliError;
use crate::wiring;

/// Check a ticket in, by its code, by its number, or by an image or a PDF with its code
///
/// It is recorded as a scan at a door is: the ticket is admitted once, and whoever comes with it again is refused. With
/// --check nothing is counted.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fulfillment check-in TK1:6BF...
  fulfillment check-in 7Q2M4-X9KDA --gate North
  fulfillment check-in --check ticket.pdf
  fulfillment check-in --exit --json TK1:6BF... | jq -r .verdict
Exit code: 0 admitted (or would be, with --check), 1 refused, 2 no such event or a file that cannot be read, 3 the store
cannot be reached.")]
pub(crate) struct CheckIn {
    /// The code (TK1:...), the ticket's number, or a PNG, JPEG or PDF file
    #[arg(value_name = "CODE|NUMBER|TICKET.pdf")]
    input: String,
    /// The event's id [default: that of the code or the ticket]
    #[arg(long, value_name = "ID")]
    event: Option<String>,
    /// The gate, as the event's rules name it
    #[arg(long, value_name = "NAME", value_parser = gate)]
    gate: Option<String>,
    /// The holder goes out
    #[arg(long, conflicts_with = "check")]
    exit: bool,
    /// Only say what an entry would be answered
    #[arg(long)]
    check: bool,
    /// Admit whomever the rules refuse, for this reason
    #[arg(long, value_name = "REASON", conflicts_with = "exit", value_parser = reason)]
    r#override: Option<String>,
}

/// A gate's name, as the routes take it.
fn gate(text: &str) -> Result<String, String> {
    if text.trim() != text {
        return Err("must not begin or end with a space".to_owned());
    }
    plain(text, MAX_NAME_CHARS)
}

/// A supervisor's reason, as the routes take it.
fn reason(text: &str) -> Result<String, String> {
    plain(text, MAX_OVERRIDE_REASON)
}

fn plain(text: &str, most: usize) -> Result<String, String> {
    if text.chars().any(char::is_control) {
        return Err("must have no control characters".to_owned());
    }
    if !(1..=most).contains(&text.trim().chars().count()) {
        return Err(format!("must have 1 to {most} characters"));
    }
    Ok(text.to_owned())
}

impl CheckIn {
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        let config = context.config()?;
        let store = context.store(&config).await?;
        let scanned = self.scanned(&config, store.as_ref()).await?;
        let event = match &self.event {
            Some(event) => event.clone(),
            None => event_of(store.as_ref(), &scanned).await?,
        };
        let now = SystemClock.now();
        let scan = NewCheckIn {
            scanned,
            direction: match (self.exit, self.check) {
                (true, _) => Direction::Exit,
                (_, true) => Direction::Check,
                _ => Direction::Entry,
            },
            scanned_at: corrected_time(None, 0, now, false).map_err(CliError::misuse)?,
            gate: self.gate,
            device: None,
            offline: None,
            override_reason: self.r#override,
            feed_version: None,
            clock_offset_ms: 0,
            by: context.actor(),
            nonce: None,
            request: [0; 32],
        };
        let announcing = wiring::announcing(&config);
        let outcomes = store.check_in(&event, &[scan], &announcing).await?;
        let unknown = || CliError::misuse(format!("there is no event {event}"));
        let outcome = outcomes.ok_or_else(unknown)?.pop().ok_or_else(unknown)?;
        let (CheckInOutcome::New(check_in) | CheckInOutcome::Known(check_in)) = outcome else {
            return Err(CliError::failed("another scan has this nonce"));
        };
        context.answer(check_in.as_ref(), |check_in| {
            let number = check_in.ticket_number.as_deref().map(ticket_number::grouped);
            let number = number.map(|number| format!("\nticket {number}")).unwrap_or_default();
            format!("{}: {}{number}", check_in.result.verdict.word(), check_in.result.message)
        })?;
        match check_in.result.verdict {
            Verdict::Admitted | Verdict::WouldAdmit => Ok(()),
            _ => Err(CliError::failed("")),
        }
    }

    async fn scanned(
        &self,
        config: &fulfillment_config::Config,
        store: &dyn Store,
    ) -> Result<Scanned, CliError> {
        let is_code = bare(&self.input).starts_with(fulfillment_credential::PREFIX);
        let code = if is_code {
            self.input.clone()
        } else if let Some(number) = ticket_number::normalise(&self.input) {
            return Ok(Scanned::Number(number));
        } else if Path::new(&self.input).exists() {
            one_code(&self.input)?
        } else {
            let text = format!("{} is no code, no ticket's number and no file", self.input);
            return Err(CliError::misuse(text));
        };
        let mut keyring = Keyring::configured(config)?
            .ok_or_else(|| CliError::misuse(format!("{} has no keys", config.keys_dir().display())))?;
        keyring.bar(&store.revoked_keys().await?);
        Ok(opened(&code, keyring.public(), keyring.revoked()))
    }
}

fn opened(code: &str, keys: &KeySet, revoked: &KeySet) -> Scanned {
    open(code, keys, Some(revoked)).map_or_else(Scanned::Refused, Scanned::Code)
}

fn one_code(file: &str) -> Result<String, CliError> {
    let codes = codes_in(Path::new(file)).map_err(|error| match error {
        Unread::Damaged(text) => CliError::failed(text),
        Unread::Other(text) => CliError::misuse(text),
    })?;
    match <[String; 1]>::try_from(codes) {
        Ok([code]) => Ok(code),
        Err(codes) if codes.is_empty() => Err(CliError::failed(format!("no QR code can be read in {file}"))),
        Err(codes) => Err(CliError::misuse(format!("{file} has {} codes; name one", codes.len()))),
    }
}

/// The event that a code or a number belongs to.
async fn event_of(store: &dyn Store, scanned: &Scanned) -> Result<String, CliError> {
    let name_it = |what: &str| CliError::misuse(format!("{what}; name the event with --event"));
    match scanned {
        Scanned::Code(code) => {
            by_number(store, code).await?.ok_or_else(|| name_it("no event has the code's number"))
        }
        Scanned::Number(number) => {
            let ticket = store.ticket_by_number(number).await?;
            ticket.map(|ticket| ticket.event.id).ok_or_else(|| name_it("no ticket has this number"))
        }
        Scanned::Refused(verdict) => Err(CliError::failed(verdict.to_string())),
    }
}

async fn by_number(store: &dyn Store, code: &OpenedCode) -> Result<Option<String>, CliError> {
    let number = code.credential().claims.event;
    let next = store.events(number.saturating_sub(1), 1).await?.pop();
    Ok(next.filter(|event| event.record.number == number).map(|event| event.record.id))
}
