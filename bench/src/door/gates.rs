//! The gates: connections that stay open, each with one request at a time. The client does as little as it can, because
//! it shares the machine with what it measures.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::world::{STEWARD, World};

/// How many gates scan at once.
pub(super) const GATES: usize = 64;

/// What the gates measured.
pub(super) struct Scanned {
    /// Scans; each admitted one ticket.
    pub(super) scans: usize,
    /// From the first request to the last answer.
    pub(super) lasting: Duration,
    /// Of each request, sorted.
    pub(super) times: Vec<Duration>,
}

/// When requests are sent.
#[derive(Clone, Copy)]
pub(super) enum Pace {
    /// Each gate sends the next one as soon as the last one is answered.
    Saturated,
    /// So many a second by all gates together, at even intervals. A request's time begins when it is due, whether or not
    /// its gate is free.
    Even(f64),
}

/// Lets the gates admit tickets, `together` in each request, for a while or until every ticket is in.
pub(super) async fn scan(
    world: &mut World,
    together: usize,
    pace: Pace,
    lasting: Duration,
) -> Result<Scanned> {
    let requests: Vec<_> = world.codes.chunks_exact(together).map(|codes| request(world, codes)).collect();
    let limit = match pace {
        Pace::Saturated => requests.len(),
        Pace::Even(rate) => requests.len().min((rate * lasting.as_secs_f64()).ceil() as usize),
    };
    let address = world.service.base().trim_start_matches("http://").to_owned();
    let gates = try_join_all((0..GATES).map(|_| Gate::connect(&address))).await?;
    let next = AtomicUsize::new(0);
    let begun = Instant::now();
    let scanning = gates.into_iter().map(|mut gate| {
        let (requests, next) = (&requests, &next);
        async move {
            let mut times = Vec::new();
            loop {
                if matches!(pace, Pace::Saturated) && begun.elapsed() >= lasting {
                    break;
                }
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(request) = requests.get(at).filter(|_| at < limit) else { break };
                let due = match pace {
                    Pace::Saturated => Instant::now(),
                    Pace::Even(rate) => begun + Duration::from_secs_f64(at as f64 / rate),
                };
                tokio::time::sleep_until(due.into()).await;
                let admitted = gate.send(request).await?;
                ensure!(admitted == together, "{admitted} of {together} admitted: {}", gate.text());
                times.push(due.elapsed());
            }
            Ok(times)
        }
    });
    let mut times = try_join_all(scanning).await?.concat();
    let lasting = begun.elapsed();
    times.sort();
    let scans = times.len() * together;
    world.codes.drain(..scans);
    ensure!(!times.is_empty(), "there are no tickets left to scan: --tickets");
    Ok(Scanned { scans, lasting, times })
}

/// The bytes of a request that admits these tickets.
fn request(world: &World, codes: &[String]) -> Vec<u8> {
    let scan = |code: &String| {
        let tail = &code[code.len() - 20..];
        let gate = code.bytes().map(usize::from).sum::<usize>() % GATES;
        json!({ "code": code, "gate": format!("gate {gate}"), "device": format!("device {gate}"), "nonce": tail })
    };
    let body = match codes {
        [code] => scan(code).to_string(),
        codes => codes.iter().map(scan).collect::<serde_json::Value>().to_string(),
    };
    let head = format!(
        "POST /events/{}/check-ins HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {STEWARD}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        world.event,
        body.len()
    );
    [head.as_bytes(), body.as_bytes()].concat()
}

/// One connection.
struct Gate {
    stream: TcpStream,
    /// The last answer.
    answer: Vec<u8>,
}

impl Gate {
    async fn connect(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, answer: Vec::with_capacity(4_096) })
    }

    /// Sends a request, reads the whole answer and counts whom it admits.
    async fn send(&mut self, request: &[u8]) -> Result<usize> {
        self.stream.write_all(request).await?;
        self.answer.clear();
        let mut whole = None;
        while whole.is_none_or(|whole| self.answer.len() < whole) {
            let read = self.stream.read_buf(&mut self.answer).await?;
            ensure!(read > 0, "the connection was closed: {}", self.text());
            if whole.is_none() {
                whole = whole_length(&self.answer)?;
            }
        }
        ensure!(self.answer.starts_with(b"HTTP/1.1 200 "), "{}", self.text());
        Ok(count(&self.answer, b"\"verdict\":\"admitted\""))
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.answer[..self.answer.len().min(2_000)]).into_owned()
    }
}

/// How long the answer is, once its head is there.
fn whole_length(answer: &[u8]) -> Result<Option<usize>> {
    let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&answer[..end])?.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.context("an answer without its length")?.trim().parse()?;
    Ok(Some(end + 4 + length))
}

fn count(text: &[u8], word: &[u8]) -> usize {
    let mut rest = text;
    let mut count = 0;
    while let Some(at) = rest.iter().position(|byte| *byte == word[0]) {
        rest = &rest[at..];
        let found = rest.starts_with(word);
        count += usize::from(found);
        rest = &rest[if found { word.len() } else { 1 }..];
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_whole() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel";
        assert_eq!(whole_length(&answer[..30]).unwrap(), None);
        assert_eq!(whole_length(answer).unwrap(), Some(answer.len() + 2));
        assert!(whole_length(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").is_err());
    }

    #[test]
    fn whom_an_answer_admits_is_counted() {
        let word = b"\"verdict\":\"admitted\"";
        let answer = br#"{"results":[{"verdict":"admitted"},{"verdict":"voided"},{"verdict":"admitted"}]}"#;
        assert_eq!(count(answer, word), 2);
        assert_eq!(count(b"", word), 0);
    }
}
