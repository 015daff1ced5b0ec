//! `causeway peer`: runs until it is told to stop.

use peer::{Peer, PeerConfig};

use super::signals::Signals;

pub(super) async fn run(config: PeerConfig) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    let peer = Peer::start(config).await?;
    tokio::select! {
        () = signals.next() => {}
        () = peer.stop_requested() => {}
    }
    tokio::select! {
        () = peer.shutdown() => {}
        () = signals.next() => tracing::warn!("ended without saying goodbye"),
    }
    Ok(())
}
