//! The command `fulfillment template`: checks, previews, prints and converts templates.

mod check;
mod import;
mod picture;
mod preview;
mod sample;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use fulfillment_document::{Shipped, TemplateBundle};
use fulfillment_pipeline::templates::{self, Base, Unusable};
use serde::Serialize;
use serde_json::value::RawValue;

use super::Context;
use crate::error::CliError;

/// Check and preview the templates that tickets are drawn by
///
/// A template is a JSON file with its images beside it; docs/templates.md is the manual, and the JSON Schema that
/// `template schema` prints helps editors to complete and check it. `[[template]]` in the
/// configuration says which tickets use it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fulfillment template show a4 > gala.json        begin with one that ships
  fulfillment template schema > template.schema.json   for an editor, beside it
  fulfillment template preview gala.json --watch  look at it while you change it
  fulfillment template check gala.json
  fulfillment template import-pretix layout.json --background background.pdf")]
pub(crate) struct Template {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Check(check::Check),
    Preview(preview::Preview),
    /// Print a built-in template as a starting point
    #[command(after_help = "Examples:
  fulfillment template show a4 > gala.json
  fulfillment template show thermal")]
    Show {
        /// a4, phone or thermal
        #[arg(value_parser = shipped)]
        name: Shipped,
    },
    /// Print the JSON Schema of templates, for editors that complete and check while one writes
    #[command(after_help = "Examples:
  fulfillment template schema > template.schema.json
A template names it at its top, as those of `template show` do: \"$schema\": \"template.schema.json\"")]
    Schema,
    ImportPretix(import::ImportPretix),
}

const SCHEMA: &str = include_str!("../../../../../docs/template.schema.json");

/// The address of the schema in the repository, which built-in templates name.
const SCHEMA_HERE: &str = "../../../docs/template.schema.json";

fn shipped(text: &str) -> Result<Shipped, String> {
    Shipped::named(text).ok_or_else(|| "known templates are a4, phone and thermal".to_owned())
}

#[derive(Serialize)]
struct Shown {
    name: &'static str,
    template: String,
}

impl Template {
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        match self.action {
            Action::Check(command) => command.run(context),
            Action::Preview(command) => command.run(context).await,
            Action::Show { name } => {
                let template = name.bundle().json.replace(SCHEMA_HERE, "template.schema.json");
                context.answer(&Shown { name: name.name(), template }, |shown| shown.template.clone())
            }
            Action::Schema => {
                let schema: &RawValue = serde_json::from_str(SCHEMA).map_err(anyhow::Error::from)?;
                context.answer(&schema, |_| SCHEMA.to_owned())
            }
            Action::ImportPretix(command) => command.run(context),
        }
    }
}

/// The template that an argument names: a file, a built-in one, or a `[[template]]` of the configuration, with its
/// branding.
fn find(context: &Context, name: &str) -> Result<Result<TemplateBundle, Unusable>, CliError> {
    if Shipped::named(name).is_some() || Path::new(name).exists() {
        return Ok(templates::bundle(&Base::read(name)));
    }
    let config = context.config()?;
    match config.templates.iter().find(|entry| entry.name == name) {
        Some(entry) => Ok(templates::branded(entry)),
        None => Err(CliError::misuse(format!(
            "there is no file and no template named {name}; templates: {}",
            Shipped::ALL
                .map(Shipped::name)
                .into_iter()
                .chain(config.templates.iter().map(|entry| entry.name.as_str()))
                .collect::<Vec<_>>()
                .join(", ")
        ))),
    }
}

/// A file's name without its last extension.
fn stem(name: &str) -> PathBuf {
    Path::new(name).file_stem().map_or_else(|| PathBuf::from("template"), PathBuf::from)
}

/// A problem in JSON.
#[derive(Serialize)]
struct Found {
    severity: &'static str,
    line: usize,
    column: usize,
    message: String,
}

impl From<&fulfillment_document::Problem> for Found {
    fn from(problem: &fulfillment_document::Problem) -> Self {
        Self {
            severity: match problem.severity {
                fulfillment_document::Severity::Warning => "warning",
                fulfillment_document::Severity::Error => "error",
            },
            line: problem.at.line,
            column: problem.at.column,
            message: problem.message.clone(),
        }
    }
}
