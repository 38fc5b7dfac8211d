//! A ticket in, the bytes of its PDF out.
//!
//! Drawing is pure: the same [`TicketPage`] gives the same bytes in every process and thread that has the same
//! fonts, whatever was drawn before. Nothing here reads a clock, draws a random number or opens a file.
//!
//! How a page comes about, a file each:
//! `clean` strips what must not be drawn, `template` says what stands where, `paragraph` breaks and shrinks
//! text until it fits, `shape` turns text into glyphs (fallback by a fixed order of faces, both directions; `emoji` has
//! those that are pictures),
//! `embed` decides which font subset holds which glyph (`common` has those of every file, `event` those that an event's
//! tickets share), `content` draws, `tags` says it once more for those who
//! hear the page, `pdf` and `file` write PDF/A-2a and PDF/UA-1 at once. A template's images are `picture`s, of pixels
//! (`image`) or drawn (`svg`); drawings and backgrounds are `form`s.

mod background;
mod boxes;
mod cmap;
mod common;
mod content;
mod coverage;
mod embed;
mod emoji;
mod event;
mod face;
mod fallback;
mod file;
mod form;
mod icc;
mod image;
mod order;
mod outlines;
mod paragraph;
mod pdf;
mod picture;
mod program;
mod renderer;
pub mod sample;
mod sanitize;
mod shape;
mod svg;
mod tags;
mod template;
mod xmp;

pub use coverage::Coverage;
pub use face::{FontError, FontSource};
pub use fallback::FontId;
pub use order::{OrderError, OrderFile};
pub use renderer::PdfRenderer;
pub use template::{
    Branding, CompiledTemplate, Files, Imported, NoHash, Position, Problem, Refused, Severity, Shipped,
    TemplateBundle, TemplateHash, file_names, import_pretix, usable,
};

use fulfillment_qr::{EncodeError, Symbol};
use jiff::Timestamp;
use uuid::Uuid;

/// Everything a page is made of. Strings are as people are to read them: formatted, in the event's time zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketPage {
    /// The ticket's id, printed in full.
    pub ticket_id: Uuid,
    /// The number a person reads out on the phone; printed in groups where it has no separators of its own.
    pub ticket_number: String,
    /// The order's id, printed in full.
    pub order_id: Uuid,
    /// The event's name, the page's title.
    pub event_name: String,
    /// Who holds the event.
    pub organizer_name: Option<String>,
    /// Where it takes place.
    pub venue_name: Option<String>,
    /// The venue's address. Its lines stay lines where there is room for them, else they are parted by commas.
    pub venue_address: Option<String>,
    /// When it starts.
    pub starts: Option<String>,
    /// When the doors open.
    pub doors: Option<String>,
    /// When it ends.
    pub ends: Option<String>,
    /// Whose ticket it is, where tickets are named.
    pub holder_name: Option<String>,
    /// The buyer: an e-mail address or an id.
    pub customer: String,
    /// The seat's section.
    pub section: Option<String>,
    /// The seat's row.
    pub row: Option<String>,
    /// The seat, or what is printed for it ("Standing", "General admission"). Empty, with neither section nor row: "Free
    /// seating" in the page's language.
    pub seat: String,
    /// There is a seat, and nobody here knows which: nothing is printed in its place, "Free seating" least of all.
    pub seat_unknown: bool,
    /// The price category.
    pub category: Option<String>,
    /// The price with its currency, for instance "49.90 EUR". None where it is free: the page says so in its language.
    pub price: Option<String>,
    /// Which of the order's tickets it is, counted from 1.
    pub ticket_index: u32,
    /// How many tickets the order has.
    pub ticket_count: u32,
    /// The document's creation date. Outside the years 0 to 9999 it is left out of the file.
    pub issued_at: Timestamp,
    /// The same, as printed.
    pub issued: String,
    /// The QR code's content, "TK1:...": of QR alphanumeric characters it takes the least room.
    pub code: String,
    /// A BCP 47 tag: the document's language, the reading direction, and which Chinese characters' forms are meant.
    pub locale: Option<String>,
    /// The template to draw by, one that the renderer keeps; without one, the A4 page that ships.
    pub template: Option<TemplateHash>,
}

/// A drawn page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The file.
    pub pdf: Vec<u8>,
    /// Characters that no font has, each once, in the order met. Each is drawn as an empty box (its text can still
    /// be copied from the file), and whoever issues the ticket should be told.
    pub missing: Vec<char>,
    /// The QR code as it stands in the file, to be read back; none where the template has none.
    pub code: Option<Symbol>,
}

/// Why a page could not be drawn.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The QR code's content is empty, or does not fit a code that a phone reads well.
    #[error("the code cannot be drawn: {0}")]
    Code(#[from] EncodeError),
    /// A font that a character needs could not be read, or could not be cut to the glyphs used.
    #[error(transparent)]
    Font(#[from] FontError),
    /// The renderer does not keep the template that the page names.
    #[error("the template {0} is not known here")]
    Template(TemplateHash),
}

/// Why there is no renderer.
#[derive(Debug, thiserror::Error)]
pub enum NewError {
    /// A font is no font.
    #[error(transparent)]
    Font(#[from] FontError),
    /// A template that ships is damaged: the binary was built from a changed one.
    #[error("a template in this binary cannot be used: {0}")]
    Template(#[from] Refused),
}

/// Draws pages. One renderer serves every thread.
pub trait Renderer: Send + Sync {
    /// Draws one page.
    ///
    /// # Errors
    /// [`RenderError::Code`] for a code that does not fit, [`RenderError::Font`] for a font that cannot be read,
    /// [`RenderError::Template`] for a template that is not kept.
    fn render(&self, page: &TicketPage) -> Result<Page, RenderError>;

    /// Writes one file with a page for each ticket, which share fonts and images. Pages are asked for one by one and
    /// written as they are drawn: the memory it takes does not grow with the file. Returns the characters that no font
    /// has, each once.
    ///
    /// # Errors
    /// [`OrderError::Render`] as [`Renderer::render`], [`OrderError::Write`] where writing fails: what was written is
    /// no file then. [`OrderError::Empty`] without pages.
    fn render_order(
        &self,
        pages: &mut dyn Iterator<Item = TicketPage>,
        out: &mut dyn std::io::Write,
    ) -> Result<Vec<char>, OrderError>;

    /// Names the engine and the fonts. Two renderers with the same version draw the same bytes by the same template.
    fn version(&self) -> &str;
}
