//! Taking the ports: defaults give way to free ones that are remembered, asked-for ones do not.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use identity::tls::Identity;
use runtime::{
    EventLoop, Unkept,
    rpc::{BindError, PortChoice, any_address, bind_tcp},
};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use crate::{
    config::{BridgeConfig, Port},
    endpoint::{EndpointError, EndpointSettings, LinkEndpoint},
    settings::{self, SettingsError},
};

/// The UDP port of discovery, shared by all nodes of a network.
pub(crate) const DISCOVERY: u16 = 30_002;
const PROXY: u16 = 30_010;
const GREETING: u16 = 30_011;
const CONTROL: u16 = 30_012;
const LINK: u16 = 30_020;
const METRICS: u16 = 30_023;

const FILE: &str = "ports.json";

/// Why a port could not be taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PortError {
    /// A TCP port.
    #[error(transparent)]
    Tcp(#[from] BindError),
    /// The UDP port of the links.
    #[error(transparent)]
    Link(#[from] EndpointError),
    /// A socket whose address the system does not tell.
    #[error("the system does not tell what address was taken: {0}")]
    Address(io::Error),
    /// The file that remembers them.
    #[error(transparent)]
    Settings(#[from] SettingsError),
}

/// The sockets of a bridge.
#[derive(Debug)]
pub(crate) struct Listeners {
    pub(crate) proxy: TcpListener,
    pub(crate) greeting: TcpListener,
    pub(crate) control: TcpListener,
    pub(crate) metrics: TcpListener,
    pub(crate) link: LinkEndpoint,
    pub(crate) addresses: Addresses,
}

/// What a bridge listens on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// Peers' way across.
    pub proxy: SocketAddr,
    /// Greeting.
    pub greeting: SocketAddr,
    /// Control.
    pub control: SocketAddr,
    /// Links, UDP.
    pub link: SocketAddr,
    /// Metrics and health.
    pub metrics: SocketAddr,
}

/// The ports that took the place of taken defaults at the last start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Remembered {
    proxy: Option<u16>,
    greeting: Option<u16>,
    control: Option<u16>,
    link: Option<u16>,
    metrics: Option<u16>,
}

/// Takes all ports and remembers those that are not the defaults. Those of the way across belong to the event loop.
pub(crate) fn listen(
    config: &BridgeConfig,
    identity: &Identity,
    event_loop: &EventLoop,
    unkept: &mut Unkept,
) -> Result<Listeners, PortError> {
    let BridgeConfig { data, listen: ip, ports, congestion, .. } = config;
    let path: PathBuf = data.join(FILE);
    let before: Remembered = settings::load(&path)?.unwrap_or_default();
    let ip = ip.unwrap_or_else(any_address);
    let (greeting, r_greeting) = tcp(ip, ports.greeting, before.greeting, GREETING)?;
    let (control, r_control) = tcp(ip, ports.control, before.control, CONTROL)?;
    let (metrics, r_metrics) = tcp(Ipv4Addr::LOCALHOST.into(), ports.metrics, before.metrics, METRICS)?;
    let bind = |port| {
        let settings = EndpointSettings { listen: SocketAddr::new(ip, port), congestion: *congestion };
        LinkEndpoint::bind(identity, &settings)
    };
    let ((proxy, r_proxy), (link, r_link)) = {
        let _entered = event_loop.enter();
        (tcp(ip, ports.proxy, before.proxy, PROXY)?, udp(bind, ports.link, before.link)?)
    };
    let after = Remembered {
        proxy: r_proxy,
        greeting: r_greeting,
        control: r_control,
        link: r_link,
        metrics: r_metrics,
    };
    if after != before {
        settings::store_or_later(&path, &after, unkept)?;
    }
    let io = PortError::Address;
    let addresses = Addresses {
        proxy: proxy.local_addr().map_err(io)?,
        greeting: greeting.local_addr().map_err(io)?,
        control: control.local_addr().map_err(io)?,
        metrics: metrics.local_addr().map_err(io)?,
        link: link.local_addr().map_err(io)?,
    };
    Ok(Listeners { proxy, greeting, control, metrics, link, addresses })
}

/// A listener, and its port if that is to be remembered.
fn tcp(
    ip: IpAddr,
    port: Port,
    before: Option<u16>,
    default: u16,
) -> Result<(TcpListener, Option<u16>), PortError> {
    let choice = match port {
        Port::Exact(port) => PortChoice::Exact(SocketAddr::new(ip, port)),
        Port::Default => PortChoice::Default(SocketAddr::new(ip, before.unwrap_or(default))),
    };
    let listener = bind_tcp(choice)?;
    let taken = listener.local_addr().map_or(default, |address| address.port());
    Ok((listener, to_remember(port, taken, before, default)))
}

fn udp(
    bind: impl Fn(u16) -> Result<LinkEndpoint, EndpointError>,
    port: Port,
    before: Option<u16>,
) -> Result<(LinkEndpoint, Option<u16>), PortError> {
    let (wanted, exact) = match port {
        Port::Exact(port) => (port, true),
        Port::Default => (before.unwrap_or(LINK), false),
    };
    let endpoint = match bind(wanted) {
        Err(EndpointError::Bind { source, .. }) if !exact && source.kind() == io::ErrorKind::AddrInUse => {
            bind(0)?
        }
        outcome => outcome?,
    };
    let taken = endpoint.local_addr().map_or(LINK, |address| address.port());
    Ok((endpoint, to_remember(port, taken, before, LINK)))
}

/// What was asked for is not remembered, and what was remembered before stays.
fn to_remember(port: Port, taken: u16, before: Option<u16>, default: u16) -> Option<u16> {
    match port {
        Port::Exact(_) => before,
        Port::Default => (taken != default).then_some(taken),
    }
}

impl Addresses {
    /// As status lists them: `name address`.
    pub(crate) fn lines(&self) -> Vec<String> {
        vec![
            format!("proxy {}", self.proxy),
            format!("greeting {}", self.greeting),
            format!("control {}", self.control),
            format!("link {}/udp", self.link),
            format!("metrics {}", self.metrics),
        ]
    }
}

#[cfg(test)]
mod tests {
    use std::{path::Path, time::Duration};

    use super::*;
    use crate::config::BridgePorts;

    #[tokio::test]
    async fn a_taken_default_gives_way_and_is_remembered_and_an_asked_for_port_is_not() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let identity = Identity::ephemeral().unwrap();
        let event_loop = EventLoop::start("links", Duration::ZERO).unwrap();
        let take = |data: &Path, ports: &BridgePorts| {
            let listen_at = Some(IpAddr::from([127, 0, 0, 2]));
            let config =
                BridgeConfig { listen: listen_at, ports: *ports, ..BridgeConfig::new(data, "a", "b") };
            listen(&config, &identity, &event_loop, &mut Unkept::default())
        };
        let first = take(one.path(), &BridgePorts::default()).unwrap();
        let second = take(two.path(), &BridgePorts::default()).unwrap();
        let addresses = second.addresses;
        assert_eq!(addresses.metrics.ip(), Ipv4Addr::LOCALHOST, "whatever the others listen on");
        assert_ne!(addresses.proxy, first.addresses.proxy);
        assert_ne!(addresses.link, first.addresses.link);
        let asked = BridgePorts { control: Port::Exact(addresses.control.port()), ..BridgePorts::default() };
        let refused = take(one.path(), &asked).unwrap_err().to_string();
        assert!(refused.contains("another program has it"), "{refused}");
        drop((first, second));
        let again = take(two.path(), &BridgePorts::default()).unwrap();
        assert_eq!(again.addresses.control, addresses.control);
    }
}
