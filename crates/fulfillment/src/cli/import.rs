//! The command `fulfillment import`: takes over the tickets of an earlier service.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use fulfillment_domain::Clock as _;
use fulfillment_domain::earlier::EarlierTicket;
use fulfillment_domain::fields::Fields;
use fulfillment_pipeline::clock::SystemClock;
use fulfillment_pipeline::operations::import::{Imported, Importer, NotImported, by_order};
use fulfillment_pipeline::operations::installation;
use fulfillment_store::postgres::earlier;
use indicatif::{ProgressBar, ProgressStyle};

use super::input::{decoded, open, unread};
use super::{Context, table};
use crate::error::CliError;
use crate::wiring;

/// Import the issued tickets of an earlier service with their ids, files and codes
///
/// Run it on the new, migrated store before the service reads its first payment: then the topic can be read from its
/// start and no ticket is issued twice, because the first payment of an order that was taken over is taken for the one
/// that made it. Tickets that were pending or failed are left out, and their payments issue them. Run again, it takes
/// over what has come since.
///
/// The table's columns, or the file's headings, are the earlier service's fields in whatever spelling: `id`,
/// `order_id`, `customer_email`, `event_name`, `seat`, `price`, `currency`, `status`, `qr_code_data`,
/// `ticket_pdf_path`, `generated_at`, `created_at`.
/// Times without an offset are UTC. The table is only read, and may be in the same database, in a schema of its own.
///
/// Old codes stay as they are: unsigned, and flagged `legacy`. `fulfillment ticket reissue` makes a signed one.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fulfillment migrate && fulfillment import --from postgres://me@db/platform --table bc_fulfillment.tickets --files /old/tickets
  fulfillment import --csv tickets.csv --files /old/tickets
  fulfillment import --csv tickets.csv                  without files; `ticket reissue` draws a page
  fulfillment import --csv - --json < tickets.csv | jq .withoutFile
The password of the database can be in PGPASSWORD or ~/.pgpass.
Only PDFs of at most 20 MiB under the folder of --files are read, and no link out of it is followed.
Exit code: 1 when there was no row, an order was paid here before or has another's ticket, or a file was not found or was refused.")]
pub(crate) struct Import {
    #[command(flatten)]
    source: Source,
    /// The earlier table, with its schema
    #[arg(
        long,
        value_name = "SCHEMA.TABLE",
        default_value = "bc_fulfillment.tickets",
        conflicts_with = "csv"
    )]
    table: String,
    /// The folder of the earlier files: at their recorded paths if these are in it, otherwise under the names of these
    #[arg(long, value_name = "FOLDER")]
    files: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Source {
    /// The earlier PostgreSQL database
    #[arg(long, value_name = "URL")]
    from: Option<String>,
    /// A CSV file with headings and columns separated by commas, semicolons or tabs; - reads standard input
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
}

impl Import {
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        let config = context.config()?;
        let store = context.store(&config).await?;
        if let Some(folder) = self.files.as_ref().filter(|folder| !folder.is_dir()) {
            return Err(CliError::misuse(format!("{} is not a folder", folder.display())));
        }
        let rows = self.rows().await?;
        if rows.is_empty() {
            return Err(CliError::failed(self.empty()));
        }
        // As a first start does: keys for a new store, and a marker in its storage.
        let keyring = installation::keys_for(store.as_ref(), &config, SystemClock.now()).await?;
        let files = wiring::files(&config, &context.environment)?;
        installation::check_storage(store.as_ref(), files.as_ref()).await?;
        let importer = Importer {
            by: context.actor(),
            store,
            files,
            secret: keyring.secret.clone(),
            clock: Arc::new(SystemClock),
            time_zone: wiring::time_zone(&config)?.iana_name().map(str::to_owned),
            folder: self.files,
        };
        let orders = by_order(rows);
        let bar = bar(context, orders.len());
        let mut done = Imported::default();
        for (order, tickets) in &orders {
            importer.import(*order, tickets, &mut done).await.map_err(|why| match why {
                NotImported::Store(error) => CliError::from(error),
                NotImported::Files(error) => CliError::from(error),
                why @ NotImported::File(..) => CliError::misuse(why),
            })?;
            bar.inc(1);
        }
        bar.finish_and_clear();
        context.answer(&done, describe)?;
        let whole = done.paid_before.is_empty()
            && done.taken.is_empty()
            && done.without_file.is_empty()
            && done.refused_files.is_empty();
        if whole { Ok(()) } else { Err(CliError::failed("")) }
    }

    /// All rows are read before anything is written: one that cannot be read must not be skipped silently.
    async fn rows(&self) -> Result<Vec<EarlierTicket>, CliError> {
        let read = |place: String, row: &str| {
            let fields = Fields::parse(row.as_bytes());
            let ticket = fields.and_then(|fields| EarlierTicket::read(&fields));
            ticket.map_err(|why| CliError::misuse(format!("{place}: {why}")))
        };
        match (&self.source.from, &self.source.csv) {
            (Some(url), _) => {
                let (schema, table) = self.table.split_once('.').unwrap_or(("public", &self.table));
                let rows = earlier::rows(url, schema, table).await?;
                rows.iter().zip(1..).map(|(row, n)| read(format!("row {n}"), row)).collect()
            }
            (None, Some(file)) => {
                let text = decoded(open(file)?);
                let rows = text.and_then(table::rows).map_err(|e| unread(file, &e))?;
                let name = file.display();
                rows.iter().map(|(n, row)| read(format!("{name}, row {n}"), row)).collect()
            }
            (None, None) => Ok(Vec::new()),
        }
    }
}

impl Import {
    /// What to say of a source without rows, which is probably not the one that was meant.
    fn empty(&self) -> String {
        match &self.source.csv {
            Some(file) => format!("{} has no rows below its headings; nothing was imported", file.display()),
            None => format!("{} has no rows; nothing was imported", self.table),
        }
    }
}

fn bar(context: &Context, orders: usize) -> ProgressBar {
    if context.global.json || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} orders {eta}");
    ProgressBar::new(orders as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn describe(imported: &Imported) -> String {
    let Imported { orders, tickets, known, not_issued, .. } = imported;
    let mut lines = Vec::new();
    lines.extend(
        imported
            .paid_before
            .iter()
            .map(|order| format!("{order}  was paid here before and has other tickets")),
    );
    lines.extend(
        imported.taken.iter().map(|order| format!("{order}  has a ticket that belongs to another order")),
    );
    lines.extend(imported.without_file.iter().map(|ticket| format!("{ticket}  no file was found")));
    lines.extend(
        imported
            .refused_files
            .iter()
            .map(|file| format!("{}  its file was refused: {}", file.ticket, file.reason)),
    );
    lines.push(format!(
        "{orders} orders with {tickets} tickets imported, {known} known already, {not_issued} tickets left out as not issued"
    ));
    lines.join("\n")
}
