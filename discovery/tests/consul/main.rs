//! Discovery with a real Consul. `./check consul` fetches it; without it the tests say so and are skipped, and fail where
//! `CI` is set.

#![expect(
    clippy::unwrap_used,
    reason = "in a test a broken expectation is a failure, wherever it is noticed"
)]

mod agent;
mod client;
mod keeping;
mod leader;
mod lying;
#[path = "../sockets/node.rs"]
#[expect(dead_code, reason = "the tests on sockets use more of it")]
mod node;
mod source;

use discovery::consul::{Client, ConsulSettings, Token};

fn settings(url: &str) -> ConsulSettings {
    ConsulSettings { url: url.parse().unwrap(), token: Token::None }
}

fn client(url: &str) -> Client {
    Client::new(settings(url))
}
