//! With a real Consul and a real Traefik, which `./check consul` fetches.

#[path = "../../../discovery/tests/consul/agent.rs"]
mod agent;
mod browsing;
mod finding;
mod routing;
mod sharing;
mod traefik;
mod turns;

pub(crate) use agent::fetched;
use serde_json::Value;

/// What Consul answers to a query; null where it does not.
fn read(agent: &agent::Agent, path: &str) -> Value {
    let answer = agent.ask("GET", path, "");
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
    serde_json::from_str(body).unwrap_or_default()
}
