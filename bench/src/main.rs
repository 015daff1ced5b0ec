//! Whole-process benchmarks: the built program, real sockets on loopback, ratios and targets in a table.
//!
//! What it is not: the micro-benchmarks, which are `cargo bench` of the crates, and a test: a missed target is shown, and
//! the exit code is 0 all the same, for the machine may have been busy.

mod browser;
mod dispatch;
mod messenger;
mod page;
mod past;
mod relay;
mod work;

use clap::{Args, Parser, Subcommand};

/// Worker threads of the measuring side and of the echo peer.
const WORKERS: usize = 2;

#[derive(Debug, Parser)]
#[command(name = "bench", about = "Whole-process benchmarks of Causeway")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Direct against through two bridges
    #[command(after_help = "Example:\n  cargo run --release -p bench -- relay")]
    Relay(RelayArguments),
    /// A bridge with a long log: its start, and the state at any time
    #[command(after_help = "Example:\n  cargo run --release -p bench -- past")]
    Past,
    /// Two peers and their page: durable messages a second, a long history, and how smooth it stays
    #[command(after_help = "Example:\n  cargo run --release -p bench -- messenger")]
    Messenger(PageArguments),
    /// The page of a bridge with a thousand peers, in a real Chromium
    #[command(after_help = "Example:\n  cargo run --release -p bench -- page")]
    Page(PageArguments),
    /// A dispatcher with peers as processes, and on a swarm if there is one: from the click to a page of one's own, a burst,
    /// and their memory
    #[command(after_help = "Example:\n  cargo run --release -p bench -- dispatch")]
    Dispatch,
    /// The other end of the measurements; started by `relay`
    #[command(hide = true)]
    Echo(relay::EchoArguments),
}

/// What else is made of the page.
#[derive(Debug, Args)]
struct PageArguments {
    /// Keeps a picture of it, PNG
    #[arg(long, value_name = "FILE")]
    picture: Option<std::path::PathBuf>,
}

/// How much is measured.
#[derive(Debug, Args)]
struct RelayArguments {
    /// A tenth of everything: to see that it works, not to compare
    #[arg(long)]
    quick: bool,
    /// Measures only these parts, to compare two builds sooner
    #[arg(long, value_name = "PART", value_delimiter = ',')]
    only: Vec<relay::Part>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build()?;
    runtime.block_on(async {
        match arguments.command {
            Command::Relay(arguments) => relay::run(arguments.quick, &arguments.only).await,
            Command::Messenger(arguments) => messenger::run(arguments.picture.as_deref()).await,
            Command::Page(arguments) => page::run(arguments.picture.as_deref()).await,
            Command::Past => past::run().await,
            Command::Dispatch => dispatch::run().await,
            Command::Echo(arguments) => relay::serve(arguments).await,
        }
    })
}
