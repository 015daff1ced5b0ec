//! Which peers are reachable across the bridge, changed while it runs.

use identity::NodeId;
use tokio::sync::oneshot;

use super::{Admin, AdminError, Opened};
use crate::policy::{RuleName, Rules, Verdict};

impl Admin {
    /// What the operator said so far.
    pub(crate) fn policy(&self) -> Rules {
        self.lists.look(|lists| lists.policy.rules().clone())
    }

    /// Changes a rule of the policy; without a node, what happens to nodes that are not listed. Whether it is another
    /// policy now.
    pub(crate) async fn change_policy(
        &self,
        rule: RuleName,
        node: Option<NodeId>,
        verdict: Verdict,
    ) -> Result<bool, AdminError> {
        self.in_force(move |lists| lists.change_policy(rule, node, verdict)).await
    }

    /// Lets everybody through again. Whether that is another policy.
    pub(crate) async fn clear_policy(&self) -> Result<bool, AdminError> {
        self.in_force(Opened::clear_policy).await
    }

    async fn in_force<F>(&self, change: F) -> Result<bool, AdminError>
    where
        F: FnOnce(&mut Opened) -> Result<Option<oneshot::Receiver<()>>, AdminError> + Send + 'static,
    {
        let Some(done) = self.lists.change(change).await? else { return Ok(false) };
        done.await.map_err(|_| AdminError::Stopping)?;
        Ok(true)
    }
}
