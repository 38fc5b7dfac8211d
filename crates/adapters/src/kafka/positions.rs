//! Start positions of newly assigned partitions, and checks that assigned partitions still belong to the topics that
//! were read: asks the broker and the store, records the decisions, and logs them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use fulfillment_config as config;
use fulfillment_store::{Mark, Partition, Position, Positions};
use tracing::{info, warn};

use super::inspector::{Inspector, ask};
use super::start::{Again, Read, Seen, Why, made_anew, start};

/// The wait before the broker or the store is asked again.
const AGAIN: Duration = Duration::from_secs(1);

/// The sources that decide.
#[derive(Clone)]
pub(super) struct Placing {
    pub(super) inspector: Arc<Inspector>,
    pub(super) store: Arc<dyn Positions>,
    pub(super) group: String,
    pub(super) topics: Vec<String>,
    pub(super) ignore_stored: bool,
}

/// The start position of a partition.
#[derive(Debug, Clone)]
pub(super) struct Begin {
    pub(super) partition: Partition,
    pub(super) epoch: i64,
    pub(super) at: i64,
    /// The mark: the record that its topic is recognised by.
    pub(super) mark: Option<Mark>,
}

/// An assigned partition to check.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) partition: Partition,
    /// The number of its assignment in this process.
    pub(super) life: u64,
    pub(super) epoch: i64,
    pub(super) read: Read,
    /// The last record that was read: the next mark, once this one was found in its place.
    pub(super) last: Mark,
}

/// An assigned partition whose topic was deleted and created again: it is to be read from `at`.
#[derive(Debug, Clone)]
pub(super) struct Anew {
    pub(super) partition: Partition,
    pub(super) life: u64,
    pub(super) epoch: i64,
    pub(super) at: i64,
}

/// The result of a check of assigned partitions.
#[derive(Debug)]
pub(super) struct Looked {
    /// Those whose topics were created again; this is on record.
    pub(super) anew: Vec<Anew>,
    /// Those that are unchanged.
    pub(super) same: Vec<Held>,
    /// What could not be checked, and why.
    pub(super) trouble: Option<String>,
}

impl Placing {
    pub(super) fn new(
        kafka: &config::Kafka,
        inspector: Inspector,
        store: Arc<dyn Positions>,
        topics: &[&str],
    ) -> Self {
        Self {
            inspector: Arc::new(inspector),
            store,
            group: kafka.group_id.clone(),
            topics: topics.iter().map(|topic| (*topic).to_owned()).collect(),
            ignore_stored: kafka.ignore_stored_offsets,
        }
    }

    /// Decides where these partitions begin, however long broker and store take to answer. `trouble` is called with
    /// what prevents it.
    pub(super) async fn begin(self, partitions: Vec<(String, i32)>, trouble: impl Fn(String)) -> Vec<Begin> {
        loop {
            match self.try_begin(&partitions).await {
                Ok(begun) => return begun,
                Err(error) => trouble(format!("cannot find out where to begin reading: {error:#}")),
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    async fn try_begin(&self, partitions: &[(String, i32)]) -> anyhow::Result<Vec<Begin>> {
        let Some(topic) = partitions.first().map(|(topic, _)| topic.clone()) else { return Ok(Vec::new()) };
        let cluster = ask(&self.inspector, move |inspector| inspector.cluster(&topic)).await?;
        if self.store.predates_positions().await? {
            self.take_from_broker(&cluster).await?;
        }
        let mut stored: BTreeMap<Partition, Position> = BTreeMap::new();
        for position in self.store.positions(&cluster, &self.group).await? {
            stored.insert(position.partition.clone(), position);
        }
        let mut begun = Vec::with_capacity(partitions.len());
        for (topic, numbers) in by_topic(partitions.iter().map(|(topic, number)| (topic.as_str(), *number))) {
            let asked = numbers.iter().map(|number| {
                let partition = self.partition(&cluster, &topic, *number);
                (*number, stored.get(&partition).map(read_of))
            });
            let (seen, committed) = self.look(&topic, asked.collect(), true).await?;
            for number in numbers {
                let partition = self.partition(&cluster, &topic, number);
                let seen =
                    seen.get(&number).with_context(|| format!("{topic}/{number} was not looked at"))?;
                begun.push(self.decide(&stored, partition, committed.get(&number).copied(), seen));
            }
        }
        let anew = begun.iter().filter(|(_, write)| *write).map(|(begin, _)| Position {
            partition: begin.partition.clone(),
            epoch: begin.epoch,
            next: begin.at,
            mark: None,
        });
        self.store.advance(&anew.collect::<Vec<_>>()).await?;
        Ok(begun.into_iter().map(|(begin, _)| begin).collect())
    }

    /// Where one partition begins, and whether the store must record it before anything is read.
    fn decide(
        &self,
        stored: &BTreeMap<Partition, Position>,
        partition: Partition,
        committed: Option<i64>,
        seen: &Seen,
    ) -> (Begin, bool) {
        let before = stored.get(&partition);
        let read = before.map(read_of);
        let begin = start(committed, read.as_ref(), seen, self.ignore_stored);
        let Partition { topic, number, .. } = &partition;
        let on_record = read.map(|read| read.next);
        let (partition_id, low, high, words) = (*number, seen.low, seen.high, begin.why.words());
        let how = if let Why::MadeAnew(how) = begin.why { how } else { "" };
        if begin.why.is_unusual() {
            warn!(
                topic,
                partition = partition_id,
                begin = begin.at,
                committed,
                stored = on_record,
                low,
                high,
                how,
                "{words}"
            );
        } else {
            info!(
                topic,
                partition = partition_id,
                begin = begin.at,
                committed,
                stored = on_record,
                low,
                high,
                "{words}"
            );
        }
        let unread = match begin.why {
            Why::StoreBehind | Why::BrokerBehind | Why::Agreed => {
                committed.into_iter().chain(on_record).min()
            }
            Why::Told => committed,
            _ => None,
        };
        if let Some(unread) = unread.filter(|at| *at < seen.low) {
            warn!(
                topic,
                partition = partition_id,
                from = unread,
                to = seen.low,
                "records were removed from the topic before they were read; reading what is left"
            );
        }
        let anew = begin.why.begins_anew();
        let epoch = before.map_or(0, |it| it.epoch) + i64::from(anew && before.is_some());
        // Where the store has none, as after an upgrade, the existing record becomes the mark.
        let there = if let Some(Again::Record(there)) = seen.again { Some(there) } else { None };
        let mark = read.filter(|_| !anew).and_then(|read| read.mark.or(there));
        (Begin { partition, epoch, at: begin.at, mark }, anew && (before.is_some() || self.ignore_stored))
    }

    /// An upgrade: what the store has was read by the broker's offsets alone, so these count, once, for all partitions.
    async fn take_from_broker(&self, cluster: &str) -> anyhow::Result<()> {
        let topics = self.topics.clone();
        let all = ask(&self.inspector, move |inspector| {
            let mut all = Vec::new();
            for topic in topics {
                let partitions = inspector.partitions(&topic)?;
                all.extend(
                    inspector.committed(&topic, &partitions)?.into_iter().map(|it| (topic.clone(), it)),
                );
            }
            Ok(all)
        });
        let positions = all.await?.into_iter().map(|(topic, (number, next))| Position {
            partition: self.partition(cluster, &topic, number),
            epoch: 0,
            next,
            mark: None,
        });
        let positions: Vec<_> = positions.collect();
        if self.store.adopt_positions(&positions).await? {
            for Position { partition, next, .. } in positions {
                let Partition { topic, number, .. } = partition;
                warn!(
                    topic,
                    partition = number,
                    offset = next,
                    "the store has no recorded positions yet; using the broker's offset this once"
                );
            }
        }
        Ok(())
    }

    /// Checks assigned partitions.
    pub(super) async fn check(self, held: Vec<Held>) -> Looked {
        let mut trouble = None;
        let (mut all_anew, mut same) = (Vec::new(), Vec::new());
        for (topic, numbers) in
            by_topic(held.iter().map(|it| (it.partition.topic.as_str(), it.partition.number)))
        {
            let of_topic = |number: &i32| {
                held.iter().find(|it| it.partition.topic == topic && it.partition.number == *number)
            };
            let asked = numbers.iter().map(|number| (*number, of_topic(number).map(|it| it.read)));
            let seen = match self.look(&topic, asked.collect(), false).await {
                Ok((seen, _)) => seen,
                Err(error) => {
                    trouble = Some(format!("{error:#}"));
                    continue;
                }
            };
            for number in numbers {
                let (Some(held), Some(seen)) = (of_topic(&number), seen.get(&number)) else { continue };
                let Some(how) = made_anew(&held.read, seen) else {
                    same.push(held.clone());
                    continue;
                };
                let (partition, read, begin) = (number, held.read.next, seen.low);
                warn!(
                    topic,
                    partition, begin, read, how, "the topic was created again; reading it from the start"
                );
                let Held { partition, life, epoch, .. } = held.clone();
                all_anew.push(Anew { partition, life, epoch: epoch + 1, at: begin });
            }
        }
        let positions = all_anew.iter().map(|anew| Position {
            partition: anew.partition.clone(),
            epoch: anew.epoch,
            next: anew.at,
            mark: None,
        });
        if let Err(error) = self.store.advance(&positions.collect::<Vec<_>>()).await {
            // It is recorded with the first batch; until then the next start determines it by itself.
            trouble = Some(error.to_string());
        }
        Looked { anew: all_anew, same, trouble }
    }

    /// The current state of partitions of a topic, with the record that was last read of each, and the group's offsets
    /// if they are `wanted`.
    async fn look(
        &self,
        topic: &str,
        read: BTreeMap<i32, Option<Read>>,
        wanted: bool,
    ) -> anyhow::Result<(BTreeMap<i32, Seen>, BTreeMap<i32, i64>)> {
        let topic = topic.to_owned();
        let looked = ask(&self.inspector, move |inspector| {
            let mut seen = BTreeMap::new();
            let mut again = BTreeMap::new();
            for (number, read) in &read {
                let (low, high) = inspector.watermarks(&topic, *number)?;
                seen.insert(*number, Seen { low, high, again: None });
                let mark = read.map(|read| read.mark.map_or(read.next - 1, |mark| mark.offset));
                if let Some(mark) = mark.filter(|mark| (low..high).contains(mark)) {
                    again.insert(*number, mark);
                }
            }
            for (number, found) in inspector.read_again(&topic, &again)? {
                if let Some(seen) = seen.get_mut(&number) {
                    seen.again = Some(found);
                }
            }
            let numbers: Vec<_> = read.keys().copied().collect();
            let committed = if wanted { inspector.committed(&topic, &numbers)? } else { BTreeMap::new() };
            Ok((seen, committed))
        });
        looked.await
    }

    fn partition(&self, cluster: &str, topic: &str, number: i32) -> Partition {
        Partition { cluster: cluster.to_owned(), group: self.group.clone(), topic: topic.to_owned(), number }
    }
}

fn read_of(position: &Position) -> Read {
    Read { next: position.next, mark: position.mark }
}

fn by_topic<'a>(partitions: impl Iterator<Item = (&'a str, i32)>) -> BTreeMap<String, Vec<i32>> {
    let mut topics: BTreeMap<String, Vec<i32>> = BTreeMap::new();
    for (topic, number) in partitions {
        topics.entry(topic.to_owned()).or_default().push(number);
    }
    topics
}
