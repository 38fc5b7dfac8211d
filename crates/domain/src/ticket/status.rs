//! The status of a ticket.

crate::words! {
    /// The status of a ticket. Voided is a separate fact (`voided_at`), not a status.
    pub enum TicketStatus: "ticket status" {
        /// Frozen: its content is decided, but its file is not stored yet.
        Pending = "Pending",
        /// Its file exists and its `ticket-issued` is in the outbox.
        Generated = "Generated",
        /// The file could not be made; `last_error` says why.
        Failed = "Failed",
        /// Notification reports that it reached its holder.
        Delivered = "Delivered",
    }
}
