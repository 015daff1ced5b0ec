//! `causeway doctor`: why nodes do not find each other, and what to do.

use discovery::{
    consul::{Client, ConsulSettings, catalog::NODES},
    doctor::{Diagnosis, Examination, HeardNode, Verdict, examine},
};
use gateway::{LinkUrl, link::probe};
use identity::tls::Identity;
use serde_json::json;

use crate::{
    args::Doctor,
    data,
    exit::{Failure, Fault},
    output, settings,
};

/// One thing that was looked at, and what to do if it is not good.
struct Finding {
    verdict: Verdict,
    sentence: String,
    advice: String,
}

pub(super) async fn run(args: Doctor) -> anyhow::Result<()> {
    let mut args = args;
    let consul = settings::consul(std::mem::take(&mut args.consul), None, None)?;
    let mut findings = match &args.link {
        Some(url) => link(url, &args).await?,
        None => network(&args).await?,
    };
    if let Some(consul) = consul {
        findings.push(catalog(consul).await);
    }
    for finding in &findings {
        show(finding, args.read.json)?;
    }
    if findings.iter().any(|finding| finding.verdict == Verdict::Bad) {
        return Err(Fault::error(Failure::CheckFailed, "something is wrong; the lines above say what to do"));
    }
    Ok(())
}

async fn network(args: &Doctor) -> anyhow::Result<Vec<Finding>> {
    let usual = Examination::default();
    let examination = Examination {
        port: args.discovery_port.unwrap_or(usual.port),
        interfaces: args.interfaces.clone(),
        network: args.network.clone(),
        ..usual
    };
    if !args.read.json {
        output::line(&format!(
            "Listening for {} s on port {}/udp ...",
            examination.listen.as_secs(),
            examination.port
        ))?;
    }
    let diagnosis = examine(&examination).await?;
    heard(&diagnosis, args.read.json)?;
    let findings = diagnosis.findings.into_iter();
    Ok(findings
        .map(|finding| Finding { verdict: finding.verdict, sentence: finding.what, advice: finding.advice })
        .collect())
}

fn heard(diagnosis: &Diagnosis, as_json: bool) -> std::io::Result<()> {
    diagnosis.nodes.iter().try_for_each(|node| {
        if as_json { output::object(&node_json(node)) } else { output::line(&node_line(node)) }
    })
}

fn node_json(node: &HeardNode) -> serde_json::Value {
    json!({
        "heard": node.id.to_string(),
        "network": node.network.name,
        "from": node.from.to_string(),
        "interface": *node.interface,
    })
}

fn node_line(node: &HeardNode) -> String {
    let network = output::harmless(&node.network.name);
    format!("heard {} of network {network} from {} on {}", node.id.short(), node.from, node.interface)
}

async fn link(url: &str, args: &Doctor) -> anyhow::Result<Vec<Finding>> {
    let url: LinkUrl = url
        .parse()
        .map_err(|error: gateway::InvalidLinkUrl| Fault::error(Failure::Usage, error.to_string()))?;
    // The other bridge trusts ids, so the question is asked with the bridge's own.
    let identity = match data::of_running(args.read.data.data.as_deref(), Some(data::Kind::Bridge)) {
        Ok(data) => Some(Identity::load_or_create(&data)?),
        Err(_) => None,
    };
    let report = probe(identity.as_ref(), &url.host_port, url.id).await;
    Ok(report
        .findings
        .into_iter()
        .map(|finding| Finding {
            verdict: finding.verdict,
            sentence: finding.sentence,
            advice: String::new(),
        })
        .collect())
}

/// Whether Consul answers, has a leader, and lets this node read who is there.
async fn catalog(consul: ConsulSettings) -> Finding {
    let at = consul.url.to_string();
    let client = Client::new(consul);
    let asked = async {
        client.leader().await?;
        client.healthy(NODES, None).await
    };
    match asked.await {
        Ok(nodes) => Finding {
            verdict: Verdict::Good,
            sentence: format!(
                "Consul at {at} works and has {} of Causeway",
                output::count(u32::try_from(nodes.len()).unwrap_or(u32::MAX), "node", "nodes")
            ),
            advice: String::new(),
        },
        Err(error) => Finding { verdict: Verdict::Bad, sentence: format!("{error}"), advice: String::new() },
    }
}

fn show(finding: &Finding, as_json: bool) -> std::io::Result<()> {
    let verdict = finding.verdict.word();
    if as_json {
        let Finding { sentence, advice, .. } = finding;
        return output::object(&json!({ "verdict": verdict, "finding": sentence, "advice": advice }));
    }
    output::line(&format!("{verdict:<5}{}", finding.sentence))?;
    if finding.advice.is_empty() { Ok(()) } else { output::line(&format!("     {}", finding.advice)) }
}
