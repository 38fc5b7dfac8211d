//! The `fulfillment` program: a service that turns paid orders into tickets, and its commands.
//!
//! `fulfillment-pipeline` has the processing, `fulfillment-adapters` the clients of other services, `fulfillment-http`
//! the HTTP API; here `cli/` has one file per command, and `wiring.rs` is the only place where all of them meet.

mod auditing;
mod cli;
mod demo;
mod doors;
mod error;
mod lifecycle;
mod open_files;
mod signals;
mod telemetry;
mod terminal;
mod traces;
mod wiring;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser as _;

use crate::error::CliError;

/// glibc's allocator returns memory unevenly under many threads; this one keeps the service small.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    #[cfg(feature = "fail-points")]
    let _told_to_die = fail::FailScenario::setup();
    let cli = cli::Cli::parse();
    #[expect(clippy::disallowed_methods, reason = "the environment is read here and handed on")]
    let environment = match texts(std::env::vars_os()) {
        Ok(environment) => environment,
        Err(variable) => return CliError::misuse(format!("{variable}: must be UTF-8 text")).report(),
    };
    let mut builder = if cli.needs_one_thread() {
        tokio::runtime::Builder::new_current_thread()
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    let runtime = match builder.enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("fulfillment: cannot start threads: {error}");
            return ExitCode::from(3);
        }
    };
    let ended = runtime.block_on(cli::run(cli, environment));
    // A blocking call that still waits for another service must not delay the exit.
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error.report(),
    }
}

/// The variables that are text. Of the others, one of this service is an error, reported by its name; the rest are
/// ignored.
fn texts(variables: impl Iterator<Item = (OsString, OsString)>) -> Result<cli::Environment, String> {
    let mut environment = cli::Environment::new();
    for (name, value) in variables {
        match (name.into_string(), value.into_string()) {
            (Ok(name), Ok(value)) => environment.push((name, value)),
            (Ok(name), Err(_)) if name.starts_with(fulfillment_config::PREFIX) => return Err(name),
            (Err(name), _) if name.as_encoded_bytes().starts_with(fulfillment_config::PREFIX.as_bytes()) => {
                return Err(name.to_string_lossy().into_owned());
            }
            _ => {}
        }
    }
    Ok(environment)
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt as _;

    use super::*;

    #[test]
    fn variables_that_are_no_text_are_passed_over_unless_they_are_ours() {
        let os = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
        let foreign = [(os(b"A"), os(b"b")), (os(b"C"), os(b"\xff")), (os(b"\xff"), os(b"d"))];
        assert_eq!(texts(foreign.into_iter()), Ok(vec![("A".to_owned(), "b".to_owned())]));
        let value = [(os(b"FULFILLMENT_HTTP_TOKEN"), os(b"\xff"))];
        assert_eq!(texts(value.into_iter()), Err("FULFILLMENT_HTTP_TOKEN".to_owned()));
        let name = [(os(b"FULFILLMENT_\xff"), os(b"x"))];
        assert!(texts(name.into_iter()).is_err());
    }
}
