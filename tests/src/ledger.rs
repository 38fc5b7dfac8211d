//! The ledger of payments of a test: a payment counts as soon as the broker has acknowledged it, and is written to a
//! file and synced before anything else happens.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::ordering::{Answer, seats};
use crate::payment::Payment;
use crate::rig;
use crate::scene::Scene;

/// One payment that the broker has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paid {
    /// The order that was paid.
    pub order: Uuid,
    /// The payment's key: its id, or `order:` and the order's id if it has none.
    pub key: String,
    /// How many tickets the order must have.
    pub seats: usize,
    /// The message's partition and offset.
    pub at: (i32, i64),
}

/// Every payment of a test.
#[derive(Debug)]
pub struct Ledger {
    file: File,
    paid: Vec<Paid>,
}

impl Ledger {
    /// An empty ledger in a folder.
    ///
    /// # Errors
    /// The file cannot be created.
    pub fn new(folder: &Path) -> Result<Self> {
        let file = File::create(folder.join(rig::unique("ledger")))?;
        Ok(Self { file, paid: Vec::new() })
    }

    /// Pays for a new order of this many seats, which Ordering knows.
    ///
    /// # Errors
    /// The broker did not acknowledge it: then it is not in the ledger, and may or may not be in the topic.
    pub async fn pay(&mut self, scene: &Scene, seats_wanted: usize) -> Result<Uuid> {
        let order = rig::id();
        self.pay_for(scene, order, seats_wanted, seats(order, seats_wanted)).await
    }

    /// Pays for a new order of one seat of this event.
    ///
    /// # Errors
    /// As those of [`Ledger::pay`].
    pub async fn pay_at(&mut self, scene: &Scene, event: &str) -> Result<Uuid> {
        let order = rig::id();
        let mut answer = seats(order, 1);
        answer["eventId"] = event.into();
        self.pay_for(scene, order, 1, answer).await
    }

    async fn pay_for(
        &mut self,
        scene: &Scene,
        order: Uuid,
        seats_wanted: usize,
        answer: Value,
    ) -> Result<Uuid> {
        scene.ordering.answer(order, [Answer::Json(answer)]);
        let payment = Payment::of(order);
        let at = scene.wire()?.pay(&payment).await?;
        let paid = Paid { order, key: payment.payment_id.to_string(), seats: seats_wanted, at };
        let line = json!({ "order": order, "payment": paid.key, "seats": seats_wanted, "at": at });
        writeln!(self.file, "{line}")?;
        self.file.sync_data()?;
        self.paid.push(paid);
        Ok(order)
    }

    /// All payments, oldest first.
    #[must_use]
    pub fn paid(&self) -> &[Paid] {
        &self.paid
    }
}
