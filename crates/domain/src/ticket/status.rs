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

crate::words! {
    /// The status that people are shown: one word that also says that a ticket is void or erased.
    pub enum ShownStatus: "shown status of a ticket" {
        /// Its file is not stored yet.
        Pending = "Pending",
        /// Its file exists.
        Generated = "Generated",
        /// The file could not be made.
        Failed = "Failed",
        /// It reached its holder.
        Delivered = "Delivered",
        /// It is no longer valid.
        Voided = "voided",
        /// Its personal data was erased.
        Erased = "erased",
    }
}

impl ShownStatus {
    /// Erased or voided, in this order; otherwise the ticket's status.
    pub fn of(status: TicketStatus, voided: bool, erased: bool) -> Self {
        match status {
            _ if erased => Self::Erased,
            _ if voided => Self::Voided,
            TicketStatus::Pending => Self::Pending,
            TicketStatus::Generated => Self::Generated,
            TicketStatus::Failed => Self::Failed,
            TicketStatus::Delivered => Self::Delivered,
        }
    }
}
