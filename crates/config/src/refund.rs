//! The section `[refund]`: the seller's refund policy.

use fulfillment_domain::Share;

use super::section::section;

section! {
    /// The seller's refund policy.
    Refund in "refund" {
        /// The share of a refund, from 0 to 1, that the seller keeps as a fee: a refund reduced by up to this share
        /// still counts as the full price of an item, a ticket or a payment.
        retained_share: Share = "0";
    }
}
