//! The bridge's policy: which peers are reachable across it. Kept in the data directory, in force at once for new
//! connections.
//!
//! What is kept is what the operator said of each node, also where it agrees with what happens to the others: so a
//! change of the latter changes nothing for nodes that were named.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use identity::NodeId;
use serde::{Deserialize, Serialize};
use topology::{Policy, limits::MAX_POLICY_IDS};

use crate::settings::{self, SettingsError};

const FILE: &str = "policy.json";

/// Which of the two rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RuleName {
    /// Peers of the bridge's network that others may reach.
    Export,
    /// Remote peers that the bridge's network may reach.
    Import,
}

/// What is said of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Allow,
    Deny,
    /// Nothing any more.
    Forget,
}

/// Why the policy did not change.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum PolicyError {
    #[error(
        "the {rule} rule lists {MAX_POLICY_IDS} nodes already; forget one first, or say what happens to `others`"
    )]
    Full { rule: &'static str },
    #[error("nodes that are not listed are allowed or denied; they cannot be forgotten")]
    Others,
    #[error(transparent)]
    Settings(#[from] SettingsError),
}

/// What the operator said of both.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Rules {
    export: Rule,
    import: Rule,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    /// What happens to nodes that are not listed.
    pub(crate) allow_others: bool,
    /// Whether a node is let through; at most [`MAX_POLICY_IDS`].
    pub(crate) nodes: BTreeMap<NodeId, bool>,
}

/// The policy and its file.
#[derive(Debug)]
pub(crate) struct PolicyFile {
    path: PathBuf,
    rules: Rules,
}

/// The file. A policy that is read otherwise than it was meant lets somebody through: nothing in it may be unknown.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    export: Row,
    import: Row,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    allow_others: bool,
    allow: Vec<String>,
    deny: Vec<String>,
}

impl PolicyFile {
    /// Reads the policy of a data directory; without a file everybody is let through.
    pub(crate) fn load(data: &Path) -> Result<Self, SettingsError> {
        let path = data.join(FILE);
        let damaged = |what| SettingsError::Damaged { path: path.clone(), what };
        let rules = match settings::load::<Content>(&path)? {
            Some(content) => Rules {
                export: content.export.read().map_err(damaged)?,
                import: content.import.read().map_err(damaged)?,
            },
            None => Rules::default(),
        };
        Ok(Self { path, rules })
    }

    pub(crate) const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// As the topology takes it.
    pub(crate) fn in_force(&self) -> Policy {
        Policy { export: self.rules.export.in_force(), import: self.rules.import.in_force() }
    }

    /// Says something of a node, or of those that are not listed, durably. Whether it was not so before.
    pub(crate) fn change(
        &mut self,
        name: RuleName,
        node: Option<NodeId>,
        verdict: Verdict,
    ) -> Result<bool, PolicyError> {
        let mut rules = self.rules.clone();
        rules.rule_mut(name).change(name, node, verdict)?;
        self.replace(rules)
    }

    /// Lets everybody through and forgets all nodes, durably. Whether that changed anything.
    pub(crate) fn clear(&mut self) -> Result<bool, PolicyError> {
        self.replace(Rules::default())
    }

    /// When the file could not be written, nothing has changed.
    fn replace(&mut self, rules: Rules) -> Result<bool, PolicyError> {
        if rules == self.rules {
            return Ok(false);
        }
        let content = Content { export: Row::of(&rules.export), import: Row::of(&rules.import) };
        settings::store(&self.path, &content)?;
        self.rules = rules;
        Ok(true)
    }
}

impl Rules {
    pub(crate) const fn rule(&self, name: RuleName) -> &Rule {
        match name {
            RuleName::Export => &self.export,
            RuleName::Import => &self.import,
        }
    }

    fn rule_mut(&mut self, name: RuleName) -> &mut Rule {
        match name {
            RuleName::Export => &mut self.export,
            RuleName::Import => &mut self.import,
        }
    }
}

impl Rule {
    fn change(&mut self, name: RuleName, node: Option<NodeId>, verdict: Verdict) -> Result<(), PolicyError> {
        match (node, verdict) {
            (None, Verdict::Forget) => return Err(PolicyError::Others),
            (None, verdict) => self.allow_others = verdict == Verdict::Allow,
            (Some(id), Verdict::Forget) => {
                self.nodes.remove(&id);
            }
            (Some(id), verdict) => {
                if self.nodes.len() >= MAX_POLICY_IDS && !self.nodes.contains_key(&id) {
                    return Err(PolicyError::Full { rule: name.as_str() });
                }
                self.nodes.insert(id, verdict == Verdict::Allow);
            }
        }
        Ok(())
    }

    fn in_force(&self) -> topology::Rule {
        let except = self.nodes.iter().filter(|(_, allowed)| **allowed != self.allow_others);
        topology::Rule { allow_others: self.allow_others, except: except.map(|(id, _)| *id).collect() }
    }
}

impl Default for Rule {
    fn default() -> Self {
        Self { allow_others: true, nodes: BTreeMap::new() }
    }
}

impl RuleName {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Export => "export",
            Self::Import => "import",
        }
    }
}

impl Row {
    fn of(rule: &Rule) -> Self {
        let ids = |wanted: bool| {
            rule.nodes
                .iter()
                .filter(|(_, allowed)| **allowed == wanted)
                .map(|(id, _)| id.to_string())
                .collect()
        };
        Self { allow_others: rule.allow_others, allow: ids(true), deny: ids(false) }
    }

    /// What is wrong with it, if anything.
    fn read(self) -> Result<Rule, String> {
        let mut nodes = BTreeMap::new();
        let listed = self.allow.iter().map(|id| (id, true)).chain(self.deny.iter().map(|id| (id, false)));
        for (text, allowed) in listed {
            let id = text.parse().map_err(|_| format!("`{text}` is not a node id"))?;
            if nodes.insert(id, allowed).is_some_and(|before| before != allowed) {
                return Err(format!("{text} is both allowed and denied"));
            }
        }
        if nodes.len() > MAX_POLICY_IDS {
            return Err(format!("a rule lists more than {MAX_POLICY_IDS} nodes"));
        }
        Ok(Rule { allow_others: self.allow_others, nodes })
    }
}

#[cfg(test)]
mod tests;
