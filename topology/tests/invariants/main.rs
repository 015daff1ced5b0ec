//! The invariants of ALGORITHM.md, and what else the core promises.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod convergence;
mod durability;
mod fold;
mod lies;
mod local;
mod reach;
mod recovery;
mod retention;
mod routes;
mod witnesses;
