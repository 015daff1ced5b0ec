//! The two sockets of a link: one listens to the group, the other one speaks.

use std::{
    io,
    net::{IpAddr, SocketAddr, SocketAddrV6},
};

use bytes::Bytes;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

use super::{GROUP_V4, GROUP_V6, group, interfaces::Link};

/// Room for a burst: a hundred nodes that answer at once.
const RECEIVE_BUFFER_BYTES: usize = 256 * 1024;

/// The sockets of one link.
#[derive(Debug)]
pub struct LinkSockets {
    /// Bound to the group and the shared port: hears what is said to all.
    pub listening: UdpSocket,
    /// Bound to the link's address and a port of its own: speaks, and hears answers.
    pub speaking: UdpSocket,
    group: SocketAddr,
}

impl LinkSockets {
    /// Opens both. To be called within the tokio runtime.
    ///
    /// # Errors
    /// What the system said; `AddrInUse` means that another program holds the port for itself alone.
    pub fn open(link: &Link, port: u16) -> io::Result<Self> {
        let group = group(link.address, port, link.index);
        Ok(Self { listening: listening(link, group)?, speaking: speaking(link)?, group })
    }

    /// Says something to all on the link.
    ///
    /// # Errors
    /// What the system said.
    pub async fn send_to_group(&self, datagram: &Bytes) -> io::Result<()> {
        self.send_to(datagram, self.group).await
    }

    /// Says something to one.
    ///
    /// # Errors
    /// What the system said.
    pub async fn send_to(&self, datagram: &Bytes, to: SocketAddr) -> io::Result<()> {
        self.speaking.send_to(datagram, to).await.map(|_| ())
    }
}

fn listening(link: &Link, group: SocketAddr) -> io::Result<UdpSocket> {
    let socket = socket(group)?;
    // Both, so that nodes of several users share the port.
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    // A small buffer loses datagrams, nothing else.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES);
    // Else the socket would hear what other sockets joined on other interfaces.
    if link.address.is_ipv4() {
        socket.set_multicast_all_v4(false)?;
    } else {
        socket.set_multicast_all_v6(false)?;
    }
    // Kernels before 5.7 want privileges for it; the option above is enough for most cases then.
    let _ = socket.bind_device(Some(link.interface.as_bytes()));
    // Bound to the group: unicast datagrams to the shared port would reach just one of the nodes that share it.
    socket.bind(&group.into())?;
    match link.address {
        IpAddr::V4(address) => {
            let interface = socket2::InterfaceIndexOrAddress::Index(link.index);
            socket
                .join_multicast_v4_n(&GROUP_V4, &interface)
                .or_else(|_| socket.join_multicast_v4(&GROUP_V4, &address))?;
        }
        IpAddr::V6(_) => socket.join_multicast_v6(&GROUP_V6, link.index)?,
    }
    UdpSocket::from_std(socket.into())
}

fn speaking(link: &Link) -> io::Result<UdpSocket> {
    let own: SocketAddr = match link.address {
        IpAddr::V4(address) => (address, 0).into(),
        IpAddr::V6(address) => SocketAddrV6::new(address, 0, 0, link.index).into(),
    };
    let socket = socket(own)?;
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES);
    match link.address {
        IpAddr::V4(address) => {
            rustix::net::sockopt::set_ip_multicast_if_with_ifindex(&socket, &GROUP_V4, &address, link.index)?;
            socket.set_multicast_loop_v4(true)?;
            socket.set_multicast_ttl_v4(1)?;
        }
        IpAddr::V6(_) => {
            socket.set_multicast_if_v6(link.index)?;
            socket.set_multicast_loop_v6(true)?;
            socket.set_multicast_hops_v6(1)?;
        }
    }
    socket.bind(&own.into())?;
    UdpSocket::from_std(socket.into())
}

fn socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}
