//! What a node serves over HTTP: a server with bounds, and what keeps a page of one's own from everybody else.
//!
//! The pages of a node are for the person whose node it is, and stand on a port that every program of the machine, and
//! every site that is open in the person's browser, can reach. So: a session is needed ([`Gate`]), which begins with a
//! link that is good once; names that others control do not lead here ([`own_host`]); and what is served runs nothing but
//! its own scripts and is shown in no frame ([`guarded`]).

pub mod answer;
mod files;
mod gate;
mod headers;
mod host;
mod seal;
mod serve;
mod session;

pub use axum;

pub use files::{PageFile, files};
pub use gate::{Gate, LINK_LIFETIME, MAX_OPEN_LINKS, SESSION_LIFETIME, SameSite, Seal};
pub use headers::guarded;
pub use host::own_host;
pub use seal::KeySeal;
pub use serve::{MAX_CONNECTIONS, Place, Remote, serve, serve_up_to};
pub use session::{Admission, admitted, link};
