//! The command `fulfillment ingest`: reads payments from a file.

use std::io::{BufRead, IsTerminal as _};
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use fulfillment_domain::{self as domain, Clock, Subject, Unreadable};
use fulfillment_pipeline::clock::SystemClock;
use fulfillment_pipeline::ports::Accept as _;
use fulfillment_store::{Incoming, IngestOutcome, Source};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::Context;
use super::input::{decoded, open, unread};
use super::messages::{Layout, Message, Messages};
use crate::error::CliError;

/// Payments per transaction, and the bytes after which no more are added.
const BATCH: usize = 500;
const BATCH_BYTES: usize = 8 << 20;
/// Why a table, or a file that is not text, is refused.
const NO_JSON: &str = "its first line is not JSON, and payments must be JSON; nothing was ingested";

/// Ingest payments from a file, like payments from any other source: one JSON object per line, or a JSON array
///
/// Pretty-printed objects one after another are read too, in UTF-8 or UTF-16. Payments that are known already are
/// duplicates and change nothing, so a file can be ingested again. Messages that cannot be read become dead letters.
/// A truncated array and a file that does not begin as JSON are rejected as a whole. A running service issues the
/// tickets.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fulfillment ingest payments.ndjson
  zcat payments.ndjson.gz | fulfillment ingest -
Exit code: 1 when a message could not be read or was quarantined, 2 when the file could not be read.")]
pub(crate) struct Ingest {
    /// The file; - reads standard input
    file: PathBuf,
}

/// How many of each.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Counts {
    new: u64,
    duplicate: u64,
    already_paid: u64,
    late: u64,
    quarantined: u64,
    dead_lettered: u64,
    folded: u64,
}

impl Counts {
    fn add(&mut self, outcome: &IngestOutcome) {
        *match outcome {
            IngestOutcome::New(_) => &mut self.new,
            IngestOutcome::Duplicate(_) => &mut self.duplicate,
            IngestOutcome::Folded(_) => &mut self.folded,
            IngestOutcome::AlreadyPaid(_) => &mut self.already_paid,
            IngestOutcome::Late(_) => &mut self.late,
            // Outcomes of refunds, cancellations and changes of events, which are not in files.
            IngestOutcome::Recorded(..) | IngestOutcome::Event(_) => return,
            IngestOutcome::Quarantined(_) => &mut self.quarantined,
            IngestOutcome::DeadLettered(_) => &mut self.dead_lettered,
        } += 1;
    }
}

impl Ingest {
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        let config = context.config()?;
        let store = context.store(&config).await?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let inbox = crate::wiring::inbox_of_command(&config, store);
        let limit = config.pipeline.max_message.0;
        let bar = self.bar(context);
        let mut messages = self.messages(&bar, limit)?;
        if messages.layout() != Layout::Lines && self.file.is_file() {
            // The whole file is checked first, so that nothing is taken from an incomplete one.
            let mut ahead = self.messages(&ProgressBar::hidden(), limit)?;
            while ahead
                .next()
                .map_err(|e| unread(&self.file, &format!("{e}; nothing was ingested")))?
                .is_some()
            {}
        }
        let name = self.file.display().to_string();
        let mut counts = Counts::default();
        let mut batch = Vec::with_capacity(BATCH);
        let (mut bytes, mut taken) = (0, 0);
        loop {
            let next = messages.next().map_err(|e| {
                let again = "messages before that were ingested; ingesting them again changes nothing";
                unread(&self.file, &format!("{e}; {taken} {again}"))
            })?;
            let ended = next.is_none();
            if let Some(Message { raw, whole, line }) = next {
                bytes += raw.len();
                let read = if whole {
                    domain::Message::parse(Subject::Payment, &raw)
                } else {
                    Err(Unreadable::too_large(limit))
                };
                batch.push(Incoming {
                    source: Source::File { name: name.clone(), line },
                    key: None,
                    raw,
                    headers: Vec::new(),
                    traceparent: None,
                    received_at: clock.now(),
                    subject: Subject::Payment,
                    content: read,
                });
            }
            let full = batch.len() >= BATCH || bytes >= BATCH_BYTES;
            if full || (ended && !batch.is_empty()) {
                bytes = 0;
                taken += batch.len();
                for outcome in inbox.accept(std::mem::take(&mut batch)).await? {
                    counts.add(&outcome);
                }
            }
            if ended {
                break;
            }
        }
        bar.finish_and_clear();
        let bad = counts.dead_lettered + counts.quarantined;
        context.answer(&counts, |c| {
            format!(
                "{} new, {} duplicate, {} already paid, {} after a void, {} quarantined, {} dead-lettered, {} folded",
                c.new, c.duplicate, c.already_paid, c.late, c.quarantined, c.dead_lettered, c.folded
            )
        })?;
        if bad > 0 { Err(CliError::failed("")) } else { Ok(()) }
    }

    fn messages(
        &self,
        bar: &ProgressBar,
        limit: usize,
    ) -> Result<Messages<Box<dyn BufRead + Send>>, CliError> {
        let text = decoded(bar.wrap_read(open(&self.file)?));
        let messages =
            text.and_then(|text| Messages::new(text, limit)).map_err(|e| unread(&self.file, &e))?;
        if messages.begins_as_json() { Ok(messages) } else { Err(unread(&self.file, &NO_JSON)) }
    }

    fn bar(&self, context: &Context) -> ProgressBar {
        let file = std::fs::metadata(&self.file).ok().filter(std::fs::Metadata::is_file);
        let shown = std::io::stderr().is_terminal() && !context.global.json;
        let Some(file) = file.filter(|_| shown) else { return ProgressBar::hidden() };
        let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {eta}");
        ProgressBar::new(file.len()).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_begin_as_json_is_refused_as_a_whole() {
        let messages = |bytes: &[u8]| {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), bytes).unwrap();
            let ingest = Ingest { file: file.path().to_owned() };
            ingest.messages(&ProgressBar::hidden(), 1 << 20).map(|_| ())
        };
        for (bytes, said) in [
            (&b"orderId,amount\n7,1\n"[..], "its first line is not JSON"),
            (b"\"orderId\";\"amount\"\n", "its first line is not JSON"),
            (b"\x1f\x8b\x08\0\0\0\0\0", "compressed with gzip"),
            (b"PK\x03\x04\0", "ZIP"),
        ] {
            let Err(CliError::Misuse(why)) = messages(bytes) else { panic!("{bytes:?}") };
            assert!(why.to_string().contains(said), "{why}");
        }
        for bytes in [&b""[..], b"\n{\"a\"\nx\n", b"[", b"{\n"] {
            assert!(messages(bytes).is_ok(), "{bytes:?}");
        }
    }
}
