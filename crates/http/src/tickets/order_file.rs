//! `GET /orders/{id}/tickets.pdf`: all of an order's tickets in one file.
//!
//! The file is drawn while it is sent, from the records and the templates frozen with them, so that an order of ten
//! thousand seats takes no more memory than one of ten. A file that cannot be finished ends in a broken connection,
//! never as one that looks complete.

use std::io::{self, BufWriter, Write};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use fulfillment_config::Scope;
use fulfillment_domain::{Flag, OrderId, OrderState, Ticket, TicketStatus};
use fulfillment_pipeline::operations::links::{Linker, OrderLink, over};
use fulfillment_pipeline::templates::Templates;
use fulfillment_store::{Action, AuditEntry, Records};
use jiff::Timestamp;
use serde::Deserialize;
use tokio::runtime::Handle;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tracing::{error, info};

use crate::access::Caller;
use crate::api::Api;
#[cfg(test)]
use crate::description::answers;
use crate::path::{Id, without_punctuation};
use crate::problem::{Kind, Problem};
use crate::tickets::file::Name;

/// Tickets read from the store in one query.
const PART: u32 = 500;
/// The size of the pieces that are sent, in bytes, and how many of them wait for a slow reader.
const CHUNK: usize = 64 * 1024;
const WAITING: usize = 4;

/// All tickets of an order in one PDF
///
/// Every ticket that is neither voided nor erased, one page each, in the order of their index. The signed link of the
/// order's `ticketsPdfUrl` opens it without a token, until one of its tickets gets a new code. The file is drawn while it
/// is sent: the answer has no length, and a file that cannot be finished ends in a broken connection.
#[cfg_attr(test, utoipa::path(
    get,
    path = "/orders/{id}/tickets.pdf",
    operation_id = "getOrderFile",
    tag = "Orders",
    params(answers::OrderPath, Link),
    responses(
        (status = 200, description = "The file.", content(("application/pdf"))),
        (status = 400, response = answers::NotAGuid),
        answers::Guarded,
        (status = 404, body = answers::Problem, content_type = answers::PROBLEM,
            description = "`no-such-order`; `ticket-failed`: one of its tickets could not be created and is \
                being retried; `no-file`: its tickets were created by an earlier service and have files of their \
                own."),
        (status = 409, body = answers::Problem, content_type = answers::PROBLEM,
            headers(("Retry-After" = u32, description = "Seconds to wait.")),
            description = "`ticket-pending`: not every ticket is created yet."),
        (status = 410, body = answers::Problem, content_type = answers::PROBLEM,
            description = "`ticket-voided` or `ticket-erased`: no ticket of the order is left. Of a link: \
                `ticket-superseded`, one of the tickets has a new code since; `link-expired`."),
        (status = 503, body = answers::Problem, content_type = answers::PROBLEM,
            headers(("Retry-After" = u32, description = "Seconds to wait.")),
            description = "`store-unavailable`, or `too-many-streams`: this process is sending as many order \
                files as it can at once."),
    ),
    security(("bearer" = ["read"]), ("link" = []))
))]
pub(crate) async fn order_file(
    State(api): State<Arc<Api>>,
    method: Method,
    headers: HeaderMap,
    link: Result<Query<Link>, QueryRejection>,
    path: Result<Id<OrderId>, Problem>,
) -> Result<Response, Problem> {
    let caller = api.access.require(&headers, &[Scope::Read]);
    let link = link.ok().map(|Query(link)| link);
    // Without the right, not even whether an id is well formed is answered.
    let signed = |order| link.filter(|link| link.is_signed(&api.linker, order));
    let link = path.as_ref().ok().and_then(|path| signed(path.id));
    let (caller, link) = match (caller, link) {
        // A service is identified by its token, also when it sends a link along.
        (Ok(caller @ Caller::Token(_)), _) => (Some(caller), None),
        (_, Some(link)) => (None, Some(link)),
        (caller, None) => (Some(caller?), None),
    };
    let order = path?.id;
    let Order { first, generations, over } = look_through(api.store.as_ref(), order).await?;
    if let Some(link) = link {
        link.check(&api.linker, generations, over)?;
    }
    let by = caller.as_ref().map_or("link", Caller::name);
    info!(%order, by, %method, "an order's file was asked for");
    if let Some(caller) = &caller {
        api.trail.read(caller, |by| AuditEntry::new(by, Action::ReadOrderPdf).order(order)).await;
    }
    let described = [
        (CONTENT_TYPE, "application/pdf".to_owned()),
        (CONTENT_DISPOSITION, Name::of_order(&first).disposition()),
        (CACHE_CONTROL, "private, no-store".to_owned()),
    ];
    if method == Method::HEAD {
        // The length is not known before the file is drawn: a body of unknown length prevents a `Content-Length` of 0.
        let body = Body::from_stream(futures::stream::empty::<io::Result<Bytes>>());
        return Ok((described, body).into_response());
    }
    let permit = Arc::clone(&api.limits.order_files).try_acquire_owned().map_err(|_| {
        let detail = "This process is already sending as many order files as it can at once.";
        Problem::new(Kind::TooManyStreams, detail).retry_after(10)
    })?;
    let (pieces, body) = mpsc::channel(WAITING);
    let runtime = Handle::current();
    tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let drawing = Drawing::begin(runtime.clone(), Arc::clone(&api.limits.drawing));
        let out = BufWriter::with_capacity(CHUNK, Pieces { pieces: pieces.clone(), drawing });
        let end = match write(&runtime, api.store.as_ref(), &api.templates, order, out) {
            Ok(()) => Ok(Bytes::new()),
            // A client that has disconnected needs no end.
            Err(_) if pieces.is_closed() => return,
            Err(error) => {
                error!(%order, "an order's file could not be finished: {error:#}");
                Err(io::Error::other("the file could not be finished"))
            }
        };
        let _ = pieces.blocking_send(end);
    });
    Ok((described, Body::from_stream(read(body))).into_response())
}

/// What was found of an order whose file can be made.
struct Order {
    /// Its first live ticket.
    first: Ticket,
    /// The sum of its tickets' generations.
    generations: u64,
    /// When its events are over.
    over: Timestamp,
}

/// The query of a link to an order's file.
#[derive(Deserialize)]
#[cfg_attr(test, derive(utoipa::IntoParams), into_params(parameter_in = Query))]
pub(crate) struct Link {
    /// The signature of `ticketsPdfUrl`: opens the file without a token.
    s: Option<String>,
    /// Part of what is signed: how many new codes the order's tickets had had; left out, none.
    g: Option<u64>,
    /// Part of what is signed: until when the link is good, in seconds since 1970, if it was renewed.
    until: Option<i64>,
}

impl Link {
    fn parts(&self) -> OrderLink {
        OrderLink { generations: self.g.unwrap_or_default(), until: self.until }
    }

    fn is_signed(&self, linker: &Linker, order: OrderId) -> bool {
        let signature = self.s.as_deref().map(without_punctuation);
        signature.is_some_and(|signature| linker.signed_order(order, self.parts(), signature))
    }

    /// Refuses a link that is signed and no longer good.
    fn check(&self, linker: &Linker, generations: u64, over: Timestamp) -> Result<(), Problem> {
        let OrderLink { generations: known, until } = self.parts();
        if known != generations {
            let detail = "One of the tickets has a new code since this link was made. Ask whoever sold them.";
            return Err(Problem::new(Kind::TicketSuperseded, detail));
        }
        let now = linker.clock.now();
        let has_expired = until.map_or_else(|| linker.has_expired(over), |until| until < now.as_second());
        if has_expired {
            let detail = "The link has expired. Ask whoever sold the tickets.";
            return Err(Problem::new(Kind::LinkExpired, detail));
        }
        Ok(())
    }
}

/// Checks that the order's file can be made.
async fn look_through(store: &dyn Records, order: OrderId) -> Result<Order, Problem> {
    let (mut first, mut after, mut erased, mut legacy) = (None, 0, false, false);
    let (mut generations, mut latest) = (0, Timestamp::MIN);
    loop {
        let part = store.tickets_after(order, after, PART).await?;
        let Some(last) = part.last() else { break };
        after = last.line.index;
        for ticket in part {
            generations += u64::from(ticket.code.generation);
            latest = latest.max(over(&ticket));
            erased |= ticket.lifecycle.erased_at.is_some();
            legacy |= ticket.flags.contains(Flag::Legacy);
            match ticket.lifecycle.status {
                _ if !is_live(&ticket) => continue,
                TicketStatus::Pending => {
                    let detail =
                        "The order is paid and its tickets are being created. Try again in a moment.";
                    return Err(Problem::new(Kind::TicketPending, detail).retry_after(2));
                }
                TicketStatus::Failed => {
                    let detail = "A ticket of this order failed. It is being retried in the background.";
                    return Err(Problem::new(Kind::TicketFailed, detail));
                }
                TicketStatus::Generated | TicketStatus::Delivered => {}
            }
            first.get_or_insert(ticket);
        }
    }
    match first {
        Some(first) => Ok(Order { first, generations, over: latest }),
        None if legacy => {
            let detail = "Its tickets were created by an earlier service: download each one separately.";
            Err(Problem::new(Kind::NoFile, detail))
        }
        None if erased => {
            Err(Problem::new(Kind::TicketErased, "The files of its tickets were deleted permanently."))
        }
        None if after > 0 => Err(Problem::new(Kind::TicketVoided, "Every ticket of this order was voided.")),
        None => Err(without_tickets(store, order).await?),
    }
}

/// Why an order has no tickets.
async fn without_tickets(store: &dyn Records, order: OrderId) -> Result<Problem, Problem> {
    Ok(match store.order(order).await? {
        Some(record) if record.erased_at.is_some() => {
            Problem::new(Kind::TicketErased, "The order's personal data was erased before it had tickets.")
        }
        Some(record) if record.state == OrderState::Voided => {
            Problem::new(Kind::TicketVoided, "The order was voided before it had tickets.")
        }
        Some(_) => {
            let detail = "The order is paid and has no tickets yet. See the order's record for its state.";
            Problem::new(Kind::TicketPending, detail).retry_after(2)
        }
        None => {
            let detail = "No payment for this order has arrived, or the id is wrong.";
            Problem::new(Kind::NoSuchOrder, detail)
        }
    })
}

/// Whether its page can be drawn and may be shown.
fn is_live(ticket: &Ticket) -> bool {
    ticket.lifecycle.voided_at.is_none()
        && ticket.lifecycle.erased_at.is_none()
        && !ticket.flags.contains(Flag::Legacy)
}

/// Draws the order's tickets into `out`, a part at a time.
fn write(
    runtime: &Handle,
    store: &dyn Records,
    templates: &Templates,
    order: OrderId,
    out: impl Write,
) -> anyhow::Result<()> {
    let mut file = templates.renderer().order(out)?;
    let mut after = 0;
    loop {
        let part = runtime.block_on(async {
            let part = store.tickets_after(order, after, PART).await?;
            templates.fetch(&part).await.map(|()| part)
        })?;
        let Some(last) = part.last() else { break };
        after = last.line.index;
        for ticket in part.iter().filter(|ticket| is_live(ticket)) {
            file.page(&templates.page(ticket))?;
        }
    }
    file.finish()?.0.flush()?;
    Ok(())
}

/// The right to draw, of which there are few. A file whose reader takes nothing gives it up meanwhile.
struct Drawing {
    runtime: Handle,
    rights: Arc<Semaphore>,
    right: Option<OwnedSemaphorePermit>,
}

impl Drawing {
    fn begin(runtime: Handle, rights: Arc<Semaphore>) -> Self {
        let mut drawing = Self { runtime, rights, right: None };
        drawing.resume();
        drawing
    }

    fn pause(&mut self) {
        self.right = None;
    }

    fn resume(&mut self) {
        // The semaphore is never closed; without it everybody may draw.
        self.right = self.runtime.block_on(Arc::clone(&self.rights).acquire_owned()).ok();
    }
}

/// A writer that sends to the reader of the response, and waits for it.
struct Pieces {
    pieces: mpsc::Sender<io::Result<Bytes>>,
    drawing: Drawing,
}

impl Write for Pieces {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        let gone = || io::Error::new(io::ErrorKind::BrokenPipe, "the reader is gone");
        match self.pieces.try_send(Ok(Bytes::copy_from_slice(piece))) {
            Ok(()) => {}
            Err(TrySendError::Closed(_)) => return Err(gone()),
            Err(TrySendError::Full(piece)) => {
                self.drawing.pause();
                self.pieces.blocking_send(piece).map_err(|_| gone())?;
                self.drawing.resume();
            }
        }
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The pieces as a body. An empty piece ends it; if the writer ends without one, the connection is broken off.
fn read(pieces: mpsc::Receiver<io::Result<Bytes>>) -> impl futures::Stream<Item = io::Result<Bytes>> {
    futures::stream::unfold(Some(pieces), |pieces| async {
        let mut pieces = pieces?;
        match pieces.recv().await {
            Some(Ok(piece)) if piece.is_empty() => None,
            Some(Ok(piece)) => Some((Ok(piece), Some(pieces))),
            Some(Err(error)) => Some((Err(error), None)),
            None => Some((Err(io::Error::other("the writer ended early")), None)),
        }
    })
}
