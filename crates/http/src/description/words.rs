//! Schemas of the enumerated values in records, from the enums that declare them.

use std::borrow::Cow;

use utoipa::openapi::schema::ObjectBuilder;
use utoipa::openapi::{RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

macro_rules! words {
    ($(#[doc = $about:literal] $schema:ident = $words:ty;)+) => {$(
        #[doc = $about]
        pub(crate) struct $schema;

        impl PartialSchema for $schema {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .description(Some($about.trim()))
                    .enum_values(Some(<$words>::ALL.iter().map(|word| word.as_str())))
                    .into()
            }
        }

        impl ToSchema for $schema {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($schema))
            }
        }
    )+};
}

words! {
    /// State of a ticket's file and delivery.
    TicketStatus = fulfillment_domain::TicketStatus;
    /// The status that people are shown of a ticket: also whether it is void or erased.
    ShownStatus = fulfillment_domain::ShownStatus;
    /// What a list is in the order of.
    SortedBy = fulfillment_store::SortedBy;
    /// Something about a ticket that does not hold it back.
    TicketFlag = fulfillment_domain::Flag;
    /// State of an order.
    OrderState = fulfillment_domain::OrderState;
    /// Why an order needs an operator.
    AttentionReason = fulfillment_store::AttentionReason;
    /// Outcome of a payment.
    PaymentOutcome = fulfillment_store::PaymentOutcome;
    /// State of a refund or cancellation.
    WithdrawalState = fulfillment_store::WithdrawalState;
}
