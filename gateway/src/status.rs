//! Errors as gRPC codes: the one place where that is decided.

use identity::InvalidRecord;
use tonic::Status;

use crate::{
    actor::Gone,
    admin::AdminError,
    control::Refused,
    invitation::{InviteError, RedeemError},
    link_list::LinkListError,
    locals::NotTaken,
    policy::PolicyError,
    trust::TrustError,
};

impl From<Gone> for Status {
    fn from(gone: Gone) -> Self {
        Self::unavailable(gone.to_string())
    }
}

/// A record that does not verify.
pub(crate) fn invalid(error: &InvalidRecord) -> Status {
    Status::invalid_argument(error.to_string())
}

impl From<NotTaken> for Status {
    fn from(refused: NotTaken) -> Self {
        let text = refused.to_string();
        match refused {
            NotTaken::Full(_) | NotTaken::AddressFull(_) => Self::resource_exhausted(text),
            NotTaken::Busy => Self::unavailable(text),
            NotTaken::Replay => Self::invalid_argument(text),
        }
    }
}

impl From<Refused> for Status {
    fn from(refused: Refused) -> Self {
        let text = refused.to_string();
        match refused {
            Refused::Stranger => Self::unauthenticated(text),
            Refused::TooFast | Refused::TooManyFollowers => Self::resource_exhausted(text),
            Refused::NotRegistered | Refused::NoOperator | Refused::NoKeeper => Self::permission_denied(text),
            Refused::Draining => Self::unavailable(text),
            Refused::NotTheCallers(_) | Refused::NoNodeId | Refused::Missing(_) => {
                Self::invalid_argument(text)
            }
            Refused::Network { .. } => Self::failed_precondition(text),
        }
    }
}

impl From<AdminError> for Status {
    fn from(error: AdminError) -> Self {
        let text = error.to_string();
        match error {
            AdminError::Trust(TrustError::Itself) | AdminError::Links(LinkListError::Itself) => {
                Self::invalid_argument(text)
            }
            AdminError::Trust(TrustError::Full)
            | AdminError::Links(LinkListError::Full)
            | AdminError::Policy(PolicyError::Full { .. })
            | AdminError::Invite(InviteError::Full) => Self::resource_exhausted(text),
            AdminError::Policy(PolicyError::Others) => Self::invalid_argument(text),
            AdminError::Trust(TrustError::Settings(_))
            | AdminError::Links(LinkListError::Settings(_))
            | AdminError::Policy(PolicyError::Settings(_))
            | AdminError::Invite(InviteError::Settings(_))
            | AdminError::Redeem(RedeemError::Settings(_))
            | AdminError::Settings(_) => Self::internal(text),
            AdminError::Redeem(_) | AdminError::NotJoined { .. } | AdminError::NoAddress => {
                Self::aborted(text)
            }
            AdminError::Token(_) | AdminError::Url(_) | AdminError::Address(_) | AdminError::Valid => {
                Self::invalid_argument(text)
            }
            AdminError::NoSuchLink(_) => Self::not_found(text),
            AdminError::Ambiguous { .. } => Self::failed_precondition(text),
            AdminError::Stopping => Self::unavailable(text),
        }
    }
}
