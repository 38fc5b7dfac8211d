//! `[refund]`

use fulfillment_domain::Share;

use super::section::section;

section! {
    /// What the seller's refunds are like.
    Refund in "refund" {
        /// The fee that the seller keeps of a refund, as a share from 0 to 1: less by this share still is the whole
        /// price of an item, a ticket or a payment.
        retained_share: Share = "0";
    }
}
