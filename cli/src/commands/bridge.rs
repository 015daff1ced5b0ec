//! `causeway bridge`: runs until it is told to stop, then drains.

use std::io::IsTerminal as _;

use gateway::Bridge;

use super::signals::Signals;
use crate::settings::BridgeSettings;

pub(super) async fn run(settings: BridgeSettings) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    let bridge = Bridge::start(settings.config).await?;
    if std::io::stderr().is_terminal() {
        // A journal would keep it; whoever reads that asks `causeway open`.
        eprintln!("The page, by a link that works once: {}", bridge.page_link());
    }
    tokio::select! {
        () = signals.next() => {}
        () = bridge.stop_asked() => {}
    }
    tracing::info!(grace_s = settings.grace.as_secs(), "draining; a second signal ends it at once");
    tokio::select! {
        _ = bridge.shutdown(settings.grace) => {}
        () = signals.next() => tracing::warn!("ended before all streams were finished"),
    }
    Ok(())
}
