//! Templates: a page described in JSON, compiled once, laid out for each ticket.
//!
//! `json` reads JSON with source positions; `format` checks a template and makes a `model` of it; `text` fills in
//! placeholders: a `field` is one of the ticket's values (`ticket_page`, `ticket_values`), `labels` are the page's own
//! words in each language. `layout` lays a ticket out, `cache` keeps what an event's tickets have in common, `bundle`
//! identifies a template by a hash of its content, and `compiled` is a template ready for drawing. `shipped` has the
//! templates in the binary, `branding` changes one's logo, colours and texts, `pretix` imports layouts of another
//! program. `docs/templates.md` is the manual.

mod branding;
mod bundle;
mod cache;
mod compiled;
mod field;
mod format;
mod json;
mod labels;
mod layout;
mod model;
mod pretix;
mod problem;
mod shipped;
mod text;
mod ticket_page;
mod ticket_values;

pub use branding::Branding;
pub use bundle::{Files, NoHash, TemplateBundle, TemplateHash, file_names};
pub(crate) use cache::LayoutCache;
pub use compiled::CompiledTemplate;
pub(crate) use field::{Field, Values};
pub(crate) use format::MM;
pub(crate) use labels::{LANGUAGES, Label, Language, language};
pub(crate) use layout::Flow;
pub(crate) use model::{Element, Kind, TemplateModel, TextBox};
pub use pretix::{Imported, import_pretix};
pub use problem::{Position, Problem, Refused, Severity, usable};
pub use shipped::Shipped;
pub(crate) use text::Source;
pub use ticket_page::TicketPage;
