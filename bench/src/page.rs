//! The page of a bridge with a thousand peers, in a real Chromium: how smooth it is while the slider is dragged through
//! their comings and goings, and while the history plays.

use std::{path::Path, time::Duration};

use gateway::past::import;
use proto::{
    bridge::v1::OpenPageRequest,
    control::v1::bridge_client::BridgeClient,
    log::v1::{How, Kind, LeftReason, PeerLeft},
};
use runtime::rpc::connect_unix;
use serde_json::Value;
use topology::simulator::Forger;

use crate::{
    browser::{Browser, smoothness},
    past::{export, start},
};

/// Peers that are there at once.
const PEERS: u64 = 1_000;
/// Comings and goings after that.
const CHANGES: u64 = 20_000;
const GRACE: Duration = Duration::from_secs(1);

/// Lets the slider span the comings and goings alone: the log's clock began in 1970.
const SPAN: &str = r"
    const slider = document.querySelector('#time');
    slider.value = '0';
    slider.dispatchEvent(new Event('input', { bubbles: true }));
    const span = document.querySelector('#span');
    span.lastElementChild.value = '20';
    span.value = '20';
    span.dispatchEvent(new Event('change', { bubbles: true }));";

/// Drags the slider from the end to the beginning and back, a little with each frame; gives the lengths of the frames, and how
/// many states were shown.
const DRAG: &str = r"
    const done = arguments[arguments.length - 1];
    const slider = document.querySelector('#time');
    const frames = [];
    const states = () => performance.getEntriesByType('resource').filter((it) => it.name.includes('/api/state')).length;
    performance.clearResourceTimings();
    performance.setResourceTimingBufferSize(5000);
    const steps = 400;
    let step = 0;
    let last = performance.now();
    const tick = (now) => {
        frames.push(now - last);
        last = now;
        step += 1;
        slider.value = String(Math.abs(1 - (2 * step) / steps));
        slider.dispatchEvent(new Event('input', { bubbles: true }));
        if (step < steps) requestAnimationFrame(tick);
        else done({ frames: frames.slice(1), states: states() });
    };
    requestAnimationFrame(tick);";

/// The same while it plays.
const PLAY: &str = r"
    const done = arguments[arguments.length - 1];
    const frames = [];
    const states = () => performance.getEntriesByType('resource').filter((it) => it.name.includes('/api/state')).length;
    performance.clearResourceTimings();
    document.querySelector('#speed').value = '1';
    document.querySelector('#time').dispatchEvent(new KeyboardEvent('keydown', { key: 'Home' }));
    document.querySelector('#play').click();
    let last = performance.now();
    const until = last + 5000;
    const tick = (now) => {
        frames.push(now - last);
        last = now;
        if (now < until) requestAnimationFrame(tick);
        else done({ frames: frames.slice(1), states: states() });
    };
    requestAnimationFrame(tick);";

pub(crate) async fn run(picture: Option<&Path>) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let file = write(folder.path())?;
    import(&data, &file)?;
    let bridge = start(&data).await?;
    let mut control = BridgeClient::new(connect_unix(bridge.socket()).await?);
    let link = control.open_page(OpenPageRequest {}).await?.into_inner().url;
    let browser = Browser::start(&folder.path().join("profile")).await?;
    browser.client.goto(&link).await?;
    browser.wait_for(&format!("document.querySelectorAll('circle.peer').length === {PEERS}")).await?;
    browser.client.execute(SPAN, vec![]).await?;
    println!("{PEERS} peers, {CHANGES} comings and goings");
    for (what, script) in [("dragging", DRAG), ("playing", PLAY)] {
        let measured = browser.client.execute_async(script, vec![]).await?;
        println!("{}", line(what, &measured)?);
    }
    if let Some(picture) = picture {
        std::fs::write(picture, browser.client.screenshot().await?)?;
    }
    browser.end().await?;
    bridge.shutdown(GRACE).await;
    Ok(())
}

fn line(what: &str, measured: &Value) -> anyhow::Result<String> {
    Ok(format!("{what}: {}, {} states shown", smoothness(&measured["frames"])?, measured["states"]))
}

/// Peers that all come, and then leave and come again one by one.
fn write(folder: &Path) -> anyhow::Result<std::path::PathBuf> {
    let mut forger = Forger::new(1, 1);
    let (id, network) = (forger.id(), forger.network.clone());
    let peers: Vec<_> =
        (0..PEERS).map(|number| forger.claim(number, How::Registered, &[id], &network)).collect();
    for change in 0..CHANGES / 2 {
        let peer = &peers[usize::try_from(change * 7 % PEERS)?];
        let left = PeerLeft { node_id: peer.to_bytes(), reason: LeftReason::Goodbye.into() };
        forger.write(Kind::PeerLeft, &left);
        // Two stay away for a while, so that each moment differs from the next.
        if change > 0 {
            forger.claim((change - 1) * 7 % PEERS, How::Registered, &[id], &network);
        }
    }
    forger.claim((CHANGES / 2 - 1) * 7 % PEERS, How::Registered, &[id], &network);
    export(folder, &forger)
}
