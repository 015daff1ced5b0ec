//! Effects as calls of the peer.

use std::error::Error as _;

use bytes::Bytes;
use proto::control::v1::{
    DeleteConversationRequest, InboxItem, MarkReadRequest, MessagesRequest, RenameRequest,
    SafetyNumberRequest, SearchRequest, SendRequest, SetBlockedRequest, SetVerifiedRequest, TypingRequest,
};
use tonic::{Code, Status};

use super::{
    effect::{Effect, Once, Want},
    event::{Answer, Failure, Outcome},
    export,
    remote::Messenger,
};
use crate::{exit, output};

/// Messages of a part, and hits of a search.
const PAGE: u32 = 100;
const HITS: u32 = 50;

/// Has it done, and gives the answer for those that have one.
pub(super) async fn perform(messenger: Option<Messenger>, effect: Effect) -> Option<Answer> {
    let reached =
        messenger.ok_or_else(|| Failure { lost: true, sentence: "the peer does not answer".into() });
    match effect {
        Effect::Send { to, text, once } => {
            Some(Answer::Sent { once, outcome: send(reached, &to, text, once).await })
        }
        Effect::Load { peer, want } => {
            let outcome = match reached {
                Ok(mut messenger) => messenger
                    .messages(page(&peer, want))
                    .await
                    .map(tonic::Response::into_inner)
                    .map_err(of_status),
                Err(failure) => Err(failure),
            };
            Some(Answer::Page { peer, want, outcome })
        }
        Effect::Search { search, text, peer, before } => {
            let peer = peer.as_ref().map(output::id).unwrap_or_default();
            let request = SearchRequest { text, peer, before, limit: HITS };
            let outcome = match reached {
                Ok(mut messenger) => {
                    messenger.search(request).await.map(tonic::Response::into_inner).map_err(of_status)
                }
                Err(failure) => Err(failure),
            };
            Some(Answer::Found { search, outcome })
        }
        Effect::SafetyNumber { peer } => {
            let request = SafetyNumberRequest { peer: output::id(&peer) };
            let outcome = match reached {
                Ok(mut messenger) => {
                    messenger.safety_number(request).await.map(tonic::Response::into_inner).map_err(of_status)
                }
                Err(failure) => Err(failure),
            };
            Some(Answer::Number(outcome))
        }
        Effect::MarkRead { peer, epoch, through } => {
            if let Ok(mut messenger) = reached {
                // Said again when the peer is another one.
                let _ =
                    messenger.mark_read(MarkReadRequest { peer: output::id(&peer), epoch, through }).await;
            }
            None
        }
        Effect::Typing { to, active } => {
            if let Ok(mut messenger) = reached {
                // Not worth a word when it fails: it is about this moment.
                let _ = messenger.typing(TypingRequest { to: output::id(&to), active }).await;
            }
            None
        }
        effect => Some(Answer::Done(match reached {
            Ok(messenger) => change(messenger, effect).await,
            Err(failure) => Err(failure),
        })),
    }
}

/// What changes something and is told in a sentence.
async fn change(mut messenger: Messenger, effect: Effect) -> Outcome<String> {
    match effect {
        Effect::SetVerified { peer, verified } => {
            let request = SetVerifiedRequest { peer: output::id(&peer), verified };
            messenger.set_verified(request).await.map_err(of_status)?;
            Ok(if verified { "marked as verified" } else { "not verified any more" }.into())
        }
        Effect::SetBlocked { peer, blocked } => {
            let request = SetBlockedRequest { peer: output::id(&peer), blocked };
            messenger.set_blocked(request).await.map_err(of_status)?;
            Ok(if blocked {
                "blocked: nothing is taken from there and nothing sent"
            } else {
                "not blocked any more"
            }
            .into())
        }
        Effect::Delete { peer } => {
            let request = DeleteConversationRequest { peer: output::id(&peer) };
            let done = messenger.delete_conversation(request).await.map_err(of_status)?.into_inner();
            let waiting = match done.waiting {
                0 => String::new(),
                1 => "; one of them waits and is still sent".into(),
                count => format!("; {count} of them wait and are still sent"),
            };
            let count =
                output::count(u32::try_from(done.messages).unwrap_or(u32::MAX), "message is", "messages are");
            Ok(format!("{count} left out from now on{waiting}"))
        }
        Effect::Rename { name } => {
            let answer =
                messenger.rename(RenameRequest { name: name.clone() }).await.map_err(of_status)?.into_inner();
            let how = if answer.changed { "from now on" } else { "already" };
            Ok(format!("you are called {name} {how}"))
        }
        Effect::Export { peer, path } => export::export(messenger, &peer, &path).await,
        _ => Ok(String::new()),
    }
}

async fn send(reached: Outcome<Messenger>, to: &Bytes, text: String, once: Once) -> Outcome<InboxItem> {
    let request = SendRequest { to: output::id(to), text, wait_ms: 0, once: once.to_vec().into() };
    let answer = reached?.send(request).await.map_err(of_status)?.into_inner();
    answer.message.ok_or_else(|| Failure {
        lost: false,
        sentence: "the peer's answer holds no message; is it another version?".into(),
    })
}

fn page(peer: &Bytes, want: Want) -> MessagesRequest {
    let (before, after, limit) = match want {
        Want::Newest(count) => (0, 0, count),
        Want::Before(position) => (position, 0, PAGE),
        Want::After(position) => (0, position, PAGE),
        Want::Around(position) => (position + 1, 0, PAGE),
        Want::Unread => (0, 0, PAGE),
    };
    MessagesRequest { peer: output::id(peer), before, after, limit, unread: want == Want::Unread }
}

/// A call that has no answer of the peer was lost on the way; the peer's own refusal was not.
pub(super) fn of_status(status: Status) -> Failure {
    let lost = status.code() == Code::Unavailable || status.source().is_some();
    Failure { lost, sentence: exit::status_sentence(&status) }
}
