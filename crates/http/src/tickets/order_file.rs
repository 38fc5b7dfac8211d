//! `GET /orders/{id}/tickets.pdf`: all of an order's tickets in one file.
//!
//! The file is drawn while it is sent, from the records and the templates frozen with them, so that an order of ten
//! thousand seats takes no more memory than one of ten. A file that cannot be finished ends in a broken connection,
//! never as one that looks complete.

use std::io::{self, BufWriter, Write};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use fulfillment_config::Scope;
use fulfillment_domain::{Flag, OrderId, OrderState, Ticket, TicketStatus};
use fulfillment_pipeline::templates::Templates;
use fulfillment_store::{Action, AuditEntry, Records};
use tokio::runtime::Handle;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tracing::{error, info};

use crate::api::Api;
#[cfg(test)]
use crate::description::answers;
use crate::path::Id;
use crate::problem::{Kind, Problem};
use crate::tickets::file::Name;

/// Tickets read from the store in one query.
const PART: u32 = 500;
/// The size of the pieces that are sent, in bytes, and how many of them wait for a slow reader.
const CHUNK: usize = 64 * 1024;
const WAITING: usize = 4;

/// All tickets of an order in one PDF
///
/// Every ticket that is neither voided nor erased, one page each, in the order of their index. The file is drawn while it
/// is sent: the answer has no length, and a file that cannot be finished ends in a broken connection.
#[cfg_attr(test, utoipa::path(
    get,
    path = "/orders/{id}/tickets.pdf",
    operation_id = "getOrderFile",
    tag = "Orders",
    params(answers::OrderPath),
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
            description = "`ticket-voided` or `ticket-erased`: no ticket of the order is left."),
        (status = 503, body = answers::Problem, content_type = answers::PROBLEM,
            headers(("Retry-After" = u32, description = "Seconds to wait.")),
            description = "`store-unavailable`, or `too-many-streams`: this process is sending as many order \
                files as it can at once."),
    ),
    security(("bearer" = ["read"]))
))]
pub(crate) async fn order_file(
    State(api): State<Arc<Api>>,
    method: Method,
    headers: HeaderMap,
    path: Result<Id<OrderId>, Problem>,
) -> Result<Response, Problem> {
    let caller = api.access.require(&headers, &[Scope::Read])?;
    let order = path?.id;
    let first = look_through(api.store.as_ref(), order).await?;
    info!(%order, by = caller.name(), %method, "an order's file was asked for");
    api.trail.read(&caller, |by| AuditEntry::new(by, Action::ReadOrderPdf).order(order)).await;
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

/// Checks that the order's file can be made. Answers with its first live ticket.
async fn look_through(store: &dyn Records, order: OrderId) -> Result<Ticket, Problem> {
    let (mut first, mut after, mut erased, mut legacy) = (None, 0, false, false);
    loop {
        let part = store.tickets_after(order, after, PART).await?;
        let Some(last) = part.last() else { break };
        after = last.line.index;
        for ticket in part {
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
        Some(first) => Ok(first),
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
