//! Who has the shared port.

use std::{
    fs, io,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
};

use socket2::{Domain, Protocol, Socket, Type};

/// How the shared port stands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PortState {
    /// Nobody has it.
    Free,
    /// So many sockets share it, as nodes do.
    Shared(usize),
    /// Somebody has it for itself alone.
    Blocked {
        /// Program and process id, where the system tells: it does for one's own processes.
        by: Option<String>,
    },
    /// The system refused for another reason.
    Unknown(String),
}

/// Tries to share the port, and looks who else has it.
pub(super) fn examine(port: u16) -> PortState {
    let inodes = holders(port);
    match share(port) {
        Ok(()) if inodes.is_empty() => PortState::Free,
        Ok(()) => PortState::Shared(inodes.len()),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            PortState::Blocked { by: inodes.iter().find_map(|inode| owner(inode)) }
        }
        Err(error) => PortState::Unknown(error.to_string()),
    }
}

fn share(port: u16) -> io::Result<()> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)).into())
}

/// The inodes of the sockets bound to the port.
fn holders(port: u16) -> Vec<String> {
    let tables = ["/proc/net/udp", "/proc/net/udp6"].map(|path| fs::read_to_string(path).unwrap_or_default());
    tables.iter().flat_map(|table| inodes(table, port)).collect()
}

/// Reads a table as the kernel writes it: `sl local_address rem_address st ... inode`, see proc_net_udp(5).
fn inodes(table: &str, port: u16) -> Vec<String> {
    let wanted = format!(":{port:04X}");
    let inode = |line: &str| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let local = fields.get(1).filter(|local| local.ends_with(&wanted));
        local.and_then(|_| fields.get(9)).map(|inode| (*inode).to_owned())
    };
    table.lines().skip(1).filter_map(inode).collect()
}

/// The program that holds a socket, where this user may see it.
fn owner(inode: &str) -> Option<String> {
    let wanted = format!("socket:[{inode}]");
    fs::read_dir("/proc").ok()?.flatten().find_map(|process| {
        // `/proc/self` and its like are no ids.
        let id: u32 = process.file_name().to_str()?.parse().ok()?;
        let open = fs::read_dir(process.path().join("fd")).ok()?;
        let holds = |file: fs::DirEntry| fs::read_link(file.path()).is_ok_and(|to| to == Path::new(&wanted));
        open.flatten().any(holds).then_some(())?;
        let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
        Some(format!("{} (process {id})", name.trim()))
    })
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn a_port_that_somebody_keeps_is_blocked_and_named() {
        let keeper = UdpSocket::bind("0.0.0.0:0").unwrap();
        let port = keeper.local_addr().unwrap().port();
        let PortState::Blocked { by: Some(by) } = examine(port) else { panic!("{:?}", examine(port)) };
        assert!(by.contains(&format!("(process {})", std::process::id())), "{by}");
        drop(keeper);
        assert_eq!(examine(port), PortState::Free);
    }

    #[test]
    fn a_port_that_nodes_share_is_counted() {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).unwrap();
        socket.set_reuse_address(true).unwrap();
        socket.set_reuse_port(true).unwrap();
        // Below the ports that systems give away by themselves, and another one for each process of the tests: a port
        // that the system chooses for a shared socket may be shared already.
        let port = u16::try_from(10_000 + std::process::id() % 20_000).unwrap();
        socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)).into()).unwrap();
        assert_eq!(examine(port), PortState::Shared(1));
    }

    #[test]
    fn a_table_is_read_by_the_port_alone() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout \
                     inode ref pointer drops\n\
                     1: 00000000:7532 00000000:0000 07 00000000:00000000 00:00000000 00000000 0 0 4711 2 0 0\n\
                     2: 00000000:0035 00000000:7532 07 00000000:00000000 00:00000000 00000000 0 0 4712 2 0 0\n\
                     cut line";
        assert_eq!(inodes(table, 30_002), ["4711"]);
    }
}
