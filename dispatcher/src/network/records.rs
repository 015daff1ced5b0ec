//! What a kept peer last signed of itself: with it, others are told that it sleeps.

use identity::{Announcement, Description, NodeId};
use proto::{claim::v1::HolderResponse, hosting::v1::Asleep, node::v1::Signed};

/// A description, and the announcement that names it. Verified.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Records {
    pub(crate) description: Description,
    pub(crate) announcement: Announcement,
}

impl Records {
    /// As the peer itself answered.
    pub(crate) fn told(answer: &HolderResponse) -> Option<Self> {
        Self::verify(answer.description.clone()?, answer.announcement.clone()?)
    }

    /// As the log has them.
    pub(crate) fn kept(asleep: &Asleep) -> Option<Self> {
        Self::verify(asleep.description.clone()?, asleep.announcement.clone()?)
    }

    /// For the log.
    pub(crate) fn to_keep(&self) -> Asleep {
        Asleep {
            description: Some(self.description.signed().clone()),
            announcement: Some(self.announcement.signed().clone()),
        }
    }

    pub(crate) fn id(&self) -> NodeId {
        self.description.id()
    }

    fn verify(description: Signed, announcement: Signed) -> Option<Self> {
        let description = Description::verify(description).ok()?;
        let announcement = Announcement::verify(announcement).ok()?;
        let is_whole =
            announcement.id() == description.id() && announcement.description_hash() == description.hash();
        is_whole.then_some(Self { description, announcement })
    }
}
