//! With a real Consul and a real Traefik, which `./check consul` fetches.

#[path = "../../../discovery/tests/consul/agent.rs"]
mod agent;
mod finding;
mod routing;
mod traefik;
