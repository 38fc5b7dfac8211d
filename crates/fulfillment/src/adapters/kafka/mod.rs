//! Kafka, by way of librdkafka.

mod batch;
mod client;
mod consumer;
mod producer;
#[cfg(test)]
mod tests;

pub(crate) use consumer::KafkaConsumer;
pub(crate) use producer::KafkaDestination;
