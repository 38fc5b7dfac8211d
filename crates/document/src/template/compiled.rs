//! Compiled templates, ready for drawing.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::bundle::{TemplateBundle, TemplateHash};
use super::cache::LayoutCache;
use super::format::{self, MM};
use super::model::TemplateModel;
use super::problem::{Problem, Refused};

/// The maximum number of languages that are cached; beyond it, the cache is cleared.
const MOST_LANGUAGES: usize = 64;

/// A template ready for drawing. It is compiled once, and all threads may share it.
#[derive(Debug)]
pub struct CompiledTemplate {
    hash: TemplateHash,
    pub(crate) model: TemplateModel,
    caches: RwLock<HashMap<String, Arc<LayoutCache>>>,
}

impl CompiledTemplate {
    /// Compiles a template.
    ///
    /// # Errors
    /// All errors in it, with lines and columns.
    pub fn new(bundle: &TemplateBundle) -> Result<Self, Refused> {
        bundle.within_limits().map_err(|problem| Refused(vec![problem]))?;
        let model = format::read(&bundle.json, &bundle.files).map_err(Refused)?;
        Ok(Self { hash: bundle.hash(), model, caches: RwLock::default() })
    }

    /// The hash of the template's content.
    #[must_use]
    pub fn hash(&self) -> TemplateHash {
        self.hash
    }

    /// The template's own name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.model.name
    }

    /// The page's width and height in millimetres.
    #[must_use]
    pub fn size(&self) -> (f32, f32) {
        (self.model.page.0 / MM, self.model.page.1 / MM)
    }

    /// The warnings that compiling found.
    pub(crate) fn warnings(&self) -> Vec<Problem> {
        let Some(background) = &self.model.artwork.background else { return Vec::new() };
        let mut problems = Vec::new();
        let at = self.model.background_at;
        if !background.archival {
            let message = "the background is no PDF/A: tickets on it do not say that they are for archives";
            problems.push(Problem::warning(at, message));
        }
        let (width, height) = (self.model.page.0 / background.size.0, self.model.page.1 / background.size.1);
        if (width / height - 1.0).abs() > 0.01 {
            problems.push(Problem::warning(
                at,
                "the background has another shape than the page: it is stretched",
            ));
        }
        problems
    }

    /// Whether files drawn with it may claim PDF/A and PDF/UA.
    pub(crate) fn is_archival(&self) -> bool {
        self.model.artwork.is_archival()
    }

    /// The cache for a language.
    pub(crate) fn cache(&self, language: &str) -> Arc<LayoutCache> {
        if let Some(cache) = self.caches.read().unwrap_or_else(PoisonError::into_inner).get(language) {
            return Arc::clone(cache);
        }
        let mut caches = self.caches.write().unwrap_or_else(PoisonError::into_inner);
        if caches.len() >= MOST_LANGUAGES {
            caches.clear();
        }
        Arc::clone(caches.entry(language.to_owned()).or_default())
    }
}
