//! Issue stage: draws frozen tickets, stores their files, and records both the tickets and their events in one
//! transaction.

use std::iter::repeat_n;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::thread::available_parallelism;

use bytes::Bytes;
use fulfillment_domain::event::ticket_issued;
use fulfillment_domain::{Failure, Flag, OutboxEvent, Ticket, TicketId, TicketStatus};
use fulfillment_store::{Claim, Completion, FailedTicket, GeneratedTicket, step};
use futures::future::join_all;
use jiff::{Timestamp, Unit};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tracing::{error, error_span, warn};

use super::Pipeline;
use super::in_flight::Job;
use super::read_back::{self, ReadBack};
use crate::ports::{FilesError, NewFile};
use crate::runtime::aside;
use crate::templates::Templates;

/// Orders taken from the queue in one batch.
const BATCH: usize = 64;

/// Tickets drawn, stored and recorded together: bounds the memory of large orders.
const GROUP: usize = 256;

/// Groups in progress at the same time: while one is synced to disk, the next is drawn.
const GROUPS_AT_ONCE: usize = 2;

/// A drawn ticket whose file is not stored yet.
pub(crate) struct Drawn {
    pub(crate) ticket: Ticket,
    pub(crate) pdf: Bytes,
}

/// Tickets of one or more orders.
#[derive(Default)]
struct Group {
    parts: Vec<Part>,
    tickets: Vec<Ticket>,
}

/// One order's share of a group.
struct Part {
    /// Index of its job in the batch.
    job: usize,
    /// How many of the group's tickets it has.
    tickets: usize,
    /// Whether the order ends with this part.
    last: bool,
}

/// What went wrong with an order of the batch.
#[derive(Default)]
struct Trouble {
    failed: Vec<FailedTicket>,
    failure: Option<Failure>,
}

impl Pipeline {
    /// Issues orders in batches until the queue ends.
    pub(super) async fn issue_stage(self: Arc<Self>, queue: mpsc::Receiver<Job>) {
        let queue = tokio::sync::Mutex::new(queue);
        join_all((0..GROUPS_AT_ONCE).map(|_| async {
            loop {
                let mut batch = Vec::with_capacity(BATCH);
                if queue.lock().await.recv_many(&mut batch, BATCH).await == 0 {
                    return;
                }
                self.issue_batch(batch).await;
            }
        }))
        .await;
    }

    async fn issue_batch(&self, mut batch: Vec<Job>) {
        let spans: Vec<_> = batch.iter().map(|job| error_span!(parent: &job.span, "issue")).collect();
        let mut trouble: Vec<Trouble> = batch.iter().map(|_| Trouble::default()).collect();
        for (job, trouble) in batch.iter_mut().zip(&mut trouble) {
            if let Err(failure) = self.sign_anew(job).await {
                // Its tickets are not drawn with a code that nobody would take.
                (job.claim.tickets, trouble.failure) = (Vec::new(), Some(failure));
            }
        }
        for group in groups(&mut batch) {
            self.issue_group(group, &batch, &mut trouble).await;
        }
        drop(spans);
        for (job, trouble) in batch.into_iter().zip(trouble) {
            let failure = trouble
                .failure
                .or_else(|| trouble.failed.first().map(|ticket| Failure::transient(ticket.reason.clone())));
            if let Some(failure) = failure {
                self.fail(job, failure, trouble.failed, None).await;
            }
        }
        self.wake.events.send_replace(());
    }

    async fn issue_group(&self, group: Group, batch: &[Job], trouble: &mut [Trouble]) {
        let Group { parts, tickets } = group;
        let drawn = self.draw(tickets).await;
        let jobs = parts.iter().flat_map(|part| repeat_n(part.job, part.tickets));
        let (files, jobs) = drawn
            .iter()
            .zip(jobs)
            .filter_map(|(drawn, job)| Some((drawn.as_ref().ok()?, job)))
            .map(|(d, job)| (NewFile { name: d.ticket.file_name(), content: d.pdf.clone() }, job))
            .unzip();
        let mut stored = self.store_files(files, jobs, batch).await.into_iter();
        let mut drawn = drawn.into_iter();
        let mut completions = Vec::with_capacity(parts.len());
        let now = self.clock.now();
        let now = now.round(Unit::Microsecond).unwrap_or(now);
        for part in &parts {
            let (claim, trouble) = (&batch[part.job].claim, &mut trouble[part.job]);
            let mut generated = Vec::with_capacity(part.tickets);
            for drawn in drawn.by_ref().take(part.tickets) {
                match drawn {
                    Err(failed) => trouble.failed.push(failed),
                    Ok(drawn) => match stored.next().unwrap_or_else(unanswered) {
                        Ok(()) => match self.announce(drawn.ticket, claim, now) {
                            Ok(ticket) => generated.push(ticket),
                            Err(failed) => trouble.failed.push(failed),
                        },
                        Err(error) => {
                            let reason = error.to_string();
                            trouble.failure = Some(Failure::transient(reason.clone()));
                            trouble.failed.push(FailedTicket { id: drawn.ticket.id, reason });
                        }
                    },
                }
            }
            let clean = trouble.failed.is_empty() && trouble.failure.is_none();
            if !generated.is_empty() || clean {
                completions.push((
                    part.job,
                    Completion {
                        order_id: claim.order_id,
                        fence: claim.fence,
                        generated,
                        finished: part.last && clean,
                    },
                ));
            }
        }
        self.complete(completions, trouble).await;
    }

    /// Stores files, each of one of these jobs, and answers in their order. An object store creates files and does not
    /// overwrite them by itself; other bytes under a name come from a worker that died before it could record them,
    /// with another renderer. They are replaced if the order still belongs to this worker: one that lost it must not
    /// change what its successor stored.
    async fn store_files(
        &self,
        files: Vec<NewFile>,
        jobs: Vec<usize>,
        batch: &[Job],
    ) -> Vec<Result<(), FilesError>> {
        let mut stored = self.files.put(files.clone()).await;
        if !stored.iter().any(|s| matches!(s, Err(FilesError::OtherContent { .. }))) {
            return stored;
        }
        let claims = jobs.iter().map(|job| &batch[*job].claim);
        let mut fences: Vec<_> = claims.map(|claim| (claim.order_id, claim.fence)).collect();
        fences.dedup();
        let held = self.store.renew(&fences, self.settings.lease).await.unwrap_or_default();
        for ((file, job), stored) in files.into_iter().zip(jobs).zip(&mut stored) {
            if let Err(FilesError::OtherContent { version, .. }) = stored
                && held.contains(&batch[job].claim.order_id)
            {
                batch[job].span.in_scope(|| {
                    warn!(file = file.name, "an unrecorded file with other content was replaced");
                });
                *stored = self.files.replace(file, version.take()).await;
            }
        }
        stored
    }

    async fn complete(&self, completions: Vec<(usize, Completion)>, trouble: &mut [Trouble]) {
        let (jobs, completions): (Vec<_>, Vec<_>) = completions.into_iter().unzip();
        if completions.is_empty() {
            return;
        }
        match self.store.complete(&completions).await {
            // A stale fence: the order belongs to another worker now, which writes the same bytes.
            Ok(done) => {
                step!("after-complete-commit");
                let tickets: usize =
                    completions.iter().zip(&done).filter(|(_, d)| **d).map(|(c, _)| c.generated.len()).sum();
                metrics::counter!("fulfillment_tickets_issued_total").increment(tickets as u64);
            }
            Err(error) => {
                error!(%error, orders = jobs.len(), "cannot record issued tickets");
                let reason = error.to_string();
                for (job, completion) in jobs.into_iter().zip(&completions) {
                    trouble[job].failure = Some(Failure::transient(reason.clone()));
                    let failed =
                        |t: &GeneratedTicket| FailedTicket { id: t.ticket.id, reason: reason.clone() };
                    trouble[job].failed.extend(completion.generated.iter().map(failed));
                }
            }
        }
    }

    /// Draws tickets on all cores, and answers in their order.
    async fn draw(&self, tickets: Vec<Ticket>) -> Vec<Result<Drawn, FailedTicket>> {
        let ids: Vec<TicketId> = tickets.iter().map(|ticket| ticket.id).collect();
        if let Err(error) = self.templates.fetch(&tickets).await {
            return all_failed(&ids, &format!("its template cannot be fetched: {error}"));
        }
        let cores = available_parallelism().map_or(1, usize::from);
        let share = tickets.len().div_ceil(cores).max(1);
        let mut tickets = tickets.into_iter();
        let shares = ids.chunks(share).map(|ids| {
            let share: Vec<_> = tickets.by_ref().take(ids.len()).collect();
            let (templates, read_back) = (Arc::clone(&self.templates), self.read_back);
            aside(self.runtime.as_ref(), move || {
                share.into_iter().map(|ticket| draw_alone(&templates, ticket, read_back)).collect::<Vec<_>>()
            })
        });
        let started = self.runtime.moment();
        let mut drawn = Vec::with_capacity(ids.len());
        for (share, ids) in join_all(shares).await.into_iter().zip(ids.chunks(share)) {
            match share {
                Ok(share) => drawn.extend(share),
                Err(error) => {
                    error!(%error, "drawing ended early");
                    drawn.extend(all_failed(ids, "drawing ended early"));
                }
            }
        }
        if let Err(error) = self.templates.keep_fonts().await {
            return all_failed(&ids, &format!("its fonts cannot be kept: {error}"));
        }
        metrics::histogram!("fulfillment_draw_seconds")
            .record(self.runtime.moment().duration_since(started).as_secs_f64());
        drawn
    }

    /// The ticket as it is recorded once issued, and its `ticket-issued` event.
    fn announce(
        &self,
        mut ticket: Ticket,
        claim: &Claim,
        now: Timestamp,
    ) -> Result<GeneratedTicket, FailedTicket> {
        ticket.lifecycle.status = TicketStatus::Generated;
        ticket.document.generated_at = Some(now);
        ticket.lifecycle.updated_at = now;
        ticket.lifecycle.sequence += 1;
        let event = self.event(&ticket, claim.traceparent.as_deref()).map_err(|error| FailedTicket {
            id: ticket.id,
            reason: format!("its event cannot be written: {error}"),
        })?;
        Ok(GeneratedTicket { ticket, events: vec![event] })
    }

    fn event(&self, ticket: &Ticket, traceparent: Option<&str>) -> serde_json::Result<OutboxEvent> {
        let url = self.publishing.link(&self.keys.current().links, ticket, self.clock.now());
        ticket_issued(ticket, &self.publishing.publication(&url, traceparent))
    }
}

fn all_failed(ids: &[TicketId], reason: &str) -> Vec<Result<Drawn, FailedTicket>> {
    ids.iter().map(|id| Err(FailedTicket { id: *id, reason: reason.to_owned() })).collect()
}

/// A storage that answers for fewer files than it was given is taken not to have stored the rest.
fn unanswered() -> Result<(), FilesError> {
    Err(FilesError::Trouble("gave no result for a file".into()))
}

/// Draws one ticket; a panic fails this ticket alone.
pub(crate) fn draw_alone(
    templates: &Templates,
    ticket: Ticket,
    read_back: ReadBack,
) -> Result<Drawn, FailedTicket> {
    let (id, order) = (ticket.id, ticket.order_id);
    std::panic::catch_unwind(AssertUnwindSafe(|| draw_one(templates, ticket, read_back))).unwrap_or_else(
        |_| {
            error!(ticket = %id, %order, "drawing ended in a panic");
            Err(FailedTicket { id, reason: "drawing ended in a panic".into() })
        },
    )
}

/// Draws one ticket and records file name, hash, size and the characters that the page could not show.
fn draw_one(templates: &Templates, mut ticket: Ticket, read_back: ReadBack) -> Result<Drawn, FailedTicket> {
    let failed = |reason: String| FailedTicket { id: ticket.id, reason };
    let page = templates.draw(&ticket).map_err(|error| failed(error.to_string()))?;
    if let Some(code) = page.code.as_ref().filter(|_| read_back.is_due(&ticket)) {
        read_back::check(code, &ticket.code.data).map_err(failed)?;
    }
    if !page.missing.is_empty() {
        ticket.flags.insert(Flag::MissingGlyphs);
    }
    ticket.document.path = Some(ticket.file_name());
    ticket.document.sha256 = Some(Sha256::digest(&page.pdf).into());
    ticket.document.size = Some(page.pdf.len() as u64);
    templates.version().clone_into(&mut ticket.document.renderer);
    Ok(Drawn { ticket, pdf: page.pdf.into() })
}

/// Splits the batch's tickets into groups of [`GROUP`]; only an order's last part may finish it.
fn groups(batch: &mut [Job]) -> Vec<Group> {
    let mut groups = Vec::new();
    let mut group = Group::default();
    let mut room = GROUP;
    for (job, claimed) in batch.iter_mut().enumerate() {
        let mut tickets = std::mem::take(&mut claimed.claim.tickets);
        loop {
            let rest = tickets.split_off(tickets.len().min(room));
            room -= tickets.len();
            group.parts.push(Part { job, tickets: tickets.len(), last: rest.is_empty() });
            group.tickets.append(&mut tickets);
            if room == 0 {
                groups.push(std::mem::take(&mut group));
                room = GROUP;
            }
            if rest.is_empty() {
                break;
            }
            tickets = rest;
        }
    }
    if !group.parts.is_empty() {
        groups.push(group);
    }
    groups
}
