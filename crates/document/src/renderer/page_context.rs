//! What a page is drawn from: its values and its language.

use crate::page::DisplayList;
use crate::template::{CompiledTemplate, Field, Flow, Label, Language, Source, TicketPage, Values, language};
use crate::text::{Shaper, reads_rtl, sanitize};

use super::error::RenderError;

/// The values and the language that a page is drawn from.
pub(crate) struct PageContext {
    pub(crate) values: Values,
    /// The document's language.
    pub(crate) language: String,
    /// The same in lower case.
    pub(crate) tag: String,
    labels: &'static Language,
    /// The ticket's number as it is, without groups.
    number: String,
}

impl PageContext {
    pub(crate) fn of(page: &TicketPage) -> Self {
        let name = language_of(page.locale.as_deref());
        let tag = name.to_ascii_lowercase();
        let labels = language(&tag);
        Self {
            values: Values::of(page, labels),
            language: name,
            tag,
            labels,
            number: sanitize(&page.ticket_number),
        }
    }

    pub(crate) fn source<'a>(&'a self, template: &'a CompiledTemplate) -> Source<'a> {
        Source { values: &self.values, language: self.labels, tag: &self.tag, own: &template.model.own }
    }

    /// The document's author: the event's organizer.
    pub(crate) fn author(&self) -> Option<String> {
        Some(self.values.get(Field::OrganizerName).to_owned()).filter(|name| !name.is_empty())
    }

    /// The title of a document of all an order's tickets.
    pub(super) fn order_title(&self) -> String {
        let mut title = format!("{} – ", self.values.get(Field::EventName));
        Label::ORDER.fill(self.labels, &self.values, &mut title);
        title + " " + self.values.get(Field::OrderId)
    }

    /// The document's title.
    pub(super) fn title(&self) -> String {
        let mut title = format!("{} – ", self.values.get(Field::EventName));
        Label::TICKET.fill(self.labels, &self.values, &mut title);
        title + " " + &self.number
    }

    /// Lays the page out with a template.
    pub(crate) fn lay_out(
        &self,
        template: &CompiledTemplate,
        page: &TicketPage,
        shaper: &mut Shaper<'_>,
    ) -> Result<DisplayList, RenderError> {
        let code = fulfillment_qr::encode(&page.code, template.model.level)?;
        let mut alt = String::new();
        Label::CODE.fill(self.labels, &self.values, &mut alt);
        let cache = template.cache(&self.tag);
        let rtl = is_rtl(&self.tag, self.values.get(Field::EventName));
        Ok(Flow::new(&template.model, self.source(template), shaper, &cache).page(Some(code), &alt, rtl)?)
    }
}

/// Whether the page is mirrored: by its language, else by the event's name.
fn is_rtl(tag: &str, event: &str) -> bool {
    match tag.split('-').next().unwrap_or_default() {
        "ar" | "fa" | "he" | "iw" | "ur" | "ps" | "ckb" | "dv" | "sd" | "ug" | "yi" => true,
        _ => reads_rtl(event).unwrap_or(false),
    }
}

/// The document's language: the locale if it looks like a BCP 47 tag (underscores are read as hyphens), else English.
fn language_of(locale: Option<&str>) -> String {
    let tag = locale.unwrap_or_default().replace('_', "-");
    let mut parts = tag.split('-');
    let first = parts
        .next()
        .is_some_and(|p| (2..=3).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphabetic()));
    let rest = parts.all(|p| (1..=8).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphanumeric()));
    if first && rest && tag.len() <= 35 { tag } else { "en".to_owned() }
}
