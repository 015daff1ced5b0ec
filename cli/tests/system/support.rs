//! What the tests stand on: nodes as processes, hosts as network namespaces, conditions waited for.

mod browser;
mod capture;
mod crowd;
mod disk;
mod host;
mod json;
mod lan;
mod node;
mod past;
mod pour;
mod privileges;
pub(crate) mod raw;
mod seed;
mod talk;
mod terminal;
mod towns;
mod wait;
mod world;

pub(crate) use browser::Browser;
pub(crate) use capture::Capture;
pub(crate) use crowd::Crowd;
pub(crate) use disk::small_disk;
pub(crate) use host::Host;
pub(crate) use json::{lines, text};
pub(crate) use lan::{Cable, Lan};
pub(crate) use node::{Answer, Node, program};
pub(crate) use past::{Past, export, export_journal, simulated, wait_until_held};
pub(crate) use pour::Flood;
pub(crate) use seed::Seed;
pub(crate) use terminal::Terminal;
pub(crate) use towns::{Towns, network};
pub(crate) use wait::{GENEROUS, eventually, eventually_within};
pub(crate) use world::World;
