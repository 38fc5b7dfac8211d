//! Reads and checks a template's JSON. Every error has its position, and all errors are found in one pass.
//!
//! A `reader` goes through it: `values` reads single values, `page` the whole template, `element` an element; `text`
//! (with `look`) and `container` read the two kinds that have rules of their own. `keys` lists the valid keys.

mod container;
mod element;
mod keys;
mod look;
mod page;
mod reader;
#[cfg(test)]
mod tests;
mod text;
mod values;

pub(crate) use keys::MM;

use super::bundle::Files;
use super::json::Node;
use super::model::TemplateModel;
use super::problem::{Problem, Severity};
use reader::Reader;

/// Reads a template.
///
/// # Errors
/// All errors in it.
pub(crate) fn read(json: &str, files: &Files) -> Result<TemplateModel, Vec<Problem>> {
    let top = Node::parse(json).and_then(Node::object).map_err(|problem| vec![problem])?;
    let mut reader = Reader::new(files);
    let model = reader.model(top);
    let mut problems = reader.problems;
    problems.sort_by_key(|problem| problem.at);
    match model {
        Some(model) if problems.iter().all(|problem| problem.severity < Severity::Error) => Ok(model),
        _ => Err(problems),
    }
}
