//! From a paid order to tickets that people hold in their hands.
//!
//! The rooms: `pipeline/` is the story, `adapters/` are the neighbours, `http/` a file a route, `cli/` a file a
//! command, `config/` a file a section. `wiring.rs` is the only place where adapters meet.

mod adapters;
mod cli;
mod clock;
mod config;
mod demo;
mod http;
mod installation;
mod keyring;
mod lifecycle;
mod pipeline;
mod ports;
mod stop;
mod telemetry;
mod wiring;

use std::process::ExitCode;

use clap::Parser as _;

/// glibc's allocator gives memory back unevenly under many threads; this one keeps the service small.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    #[expect(clippy::disallowed_methods, reason = "the environment is read here and handed on")]
    let environment = std::env::vars().collect();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("fulfillment: cannot start threads: {error}");
            return ExitCode::from(3);
        }
    };
    let ended = runtime.block_on(cli::run(cli, environment));
    // A blocking call that still hangs on a neighbour must not hold up the exit.
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(stop) => stop.report(),
    }
}
