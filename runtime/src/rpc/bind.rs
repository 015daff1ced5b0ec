//! Taking a port: a default gives way to a free one, an asked-for one does not.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use tokio::net::TcpListener;

/// Which port to listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortChoice {
    /// A default: when it is taken, any free port will do.
    Default(SocketAddr),
    /// Asked for by a person: taken means failed.
    Exact(SocketAddr),
}

/// A port that could not be taken.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}{}", advice(.source))]
pub struct BindError {
    address: SocketAddr,
    source: io::Error,
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "; another program has it: stop that one, or choose another port",
        io::ErrorKind::PermissionDenied => "; ports below 1024 need privileges: choose a higher one",
        io::ErrorKind::AddrNotAvailable => "; this machine does not have that address",
        _ => "",
    }
}

impl PortChoice {
    /// The address wanted first.
    pub const fn address(self) -> SocketAddr {
        match self {
            Self::Default(address) | Self::Exact(address) => address,
        }
    }
}

/// All addresses of both families, or of IPv4 alone on a machine without IPv6.
pub fn any_address() -> IpAddr {
    let six = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    match std::net::TcpListener::bind((six, 0)) {
        Ok(_) => six,
        Err(_) => Ipv4Addr::UNSPECIFIED.into(),
    }
}

/// Listens on a port. To be called within the tokio runtime.
///
/// # Errors
/// [`BindError`] when an exact port, or every port, is refused.
pub fn bind_tcp(choice: PortChoice) -> Result<TcpListener, BindError> {
    let wanted = choice.address();
    match listen(wanted) {
        Err(error)
            if error.kind() == io::ErrorKind::AddrInUse && matches!(choice, PortChoice::Default(_)) =>
        {
            listen(SocketAddr::new(wanted.ip(), 0))
        }
        outcome => outcome,
    }
    .map_err(|source| BindError { address: wanted, source })
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    /// Connections that wait for their accept: room for a burst of thousands.
    const ACCEPT_QUEUE: u32 = 4096;
    let socket =
        if address.is_ipv4() { tokio::net::TcpSocket::new_v4() } else { tokio::net::TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(ACCEPT_QUEUE)
}
