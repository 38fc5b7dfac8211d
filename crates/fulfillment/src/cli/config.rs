//! The command `fulfillment config`: writes or checks a configuration file.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum as _};
use fulfillment_adapters::blobs;
use fulfillment_config::{BadConfig, Config, DEFAULT_FILE, Problem, default_file};
use fulfillment_pipeline::keyring::Keyring;
use fulfillment_pipeline::templates::TemplateRegistry;
use serde::Serialize;

use super::{Context, Environment};
use crate::doors;
use crate::error::CliError;
use crate::wiring::{Role, check_store_url, exposures};

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
    /// Write a file with every setting commented out at its default
    #[command(after_help = "Examples:
  fulfillment config init                         writes fulfillment.toml here
  fulfillment config init /etc/fulfillment.toml
  fulfillment config init - | less                prints it")]
    Init {
        /// The file to write, which must not exist; - prints it
        #[arg(default_value = DEFAULT_FILE)]
        file: PathBuf,
    },
    /// Check the file and the environment, and report every wrong setting with what is expected
    ///
    /// Reports every setting that would keep `serve` from starting. A variable that begins with FULFILLMENT_ and is
    /// not a setting is reported too; `serve` only logs a warning about it, because others may have set it. Warnings
    /// name settings that are valid and will hurt later; with warnings alone the exit code is 0.
    #[command(after_help = "Examples:
  fulfillment config check                                  fulfillment.toml and the environment
  fulfillment config check --roles issue                    for a process with these roles
  fulfillment config check --config /etc/fulfillment.toml
  fulfillment config check --json | jq '.problems[].key'
Exit code: 0 good, 1 not good.")]
    Check {
        /// The roles that `serve` will have: some settings are refused only for some roles
        #[arg(long, value_delimiter = ',', value_enum, default_values_t = Role::value_variants())]
        roles: Vec<Role>,
    },
}

#[derive(Serialize)]
struct Written {
    file: String,
    /// What was printed instead of written.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

#[derive(Serialize)]
struct Checked {
    ok: bool,
    problems: Vec<Problem>,
    /// Valid settings that will hurt later.
    warnings: Vec<Problem>,
}

impl ConfigCommand {
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        match self.action {
            Action::Init { file } => init(context, &file),
            Action::Check { roles } => check(context, &roles).await,
        }
    }
}

fn init(context: &Context, file: &Path) -> Result<(), CliError> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let name = file.display().to_string();
    if file == Path::new("-") {
        let printed = Written { file: name, text: Some(default_file()) };
        return context.answer(&printed, |printed| printed.text.clone().unwrap_or_default());
    }
    // It will have tokens and passwords.
    let created = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    let written = created.and_then(|mut f| f.write_all(default_file().as_bytes()));
    match written {
        Ok(()) => context.answer(&Written { file: name, text: None }, |written| {
            format!("{} written; next: fulfillment config check", written.file)
        }),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            Err(CliError::misuse(format!("{name} already exists; it was not changed")))
        }
        Err(error) => Err(CliError::misuse(format!("cannot write {name}: {error}"))),
    }
}

async fn check(context: &Context, roles: &[Role]) -> Result<(), CliError> {
    let loaded = Config::load(context.global.config.as_deref(), context.environment.iter().cloned());
    let (mut problems, config) = match loaded {
        Ok(config) => (config.strays.clone(), Some(Box::new(config))),
        Err(BadConfig { problems, rest }) => (problems, rest),
    };
    let mut warnings = Vec::new();
    if let Some(config) = config {
        let mut found = refused(&config, &context.environment);
        found.extend(exposures(&config, roles.contains(&Role::Http), &context.environment).await);
        found.retain(|found| !problems.iter().any(|known| is_consequence(found, known)));
        problems.extend(found);
        warnings = config.warnings();
        warnings.retain(|warning| !problems.iter().any(|known| is_consequence(warning, known)));
    }
    let ok = problems.is_empty();
    context.answer(&Checked { ok, problems, warnings }, |checked| {
        let warned = checked.warnings.iter().map(|warning| format!("warning: {warning}"));
        let mut lines: Vec<_> = checked.problems.iter().map(ToString::to_string).chain(warned).collect();
        if checked.ok {
            lines.push("the configuration is valid".to_owned());
        }
        lines.join("\n")
    })?;
    if ok { Ok(()) } else { Err(CliError::failed("")) }
}

/// Whether one mistake is all there is: that of the same setting, or of a token that could not be read and still is one.
fn is_consequence(found: &Problem, known: &Problem) -> bool {
    let setting = |key: &str| key.trim_start_matches("FULFILLMENT_").replace('.', "_").to_uppercase();
    let (found, known) = (setting(&found.key), setting(&known.key));
    known.trim_end_matches("_FILE") == found || (found == "HTTP_PUBLIC_URL" && known.contains("TOKEN"))
}

/// The problems that a start would find in files that settings name, the store's URL, and an object store's variables.
fn refused(config: &Config, environment: &Environment) -> Vec<Problem> {
    let mut problems = Vec::new();
    let kafka = &config.kafka;
    let used = kafka.brokers.is_some() && kafka.security_protocol.0.ends_with("ssl");
    for (key, file) in
        [("ssl_ca", &kafka.ssl_ca), ("ssl_certificate", &kafka.ssl_certificate), ("ssl_key", &kafka.ssl_key)]
    {
        // The certificate authorities may also be a folder.
        if let Some(Err(error)) = file.as_ref().filter(|_| used).map(std::fs::metadata) {
            problems
                .push(Problem { key: format!("kafka.{key}"), message: format!("cannot be read: {error}") });
        }
    }
    if let Err(unusable) = TemplateRegistry::read(config) {
        let problem = |(name, why): (String, _)| Problem {
            key: format!("[[template]] {name}"),
            message: format!("cannot be used: {why}"),
        };
        problems.extend(unusable.into_iter().map(problem));
    }
    problems.extend(doors::declared(config).err().into_iter().flatten());
    problems.extend(check_store_url(config).err());
    if let Err(error) = Keyring::configured(config) {
        problems.push(Problem {
            key: "credential.keys_dir".into(),
            message: format!("cannot be used: {error:#}"),
        });
    }
    let files = config.files_url();
    // Those that are not set lie in the data folder.
    let store = config.store_file().filter(|_| config.store.url.is_some());
    let folders = [
        ("data.dir", Some(config.data.dir.clone())),
        ("store.url", store.and_then(|file| Some(file.parent()?.to_owned()))),
        (
            "files.url",
            config.files.url.as_deref().and_then(|url| url.strip_prefix("file://")).map(PathBuf::from),
        ),
        ("credential.keys_dir", config.credential.keys_dir.clone()),
    ];
    for (key, folder) in folders {
        let Some(folder) = folder else { continue };
        if let Some(file) = in_the_way(&folder) {
            let message = format!("{} cannot be made: {} is no folder", folder.display(), file.display());
            problems.push(Problem { key: key.into(), message });
        }
    }
    if !files.starts_with("file://")
        && let Err(error) = blobs::open(&files, environment)
    {
        problems.push(Problem { key: "files.url".into(), message: format!("cannot be used: {error:#}") });
    }
    problems
}

/// The file where a folder, or one of those above it, would have to be.
fn in_the_way(folder: &Path) -> Option<PathBuf> {
    let there = folder.ancestors().find(|parent| parent.as_os_str().is_empty() || parent.exists())?;
    (!there.as_os_str().is_empty() && !there.is_dir()).then(|| there.to_owned())
}
