//! Two programs. `causeway` is all of it: peers, bridges, dispatchers, and the commands that talk to them. `causeway-peer` is
//! what of it a container needs in which a peer runs.
//!
//! The command line is read in two steps: `args` says what was typed, `settings` what it means together with the
//! configuration file. Each command is one file in `commands`.

mod args;
mod client;
mod commands;
mod data;
mod exit;
mod file;
mod instant;
mod output;
mod past;
mod settings;

use std::process::ExitCode;

use clap::Parser;

/// Worker threads of the runtime. A bridge carries streams on a thread of its own; the rest of a node waits most of the
/// time, and a second thread would only cost memory and wake-ups.
const WORKER_THREADS: usize = 1;

/// The program `causeway`: does what its command line says.
pub fn causeway() -> ExitCode {
    program(commands::run)
}

/// The program `causeway-peer`. What only the other one refers to is not linked into this one.
pub fn causeway_peer() -> ExitCode {
    program(commands::run_in_container)
}

fn program<A: Parser, F: Future<Output = anyhow::Result<()>>>(run: impl FnOnce(A) -> F) -> ExitCode {
    storage::hush_contained_panics();
    let args = match A::try_parse() {
        Ok(args) => args,
        Err(error) => error.exit(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKER_THREADS)
        .max_blocking_threads(8)
        .thread_name("causeway")
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(run(args)),
        Err(error) => Err(anyhow::Error::new(error).context("cannot start the runtime")),
    };
    exit::code(outcome)
}
