//! Redraws a file that went missing or was damaged: the row has everything, so the bytes are the same.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use fulfillment_domain::{Flag, Ticket, TicketId, TicketStatus};
use fulfillment_store::Records;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::ports::{Files, FilesError, Heal, NewFile};
use crate::runtime::Runtime;
use crate::templates::{Redrawn, Templates};

/// The most files queued to be drawn again; more are dropped, and requested again by the next download.
const QUEUE: usize = 1_000;

/// Takes requests for lost files, each once while it is queued.
pub struct Healer {
    queue: mpsc::Sender<TicketId>,
    waiting: Arc<Mutex<HashSet<TicketId>>>,
}

impl Heal for Healer {
    fn heal(&self, id: TicketId) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.insert(id) && self.queue.try_send(id).is_err() {
            waiting.remove(&id);
            warn!(ticket = %id, "too many missing files at once; this one is drawn at its next download");
        }
    }
}

/// Dependencies of the redraw.
pub struct Redraw {
    /// The store.
    pub store: Arc<dyn Records>,
    /// The storage of ticket files.
    pub files: Arc<dyn Files>,
    /// The templates of pages.
    pub templates: Arc<Templates>,
    /// The cores to draw with.
    pub runtime: Arc<dyn Runtime>,
}

/// The handle that takes requests, and the task that serves them until `stop`.
pub fn healer(
    redraw: Redraw,
    stop: CancellationToken,
) -> (Healer, impl Future<Output = ()> + Send + 'static) {
    let (queue, mut requests) = mpsc::channel(QUEUE);
    let waiting = Arc::new(Mutex::new(HashSet::new()));
    let healer = Healer { queue, waiting: Arc::clone(&waiting) };
    let serve = async move {
        loop {
            let id = tokio::select! {
                () = stop.cancelled() => return,
                id = requests.recv() => match id { Some(id) => id, None => return },
            };
            match redraw.redraw(id).await {
                Ok(true) => info!(ticket = %id, "a missing file was drawn again"),
                Ok(false) => {}
                Err(error) => error!(ticket = %id, %error, "cannot draw a missing file again"),
            }
            waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        }
    };
    (healer, serve)
}

impl Redraw {
    /// Draws the file of one ticket again; `false` when there is nothing to draw.
    pub(crate) async fn redraw(&self, id: TicketId) -> anyhow::Result<bool> {
        let Some(ticket) = self.store.ticket(id).await? else { return Ok(false) };
        if !has_file(&ticket) {
            return Ok(false);
        }
        let there = self.files.get(&ticket.file_name()).await?;
        if there.is_some_and(|file| ticket.document.sha256 == Some(Sha256::digest(&file).into())) {
            return Ok(false);
        }
        anyhow::ensure!(
            !ticket.flags.contains(Flag::Legacy),
            "an earlier service drew it: restore its file, or reissue the ticket"
        );
        let Redrawn { pdf, renderer } = self.templates.redraw(&ticket, &*self.runtime).await?;
        let sha256: [u8; 32] = Sha256::digest(&pdf).into();
        if ticket.document.sha256 != Some(sha256) {
            warn!(
                ticket = %id, drawn_by = ticket.document.renderer, now = renderer,
                "the file drawn again differs from the missing one; its code is the same",
            );
        }
        let size = pdf.len() as u64;
        let file = NewFile { name: ticket.file_name(), content: pdf.into() };
        for stored in self.files.put(vec![file.clone()]).await {
            match stored {
                // The existing file is damaged: its hash was compared above.
                Err(FilesError::OtherContent { version, .. }) => {
                    self.files.replace(file.clone(), version).await?;
                }
                stored => stored?,
            }
        }
        let redrawn =
            fulfillment_store::Redrawn { generation: ticket.code.generation, sha256, size, renderer };
        self.store.redrawn(id, &redrawn).await?;
        // Its personal data may have been erased while it was drawn.
        if self.store.ticket(id).await?.is_none_or(|ticket| ticket.lifecycle.erased_at.is_some()) {
            self.files.remove(&[ticket.file_name()]).await?;
            return Ok(false);
        }
        Ok(true)
    }
}

/// The record, if it has a file that may still be served.
pub(crate) fn has_file(ticket: &Ticket) -> bool {
    matches!(ticket.lifecycle.status, TicketStatus::Generated | TicketStatus::Delivered)
        && ticket.lifecycle.voided_at.is_none()
        && ticket.lifecycle.erased_at.is_none()
}
