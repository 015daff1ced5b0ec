//! The program `causeway-peer`, for containers. All of it is in the library of this crate.

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::causeway_peer()
}
