//! Taking the ports: defaults give way to free ones that are remembered, asked-for ones do not.

use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use runtime::rpc::{BindError, PortChoice, any_address, bind_tcp};
use tokio::net::TcpListener;

use crate::config::{PeerPorts, Port, Ui};

const SECURE: u16 = 30_000;
const GREETING: u16 = 30_001;
/// Where the page is, unless it was said otherwise: on this machine only.
const PAGE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 30_003);
/// Lines of `name port`.
const FILE: &str = "ports";

/// Why a port could not be taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PortError {
    /// Taken, or not allowed.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// A socket whose address the system does not tell.
    #[error("the system does not tell what address was taken: {0}")]
    Address(io::Error),
    /// The file that remembers them.
    #[error("cannot remember the ports in {}: {source}; check the directory's permissions and free space", path.display())]
    Remember {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// What a peer listens on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// The chat.
    pub secure: SocketAddr,
    /// Greeting.
    pub greeting: SocketAddr,
    /// The page; `None` when it is switched off.
    pub page: Option<SocketAddr>,
}

#[derive(Debug)]
pub(crate) struct Listeners {
    pub(crate) secure: TcpListener,
    pub(crate) greeting: TcpListener,
    pub(crate) page: Option<TcpListener>,
    pub(crate) addresses: Addresses,
}

/// Takes the ports and remembers those that are not the defaults.
pub(crate) fn listen(
    data: &Path,
    ip: Option<IpAddr>,
    ports: PeerPorts,
    ui: Ui,
) -> Result<Listeners, PortError> {
    let path = data.join(FILE);
    let before = fs::read_to_string(&path).unwrap_or_default();
    let ip = ip.unwrap_or_else(any_address);
    let secure = bind(ip, ports.secure, remembered(&before, "secure"), SECURE)?;
    let greeting = bind(ip, ports.greeting, remembered(&before, "greeting"), GREETING)?;
    let page = bind_page(ui, remembered(&before, "page"))?;
    let address = |listener: &TcpListener| listener.local_addr().map_err(PortError::Address);
    let addresses = Addresses {
        secure: address(&secure)?,
        greeting: address(&greeting)?,
        page: page.as_ref().map(address).transpose()?,
    };
    let mut after = String::new();
    let page_port = addresses.page.map_or(PAGE.port(), |page| page.port());
    for (name, port, taken, default) in [
        ("secure", ports.secure, addresses.secure.port(), SECURE),
        ("greeting", ports.greeting, addresses.greeting.port(), GREETING),
        ("page", ui.port(), page_port, PAGE.port()),
    ] {
        let keep = match port {
            Port::Default => (taken != default).then_some(taken),
            Port::Exact(_) => remembered(&before, name),
        };
        after.extend(keep.map(|port| format!("{name} {port}\n")));
    }
    if after != before
        && let Err(source) = fs::write(&path, after)
    {
        // A full disk must not keep anybody from reading.
        tracing::warn!(error = %PortError::Remember { path, source }, "the next start may take other ports");
    }
    Ok(Listeners { secure, greeting, page, addresses })
}

impl Addresses {
    /// As status lists them: `name address`.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("secure {}", self.secure), format!("greeting {}", self.greeting)];
        lines.extend(self.page.map(|page| format!("page {page}")));
        lines
    }
}

fn bind(ip: IpAddr, port: Port, before: Option<u16>, default: u16) -> Result<TcpListener, PortError> {
    let choice = match port {
        Port::Exact(port) => PortChoice::Exact(SocketAddr::new(ip, port)),
        Port::Default => PortChoice::Default(SocketAddr::new(ip, before.unwrap_or(default))),
    };
    Ok(bind_tcp(choice)?)
}

fn bind_page(ui: Ui, before: Option<u16>) -> Result<Option<TcpListener>, PortError> {
    let choice = match ui {
        Ui::Off => return Ok(None),
        Ui::At(address) => PortChoice::Exact(address),
        Ui::Default => PortChoice::Default(SocketAddr::new(PAGE.ip(), before.unwrap_or(PAGE.port()))),
    };
    Ok(Some(bind_tcp(choice)?))
}

fn remembered(text: &str, name: &str) -> Option<u16> {
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    lines.filter(|(found, _)| *found == name).find_map(|(_, port)| port.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_default_gives_way_and_the_free_port_is_remembered() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let ip = Some(IpAddr::from([127, 0, 0, 1]));
        let default = PeerPorts::all(Port::Default);
        let first = listen(one.path(), ip, default, Ui::Default).unwrap();
        let second = listen(two.path(), ip, default, Ui::Default).unwrap();
        let addresses = second.addresses;
        assert_ne!(addresses.secure, first.addresses.secure);
        assert_ne!(addresses.page, first.addresses.page);
        drop((first, second));
        assert_eq!(listen(two.path(), ip, default, Ui::Default).unwrap().addresses, addresses);
    }

    #[tokio::test]
    async fn a_port_that_was_asked_for_and_is_taken_is_an_error() {
        let data = tempfile::tempdir().unwrap();
        let ip = Some(IpAddr::from([127, 0, 0, 1]));
        let first = listen(data.path(), ip, PeerPorts::all(Port::Exact(0)), Ui::Off).unwrap();
        let asked = PeerPorts::all(Port::Exact(first.addresses.secure.port()));
        let error = listen(data.path(), ip, asked, Ui::Off).unwrap_err().to_string();
        assert!(error.contains("another program has it"), "{error}");
    }
}
