//! What every node needs to run: task groups, shutdown, backoff, rate limits, telemetry, and the plumbing of gRPC.
//!
//! What it is not: anything of Causeway's own protocols. It knows neither node ids nor messages.
//!
//! | module | contents |
//! |---|---|
//! | [`TaskGroup`] | tasks that are stopped together, in good order |
//! | [`EventLoop`] | a thread of its own for tasks in which microseconds count |
//! | [`Backoff`] | jittered waits between tries |
//! | [`TokenBucket`], [`Rates`] | rate limits, time as argument: one, and one for each caller |
//! | [`rpc`] | listeners and channels for tonic: TLS, plain and Unix sockets |
//! | [`socket_path`] | the local control socket of a data directory |
//! | [`metrics`] | Prometheus metrics and health over HTTP |
//! | [`telemetry`] | logs on stderr |
//! | [`web`] | a node's pages: the server, sessions, and what keeps them to themselves |
//! | [`replace_file`] | small files that change as a whole |
//! | [`resident_kib`] | the memory of a process |
//! | [`Unkept`] | small files that found a full disk, written once there is room |
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! use std::time::Duration;
//!
//! let group = runtime::TaskGroup::new();
//! let token = group.token().clone();
//! group.spawn(tracing::info_span!("worker"), async move { token.cancelled().await });
//! assert!(group.shutdown(Duration::from_secs(5)).await);
//! # }
//! ```

mod backoff;
mod event_loop;
mod memory;
pub mod metrics;
mod rates;
mod replace_file;
pub mod rpc;
pub mod socket_path;
mod task_group;
pub mod telemetry;
mod token_bucket;
mod unkept;
pub mod web;

pub use backoff::Backoff;
pub use event_loop::{BusyPoll, EventLoop};
pub use memory::resident_kib;
pub use rates::Rates;
pub use replace_file::replace_file;
pub use task_group::TaskGroup;
pub use token_bucket::TokenBucket;
pub use unkept::{Unkept, is_full};
