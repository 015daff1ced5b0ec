//! `causeway open`: a link to the page of a peer, a bridge or a dispatcher.

use std::io::IsTerminal as _;

use proto::{
    bridge::v1::{OpenPageRequest, OpenPageResponse, control_client::ControlClient},
    control::v1::AboutRequest,
    node::v1::NodeKind,
};

use crate::{args::Open, client::Client, output, past};

pub(super) async fn run(args: Open) -> anyhow::Result<()> {
    let answer = ask(&args).await?;
    let minutes = answer.valid_s / 60;
    eprintln!("This link works once, within {minutes} minutes; what it opens stays open for a week:");
    output::line(&answer.url)?;
    if let Some(target) = &args.at {
        let port = answer.url.trim_start_matches("http://").split(['/', '?']).next().unwrap_or_default();
        eprintln!(
            "The page is on the bridge's own machine only. To reach it from here, first: ssh -N -L {}:{port} {}",
            port.rsplit(':').next().unwrap_or_default(),
            target.host()
        );
    } else if !args.print && has_screen() {
        // The link stands there in any case.
        let _ = open::that_detached(&answer.url);
    }
    Ok(())
}

async fn ask(args: &Open) -> anyhow::Result<OpenPageResponse> {
    let answer = match &args.at {
        Some(target) => {
            let channel = past::elsewhere(target, args.identity.as_deref()).await?;
            ControlClient::new(channel).open_page(OpenPageRequest {}).await?
        }
        None => {
            let client = Client::connect(args.data.as_deref(), None).await?;
            match client.node().about(AboutRequest {}).await?.into_inner().kind() {
                NodeKind::Dispatcher => client.dispatcher().open_page(OpenPageRequest {}).await?,
                NodeKind::Peer => client.messenger().open_page(OpenPageRequest {}).await?,
                _ => client.bridge().open_page(OpenPageRequest {}).await?,
            }
        }
    };
    Ok(answer.into_inner())
}

/// Whether a person sits here, at a screen that shows a browser.
fn has_screen() -> bool {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    std::io::stdout().is_terminal()
        && (cfg!(target_os = "macos") || is_set("DISPLAY") || is_set("WAYLAND_DISPLAY"))
}
