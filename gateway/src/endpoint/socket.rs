//! The UDP socket: dual stack, with large buffers that are read back.

use std::{
    fmt, io,
    net::{SocketAddr, UdpSocket},
};

use socket2::{Domain, Protocol, Socket, Type};

/// The wanted size of both socket buffers: 1 Gbit/s for 64 ms while the process does not run. Kernels give 208 KiB by
/// themselves, which a burst of three full GSO batches overflows.
const BUFFER_BYTES: usize = 8 * 1024 * 1024;

/// The system gave smaller buffers than wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SmallBuffers {
    /// What was asked for, bytes.
    pub wanted: usize,
    /// What the socket has for receiving, bytes.
    pub receive: usize,
    /// What the socket has for sending, bytes.
    pub send: usize,
}

impl fmt::Display for SmallBuffers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { wanted, receive, send } = self;
        write!(
            f,
            "the link's socket buffers are {receive} (receive) and {send} (send) bytes instead of {wanted}: a fast link \
             may lose packets; raise them with `sysctl -w net.core.rmem_max={wanted} net.core.wmem_max={wanted}` and \
             start the bridge again"
        )
    }
}

/// Binds the socket, and says so when its buffers are small.
pub(super) fn bind(address: SocketAddr) -> io::Result<(UdpSocket, Option<SmallBuffers>)> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.bind(&address.into())?;
    let small = enlarge(&socket)?;
    Ok((socket.into(), small))
}

fn enlarge(socket: &Socket) -> io::Result<Option<SmallBuffers>> {
    // Asking for more than the system's limit is not refused, the limit is taken: so read back.
    socket.set_recv_buffer_size(BUFFER_BYTES)?;
    socket.set_send_buffer_size(BUFFER_BYTES)?;
    let real = |bytes: usize| if cfg!(target_os = "linux") { bytes / 2 } else { bytes };
    let (receive, send) = (real(socket.recv_buffer_size()?), real(socket.send_buffer_size()?));
    let small = receive < BUFFER_BYTES || send < BUFFER_BYTES;
    Ok(small.then_some(SmallBuffers { wanted: BUFFER_BYTES, receive, send }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_raised_as_far_as_the_system_lets_them() {
        let (socket, small) = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let real = Socket::from(socket).recv_buffer_size().unwrap() / 2;
        assert_eq!(small.map_or(BUFFER_BYTES, |small| small.receive), real);
        if let Some(small) = small {
            assert!(small.to_string().contains("rmem_max"), "{small}");
        }
    }

    #[test]
    fn a_taken_port_is_refused() {
        let (socket, _) = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let taken = socket.local_addr().unwrap();
        assert_eq!(bind(taken).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }
}
