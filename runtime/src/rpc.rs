//! Listeners and channels for tonic, over TLS of our own, plain TCP and Unix sockets.
//!
//! tonic's own TLS knows names and authorities; ours knows node ids. So the handshakes happen here, and tonic gets
//! finished streams.

mod bind;
mod channel;
mod connection;
mod incoming;
mod places;
mod server;

pub use bind::{BindError, PortChoice, bind_tcp};
pub use channel::{ConnectError, connect_plain, connect_tls, connect_unix};
pub use connection::{Connection, PeerInfo};
pub use incoming::{AcceptLimits, accept, tcp_incoming, tls_incoming, unix_incoming};
pub use server::server;
