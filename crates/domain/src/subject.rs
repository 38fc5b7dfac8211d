//! What a message is about, as its topic or route says.

crate::words! {
    /// What a message claims to be, by the topic or route that it comes by.
    pub enum Subject: "subject of a message" {
        /// `payment-succeeded`
        Payment = "payment",
        /// `payment-refunded`
        Refund = "refund",
        /// `order-cancelled`
        Cancellation = "cancellation",
    }
}
