//! The audit as it is answered.

use fulfillment_store::{Action, Via};
use utoipa::ToSchema;
use utoipa::openapi::schema::ObjectBuilder;
use utoipa::openapi::{Object, Type};
use uuid::Uuid;

/// A page of the audit, newest first.
#[derive(ToSchema)]
pub(crate) struct AuditPage {
    records: Vec<AuditRecord>,
    /// Send it as `before` for the next page; null after the last one.
    before: Option<i64>,
}

/// What was done by whom. By ids alone.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct AuditRecord {
    /// Its number; it grows with time.
    id: i64,
    /// When.
    #[schema(format = DateTime)]
    at: String,
    #[schema(schema_with = ways)]
    via: String,
    /// The name of the token or of the operating system's user; of a refused request without a valid token the network
    /// of its address.
    actor: String,
    #[schema(schema_with = actions)]
    action: String,
    /// The order.
    #[schema(required = false)]
    order_id: Uuid,
    /// The ticket.
    #[schema(required = false)]
    ticket_id: Uuid,
    /// The id of something else; for a refusal its reason.
    #[schema(required = false)]
    subject: String,
    /// How often, or to how many things at once.
    times: u64,
    /// The first and the last position of the events that were read; of a stream that begins, its first twice.
    #[schema(required = false, min_items = 2, max_items = 2)]
    positions: Vec<i64>,
}

fn words<'a>(about: &str, words: impl IntoIterator<Item = &'a str>) -> Object {
    let object = ObjectBuilder::new().schema_type(Type::String).description(Some(about));
    object.enum_values(Some(words.into_iter().collect::<Vec<_>>())).build()
}

fn ways() -> Object {
    words("By a request, by a command, or by the service itself.", Via::ALL.iter().map(|via| via.as_str()))
}

fn actions() -> Object {
    words("What was done.", Action::ALL.iter().map(|action| action.as_str()))
}
