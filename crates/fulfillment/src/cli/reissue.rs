//! Shared by `fulfillment ticket reissue`, `ticket reinstate` and `order reinstate`.

use std::sync::Arc;

use fulfillment_config::Config;
use fulfillment_domain::fields::Fields;
use fulfillment_domain::{Ticket, TicketId};
use fulfillment_pipeline::operations::installation;
use fulfillment_pipeline::operations::reissue::{NotReissued, Reissuer, Wanted};
use fulfillment_store::{Actor, Store};
use serde_json::{Map, Value};

use super::{Context, links};
use crate::error::CliError;
use crate::wiring;

/// What is to be different about a ticket, and which generation it takes the place of.
#[derive(Debug, clap::Args)]
pub(super) struct Change {
    /// The current generation, as `ticket show` prints it: a repeated command then changes nothing
    #[arg(long, value_name = "NUMBER")]
    expected_generation: Option<u32>,
    /// The new holder's name; the former holder's name and address are removed
    #[arg(long, value_name = "NAME")]
    holder_name: Option<String>,
    /// The new holder's e-mail address
    #[arg(long, value_name = "ADDRESS")]
    holder_email: Option<String>,
    /// The new seat, as it is to be printed: 'Section A, Row 5, Seat 12'
    #[arg(long, value_name = "LABEL")]
    seat: Option<String>,
    /// The new seat's id in Ordering
    #[arg(long, value_name = "ID", requires = "seat")]
    seat_id: Option<String>,
    /// The reason, as free text
    #[arg(long)]
    reason: Option<String>,
}

impl Change {
    /// Why, for people.
    pub(super) fn reason(self) -> Option<String> {
        self.reason
    }

    /// As the HTTP API would parse it.
    pub(super) fn wanted(&self) -> Result<Wanted, CliError> {
        let mut body = Map::new();
        for (name, value) in [
            ("holderName", &self.holder_name),
            ("holderEmail", &self.holder_email),
            ("seatLabel", &self.seat),
            ("seatId", &self.seat_id),
            ("reason", &self.reason),
        ] {
            body.extend(value.as_ref().map(|value| (name.to_owned(), Value::from(value.as_str()))));
        }
        let expected = self.expected_generation.ok_or_else(|| {
            CliError::misuse("--expected-generation is missing: the current one, as `ticket show` prints it")
        })?;
        body.insert("expectedGeneration".into(), expected.into());
        let body = Value::Object(body).to_string();
        let wanted = Fields::parse(body.as_bytes()).and_then(|fields| Wanted::read(&fields));
        wanted.map_err(|why| CliError::misuse(why.to_string()))
    }
}

/// The reissuer of a command that runs beside the service: with its keys and its file storage.
pub(super) async fn reissuer(
    context: &Context,
    config: &Config,
    store: &Arc<dyn Store>,
) -> Result<Reissuer, CliError> {
    let keys = links::keys(config, store).await?;
    let files = wiring::files(config, &context.environment)?;
    installation::check_storage(store.as_ref(), files.as_ref()).await?;
    let public_url = config.public_url(config.http.listen);
    let templates = Arc::new(wiring::templates(config, store).await?);
    Ok(wiring::reissuer(config, Arc::clone(store), keys, files, templates, &public_url, Arc::default()))
}

/// Makes the generation, or reports why not.
pub(super) async fn reissue(
    reissuer: &Reissuer,
    id: TicketId,
    wanted: Wanted,
    by: &Actor,
) -> Result<Ticket, CliError> {
    reissuer.reissue(id, wanted, by).await.map_err(|why| not_reissued(id, why))
}

/// Why a ticket has no new generation.
pub(super) fn not_reissued(id: TicketId, why: NotReissued) -> CliError {
    match why {
        NotReissued::Store(error) => error.into(),
        NotReissued::Failed(reason) => CliError::Unreachable(anyhow::anyhow!(reason)),
        why => CliError::failed(format!("the ticket {id}: {why}")),
    }
}
