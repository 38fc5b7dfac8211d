//! Checks at the end of a story: the black-box checker's promises, and those that only this world can observe.

use fulfillment_credential::{VerifyOptions, verify};
use fulfillment_domain::{Clock, OrderId};
use fulfillment_pipeline::operations::links::WholeOrder;
use fulfillment_store::{
    DeadLetters as _, FoundIn, OrderRecord, Outbox as _, People as _, Records as _, WithdrawalState,
};
use fulfillment_tests::checker::{self, Seen, Word};
use fulfillment_tests::kafka::Message;
use fulfillment_tests::ledger::Paid;
use sha2::{Digest as _, Sha256};

use super::plot::{Deal, Plot};
use crate::process::Kit;
use crate::world::{World, lock};

impl Plot {
    pub(super) fn judge(&self, kit: &Kit, world: &World) {
        let mut seen =
            checker::World { events: vec![lock(&world.told).clone()], ..checker::World::default() };
        let keyring = kit.keys.current();
        let now = Clock::now(world.time.as_ref()).as_second();
        for deal in &self.deals {
            let order = deal.sale.order;
            let record = world.at_once(world.store.order(OrderId(order))).unwrap();
            let seats = record.as_ref().map_or(0, |record| deal.tickets_due(record));
            // Offsets are not compared here; the consumer's order is checked as it commits.
            let paid = |key: &String| Paid { order, key: key.clone(), seats, at: (0, 0) };
            seen.paid.extend(deal.paid.keys().map(paid));
            let Some(record) = record else { continue };
            world.note(format_args!("in the end: {}", serde_json::to_string(&record).unwrap()));
            for ticket in &record.tickets {
                let options = VerifyOptions::default();
                if !verify(&ticket.code.data, keyring.public(), now, &options).is_valid() {
                    seen.unverified.push(ticket.code.data.clone());
                }
            }
            if lock(&world.erased).contains(&record.order_id) {
                deal.judge_erased(world, &record);
                let ids: Vec<_> = record.tickets.iter().map(|t| t.id.to_string()).collect();
                let of_it =
                    |message: &Message| message.header("ce_subject").is_some_and(|id| ids.contains(&id));
                seen.events[0].retain(|message| !of_it(message));
                seen.paid.retain(|paid| paid.order != order);
                continue;
            }
            deal.judge(world, &record);
            for ticket in &record.tickets {
                let as_order = || lock(&world.reinstated).get(&record.order_id).cloned().map(Word::Good);
                let last = lock(&world.words).get(&ticket.id).cloned().or_else(as_order);
                seen.words.extend(last.map(|last| (ticket.id.to_string(), last)));
            }
            seen.orders.insert(order, serde_json::to_value(WholeOrder::of(&record, None, None)).unwrap());
        }
        for (name, content) in lock(&world.files).iter() {
            let sha256 = hex::encode(Sha256::digest(content));
            seen.files.insert(name.clone(), Seen { sha256, code: None });
        }
        for violation in seen.violations() {
            world.violated(violation);
        }
    }
}

impl Deal {
    /// The number of tickets it should have: those of Ordering's first answer, and, once all is paid, what it gained
    /// since. Where refunds or cancellations meet the growth, the first of them decides.
    fn tickets_due(&self, record: &OrderRecord) -> usize {
        let (few, all) = (self.sale.tickets(), self.sale.all_tickets());
        let of_first_answer =
            |name: &Option<String>| record.tickets.first().is_some_and(|t| t.customer.name == *name);
        let first = record.tickets.iter().filter(|t| of_first_answer(&t.customer.name)).count();
        let is_paid = self.paid.values().sum::<u32>() >= self.sale.price_of_all();
        let may_be_few = self.withdrawn && record.tickets.len() == few;
        if first == all || (is_paid && !may_be_few) { all } else { few }
    }

    /// Nothing of an erased order names its person: no record, message, dead letter or event, whenever it came.
    fn judge_erased(&self, world: &World, record: &OrderRecord) {
        let order = record.order_id;
        let mut texts = vec![("record", serde_json::to_vec(record).unwrap())];
        for message in world.at_once(world.store.messages_of(order)).unwrap() {
            texts.extend(message.raw.map(|raw| ("message", raw)));
        }
        for letter in world.at_once(world.store.dead_letters(0, true, 1_000)).unwrap() {
            let letter = world.at_once(world.store.dead_letter(letter.id)).unwrap().unwrap();
            texts.push(("letter", letter.raw));
        }
        world.at_once(world.store.sequence_events(10_000)).unwrap();
        let events = world.at_once(world.store.events_after(0, 10_000)).unwrap();
        let of_it = events.into_iter().filter(|published| published.event.order_id == Some(order));
        texts.extend(of_it.map(|published| ("event", published.event.value)));
        let found = world.at_once(world.store.texts_of(FoundIn::Order(order))).unwrap();
        texts.extend(found.into_iter().map(|text| ("text", text)));
        for (what, text) in texts {
            if String::from_utf8_lossy(&text).contains(&self.sale.person())
                || (what != "letter" && self.sale.names_person(&text))
            {
                world.violated(format!(
                    "{order}: erased, and a {what} says {}",
                    String::from_utf8_lossy(&text)
                ));
            }
        }
        if let Some(ticket) = record.tickets.iter().find(|t| t.lifecycle.erased_at.is_none()) {
            world.violated(format!("{order}: erased, and its ticket {} is not", ticket.id));
        }
    }

    /// All tickets come from one answer, except those that it gained later; the order is issued unless all of it is
    /// taken back; and every refund and cancellation is settled.
    fn judge(&self, world: &World, record: &OrderRecord) {
        let id = record.order_id;
        let is_other = |pair: &[fulfillment_domain::Ticket]| pair[0].customer.name != pair[1].customer.name;
        let breaks: Vec<_> = record
            .tickets
            .windows(2)
            .filter(|pair| is_other(pair))
            .map(|p| p[0].line.index as usize)
            .collect();
        if !breaks.is_empty() && breaks != [self.sale.tickets()] {
            world.violated(format!("{id}: its tickets are of several answers: {breaks:?}"));
        }
        let lives =
            record.tickets.is_empty() || record.tickets.iter().any(|t| t.lifecycle.voided_at.is_none());
        let state = record.state.as_str();
        if lives && !self.withdrawn && state != "issued" {
            world.violated(format!("{id}: it is {state}: {:?}", record.reason));
        }
        for withdrawal in &record.withdrawals {
            if !matches!(withdrawal.state, WithdrawalState::Applied | WithdrawalState::Lifted) {
                let (key, state, note) = (&withdrawal.key, withdrawal.state.as_str(), &withdrawal.note);
                world.violated(format!("{id}: {key} is {state}: {note:?}"));
            }
        }
    }
}
