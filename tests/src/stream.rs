//! A reader of server-sent events (WHATWG HTML, 9.2.6), independent of the service's code.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use serde_json::Value;

use crate::service::Service;

/// An open stream of events. It is closed on drop.
pub struct Stream {
    bytes: BoxStream<'static, reqwest::Result<Vec<u8>>>,
    buffer: String,
}

/// One event of a stream.
#[derive(Debug, Clone)]
pub struct Event {
    /// The value for `Last-Event-ID` on reconnecting.
    pub id: String,
    /// Its type.
    pub name: String,
    /// Its data, parsed.
    pub data: Value,
}

impl Stream {
    /// Follows `/events`, from after `last` if there is one.
    ///
    /// # Errors
    /// The service answers with anything but a stream.
    pub async fn open(service: &Service, last: Option<&str>) -> Result<Self> {
        let mut request = service.asking("/events");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await?.error_for_status()?;
        let kind = response.headers().get("content-type").cloned();
        ensure!(
            kind.as_ref().is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream")),
            "it is {kind:?}"
        );
        let bytes = response.bytes_stream().map(|chunk| chunk.map(|bytes| bytes.to_vec())).boxed();
        Ok(Self { bytes, buffer: String::new() })
    }

    /// The next event.
    ///
    /// # Errors
    /// None within `limit`, or the stream ended.
    pub async fn next(&mut self, limit: Duration) -> Result<Event> {
        let next = async {
            loop {
                while let Some(end) = self.buffer.find("\n\n") {
                    let block: String = self.buffer.drain(..end + 2).collect();
                    if let Some(event) = read(&block)? {
                        return Ok(event);
                    }
                }
                let Some(chunk) = self.bytes.next().await else { bail!("the stream has ended") };
                self.buffer.push_str(std::str::from_utf8(&chunk?).context("the stream is no UTF-8")?);
            }
        };
        tokio::time::timeout(limit, next).await.context("no event came in time")?
    }
}

/// Parses a block of lines; `None` for one without data, such as comments and the reconnection time.
fn read(block: &str) -> Result<Option<Event>> {
    let field = |name: &str| {
        block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim_start)
    };
    let Some(data) = field("data") else { return Ok(None) };
    Ok(Some(Event {
        id: field("id").context("an event without an id")?.to_owned(),
        name: field("event").unwrap_or("message").to_owned(),
        data: serde_json::from_str(data).context("an event's data")?,
    }))
}
