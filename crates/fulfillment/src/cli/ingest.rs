//! `fulfillment ingest`

use std::io::{BufRead, BufReader, IsTerminal as _, Read};
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use fulfillment_domain::{Clock, Payment};
use fulfillment_store::{Incoming, IngestOutcome, Source, Subject};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::Context;
use crate::clock::SystemClock;
use crate::pipeline::ingest::too_large;
use crate::ports::Accept as _;
use crate::stop::Stop;

/// Payments in one transaction, and the bytes after which it takes no more.
const BATCH: usize = 500;
const BATCH_BYTES: usize = 8 << 20;

/// Bring payments from a file, one JSON object a line, through the same inbox as every other payment
///
/// Payments that are known already are duplicates and change nothing, so a file can be brought again. Lines
/// that cannot be read become dead letters. A running service issues what is new.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fulfillment ingest payments.ndjson
  zcat payments.ndjson.gz | fulfillment ingest -
Exit code: 1 when a line could not be read or was set apart.")]
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
            IngestOutcome::Quarantined(_) => &mut self.quarantined,
            IngestOutcome::DeadLettered(_) => &mut self.dead_lettered,
        } += 1;
    }
}

impl Ingest {
    pub(crate) async fn run(self, context: &Context) -> Result<(), Stop> {
        let config = context.config()?;
        let store = context.store(&config).await?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let door = crate::wiring::door_of_command(&config, store);
        let (reader, bar) = self.open(context)?;
        let mut lines =
            Lines { reader: BufReader::new(bar.wrap_read(reader)), limit: config.pipeline.max_message.0 };
        let name = self.file.display().to_string();
        let mut counts = Counts::default();
        let mut batch = Vec::with_capacity(BATCH);
        let (mut line, mut bytes) = (0, 0);
        loop {
            let next = lines.next().map_err(|e| Stop::misuse(format!("cannot read {name}: {e}")))?;
            let ended = next.is_none();
            if let Some((raw, whole)) = next {
                line += 1;
                if raw.trim_ascii().is_empty() {
                    continue;
                }
                bytes += raw.len();
                let read = if whole { Payment::parse(&raw) } else { Err(too_large(lines.limit)) };
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
                for outcome in door.accept(std::mem::take(&mut batch)).await? {
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
        if bad > 0 { Err(Stop::no("")) } else { Ok(()) }
    }

    fn open(&self, context: &Context) -> Result<(Box<dyn Read + Send>, ProgressBar), Stop> {
        if self.file.as_os_str() == "-" {
            return Ok((Box::new(std::io::stdin()), ProgressBar::hidden()));
        }
        let file = std::fs::File::open(&self.file)
            .map_err(|e| Stop::misuse(format!("cannot read {}: {e}", self.file.display())))?;
        let size = file.metadata().map_or(0, |m| m.len());
        let shown = std::io::stderr().is_terminal() && !context.global.json;
        let bar = if shown { ProgressBar::new(size) } else { ProgressBar::hidden() };
        let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {eta}");
        Ok((Box::new(file), bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))))
    }
}

/// Lines of a bounded length: of a longer one only the beginning is kept.
struct Lines<R> {
    reader: R,
    limit: usize,
}

impl<R: Read> Lines<BufReader<R>> {
    /// The next line without its break, which is `\n` or `\r\n`, and whether it is whole.
    fn next(&mut self) -> std::io::Result<Option<(Vec<u8>, bool)>> {
        let mut line = Vec::new();
        let most = self.limit as u64 + 2;
        let read = self.reader.by_ref().take(most).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(None);
        }
        let ended = line.pop_if(|last| *last == b'\n').is_some();
        if ended {
            line.pop_if(|last| *last == b'\r');
        }
        let whole = line.len() <= self.limit;
        if !whole {
            line.truncate(self.limit);
            if !ended {
                self.reader.skip_until(b'\n')?;
            }
        }
        Ok(Some((line, whole)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_bounded_and_none_is_lost() {
        let text: &[u8] = b"one\n\ntwo-is-too-long\r\nfive5\r\nsixsix\nsixsix\r\nseven77\n\r\nfive5\nthree";
        let mut lines = Lines { reader: BufReader::new(text), limit: 5 };
        let mut all = Vec::new();
        while let Some((line, whole)) = lines.next().unwrap() {
            all.push((String::from_utf8(line).unwrap(), whole));
        }
        let expected = [
            ("one", true),
            ("", true),
            ("two-i", false),
            ("five5", true),
            ("sixsi", false),
            ("sixsi", false),
            ("seven", false),
            ("", true),
            ("five5", true),
            ("three", true),
        ];
        assert_eq!(all, expected.map(|(l, w)| (l.to_owned(), w)));
    }
}
