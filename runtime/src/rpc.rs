//! Listeners and channels for tonic, over TLS of our own, plain TCP and Unix sockets.
//!
//! tonic's own TLS knows names and authorities; ours knows node ids. So the handshakes happen here, and tonic gets
//! finished streams.

mod activity;
mod bind;
mod channel;
mod connection;
mod guard;
mod incoming;
mod places;
mod reflection;
mod server;

pub use bind::{BindError, PortChoice, any_address, bind_tcp};
pub use channel::{ConnectError, connect_plain, connect_tls, connect_unix, in_process};
pub use connection::PeerInfo;
pub use guard::Guarded;
pub use incoming::{AcceptLimits, Incoming, accept, tcp_incoming, tls_incoming, unix_incoming};
pub use places::holder;
pub use reflection::Services;
pub use server::{serve, server};
