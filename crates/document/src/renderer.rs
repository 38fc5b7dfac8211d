//! The renderer: fonts prepared once, then any number of pages from any number of threads.

use std::collections::HashMap;
use std::io::Write;
use std::sync::{Arc, PoisonError, RwLock};

use sha2::{Digest, Sha256};

use crate::boxes::{DisplayItem, DisplayList};
use crate::common::SharedSubset;
use crate::face::{Face, FontSource};
use crate::file::ObjectBuffer;
use crate::sanitize::sanitize;
use crate::shape::{Shaper, reads_rtl};
use crate::template::field::{Field, Values};
use crate::template::labels::{self, Label};
use crate::template::layout::Flow;
use crate::template::text::Source;
use crate::template::{CompiledTemplate, Shipped, TemplateHash};
use crate::{NewError, OrderError, OrderFile, Page, RenderError, Renderer, TicketPage, event, pdf};

/// Raised with every change that changes a drawn byte.
const ENGINE: &str = "fulfillment/6";

const REGULAR: &[u8] = include_bytes!("../fonts/Inter-Regular.ttf");
const BOLD: &[u8] = include_bytes!("../fonts/Inter-SemiBold.ttf");

/// Draws a page a ticket, by the templates it keeps: those that ship with it, and those it is given.
pub struct PdfRenderer {
    /// The two built-in faces, then the fallbacks.
    faces: Vec<Face>,
    /// The subsets of the built-in faces.
    subsets: Vec<SharedSubset>,
    /// What else every file has.
    shared: ObjectBuffer,
    templates: RwLock<HashMap<TemplateHash, Arc<CompiledTemplate>>>,
    /// The template of pages that name none.
    standard: TemplateHash,
    version: String,
    tagged: bool,
}

impl std::fmt::Debug for PdfRenderer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PdfRenderer").field("version", &self.version).finish_non_exhaustive()
    }
}

impl PdfRenderer {
    /// A renderer with the built-in faces (Latin, Greek, Cyrillic) and these font files for what they lack, asked in
    /// this order. Of a collection (`.ttc`) the first face is taken.
    ///
    /// # Errors
    /// [`FontError::Unusable`](crate::FontError::Unusable) for bytes that are no font.
    pub fn new(extra_fonts: Vec<Vec<u8>>) -> Result<Self, NewError> {
        let named = |(index, bytes)| FontSource::from_bytes(format!("Extra{index}"), bytes, 0);
        let sources: Vec<_> = extra_fonts.into_iter().enumerate().map(named).collect();
        let renderer = Self::with_fonts(sources)?;
        for face in &renderer.faces {
            face.load()?;
        }
        Ok(renderer)
    }

    /// The same with faces that are read when a character first needs them, for instance those installed on the machine.
    ///
    /// # Errors
    /// [`FontError::Unusable`](crate::FontError::Unusable) if a built-in face is damaged. The others are looked at when they are needed.
    pub fn with_fonts(sources: Vec<FontSource>) -> Result<Self, NewError> {
        let mut faces = vec![
            Face::built_in("Inter-Regular", REGULAR, false)?,
            Face::built_in("Inter-SemiBold", BOLD, true)?,
        ];
        let subsets = [SharedSubset::new(&faces, 0)?, SharedSubset::new(&faces, 1)?].into();
        faces.extend(sources.into_iter().map(Face::new));
        let mut hash = Sha256::new();
        for face in &faces {
            face.identify(&mut hash);
        }
        let digest: [u8; 32] = hash.finalize().into();
        let fonts = digest.iter().take(6).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        let renderer = Self {
            faces,
            subsets,
            shared: pdf::shared(),
            templates: RwLock::default(),
            standard: Shipped::A4.bundle().hash(),
            version: format!("{ENGINE}+{fonts:012x}"),
            tagged: true,
        };
        for shipped in Shipped::ALL {
            renderer.keep(CompiledTemplate::new(&shipped.bundle())?);
        }
        Ok(renderer)
    }

    /// The same page without tags and without what archives want, as most libraries draw it: to measure what these cost,
    /// and beside what has none. A ticket for people has them.
    #[must_use]
    pub fn untagged(mut self) -> Self {
        self.tagged = false;
        self
    }
}

impl PdfRenderer {
    /// What turns text into glyphs for a page in this language (a lower-case tag).
    pub(crate) fn shaper(&self, language: &str) -> Shaper<'_> {
        Shaper::new(&self.faces, language)
    }

    pub(crate) fn faces(&self) -> &[Face] {
        &self.faces
    }

    pub(crate) fn subsets(&self) -> &[SharedSubset] {
        &self.subsets
    }

    /// What every file has beside its fonts.
    pub(crate) fn shared(&self) -> &ObjectBuffer {
        &self.shared
    }

    /// The first number of objects that are not in every file.
    pub(crate) fn first_number(&self) -> i32 {
        SharedSubset::after(self.subsets.len())
    }

    /// The template that a page names.
    pub(crate) fn template_of(&self, page: &TicketPage) -> Result<Arc<CompiledTemplate>, RenderError> {
        let hash = page.template.unwrap_or(self.standard);
        self.template(hash).ok_or(RenderError::Template(hash))
    }

    /// Begins a file of many tickets; each is written as it is drawn.
    ///
    /// # Errors
    /// [`OrderError::Write`] where the file's first bytes cannot be written.
    pub fn order<W: Write>(&self, out: W) -> Result<OrderFile<'_, W>, OrderError> {
        OrderFile::new(self, out)
    }

    /// Keeps a template, so that pages can be drawn by its hash.
    pub fn keep(&self, template: impl Into<Arc<CompiledTemplate>>) -> TemplateHash {
        let template = template.into();
        let hash = template.hash();
        let mut templates = self.templates.write().unwrap_or_else(PoisonError::into_inner);
        templates.entry(hash).or_insert(template);
        hash
    }

    /// The template of that hash, if it is kept.
    pub fn template(&self, hash: TemplateHash) -> Option<Arc<CompiledTemplate>> {
        self.templates.read().unwrap_or_else(PoisonError::into_inner).get(&hash).map(Arc::clone)
    }

    /// Draws one page by a template that need not be kept.
    ///
    /// # Errors
    /// As [`Renderer::render`].
    pub fn draw(&self, template: &CompiledTemplate, page: &TicketPage) -> Result<Page, RenderError> {
        let context = PageContext::of(page);
        let mut shaper = self.shaper(&context.tag);
        let display_list = lay_out(template, page, &context, &mut shaper)?;
        let meta = pdf::Meta {
            title: context.title(template),
            author: context.author(),
            language: &context.language,
            issued_at: page.issued_at,
            creator: pdf::CREATOR,
            version: &self.version,
            tagged: self.tagged,
            archival: template.is_archival(),
        };
        let code = display_list.items.iter().find_map(|item| match item {
            DisplayItem::Code { symbol, .. } => Some(symbol.clone()),
            _ => None,
        });
        let event = self.event_fonts(template, &context, &display_list)?;
        let subsets = [&self.subsets[..], event.as_ref().map_or(&[], |fonts| &fonts[..])];
        let pdf = pdf::write(&display_list, &self.faces, subsets, &self.shared, &template.model, &meta)?;
        Ok(Page { pdf, missing: shaper.missing, code })
    }
}

impl PdfRenderer {
    /// The subsets that an event's tickets share of faces that are not built in; none where a page has only those.
    fn event_fonts(
        &self,
        template: &CompiledTemplate,
        context: &PageContext,
        display_list: &DisplayList,
    ) -> Result<Option<Arc<Vec<SharedSubset>>>, RenderError> {
        if !event::needs_more(display_list) {
            return Ok(None);
        }
        let texts = event::shared_texts(&template.model, context.source(template));
        let fonts = template.cache(&context.tag).fonts(event::key(&texts), || {
            event::fonts(&self.faces, &self.subsets, &context.tag, texts, template.model.forms.next)
        })?;
        Ok(Some(fonts))
    }
}

/// What a page's drawing starts from: its values and its language.
pub(crate) struct PageContext {
    pub(crate) values: Values,
    /// The document's language.
    pub(crate) language: String,
    /// The same in lower case.
    pub(crate) tag: String,
    labels: &'static labels::Language,
    /// The ticket's number as it is, without groups.
    number: String,
}

impl PageContext {
    pub(crate) fn of(page: &TicketPage) -> Self {
        let language = language(page.locale.as_deref());
        let tag = language.to_ascii_lowercase();
        let labels = labels::language(&tag);
        Self {
            values: Values::of(page, labels),
            language,
            tag,
            labels,
            number: sanitize(&page.ticket_number),
        }
    }

    pub(crate) fn source<'a>(&'a self, template: &'a CompiledTemplate) -> Source<'a> {
        Source { values: &self.values, language: self.labels, tag: &self.tag, own: &template.model.own }
    }

    /// The document's author: who holds the event.
    pub(crate) fn author(&self) -> Option<String> {
        Some(self.values.get(Field::OrganizerName).to_owned()).filter(|name| !name.is_empty())
    }

    /// The title of a document of all an order's tickets.
    pub(crate) fn order_title(&self, template: &CompiledTemplate) -> String {
        let mut title = format!("{} – ", self.values.get(Field::EventName));
        Label::ORDER.fill(self.source(template), &mut title);
        title + " " + self.values.get(Field::OrderId)
    }

    /// The document's title.
    fn title(&self, template: &CompiledTemplate) -> String {
        let mut title = format!("{} – ", self.values.get(Field::EventName));
        Label::TICKET.fill(self.source(template), &mut title);
        title + " " + &self.number
    }
}

/// Lays a page out by a template.
pub(crate) fn lay_out(
    template: &CompiledTemplate,
    page: &TicketPage,
    context: &PageContext,
    shaper: &mut Shaper<'_>,
) -> Result<DisplayList, RenderError> {
    let code = fulfillment_qr::encode(&page.code, template.model.level)?;
    let source = context.source(template);
    let mut alt = String::new();
    Label::CODE.fill(source, &mut alt);
    let cache = template.cache(&context.tag);
    let rtl = is_rtl(&context.tag, context.values.get(Field::EventName));
    Ok(Flow::new(&template.model, source, shaper, &cache).page(Some(code), &alt, rtl)?)
}

/// Whether the page is mirrored: by its language, else by the event's name.
fn is_rtl(tag: &str, event: &str) -> bool {
    match tag.split('-').next().unwrap_or_default() {
        "ar" | "fa" | "he" | "iw" | "ur" | "ps" | "ckb" | "dv" | "sd" | "ug" | "yi" => true,
        _ => reads_rtl(event).unwrap_or(false),
    }
}

impl Renderer for PdfRenderer {
    fn render(&self, page: &TicketPage) -> Result<Page, RenderError> {
        self.draw(&*self.template_of(page)?, page)
    }

    fn render_order(
        &self,
        pages: &mut dyn Iterator<Item = TicketPage>,
        out: &mut dyn Write,
    ) -> Result<Vec<char>, OrderError> {
        let mut file = self.order(out)?;
        for page in pages {
            file.page(&page)?;
        }
        Ok(file.finish()?.1)
    }

    fn version(&self) -> &str {
        &self.version
    }
}

/// The document's language: the locale if it looks like a BCP 47 tag (underscores are read as hyphens), else English.
fn language(locale: Option<&str>) -> String {
    let tag = locale.unwrap_or_default().replace('_', "-");
    let mut parts = tag.split('-');
    let first = parts
        .next()
        .is_some_and(|p| (2..=3).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphabetic()));
    let rest = parts.all(|p| (1..=8).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphanumeric()));
    if first && rest && tag.len() <= 35 { tag } else { "en".to_owned() }
}
