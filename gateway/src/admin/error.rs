//! Why a change was not made.

use identity::NodeId;

use crate::{
    invitation::{InviteError, RedeemError, TokenError},
    limits::MAX_INVITATION,
    link_list::LinkListError,
    link_url::InvalidLinkUrl,
    policy::PolicyError,
    settings::SettingsError,
    trust::TrustError,
};

/// Nothing was changed unless the text says so.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum AdminError {
    #[error(transparent)]
    Trust(#[from] TrustError),
    #[error(transparent)]
    Links(#[from] LinkListError),
    #[error(transparent)]
    Policy(#[from] PolicyError),
    #[error(transparent)]
    Invite(#[from] InviteError),
    #[error(transparent)]
    Redeem(#[from] RedeemError),
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error(transparent)]
    Url(#[from] InvalidLinkUrl),
    /// What was asked for holds in this run, and may not after a restart.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error("that is not an address to be dialled: {0}; write HOST:PORT")]
    Address(String),
    #[error("an invitation may be good for at most {} days", MAX_INVITATION.as_secs() / 86_400)]
    Valid,
    #[error("no configured link is named `{0}`; `causeway links` lists them")]
    NoSuchLink(String),
    #[error("`{name}` names several links: {}; give the node id", join(ids))]
    Ambiguous { name: String, ids: Vec<NodeId> },
    #[error(
        "this machine has no address that another one could dial; say `--address HOST:PORT`, as others reach it"
    )]
    NoAddress,
    #[error(
        "the bridge {bridge} could not be joined ({reason}); nothing was changed here: see that UDP reaches it (`causeway doctor --link URL`), that the invitation has not expired, and that no other bridge has used it"
    )]
    NotJoined { bridge: NodeId, reason: String },
    #[error("the bridge is stopping")]
    Stopping,
}

fn join(ids: &[NodeId]) -> String {
    ids.iter().map(NodeId::to_string).collect::<Vec<_>>().join(", ")
}
