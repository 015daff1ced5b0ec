//! `causeway policy`.

use bytes::Bytes;
use proto::control::v1::{
    ChangePolicyRequest, ClearPolicyRequest, PolicyRule, RuleEntry, ShowPolicyRequest, Verdict,
};
use serde_json::{Value, json};

use crate::{
    args::{DataArgs, PolicyCommand, ReadArgs, RuleCommand, Who},
    client::Client,
    data::Kind,
    output,
};

pub(super) async fn run(command: PolicyCommand) -> anyhow::Result<()> {
    match command {
        PolicyCommand::Show(read) => show(read).await,
        PolicyCommand::Export(rule) => change(PolicyRule::Export, rule.command).await,
        PolicyCommand::Import(rule) => change(PolicyRule::Import, rule.command).await,
        PolicyCommand::Clear(data) => clear(data).await,
    }
}

async fn show(args: ReadArgs) -> anyhow::Result<()> {
    let client = Client::connect(args.data.data.as_deref(), Some(Kind::Bridge)).await?;
    let policy = client.bridge().show_policy(ShowPolicyRequest {}).await?.into_inner();
    let rules =
        [("export", policy.export.unwrap_or_default()), ("import", policy.import.unwrap_or_default())];
    if args.json {
        return rules.iter().try_for_each(|(name, rule)| Ok(output::object(&as_json(name, rule))?));
    }
    let mut table = output::table(&["RULE", "ID", "NAME", "VERDICT"]);
    for (name, rule) in &rules {
        for node in &rule.nodes {
            let (id, shown) = (output::id(&node.node_id), output::harmless(&node.name));
            table.add_row([*name, &id, &shown, verdict(node.allowed)]);
        }
        let others = if rule.nodes.is_empty() { "everybody" } else { "others" };
        table.add_row([*name, others, "", verdict(rule.allow_others)]);
    }
    Ok(output::line(&table.trim_fmt())?)
}

async fn change(rule: PolicyRule, command: RuleCommand) -> anyhow::Result<()> {
    let (verdict, who, data) = match command {
        RuleCommand::Allow(subject) => (Verdict::Allow, subject.who, subject.data),
        RuleCommand::Deny(subject) => (Verdict::Deny, subject.who, subject.data),
        RuleCommand::Forget(node) => (Verdict::Forget, Who::Node(node.id), node.data),
    };
    let client = Client::connect(data.data.as_deref(), Some(Kind::Bridge)).await?;
    let node_id = match who {
        Who::Node(id) => id.to_bytes(),
        Who::Others => Bytes::new(),
    };
    let request = ChangePolicyRequest { rule: rule.into(), verdict: verdict.into(), node_id };
    let changed = client.bridge().change_policy(request).await?.into_inner().changed;
    Ok(output::line(&done(rule, verdict, who, changed))?)
}

async fn clear(args: DataArgs) -> anyhow::Result<()> {
    let client = Client::connect(args.data.as_deref(), Some(Kind::Bridge)).await?;
    let changed = client.bridge().clear_policy(ClearPolicyRequest {}).await?.into_inner().changed;
    let done = if changed { "the policy is empty now" } else { "the policy was empty already" };
    Ok(output::line(&format!("{done}: everybody is let through"))?)
}

/// What holds now.
fn done(rule: PolicyRule, verdict: Verdict, who: Who, changed: bool) -> String {
    let whom = match (who, rule) {
        (Who::Node(id), _) => id.to_string(),
        (Who::Others, PolicyRule::Import) => "remote peers that are not listed".to_owned(),
        (Who::Others, _) => "peers of this network that are not listed".to_owned(),
    };
    let from = if rule == PolicyRule::Import { "from this network" } else { "from other networks" };
    let says = match verdict {
        Verdict::Allow => format!("{whom} may be reached {from}"),
        Verdict::Deny => format!("{whom} may not be reached {from}"),
        Verdict::Forget | Verdict::Unspecified => format!("{whom} is not listed, and treated as others are"),
    };
    match (changed, verdict) {
        (false, _) => format!("{says}; that was so already"),
        (true, Verdict::Deny) => format!("{says} from now on; connections that are open go on"),
        (true, _) => format!("{says} from now on"),
    }
}

const fn verdict(allowed: bool) -> &'static str {
    if allowed { "allowed" } else { "denied" }
}

fn as_json(name: &str, rule: &RuleEntry) -> Value {
    let nodes = rule.nodes.iter().map(|node| {
        json!({ "id": output::id(&node.node_id), "name": node.name, "verdict": verdict(node.allowed) })
    });
    json!({ "rule": name, "others": verdict(rule.allow_others), "nodes": nodes.collect::<Vec<_>>() })
}
