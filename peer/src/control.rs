//! The local control socket: what the command line asks of this peer. Whoever may open the data directory is the owner.

mod convert;
mod inbox;
mod messenger;
mod node;
mod people;
mod watch;

pub(crate) use messenger::{MessengerControl, MessengerParts};
pub(crate) use node::NodeControl;

use tokio::sync::{mpsc, oneshot};
use tonic::Status;

use crate::command::{Command, CommandError};

/// Asks the actor something.
pub(crate) async fn ask<T>(
    commands: &mpsc::Sender<Command>,
    command: impl FnOnce(oneshot::Sender<T>) -> Command,
) -> Result<T, Status> {
    let stopping = || Status::unavailable("this peer is stopping");
    let (reply, answer) = oneshot::channel();
    commands.send(command(reply)).await.map_err(|_| stopping())?;
    answer.await.map_err(|_| stopping())
}

impl From<CommandError> for Status {
    fn from(error: CommandError) -> Self {
        let text = error.to_string();
        match error {
            CommandError::Forbidden(_) => Self::failed_precondition(text),
            CommandError::Unknown(_) => Self::not_found(text),
            CommandError::Ambiguous(_) => Self::failed_precondition(text),
            CommandError::Invalid(_) => Self::invalid_argument(text),
            CommandError::Exhausted(_) => Self::resource_exhausted(text),
        }
    }
}
