//! The command `fulfillment template import-pretix`: converts a pretix layout.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use fulfillment_document::{import_pretix, usable};
use serde::Serialize;

use super::{Found, stem};
use crate::cli::Context;
use crate::error::CliError;

/// Convert a ticket layout exported from pretix into a template
///
/// What cannot be converted is reported with its place in the layout.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fulfillment template import-pretix layout.json --background background.pdf
  fulfillment template import-pretix layout.json --out templates/gala
Exit code: 0 written, 1 the layout cannot be used.")]
pub(super) struct ImportPretix {
    /// The layout's JSON
    layout: PathBuf,
    /// The PDF background of the layout
    #[arg(long, value_name = "FILE")]
    background: Option<PathBuf>,
    /// The folder to create; existing files are not overwritten [default: the layout's name]
    #[arg(long, short, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

#[derive(Serialize)]
struct Written {
    template: String,
    problems: Vec<Found>,
}

impl ImportPretix {
    pub(super) fn run(self, context: &Context) -> Result<(), CliError> {
        let name = self.layout.display().to_string();
        let layout = std::fs::read_to_string(&self.layout).with_context(|| format!("cannot read {name}"))?;
        let read =
            |file: &PathBuf| std::fs::read(file).with_context(|| format!("cannot read {}", file.display()));
        let background = self.background.as_ref().map(read).transpose()?;
        let line = |problem: &_| format!("{name}:{problem}");
        let imported = import_pretix(&layout, background.as_deref())
            .map_err(|refused| CliError::failed(refused.0.iter().map(line).collect::<Vec<_>>().join("\n")))?;
        let folder = self.out.unwrap_or_else(|| stem(&name));
        let template = folder.join("template.json");
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        for (file, content) in &imported.bundle.files {
            write_new(&folder.join(file), content)?;
        }
        write_new(&template, imported.bundle.json.as_bytes())?;
        let template = template.display().to_string();
        let problems = imported.problems.iter().map(Found::from).collect();
        context.answer(&Written { template, problems }, |written| {
            let next = format!("{0} written; next: fulfillment template check {0}", written.template);
            imported.problems.iter().map(line).chain([next]).collect::<Vec<_>>().join("\n")
        })?;
        if usable(&imported.problems) { Ok(()) } else { Err(CliError::failed("")) }
    }
}

fn write_new(file: &Path, content: &[u8]) -> Result<(), CliError> {
    use std::io::Write as _;
    let written = std::fs::File::create_new(file).and_then(|mut f| f.write_all(content));
    written.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            CliError::misuse(format!("{} already exists; it was not changed", file.display()))
        }
        _ => CliError::misuse(format!("cannot write {}: {error}", file.display())),
    })
}
