//! The store from outside: what it promises, attacked on real disks, files and processes.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod damage;
mod disk_full;
mod failing;
mod in_use;
mod kill;
mod logs;
mod model;
mod read_only;
mod support;
mod system_calls;
mod together;
