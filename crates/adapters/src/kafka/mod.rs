//! Kafka consumer and producer, with librdkafka.

mod batch;
mod client;
mod consumer;
mod hand;
mod inspector;
mod lag;
mod member;
mod positions;
mod producer;
mod reader;
mod start;
#[cfg(test)]
mod tests;

pub use consumer::KafkaConsumer;
pub use producer::KafkaDestination;
