//! One way to the echo peer: an address, and whom the TLS connection must lead to.

use std::{net::SocketAddr, sync::Arc};

use identity::{
    NodeId,
    tls::{ALPN_H2, Expected, Identity, client_config, server_name},
};
use runtime::rpc::connect_tls;
use rustls::ClientConfig;
use tokio::{io::AsyncWriteExt as _, net::TcpStream};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tonic::transport::Channel;

use super::PATIENCE;

/// Opens connections over one way. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Dialer {
    address: SocketAddr,
    destination: NodeId,
    config: Arc<ClientConfig>,
}

impl Dialer {
    pub(super) fn new(own: &Identity, destination: NodeId, address: SocketAddr) -> anyhow::Result<Self> {
        let config = Arc::new(client_config(own, Expected::Node(destination), ALPN_H2)?);
        Ok(Self { address, destination, config })
    }

    /// A connection for gRPC with the echo peer, as peers open theirs.
    pub(super) async fn channel(&self) -> anyhow::Result<Channel> {
        let (config, name) = (Arc::clone(&self.config), server_name(self.destination));
        Ok(connect_tls(self.address, config, name, PATIENCE).await?.0)
    }

    /// A finished TLS session with the echo peer, which was told what is wanted of it.
    pub(super) async fn connect(&self, wanted: u8) -> anyhow::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let connector = TlsConnector::from(Arc::clone(&self.config));
        let mut stream = connector.connect(server_name(self.destination), stream).await?;
        stream.write_all(&[wanted]).await?;
        stream.flush().await?;
        Ok(stream)
    }
}
