//! Records as they are answered: whole, or for a token that may not read them, their state alone.

use std::borrow::Cow;

use utoipa::openapi::schema::AnyOfBuilder;
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::order::{Order, OrderProgress};
use super::ticket::{Ticket, TicketRecord, TicketState};

macro_rules! views {
    ($(#[doc = $about:literal] $answer:ident = $whole:ident or $state:ident;)+) => {$(
        #[doc = $about]
        pub(crate) struct $answer;

        impl PartialSchema for $answer {
            fn schema() -> RefOr<Schema> {
                let of = |name| Ref::from_schema_name(name);
                // A whole record fits the other schema too.
                let any = AnyOfBuilder::new().description(Some($about.trim()));
                any.item(of($whole::name())).item(of($state::name())).into()
            }
        }

        impl ToSchema for $answer {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($answer))
            }

            fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
                schemas.push(($whole::name().into_owned(), $whole::schema()));
                schemas.push(($state::name().into_owned(), $state::schema()));
                $whole::schemas(schemas);
                $state::schemas(schemas);
            }
        }
    )+};
}

views! {
    /// The record of a ticket or, for a token that may not read it, the ticket's state.
    TicketAnswer = Ticket or TicketState;
    /// The record of a ticket with its check-ins or, for a token that may not read it, the ticket's state.
    TicketRecordAnswer = TicketRecord or TicketState;
    /// The record of an order or, for a token that may not read it, the order's state.
    OrderAnswer = Order or OrderProgress;
}
