//! Assigned partitions, and what of each is read, stored and on record.
//!
//! Two batches may be on their way into the store, and the later one may be stored first. So a batch records only the
//! positions of partitions that no earlier unstored batch has; the others are owed, and are recorded with a later batch
//! or, when there is none, by themselves. What is on record is stored, and what is committed is on record.

use std::collections::{BTreeMap, HashMap};

use fulfillment_store::{Mark, Partition, Position};

use super::positions::{Begin, Held};
use super::start::Read;

/// The position of a partition after a batch.
#[derive(Debug, Clone)]
pub(super) struct Reached {
    pub(super) partition: Partition,
    /// The number of the partition's assignment in this process.
    pub(super) life: u64,
    pub(super) epoch: i64,
    pub(super) next: i64,
    /// The last record; the partition's mark is recorded instead, once it has one.
    pub(super) mark: Mark,
}

impl Reached {
    pub(super) fn position(&self) -> Position {
        let Self { partition, epoch, next, mark, .. } = self;
        Position { partition: partition.clone(), epoch: *epoch, next: *next, mark: Some(*mark) }
    }
}

/// The assignment that a message was read in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) life: u64,
    pub(super) epoch: i64,
    /// Whether it lies before what was read: then its topic was created again.
    pub(super) went_back: bool,
}

/// One partition.
#[derive(Debug)]
struct Hand {
    partition: Partition,
    life: u64,
    epoch: i64,
    /// The offset to be read next.
    next: i64,
    /// The mark: a record of this assignment that was there at the last check, or the first one.
    mark: Option<Mark>,
    /// The last record that was read.
    last: Option<Mark>,
}

/// All assigned partitions.
#[derive(Debug, Default)]
pub(super) struct Hands {
    partitions: HashMap<String, HashMap<i32, Hand>>,
    lives: u64,
    /// Stored, and not on record as read.
    owed: BTreeMap<Partition, Reached>,
}

impl Hands {
    pub(super) fn is_empty(&self) -> bool {
        self.partitions.values().all(HashMap::is_empty)
    }

    /// Adds an assigned partition.
    pub(super) fn begin(&mut self, begin: Begin) {
        let Begin { partition, epoch, at, mark } = begin;
        self.lives += 1;
        let hand = Hand { life: self.lives, epoch, next: at, mark, last: mark, partition };
        let topic = self.partitions.entry(hand.partition.topic.clone()).or_default();
        topic.insert(hand.partition.number, hand);
    }

    /// Removes a revoked partition.
    pub(super) fn end(&mut self, topic: &str, number: i32) {
        if let Some(topic) = self.partitions.get_mut(topic) {
            topic.remove(&number);
        }
    }

    /// Resets a partition to its start, if it is still in this assignment.
    pub(super) fn renew(&mut self, topic: &str, number: i32, life: u64, epoch: i64, at: i64) -> bool {
        self.lives += 1;
        let lives = self.lives;
        let hand = self.partitions.get_mut(topic).and_then(|topic| topic.get_mut(&number));
        let Some(hand) = hand.filter(|hand| hand.life == life) else { return false };
        (hand.life, hand.epoch, hand.next) = (lives, epoch, at);
        (hand.mark, hand.last) = (None, None);
        true
    }

    /// Notes that a message was read; none when its partition is not assigned.
    pub(super) fn read(&mut self, topic: &str, number: i32, offset: i64) -> Option<Reading> {
        let hand = self.partitions.get_mut(topic)?.get_mut(&number)?;
        let went_back = offset < hand.next;
        if went_back {
            self.lives += 1;
            (hand.life, hand.epoch) = (self.lives, hand.epoch + 1);
            (hand.mark, hand.last) = (None, None);
        }
        hand.next = offset + 1;
        Some(Reading { life: hand.life, epoch: hand.epoch, went_back })
    }

    /// The partition's key in the store.
    pub(super) fn partition(&self, topic: &str, number: i32) -> Option<&Partition> {
        Some(&self.partitions.get(topic)?.get(&number)?.partition)
    }

    /// Whether a partition is still in the assignment that this was read in.
    pub(super) fn is_current(&self, reached: &Reached) -> bool {
        let Partition { topic, number, .. } = &reached.partition;
        let hand = self.partitions.get(topic).and_then(|topic| topic.get(number));
        hand.is_some_and(|hand| hand.life == reached.life)
    }

    /// The partitions to check periodically.
    pub(super) fn held(&self) -> Vec<Held> {
        let all = self.partitions.values().flat_map(HashMap::values);
        let held = all.filter_map(|hand| {
            let (last, mark) = (hand.last?, hand.mark);
            let read = Read { next: last.offset + 1, mark };
            Some(Held { partition: hand.partition.clone(), life: hand.life, epoch: hand.epoch, read, last })
        });
        held.collect()
    }

    /// The mark was found in its place, so what was read up to then is from the same topic.
    pub(super) fn confirm(&mut self, held: &Held) {
        let Partition { topic, number, .. } = &held.partition;
        let hand = self.partitions.get_mut(topic).and_then(|topic| topic.get_mut(number));
        if let Some(hand) = hand.filter(|hand| hand.life == held.life) {
            hand.mark = Some(held.last);
        }
    }

    /// A batch is sent off while others, whose partitions are `before`, are being stored. Returns the positions that it
    /// records, and those to be kept until it is stored.
    pub(super) fn go_off(
        &mut self,
        mut reached: Vec<Reached>,
        before: impl Fn(&Partition) -> bool,
    ) -> (Vec<Reached>, Vec<Reached>) {
        for reached in &mut reached {
            let Partition { topic, number, .. } = &reached.partition;
            let hand = self.partitions.get_mut(topic).and_then(|topic| topic.get_mut(number));
            if let Some(hand) = hand.filter(|hand| hand.life == reached.life) {
                hand.last = Some(reached.mark);
                reached.mark = *hand.mark.get_or_insert(reached.mark);
            }
        }
        let (later, now): (Vec<_>, Vec<_>) = reached.into_iter().partition(|it| before(&it.partition));
        let mut recorded = std::mem::take(&mut self.owed);
        recorded.extend(now.into_iter().map(|it| (it.partition.clone(), it)));
        (recorded.into_values().collect(), later)
    }

    /// A batch and all before it are stored; these positions of it are not on record yet.
    pub(super) fn owe(&mut self, stored: Vec<Reached>) {
        self.owed.extend(stored.into_iter().map(|it| (it.partition.clone(), it)));
    }

    /// Whether some positions are stored and not on record.
    pub(super) fn owes(&self) -> bool {
        !self.owed.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(offset: i64) -> Mark {
        Mark { offset, timestamp: None, hash: [7; 32] }
    }

    fn partition(number: i32) -> Partition {
        Partition { cluster: "c".into(), group: "g".into(), topic: "t".into(), number }
    }

    fn hands() -> Hands {
        let mut hands = Hands::default();
        for number in 0..2 {
            hands.begin(Begin { partition: partition(number), epoch: 0, at: 10, mark: None });
        }
        hands
    }

    /// As a batch does: reads one message, and answers with the position after it.
    fn read(hands: &mut Hands, number: i32, offset: i64) -> Reached {
        let Reading { life, epoch, .. } = hands.read("t", number, offset).unwrap();
        Reached { partition: partition(number), life, epoch, next: offset + 1, mark: mark(offset) }
    }

    fn nexts(reached: &[Reached]) -> Vec<(i32, i64)> {
        reached.iter().map(|it| (it.partition.number, it.next)).collect()
    }

    #[test]
    fn a_later_batch_records_nothing_that_an_earlier_one_may_not_have_stored() {
        let mut hands = hands();
        let first = vec![read(&mut hands, 0, 10)];
        let (recorded, later) = hands.go_off(first, |_| false);
        assert_eq!((nexts(&recorded), nexts(&later)), (vec![(0, 11)], vec![]));
        // The second is sent off while the first is being stored: it may record partition 1.
        let second = vec![read(&mut hands, 0, 11), read(&mut hands, 1, 10)];
        let (recorded, later) = hands.go_off(second, |it| it.number == 0);
        assert_eq!((nexts(&recorded), nexts(&later)), (vec![(1, 11)], vec![(0, 12)]));
        // Both are stored; the third records what is owed, beside a position that it may not record itself.
        hands.owe(later);
        assert!(hands.owes());
        let third = vec![read(&mut hands, 1, 11)];
        let (recorded, later) = hands.go_off(third, |it| it.number == 1);
        assert_eq!((nexts(&recorded), nexts(&later)), (vec![(0, 12)], vec![(1, 12)]));
        assert!(!hands.owes());
        // Its own position is newer than the one owed for the same partition.
        hands.owe(later);
        let fourth = vec![read(&mut hands, 1, 12)];
        let (recorded, later) = hands.go_off(fourth, |_| false);
        assert_eq!((nexts(&recorded), nexts(&later)), (vec![(1, 13)], vec![]));
    }

    #[test]
    fn a_life_ends_with_its_assignment_its_topic_and_a_step_back() {
        let mut hands = hands();
        let before = read(&mut hands, 0, 10);
        assert!(hands.is_current(&before));
        // Offsets may have gaps; a step back means another topic.
        assert!(!hands.read("t", 0, 15).unwrap().went_back);
        let back = hands.read("t", 0, 3).unwrap();
        assert!(back.went_back && back.epoch == 1);
        assert!(!hands.is_current(&before));
        let now = read(&mut hands, 0, 4);
        assert!(hands.is_current(&now) && now.epoch == 1);

        assert!(!hands.renew("t", 0, before.life, 9, 0), "it was renewed meanwhile");
        assert!(hands.renew("t", 0, now.life, 2, 0));
        assert!(!hands.is_current(&now));
        let now = hands.read("t", 0, 0).unwrap();
        assert!(!now.went_back && now.epoch == 2);

        let other = read(&mut hands, 1, 10);
        hands.end("t", 1);
        assert!(!hands.is_current(&other));
        assert_eq!(hands.read("t", 1, 11), None);
        hands.begin(Begin { partition: partition(1), epoch: 0, at: 10, mark: None });
        assert!(!hands.is_current(&other), "it comes back with another life");
    }

    #[test]
    fn what_is_looked_at_is_the_last_record_that_went_off() {
        let mut hands = hands();
        assert!(!hands.is_empty() && hands.held().is_empty(), "nothing was read yet");
        hands.begin(Begin { partition: partition(1), epoch: 4, at: 5, mark: Some(mark(20)) });
        let [held] = &hands.held()[..] else { panic!() };
        assert_eq!((held.partition.number, held.epoch, held.read.next), (1, 4, 21));
        let batch = vec![read(&mut hands, 0, 30)];
        hands.go_off(batch, |_| false);
        let nexts: std::collections::BTreeSet<_> = hands.held().iter().map(|it| it.read.next).collect();
        assert_eq!(nexts, [21, 31].into());
        let held = hands.held();
        let first = held.iter().find(|it| it.partition.number == 0).unwrap();
        assert!(hands.renew("t", 0, first.life, 1, 0));
        assert_eq!(hands.held().len(), 1, "of the new topic nothing was read");
    }

    #[test]
    fn the_mark_is_a_record_that_was_looked_for_since_or_the_first() {
        let mut hands = hands();
        let go_off = |hands: &mut Hands, offset| {
            let batch = vec![read(hands, 0, offset)];
            let (recorded, _) = hands.go_off(batch, |_| false);
            recorded[0].position().mark.unwrap().offset
        };
        assert_eq!(go_off(&mut hands, 10), 10, "the first of this life");
        // The topic may be created again right here: what is read from now on says nothing about that.
        assert_eq!(go_off(&mut hands, 11), 10);
        let held = hands.held().pop().unwrap();
        assert_eq!((held.read.mark, held.last, held.read.next), (Some(mark(10)), mark(11), 12));
        assert_eq!(go_off(&mut hands, 12), 10);
        hands.confirm(&held);
        assert_eq!(go_off(&mut hands, 13), 11, "what was read before the look");
        // A check from an earlier assignment confirms nothing.
        let held = hands.held().pop().unwrap();
        assert!(hands.read("t", 0, 2).unwrap().went_back);
        hands.confirm(&held);
        assert_eq!(go_off(&mut hands, 3), 3);
    }
}
