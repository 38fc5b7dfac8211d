//! The gates of an event: each scans tickets, and sends a scan again, with its nonce, until it is answered.

use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use jiff::{SignedDuration, Timestamp};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use reqwest::Client;
use serde_json::{Value, json};

use crate::scans::Scans;
use crate::scene::PATIENCE;
use crate::service::{Service, TOKEN};

/// How many gates scan at once.
pub const GATES: usize = 16;

/// How far the clocks of devices are off, in hours, which they know.
const CLOCKS: [i64; 3] = [0, 1, -1];

/// Of so many tickets, one is voided meanwhile.
const VOIDED: usize = 7;

/// A ticket as its holder shows it.
#[derive(Debug, Clone)]
struct Shown {
    id: String,
    code: String,
}

/// A scan that a gate is about to make.
struct Wanted<'a> {
    ticket: &'a Shown,
    direction: &'static str,
    /// Whether the gate has no network, and lets everybody in.
    offline: bool,
}

/// The gates of one event, and the servers that they ask.
pub struct Gates {
    path: String,
    tickets: Vec<Shown>,
    servers: RwLock<Vec<String>>,
    client: Client,
    /// What was sent and answered.
    pub scans: Scans,
}

impl Gates {
    /// The gates of the event of these tickets' records.
    ///
    /// # Errors
    /// A record lacks something.
    pub fn new(tickets: &[Value]) -> Result<Self> {
        let text = |ticket: &Value, field: &str| {
            ticket[field].as_str().map(str::to_owned).with_context(|| format!("{field}: {ticket}"))
        };
        let event = text(tickets.first().context("tickets")?, "eventId")?;
        let shown = tickets.iter().map(|t| Ok(Shown { id: text(t, "id")?, code: text(t, "qrCodeData")? }));
        Ok(Self {
            path: format!("/events/{event}/check-ins"),
            tickets: shown.collect::<Result<_>>()?,
            servers: RwLock::default(),
            client: Client::builder()
                .no_proxy()
                .connect_timeout(Duration::from_secs(1))
                .timeout(Duration::from_secs(10))
                .build()?,
            scans: Scans::default(),
        })
    }

    /// Sets whom the gates ask; each asks one of them.
    pub fn ask(&self, services: &[&Service]) {
        let servers = services.iter().map(|service| service.base().to_owned()).collect();
        *self.servers.write().unwrap_or_else(PoisonError::into_inner) = servers;
    }

    /// Lets the gates scan for a while. Ticket after ticket comes, each to several gates at a time; some are voided
    /// meanwhile, some gates have no network for a scan, and some clocks are wrong. In the end every ticket is scanned
    /// once more.
    ///
    /// # Errors
    /// A scan or a void is refused, or not answered in time.
    pub async fn scan_for(&self, lasting: Duration) -> Result<()> {
        let begun = Instant::now();
        let step = lasting / u32::try_from(self.tickets.len())?;
        let gates = (0..GATES).map(|gate| self.gate(gate, begun, step, lasting));
        let voids = (0..self.tickets.len()).filter(|at| at % VOIDED == VOIDED / 2).map(|at| async move {
            tokio::time::sleep_until((begun + step * u32::try_from(at)?).into()).await;
            self.void(&self.tickets[at]).await?;
            self.scan(at, &format!("void-{at}"), &[Wanted::of(&self.tickets[at])]).await
        });
        let (gates, voids) = tokio::join!(futures::future::join_all(gates), futures::future::join_all(voids));
        gates.into_iter().chain(voids).collect::<Result<()>>()?;
        for (at, ticket) in self.tickets.iter().enumerate() {
            self.scan(at, &format!("last-{at}"), &[Wanted::of(ticket)]).await?;
        }
        Ok(())
    }

    /// Lets every gate scan each ticket once.
    ///
    /// # Errors
    /// A scan is refused, or not answered in time.
    pub async fn scan_all(&self) -> Result<()> {
        let gates = (0..GATES).map(|gate| async move {
            for (at, tickets) in self.tickets.chunks(3).enumerate() {
                let wanted: Vec<_> = tickets.iter().map(Wanted::of).collect();
                self.scan(gate, &format!("gate-{gate}-{at}"), &wanted).await?;
            }
            Ok(())
        });
        futures::future::try_join_all(gates).await.map(drop)
    }

    async fn gate(&self, gate: usize, begun: Instant, step: Duration, lasting: Duration) -> Result<()> {
        let mut rng = StdRng::seed_from_u64(u64::try_from(gate)?);
        for turn in 0.. {
            let since = begun.elapsed();
            if since >= lasting {
                break;
            }
            let newest = usize::try_from(since.as_micros() / step.as_micros().max(1))?;
            let wanted: Vec<_> = (0..rng.random_range(1..4))
                .map(|_| {
                    let at = newest.saturating_sub(rng.random_range(0..3)).min(self.tickets.len() - 1);
                    let direction = if rng.random_ratio(1, 20) { "exit" } else { "entry" };
                    Wanted { ticket: &self.tickets[at], direction, offline: rng.random_ratio(1, 10) }
                })
                .collect();
            self.scan(gate, &format!("gate-{gate}-{turn}"), &wanted).await?;
            tokio::time::sleep(Duration::from_millis(rng.random_range(0..15))).await;
        }
        Ok(())
    }

    /// Sends scans in one request until they are answered.
    #[expect(clippy::disallowed_methods, reason = "a test plays the gates, whose clocks run")]
    async fn scan(&self, gate: usize, name: &str, wanted: &[Wanted<'_>]) -> Result<()> {
        let off = SignedDuration::from_hours(CLOCKS[gate % CLOCKS.len()]);
        let mut scans = Vec::new();
        for (at, Wanted { ticket, direction, offline }) in wanted.iter().enumerate() {
            let nonce = format!("{name}-{at}");
            let shown = offline.then_some("admitted");
            self.scans.sent(&nonce, &ticket.id, direction, shown);
            let mut scan = json!({ "code": ticket.code, "gate": format!("gate {gate}"), "nonce": nonce,
                "device": format!("device {gate}"), "direction": direction,
                "scannedAt": Timestamp::now().checked_add(off)?,
                "clockOffsetMs": i64::try_from((-off).as_millis())? });
            if let Some(shown) = shown {
                scan["offline"] = json!(true);
                scan["shown"] = json!(shown);
            }
            scans.push(scan);
        }
        let answer = self.send(gate, &self.path, &Value::from(scans)).await?;
        let results = answer["results"].as_array().context("results")?;
        ensure!(results.len() == wanted.len(), "{answer}");
        for (at, result) in results.iter().enumerate() {
            self.scans.answered(&format!("{name}-{at}"), result.clone());
        }
        Ok(())
    }

    async fn void(&self, ticket: &Shown) -> Result<()> {
        let path = format!("/tickets/{}/void", ticket.id);
        self.send(0, &path, &json!({ "reason": "stolen" })).await?;
        self.scans.voided(&ticket.id);
        Ok(())
    }

    /// Sends a request again and again, as long as nobody answers or the service asks for it.
    async fn send(&self, gate: usize, path: &str, body: &Value) -> Result<Value> {
        let end = Instant::now() + PATIENCE;
        let mut last = "no answer".to_owned();
        while Instant::now() < end {
            if let Some(url) = self.server(gate).map(|base| format!("{base}{path}")) {
                let request = self.client.post(url).bearer_auth(TOKEN);
                let request = request.header("content-type", "application/json").body(body.to_string());
                match request.send().await {
                    Ok(answer) if answer.status() == 200 => {
                        // An answer that breaks off is one that was lost.
                        if let Ok(text) = answer.text().await
                            && let Ok(json) = serde_json::from_str(&text)
                        {
                            return Ok(json);
                        }
                    }
                    Ok(answer) if matches!(answer.status().as_u16(), 429 | 503) => {
                        last = answer.text().await.unwrap_or_default();
                    }
                    Ok(answer) => bail!("{path}: {} {}", answer.status(), answer.text().await?),
                    Err(error) => last = error.to_string(),
                }
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        bail!("{path}: no answer, at last: {last}")
    }

    fn server(&self, gate: usize) -> Option<String> {
        let servers = self.servers.read().unwrap_or_else(PoisonError::into_inner);
        servers.get(gate % servers.len().max(1)).cloned()
    }
}

impl<'a> Wanted<'a> {
    /// An entry that the service decides.
    fn of(ticket: &'a Shown) -> Self {
        Self { ticket, direction: "entry", offline: false }
    }
}
