//! Renders tickets as PDF: a ticket in, the bytes of its PDF out.
//!
//! Drawing is pure: the same [`TicketPage`] gives the same bytes in every process and thread that has the same
//! fonts, whatever was drawn before. Nothing here reads a clock, draws a random number or opens a file.
//!
//! The modules, from the lowest layer up; each uses those above it in this list, and none below:
//!
//! - `pdf`: PDF itself. Objects, streams, form XObjects, the file around them.
//! - `image`: raster files, SVG drawings and pages of other PDFs, each prepared for a PDF once.
//! - `font`: faces, their subsets, and which font of a file holds which glyph.
//! - `text`: made safe to draw, shaped into lines of glyphs (fallback by a fixed order of faces, both directions), and
//!   made to fit.
//! - `page`: the display list with each item's position, the content stream that draws it, and the structure tree for
//!   screen readers.
//! - `file`: one ticket's file and an order's, PDF/A-2a and also PDF/UA-1.
//! - `template`: a page described in JSON, compiled once, laid out for each ticket.
//! - `renderer`: [`PdfRenderer`] keeps fonts and templates and draws with them.
//! - `preflight`: checks a template before tickets are drawn by it; `sample` has sample pages for that.

mod file;
mod font;
mod image;
mod page;
mod pdf;
mod preflight;
mod renderer;
pub mod sample;
mod template;
mod text;

pub use font::{Coverage, FontError, FontId, FontSource};
pub use renderer::{NewError, OrderError, OrderFile, Page, PdfRenderer, RenderError, Renderer};
pub use template::{
    Branding, CompiledTemplate, Files, Imported, NoHash, Position, Problem, Refused, Severity, Shipped,
    TemplateBundle, TemplateHash, TicketPage, file_names, import_pretix, usable,
};
