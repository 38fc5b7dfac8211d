//! `fulfillment config`

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;

use super::{Context, print_line};
use crate::config::{BadConfig, Config, DEFAULT_FILE, Problem, default_file};
use crate::stop::Stop;

/// Write a commented configuration file, or check one
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fulfillment config init                 writes fulfillment.toml with every setting and its default
  fulfillment config init - | less        prints it
  fulfillment config check                checks fulfillment.toml and the environment")]
pub(crate) struct ConfigCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Write a file in which every setting stands, commented out, at its default
    Init {
        /// The file to write, never over another; - prints it
        #[arg(default_value = DEFAULT_FILE)]
        file: PathBuf,
    },
    /// Check the file and the environment, naming every bad key and what would be right
    Check,
}

#[derive(Serialize)]
struct Checked {
    ok: bool,
    problems: Vec<Problem>,
}

impl ConfigCommand {
    pub(crate) fn run(self, context: &Context) -> Result<(), Stop> {
        match self.action {
            Action::Init { file } => init(&file),
            Action::Check => check(context),
        }
    }
}

fn init(file: &Path) -> Result<(), Stop> {
    use std::io::Write as _;
    if file == Path::new("-") {
        print_line(&default_file());
        return Ok(());
    }
    let written = std::fs::File::create_new(file).and_then(|mut f| f.write_all(default_file().as_bytes()));
    match written {
        Ok(()) => {
            print_line(&format!("{} written; next: fulfillment config check", file.display()));
            Ok(())
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            Err(Stop::misuse(format!("{} is there already; it was left alone", file.display())))
        }
        Err(error) => Err(Stop::misuse(format!("cannot write {}: {error}", file.display()))),
    }
}

fn check(context: &Context) -> Result<(), Stop> {
    let problems = match Config::load(context.global.config.as_deref(), context.environment.iter().cloned()) {
        Ok(_) => Vec::new(),
        Err(BadConfig(problems)) => problems,
    };
    let ok = problems.is_empty();
    context.answer(&Checked { ok, problems }, |checked| {
        if checked.ok {
            return "the configuration is good".to_owned();
        }
        checked.problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    })?;
    if ok { Ok(()) } else { Err(Stop::no("")) }
}
