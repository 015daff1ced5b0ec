//! `causeway peer`: runs until it is told to stop.

use std::io::IsTerminal as _;

use peer::{Peer, PeerConfig};

use super::signals::Signals;

pub(super) async fn run(config: PeerConfig) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    let peer = Peer::start(config).await?;
    if let Some(link) = peer.page_link().filter(|_| std::io::stderr().is_terminal()) {
        // A journal would keep it; whoever reads that asks `causeway open`.
        eprintln!("The page, by a link that works once: {link}");
    }
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
