//! Payments, refunds and cancellations as they are accepted, one or many, bare or as `CloudEvents`.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::{Value, json};
use utoipa::openapi::schema::{AllOfBuilder, ArrayBuilder, ObjectBuilder, OneOfBuilder};
use utoipa::openapi::{Object, Ref, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

use super::order::ItemQuantity;

/// The most messages in one array, unless `http.max_items` says otherwise.
const MOST: usize = 5000;

/// A payment. Only `orderId` is required; unknown fields are ignored.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Payment {
    /// One per payment; the same payment can be sent twice.
    payment_id: Option<Uuid>,
    /// The order that was paid.
    order_id: Uuid,
    /// Who paid.
    customer_id: Option<String>,
    reservation_id: Option<String>,
    /// An exact decimal.
    #[schema(format = "decimal")]
    amount: Option<f64>,
    /// ISO 4217.
    currency: Option<String>,
    /// `credit_card`, `debit_card`, `wallet`, `bank_transfer`, or another.
    payment_method: Option<String>,
    transaction_id: Option<String>,
    processed_at: Option<Timestamp>,
    /// `succeeded`, or absent.
    status: Option<String>,
}

/// A refund. Field names are read in any spelling, as a payment's are.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Refund {
    /// One per refund; the same refund can be sent twice.
    #[schema(min_length = 1)]
    refund_id: String,
    /// The payment that it refunds; by default, the order's only payment. When the order has several, the refund is
    /// parked.
    payment_id: Option<String>,
    /// The order.
    order_id: Uuid,
    /// An exact decimal; by default, all of the payment.
    #[schema(format = "decimal")]
    amount: Option<f64>,
    /// ISO 4217.
    currency: Option<String>,
    /// The items that it is for. All of their tickets, if there is no amount, if it covers their price, or if it returns
    /// the rest of the payment; the last k tickets of an item without seats, if it is exactly the price of k. Otherwise
    /// the refund is parked.
    item_ids: Option<Vec<String>>,
    /// A number of tickets of an item: its last ones that are not void, whatever the amount.
    items: Option<Vec<ItemQuantity>>,
    /// The tickets that it is for, whatever the amount.
    ticket_ids: Option<Vec<Uuid>>,
    /// In any case. Final: `succeeded` (or absent), `success`, `completed`, `refunded`, `settled`, `processed`. In
    /// progress: `pending`, `requested`, `processing`, `requires_action`, `created`. Failed: `failed`, `canceled`,
    /// `cancelled`, `rejected`, `declined`, `reversed`, `expired`. Any other word is unreadable.
    status: Option<String>,
    /// Why, for people.
    reason: Option<String>,
    /// When.
    refunded_at: Option<Timestamp>,
}

/// A cancellation of an order.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Cancellation {
    /// The order.
    order_id: Uuid,
    /// Why, for people.
    reason: Option<String>,
    /// When; by default, when it arrived.
    cancelled_at: Option<Timestamp>,
}

/// An event in the structured form of `CloudEvents` 1.0. `data` is what the route accepts, as an object or as JSON in a
/// string.
#[derive(ToSchema)]
pub(crate) struct CloudEvent {
    #[schema(schema_with = version)]
    specversion: String,
    /// The event's own id.
    id: String,
    /// Who sent it.
    source: String,
    /// What happened; the route decides how `data` is read.
    r#type: String,
    subject: Option<String>,
    time: Option<Timestamp>,
    /// `application/json` when present.
    datacontenttype: Option<String>,
    /// The message, in the route's own schema.
    data: Value,
}

fn version() -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["1.0"])).build()
}

/// A message, or an array of them.
pub(crate) struct OneOrMany<T>(T);

/// A `CloudEvent` around a message.
pub(crate) struct Event<T>(T);

/// An array of `CloudEvents`.
pub(crate) struct Events<T>(T);

fn named<T: ToSchema>() -> Ref {
    Ref::from_schema_name(T::name())
}

fn array(items: impl Into<RefOr<Schema>>) -> ArrayBuilder {
    ArrayBuilder::new().items(items.into()).min_items(Some(1)).max_items(Some(MOST))
}

impl<T: ToSchema> PartialSchema for OneOrMany<T> {
    fn schema() -> RefOr<Schema> {
        OneOfBuilder::new().item(named::<T>()).item(array(named::<T>())).into()
    }
}

impl<T: ToSchema> PartialSchema for Event<T> {
    fn schema() -> RefOr<Schema> {
        let data = ObjectBuilder::new().property("data", named::<T>());
        AllOfBuilder::new().item(named::<CloudEvent>()).item(data).into()
    }
}

impl<T: ToSchema> PartialSchema for Events<T> {
    fn schema() -> RefOr<Schema> {
        array(Event::<T>::schema()).into()
    }
}

/// Each is written where it is used; the message inside it is among the named schemas.
macro_rules! unnamed {
    ($($wrapper:ident),+) => {$(
        impl<T: ToSchema> ToSchema for $wrapper<T> {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($wrapper))
            }

            fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
                schemas.push((T::name().into_owned(), T::schema()));
                schemas.push((CloudEvent::name().into_owned(), CloudEvent::schema()));
                T::schemas(schemas);
            }
        }
    )+};
}
unnamed!(OneOrMany, Event, Events);

/// Under names of their own, which attributes can write.
macro_rules! bodies {
    ($($message:ident: $many:ident, $event:ident, $events:ident;)*) => {$(
        pub(crate) type $many = OneOrMany<$message>;
        pub(crate) type $event = Event<$message>;
        pub(crate) type $events = Events<$message>;
    )*};
}
bodies! {
    Payment: Payments, PaymentEvent, PaymentEvents;
    Refund: Refunds, RefundEvent, RefundEvents;
    Cancellation: Cancellations, CancellationEvent, CancellationEvents;
}

pub(crate) fn payment() -> Value {
    json!({
        "paymentId": "aa444840-9dc0-41d1-8245-5ffdce74fad2",
        "orderId": "7d444840-9dc0-41d1-b245-5ffdce74fad2",
        "customerId": "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
        "amount": 99.8,
        "currency": "EUR",
        "paymentMethod": "credit_card",
        "processedAt": "2026-11-22T18:30:00Z",
        "status": "succeeded"
    })
}

pub(crate) fn refund() -> Value {
    json!({
        "refundId": "5b0a3d58-6a07-4a5f-9d7e-0d3c0e9f2a11",
        "paymentId": "aa444840-9dc0-41d1-8245-5ffdce74fad2",
        "orderId": "7d444840-9dc0-41d1-b245-5ffdce74fad2",
        "amount": 99.8,
        "currency": "EUR",
        "reason": "fell ill",
        "refundedAt": "2026-11-22T18:30:00Z"
    })
}

pub(crate) fn cancellation() -> Value {
    json!({
        "orderId": "7d444840-9dc0-41d1-b245-5ffdce74fad2",
        "reason": "the event is off",
        "cancelledAt": "2026-11-22T18:30:00Z"
    })
}

fn event(kind: &str, data: &Value) -> Value {
    json!({
        "specversion": "1.0",
        "id": "6b0f2f0c-4a53-4c5e-9a57-1a1f0b1d7c11",
        "source": "/shop",
        "type": kind,
        "time": "2026-11-22T18:30:00Z",
        "datacontenttype": "application/json",
        "data": data
    })
}

pub(crate) fn payment_event() -> Value {
    event("payment-succeeded", &payment())
}

pub(crate) fn payment_events() -> Value {
    json!([payment_event()])
}

pub(crate) fn refund_event() -> Value {
    event("payment-refunded", &refund())
}

pub(crate) fn refund_events() -> Value {
    json!([refund_event()])
}

pub(crate) fn cancellation_event() -> Value {
    event("order-cancelled", &cancellation())
}

pub(crate) fn cancellation_events() -> Value {
    json!([cancellation_event()])
}
