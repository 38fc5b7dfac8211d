//! The subject of a message, by its topic or route.

crate::words! {
    /// What a message claims to be, by the topic or route that it arrives on.
    pub enum Subject: "subject of a message" {
        /// `payment-succeeded`
        Payment = "payment",
        /// `payment-refunded`
        Refund = "refund",
        /// `order-cancelled`
        Cancellation = "cancellation",
        /// `event-changed`
        EventChange = "event_change",
    }
}
