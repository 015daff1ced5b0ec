//! `causeway doctor`: why nodes do not find each other, and what to do.

use gateway::{LinkUrl, link::probe};
use identity::tls::Identity;
use serde_json::json;

use crate::{
    args::Doctor,
    data,
    exit::{Failure, Fault},
    output,
};

/// One thing that was looked at, and what to do if it is not good.
struct Finding {
    good: bool,
    sentence: String,
}

pub(super) async fn run(args: Doctor) -> anyhow::Result<()> {
    let findings = match &args.link {
        Some(url) => link(url, &args).await?,
        None => Vec::new(),
    };
    for finding in &findings {
        show(finding, args.read.json)?;
    }
    if findings.iter().all(|finding| finding.good) {
        return Ok(());
    }
    Err(Fault::error(Failure::CheckFailed, "something is wrong; each line above says what to do"))
}

async fn link(url: &str, args: &Doctor) -> anyhow::Result<Vec<Finding>> {
    let url: LinkUrl =
        url.parse().map_err(|error: gateway::InvalidLinkUrl| Fault::error(Failure::Usage, error.to_string()))?;
    // The other bridge trusts ids, so the question is asked with the bridge's own.
    let identity = match data::of_running(args.read.data.data.as_deref(), Some(data::Kind::Bridge)) {
        Ok(data) => Identity::load_or_create(&data)?,
        Err(_) => Identity::ephemeral()?,
    };
    let report = probe(&identity, &url.host_port, url.id).await;
    Ok(report
        .findings
        .into_iter()
        .map(|finding| Finding { good: finding.good, sentence: finding.sentence })
        .collect())
}

fn show(finding: &Finding, as_json: bool) -> std::io::Result<()> {
    if as_json {
        return output::object(&json!({ "good": finding.good, "finding": finding.sentence }));
    }
    output::line(&format!("{}  {}", if finding.good { "ok  " } else { "FAIL" }, finding.sentence))
}
