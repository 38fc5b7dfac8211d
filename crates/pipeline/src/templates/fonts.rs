//! Keeps the fonts that tickets were drawn with in the store: where the machine's fonts have changed, a ticket is still
//! drawn again byte for byte.
//!
//! The list of an engine's fonts is stored when the service starts, a font's file when a page first needs it. Both are
//! stored as templates are, by the hash of their content.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use fulfillment_document::{FontId, Page, PdfRenderer, RenderError, Renderer as _, TicketPage};
use fulfillment_domain::Ticket;
use fulfillment_store::{self as store, StoreError, StoredTemplate};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;
use tracing::warn;

use super::Templates;
use crate::runtime::{Panicked, Runtime, aside};

/// The name of a font's file, beside its hash.
const FILE: &str = "font";

/// What is known of the store's fonts.
#[derive(Default)]
pub(super) struct Fonts {
    /// Files that the store has.
    kept: Mutex<HashSet<[u8; 32]>>,
    /// The engine that was rebuilt last.
    former: Mutex<Option<Arc<PdfRenderer>>>,
}

/// An engine's fonts, as stored.
#[derive(Serialize, Deserialize)]
struct List {
    /// The engine's version.
    renderer: String,
    fonts: Vec<Listed>,
}

#[derive(Serialize, Deserialize)]
struct Listed {
    name: String,
    index: u32,
    /// In hexadecimal digits.
    fingerprint: String,
}

impl List {
    fn of(renderer: &PdfRenderer) -> Self {
        let listed = |font: FontId| Listed {
            name: font.name,
            index: font.index,
            fingerprint: hex::encode(font.fingerprint),
        };
        let fonts = renderer.fallbacks().into_iter().map(listed).collect();
        Self { renderer: renderer.version().to_owned(), fonts }
    }

    /// The hash under which a version's list is stored.
    fn hash(version: &str) -> [u8; 32] {
        Sha256::digest(format!("fonts of {version}")).into()
    }
}

/// A page drawn again.
pub struct Redrawn {
    /// The page.
    pub pdf: Vec<u8>,
    /// The version of the engine that drew it.
    pub renderer: String,
}

impl Templates {
    /// Stores the list of the current fonts.
    pub(super) async fn keep_list(&self) -> Result<(), StoreError> {
        let list = List::of(&self.renderer);
        let json = serde_json::to_string(&list).unwrap_or_default();
        let stored = StoredTemplate { json, files: BTreeMap::new() };
        self.store.keep_template(List::hash(&list.renderer), &stored).await
    }

    /// Stores the fonts that pages have needed since. Must be called before what was drawn with them is recorded.
    pub(crate) async fn keep_fonts(&self) -> Result<(), StoreError> {
        for (fingerprint, file) in self.renderer.files_read() {
            if lock(&self.fonts.kept).contains(&fingerprint) {
                continue;
            }
            let files = BTreeMap::from([(FILE.to_owned(), file.to_vec())]);
            let stored = StoredTemplate { json: "{}".to_owned(), files };
            self.store.keep_template(fingerprint, &stored).await?;
            lock(&self.fonts.kept).insert(fingerprint);
        }
        Ok(())
    }

    /// Redraws a ticket's page with the engine and the fonts that drew it, or with the current ones where those are not
    /// available.
    pub async fn redraw(&self, ticket: &Ticket, runtime: &dyn Runtime) -> anyhow::Result<Redrawn> {
        self.fetch(std::slice::from_ref(ticket)).await?;
        let page = self.page(ticket);
        if let Some(former) = self.former(&ticket.document.renderer).await? {
            if let Some(template) = page.template.and_then(|hash| self.renderer.template(hash)) {
                former.keep(template);
            }
            match draw(Arc::clone(&former), page.clone(), runtime).await? {
                // Before fonts were stored, pages were drawn with some that are not available.
                Err(RenderError::Font(error)) => {
                    warn!(ticket = %ticket.id, %error, drawn_by = ticket.document.renderer, "a font could not be stored");
                }
                drawn => return Ok(Redrawn { pdf: drawn?.pdf, renderer: former.version().to_owned() }),
            }
        }
        let drawn = draw(Arc::clone(&self.renderer), page, runtime).await??;
        Ok(Redrawn { pdf: drawn.pdf, renderer: self.version().to_owned() })
    }

    /// This program's engine with the fonts of another version; none where that is the current one, another program's,
    /// or was not stored.
    async fn former(&self, version: &str) -> Result<Option<Arc<PdfRenderer>>, StoreError> {
        if version == self.version() || engine(version) != engine(self.version()) {
            return Ok(None);
        }
        let known = lock(&self.fonts.former).clone();
        if known.as_ref().is_some_and(|known| known.version() == version) {
            return Ok(known);
        }
        let Some(stored) = self.store.template(List::hash(version)).await? else { return Ok(None) };
        let list = serde_json::from_str::<List>(&stored.json).ok();
        let fonts =
            list.map(|list| list.fonts.iter().map(|font| self.kept(font)).collect::<Option<Vec<_>>>());
        let Some(Some(fonts)) = fonts else { return Ok(None) };
        let Ok(Ok(former)) = spawn_blocking(move || PdfRenderer::with_fonts(fonts)).await else {
            return Ok(None);
        };
        let former = Some(Arc::new(former)).filter(|former| former.version() == version);
        lock(&self.fonts.former).clone_from(&former);
        Ok(former)
    }

    /// A font whose file is read from the store, on a thread that may wait for it.
    fn kept(&self, font: &Listed) -> Option<fulfillment_document::FontSource> {
        let mut fingerprint = [0; 32];
        hex::decode_to_slice(&font.fingerprint, &mut fingerprint).ok()?;
        let id = FontId { name: font.name.clone(), index: font.index, fingerprint };
        let (store, here): (Arc<dyn store::Templates>, _) = (Arc::clone(&self.store), Handle::current());
        Some(fulfillment_fonts::named(&id, move || {
            let mut stored = here.block_on(store.template(fingerprint)).ok()??;
            stored.files.remove(FILE).map(Arc::new)
        }))
    }
}

/// Draws on a thread that may wait for fonts.
async fn draw(
    renderer: Arc<PdfRenderer>,
    page: TicketPage,
    runtime: &dyn Runtime,
) -> Result<Result<Page, RenderError>, Panicked> {
    aside(runtime, move || renderer.render(&page)).await
}

/// The part of a version that names the program's engine, before that of its fonts.
fn engine(version: &str) -> Option<&str> {
    version.split('+').next()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use crate::runtime::SystemRuntime;
    use fulfillment_config::Config;
    use fulfillment_document::FontSource;
    use fulfillment_domain::OrderId;
    use fulfillment_store::Installation as _;
    use fulfillment_store::conformance::fixtures::ticket;
    use fulfillment_store::sqlite::SqliteStore;

    use super::*;
    use crate::clock::SystemClock;
    use crate::templates::TemplateRegistry;

    async fn store() -> Arc<dyn store::Templates> {
        let store = SqliteStore::in_memory(Arc::new(SystemClock)).await.unwrap();
        store.migrate().await.unwrap();
        Arc::new(store)
    }

    async fn templates(store: &Arc<dyn store::Templates>, fonts: Vec<FontSource>) -> Templates {
        let renderer = Arc::new(PdfRenderer::with_fonts(fonts).unwrap());
        let registry = TemplateRegistry::read(&Config::load(None, []).unwrap()).unwrap();
        Templates::new(renderer, Arc::clone(store), registry).await.unwrap()
    }

    /// A ticket with Arabic and Tibetan on it, as it was drawn by an engine.
    fn drawn_by(engine: &Templates) -> (Ticket, Vec<u8>) {
        let mut ticket = ticket(OrderId(uuid::Uuid::from_u128(7)), 1);
        // A font that only its own table declares to be for Tibetan is stored too.
        ticket.event.name = "ليلة الشعر བོད་སྐད".to_owned();
        ticket.document.template = engine.of("", None);
        ticket.document.renderer = engine.version().to_owned();
        let pdf = engine.draw(&ticket).unwrap().pdf;
        (ticket, pdf)
    }

    fn noto() -> Vec<FontSource> {
        let fonts = fulfillment_fonts::installed(&fulfillment_fonts::USUAL_FOLDERS.map(Into::into));
        assert!(!fonts.is_empty(), "fonts-noto-core is missing: scripts/rig/install");
        fonts
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_page_is_the_same_when_the_machine_has_other_fonts() {
        let store = store().await;
        let before = templates(&store, noto()).await;
        let (ticket, pdf) = drawn_by(&before);
        before.keep_fonts().await.unwrap();
        let now = templates(&store, Vec::new()).await;
        assert_ne!(now.draw(&ticket).unwrap().pdf, pdf, "today's fonts have no Arabic");
        for _first_and_remembered in 0..2 {
            let again = now.redraw(&ticket, &SystemRuntime).await.unwrap();
            assert_eq!((again.renderer, again.pdf == pdf), (ticket.document.renderer.clone(), true));
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn todays_fonts_do_where_those_of_then_were_not_kept() {
        let store = store().await;
        let before = templates(&store, noto()).await;
        let (ticket, _) = drawn_by(&before);
        let now = templates(&store, Vec::new()).await;
        let again = now.redraw(&ticket, &SystemRuntime).await.unwrap();
        assert_eq!((&*again.renderer, again.pdf), (now.version(), now.draw(&ticket).unwrap().pdf));
        // An engine of another program is not rebuilt by its name.
        let mut foreign = ticket;
        foreign.document.renderer = "fulfillment/0+000000000000".to_owned();
        assert_eq!(now.redraw(&foreign, &SystemRuntime).await.unwrap().renderer, now.version());
    }
}
