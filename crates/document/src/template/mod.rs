//! Templates: a page described in JSON, compiled once, laid out for each ticket.
//!
//! `json` reads with places, `format` says what a template may have and compiles it to a `sheet`, `text` and `field`
//! fill in placeholders, `labels` are the page's own words in each language, `layout` lays a ticket out, `memo`
//! remembers what an event's tickets have in common, `bundle` names a template by its content.
//! `docs/templates.md` is the manual.

mod brand;
mod bundle;
mod check;
pub(crate) mod field;
mod format;
mod json;
pub(crate) mod labels;
pub(crate) mod layout;
mod memo;
mod pretix;
mod problem;
pub(crate) mod sheet;
mod shipped;
pub(crate) mod text;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

pub use brand::Branding;
pub use bundle::{Files, NoHash, TemplateBundle, TemplateHash, file_names};
pub use check::usable;
pub use pretix::{Imported, import_pretix};
pub use problem::{Position, Problem, Refused, Severity};
pub use shipped::Shipped;

use memo::Memo;
use sheet::Sheet;

/// Languages whose settings are remembered; then all are forgotten.
const MOST_LANGUAGES: usize = 64;

/// A template ready to draw by. It is compiled once and serves every thread.
#[derive(Debug)]
pub struct CompiledTemplate {
    hash: TemplateHash,
    pub(crate) sheet: Sheet,
    memos: RwLock<HashMap<String, Arc<Memo>>>,
}

impl CompiledTemplate {
    /// Compiles a template.
    ///
    /// # Errors
    /// Everything that is wrong with it, with lines and columns.
    pub fn new(bundle: &TemplateBundle) -> Result<Self, Refused> {
        bundle.within_limits().map_err(|problem| Refused(vec![problem]))?;
        let sheet = format::read(&bundle.json, &bundle.files).map_err(Refused)?;
        Ok(Self { hash: bundle.hash(), sheet, memos: RwLock::default() })
    }

    /// The template's name by its content.
    #[must_use]
    pub fn hash(&self) -> TemplateHash {
        self.hash
    }

    /// What the template calls itself.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.sheet.name
    }

    /// The page's width and height in millimetres.
    #[must_use]
    pub fn size(&self) -> (f32, f32) {
        (self.sheet.page.0 / format::MM, self.sheet.page.1 / format::MM)
    }

    /// What should be looked at that was met while compiling.
    pub(crate) fn warnings(&self) -> Vec<Problem> {
        let Some(background) = &self.sheet.background else { return Vec::new() };
        let mut problems = Vec::new();
        let at = self.sheet.background_at;
        if !background.archival {
            let message = "the background is no PDF/A: tickets on it do not say that they are for archives";
            problems.push(Problem::warning(at, message));
        }
        let (width, height) = (self.sheet.page.0 / background.size.0, self.sheet.page.1 / background.size.1);
        if (width / height - 1.0).abs() > 0.01 {
            problems.push(Problem::warning(
                at,
                "the background has another shape than the page: it is stretched",
            ));
        }
        problems
    }

    /// Whether files drawn by it may say that they are PDF/A and PDF/UA.
    pub(crate) fn is_archival(&self) -> bool {
        self.sheet.background.as_ref().is_none_or(|background| background.archival)
    }

    /// What is remembered for a language.
    pub(crate) fn memo(&self, language: &str) -> Arc<Memo> {
        if let Some(memo) = self.memos.read().unwrap_or_else(PoisonError::into_inner).get(language) {
            return Arc::clone(memo);
        }
        let mut memos = self.memos.write().unwrap_or_else(PoisonError::into_inner);
        if memos.len() >= MOST_LANGUAGES {
            memos.clear();
        }
        Arc::clone(memos.entry(language.to_owned()).or_default())
    }
}
