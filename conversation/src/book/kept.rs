//! What a checkpoint keeps of the table of contents.

use identity::NodeId;
use proto::history::v1::{Checkpoint, checkpoint as kept};

use super::{Book, Chat, line::Line, line::Routes};
use crate::{
    Epoch,
    steps::{steps, sums},
};

impl Book {
    /// Adds itself to a checkpoint.
    pub(crate) fn keep(&self, checkpoint: &mut Checkpoint) {
        checkpoint.through = self.through;
        checkpoint.chats = self.chats.iter().map(|(peer, chat)| chat.keep(*peer)).collect();
        checkpoint.routes = self.routes.keep();
    }

    /// `None` if that was never kept so.
    pub(crate) fn restore(kept: &Checkpoint) -> Option<Self> {
        let chat = |kept: &kept::Chat| Some((NodeId::try_from(&kept.peer).ok()?, Chat::restore(kept)?));
        Some(Self {
            chats: kept.chats.iter().map(chat).collect::<Option<_>>()?,
            routes: Routes::restore(&kept.routes),
            through: kept.through,
        })
    }
}

impl Chat {
    fn keep(&self, peer: NodeId) -> kept::Chat {
        kept::Chat {
            peer: peer.to_bytes(),
            message_steps: steps(self.messages.iter().copied()),
            deleted: self.deleted,
            hidden_steps: steps(self.hidden.iter().copied()),
            lines: self.lines.iter().map(|(epoch, line)| line.keep(*epoch)).collect(),
        }
    }

    fn restore(kept: &kept::Chat) -> Option<Self> {
        let line = |kept: &kept::Line| Some((Epoch::parse(&kept.epoch)?, Line::restore(kept)?));
        Some(Self {
            messages: sums(&kept.message_steps),
            lines: kept.lines.iter().map(line).collect::<Option<_>>()?,
            deleted: kept.deleted,
            hidden: sums(&kept.hidden_steps).into_iter().collect(),
        })
    }
}
