//! Finds people by their e-mail addresses, whatever the spelling. The store has keyed hashes of the addresses only.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fulfillment_domain::{Address, OrderId, Secret};
use fulfillment_store::{FoundIn, People, PersonKey, Result};
use tokio_util::sync::CancellationToken;

/// Orders and dead letters read in one transaction.
const BATCH: usize = 100;

/// Finds people, and keeps the index by which they are found.
#[derive(Clone)]
pub struct PeopleIndex {
    /// The store.
    pub store: Arc<dyn People>,
    /// The secret that hashes are derived from.
    pub secret: Secret,
}

/// Where an address occurs.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Orders with this address.
    pub orders: Vec<OrderId>,
    /// Dead letters without an order with this address.
    pub letters: Vec<i64>,
    /// What has only similar addresses, and these addresses.
    pub near: Vec<(FoundIn, Vec<Address>)>,
}

impl PeopleIndex {
    /// Reads the addresses of whatever was written since the last call, until `stop`. Returns how many orders and dead
    /// letters were read.
    ///
    /// # Errors
    /// Those of the store; what was read until then is kept.
    pub async fn catch_up(&self, stop: &CancellationToken) -> Result<usize> {
        let mut read = 0;
        while !stop.is_cancelled() {
            match self.read_some().await? {
                0 => break,
                more => read += more,
            }
        }
        Ok(read)
    }

    /// Reads some of what is new. Returns how many orders and dead letters were read: 0 when nothing is left.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn read_some(&self) -> Result<usize> {
        self.store.note_people(BATCH, &|text| self.keys_in(text)).await
    }

    /// Everything in which an address or a similar one occurs.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn find(&self, address: &Address) -> Result<Found> {
        self.catch_up(&CancellationToken::new()).await?;
        let wanted = self.key(address);
        let (mut exact, mut similar) = (BTreeSet::new(), BTreeMap::<_, BTreeSet<_>>::new());
        for (found_in, hash) in self.store.people_alike(&wanted.alike).await? {
            if hash == wanted.hash {
                exact.insert(found_in);
            } else {
                similar.entry(found_in).or_default().insert(hash);
            }
        }
        let mut found = Found::default();
        for found_in in &exact {
            match found_in {
                FoundIn::Order(order) => found.orders.push(*order),
                FoundIn::Letter(letter) => found.letters.push(*letter),
            }
        }
        for (found_in, hashes) in similar.into_iter().filter(|(found_in, _)| !exact.contains(found_in)) {
            let mut addresses = BTreeSet::new();
            for text in self.store.texts_of(found_in).await? {
                let all = Address::all_in_message(&text).into_iter();
                addresses.extend(all.filter(|other| hashes.contains(&self.key(other).hash)));
            }
            // Raw messages are pruned: an address that is there no more needs no decision.
            if !addresses.is_empty() {
                found.near.push((found_in, addresses.into_iter().collect()));
            }
        }
        Ok(found)
    }

    fn keys_in(&self, text: &[u8]) -> Vec<PersonKey> {
        Address::all_in_message(text).iter().map(|address| self.key(address)).collect()
    }

    fn key(&self, address: &Address) -> PersonKey {
        key_of(&self.secret, address)
    }
}

/// By what the index has an address.
pub fn key_of(secret: &Secret, address: &Address) -> PersonKey {
    let hash = secret.pseudonym(&address.to_string());
    let alike = secret.pseudonym_of_similar(&address.similar());
    PersonKey { hash, alike }
}
