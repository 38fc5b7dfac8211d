//! Where a ticket stands.

crate::words! {
    /// Where a ticket stands. Voided is a fact beside it (`voided_at`), not a status.
    pub enum TicketStatus: "ticket status" {
        /// Frozen: everything it is made of is decided, the file is not stored yet.
        Pending = "Pending",
        /// Its file exists and its `ticket-issued` is on its way.
        Generated = "Generated",
        /// The file could not be made; `last_error` says why.
        Failed = "Failed",
        /// Notification says that it reached its holder.
        Delivered = "Delivered",
    }
}
