//! The policy as the control interface tells it, and what it may be asked for.

use identity::NodeId;
use proto::control::v1::{
    ChangePolicyRequest, ChangePolicyResponse, PolicyRule, RuleEntry, RuleNode, ShowPolicyResponse, Verdict,
};
use tonic::Status;

use crate::{
    control::{Refused, node_id},
    policy::{self, RuleName},
    shared::Inner,
};

pub(super) fn show(shared: &Inner) -> ShowPolicyResponse {
    let rules = shared.admin.policy();
    ShowPolicyResponse {
        export: Some(entry(shared, rules.rule(RuleName::Export))),
        import: Some(entry(shared, rules.rule(RuleName::Import))),
    }
}

pub(super) async fn change(
    shared: &Inner,
    request: &ChangePolicyRequest,
) -> Result<ChangePolicyResponse, Status> {
    let rule = match request.rule() {
        PolicyRule::Export => RuleName::Export,
        PolicyRule::Import => RuleName::Import,
        PolicyRule::Unspecified => return Err(Refused::Missing("rule").into()),
    };
    let verdict = match request.verdict() {
        Verdict::Allow => policy::Verdict::Allow,
        Verdict::Deny => policy::Verdict::Deny,
        Verdict::Forget => policy::Verdict::Forget,
        Verdict::Unspecified => return Err(Refused::Missing("verdict").into()),
    };
    let node = match &request.node_id {
        none if none.is_empty() => None,
        id => Some(node_id(id)?),
    };
    let changed = shared.admin.change_policy(rule, node, verdict).await?;
    Ok(ChangePolicyResponse { changed })
}

fn entry(shared: &Inner, rule: &policy::Rule) -> RuleEntry {
    let nodes = rule.nodes.iter().map(|(id, allowed)| RuleNode {
        node_id: id.to_bytes(),
        name: name(shared, id),
        allowed: *allowed,
    });
    RuleEntry { allow_others: rule.allow_others, nodes: nodes.collect() }
}

fn name(shared: &Inner, id: &NodeId) -> String {
    shared.table.peer(id).map(|known| known.name().to_owned()).unwrap_or_default()
}
