//! The command `fulfillment template check`: reports mistakes in a template.

use clap::Args;
use fulfillment_document::{PdfRenderer, Problem, usable};
use fulfillment_pipeline::templates::Unusable;
use serde::Serialize;

use super::{Found, find};
use crate::cli::Context;
use crate::error::CliError;

/// Report errors in a template, and what to check before tickets use it
///
/// Every text is laid out with typical content, with the longest allowed and in scripts that need more room, in every
/// language. A template with errors cannot be used; warnings should be reviewed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fulfillment template check gala.json
  fulfillment template check templates/*.json
  fulfillment template check gala               a [[template]] of the configuration, with its branding
  fulfillment template check gala.json --json | jq '.[].problems[].message'
Exit code: 0 usable, 1 not usable.")]
pub(super) struct Check {
    /// A template's JSON file, a `[[template]]`'s name, or a4, phone, thermal
    #[arg(required = true, value_name = "TEMPLATE")]
    templates: Vec<String>,
}

#[derive(Serialize)]
struct Checked {
    template: String,
    usable: bool,
    /// The name by content, if the template can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<String>,
    problems: Vec<Found>,
}

impl Check {
    pub(super) fn run(self, context: &Context) -> Result<(), CliError> {
        let renderer = crate::wiring::renderer(&context.config()?)?;
        let all = self.templates.iter().map(|name| check(context, &renderer, name));
        let all: Vec<Checked> = all.collect::<Result<_, _>>()?;
        let good = all.iter().all(|checked| checked.usable);
        context.answer(&all, |all| all.iter().map(describe).collect::<Vec<_>>().join("\n"))?;
        if good { Ok(()) } else { Err(CliError::failed("")) }
    }
}

fn check(context: &Context, renderer: &PdfRenderer, name: &str) -> Result<Checked, CliError> {
    let bundle = match find(context, name)? {
        Ok(bundle) => bundle,
        Err(Unusable::Refused { problems, .. }) => return Ok(checked(name, None, &problems)),
        Err(unreadable @ Unusable::Unreadable { .. }) => return Err(CliError::misuse(unreadable)),
    };
    let problems = renderer.check(&bundle).map_err(anyhow::Error::from)?;
    Ok(checked(name, Some(bundle.hash().to_string()), &problems))
}

fn checked(name: &str, hash: Option<String>, problems: &[Problem]) -> Checked {
    let found = problems.iter().map(Found::from).collect();
    Checked { template: name.to_owned(), usable: usable(problems), hash, problems: found }
}

/// The problems in the format of compilers, for editors to jump to.
fn describe(checked: &Checked) -> String {
    if checked.problems.is_empty() {
        return format!("{}: good", checked.template);
    }
    let line = |found: &Found| {
        let Found { severity, line, column, message } = found;
        format!("{}:{line}:{column}: {severity}: {message}", checked.template)
    };
    checked.problems.iter().map(line).collect::<Vec<_>>().join("\n")
}
