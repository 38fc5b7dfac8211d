//! Templates of tickets: which one a ticket is drawn by, and where it comes from.
//!
//! `files` reads a template and its images from a folder, `registry` maps events and organizers to templates as the
//! settings say, `follow` reloads them while the service runs. A ticket's record names its template by the hash of its
//! content, under which the store keeps it for good; `fonts` keeps the fonts that it was drawn with. So a redraw
//! depends neither on the current settings nor on the current files.

mod files;
mod follow;
mod fonts;
mod registry;

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};

use fulfillment_document::{
    CompiledTemplate, Page, PdfRenderer, RenderError, Renderer as _, Shipped, TemplateBundle, TemplateHash,
    TicketPage,
};
use fulfillment_domain::Ticket;
use fulfillment_store::{self as store, StoreError, StoredTemplate};
use tracing::error;

pub use files::{Base, Unusable, branded, bundle};
use fonts::Fonts;
pub use fonts::Redrawn;
pub use registry::TemplateRegistry;

use crate::page::page_of;

/// The templates of a running service.
pub struct Templates {
    renderer: Arc<PdfRenderer>,
    store: Arc<dyn store::Templates>,
    registry: RwLock<Arc<TemplateRegistry>>,
    fonts: Fonts,
}

impl Templates {
    /// Starts with `registry`, whose templates are stored together with the list of the current fonts.
    pub async fn new(
        renderer: Arc<PdfRenderer>,
        store: Arc<dyn store::Templates>,
        registry: TemplateRegistry,
    ) -> Result<Self, StoreError> {
        let templates = Self { renderer, store, registry: RwLock::default(), fonts: Fonts::default() };
        templates.keep_list().await?;
        templates.turn_to(registry).await?;
        Ok(templates)
    }

    /// From now on new tickets are drawn as `registry` says. Its templates are stored before any ticket names them.
    async fn turn_to(&self, registry: TemplateRegistry) -> Result<(), StoreError> {
        for (bundle, compiled) in registry.templates() {
            let stored = StoredTemplate { json: bundle.json.clone(), files: bundle.files.clone() };
            self.store.keep_template(compiled.hash().bytes(), &stored).await?;
            self.renderer.keep(Arc::clone(compiled));
        }
        *self.registry.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(registry);
        Ok(())
    }

    fn registry(&self) -> Arc<TemplateRegistry> {
        Arc::clone(&self.registry.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The template of a new ticket, as its record names it: its name in the settings, and the hash of its content.
    pub fn of(&self, event: &str, organizer: Option<&str>) -> String {
        self.registry().of(event, organizer).to_owned()
    }

    /// The version of the engine and its fonts.
    pub fn version(&self) -> &str {
        self.renderer.version()
    }

    /// The engine itself, for the files of whole orders.
    pub fn renderer(&self) -> &Arc<PdfRenderer> {
        &self.renderer
    }

    /// Loads the templates of these tickets from the store, where the engine does not have them yet. Must be called
    /// before they are drawn; drawing itself does no I/O.
    pub async fn fetch(&self, tickets: &[Ticket]) -> Result<(), StoreError> {
        let wanted: BTreeSet<TemplateHash> = tickets.iter().filter_map(hash_of).collect();
        for hash in wanted.into_iter().filter(|hash| self.renderer.template(*hash).is_none()) {
            let Some(StoredTemplate { json, files }) = self.store.template(hash.bytes()).await? else {
                continue;
            };
            match CompiledTemplate::new(&TemplateBundle { json, files }) {
                Ok(compiled) => drop(self.renderer.keep(compiled)),
                Err(refused) => {
                    error!(template = %hash, "a stored template can no longer be used: {refused}");
                }
            }
        }
        Ok(())
    }

    /// The content of a ticket's page, and the template it is drawn by: the one frozen with it. A built-in template
    /// that neither this program nor the store has any more is replaced by the current one of its name: the code stays,
    /// and the file's new hash is recorded.
    pub fn page(&self, ticket: &Ticket) -> TicketPage {
        let mut template = hash_of(ticket);
        if template.is_some_and(|hash| self.renderer.template(hash).is_none())
            && let Some(shipped) = ticket.document.template.split('/').next().and_then(Shipped::named)
        {
            template = Some(shipped.bundle().hash());
        }
        TicketPage { template, ..page_of(ticket) }
    }

    /// Draws a ticket's page.
    pub fn draw(&self, ticket: &Ticket) -> Result<Page, RenderError> {
        self.renderer.render(&self.page(ticket))
    }
}

/// The hash in a ticket's record.
fn hash_of(ticket: &Ticket) -> Option<TemplateHash> {
    ticket.document.template.split('/').nth(1).and_then(|hash| hash.parse().ok())
}
