//! What was typed and is not known to be stored: one after the other, each as often as it takes, each once.

use std::collections::VecDeque;

use bytes::Bytes;
use proto::control::v1::{Direction, InboxItem};

use super::{
    effect::{Effect, Once},
    event::{Failure, Outcome},
};

/// A message on its way to the peer's storage.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    pub(super) to: Bytes,
    pub(super) text: String,
    pub(super) at_ms: u64,
    once: Once,
    /// As the peer stored it, until the news show it in its place.
    stored: Option<InboxItem>,
    /// It is in its place already: the news came before the answer.
    placed: bool,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Outbox {
    queue: VecDeque<Outgoing>,
    /// An answer is awaited to the first that is not stored.
    asked: bool,
    seed: Once,
    count: u64,
}

impl Outbox {
    /// `seed` is random: this run's messages are no other run's.
    pub(super) const fn new(seed: Once) -> Self {
        Self { queue: VecDeque::new(), asked: false, seed, count: 0 }
    }

    /// Takes a message.
    pub(super) fn push(&mut self, to: Bytes, text: String, at_ms: u64) {
        let mut once = self.seed;
        self.count += 1;
        for (byte, counted) in once.iter_mut().zip(self.count.to_le_bytes()) {
            *byte ^= counted;
        }
        self.queue.push_back(Outgoing { to, text, at_ms, once, stored: None, placed: false });
    }

    /// What to ask for next, if it is time: the order of messages is the order of typing.
    pub(super) fn next(&mut self) -> Option<Effect> {
        if self.asked {
            return None;
        }
        let waiting = self.queue.iter().find(|outgoing| outgoing.stored.is_none())?;
        self.asked = true;
        Some(Effect::Send { to: waiting.to.clone(), text: waiting.text.clone(), once: waiting.once })
    }

    /// The connection is another one: whatever was asked for has no answer any more.
    pub(super) const fn ask_anew(&mut self) {
        self.asked = false;
    }

    /// Takes an answer; gives the message back where the peer does not want it.
    pub(super) fn on_answer(
        &mut self,
        once: Once,
        outcome: Outcome<InboxItem>,
    ) -> Option<(Outgoing, Failure)> {
        let at = self.queue.iter().position(|outgoing| outgoing.once == once && outgoing.stored.is_none())?;
        self.asked = false;
        match outcome {
            Ok(_) if self.queue[at].placed => {
                self.queue.remove(at);
                None
            }
            Ok(item) => {
                self.queue[at].stored = Some(item);
                None
            }
            // Asked for again when the peer answers again.
            Err(failure) if failure.lost => None,
            Err(failure) => self.queue.remove(at).map(|outgoing| (outgoing, failure)),
        }
    }

    /// The history shows a message of ours: it is not to be shown a second time.
    pub(super) fn on_news(&mut self, item: &InboxItem) {
        if item.direction() != Direction::Out {
            return;
        }
        let same = |outgoing: &Outgoing| {
            outgoing.stored.as_ref().is_some_and(|stored| {
                stored.id == item.id || (stored.text == item.text && stored.sent_at_ms == item.sent_at_ms)
            })
        };
        if let Some(at) = self.queue.iter().position(same) {
            self.queue.remove(at);
        } else if let Some(first) = self.queue.iter_mut().find(|outgoing| outgoing.stored.is_none()) {
            let same = first.to == item.to && first.text == item.text && item.sent_at_ms >= first.at_ms;
            first.placed |= same;
        }
    }

    /// The history of somebody was read anew: what is stored is in its place.
    pub(super) fn on_reading(&mut self, peer: &Bytes, ids: &dyn Fn(&str) -> bool) {
        self.queue.retain(|outgoing| {
            outgoing.to != *peer || outgoing.stored.as_ref().is_none_or(|stored| !ids(&stored.id))
        });
    }

    /// What is to be shown behind the history with somebody.
    pub(super) fn shown(&self, to: &Bytes) -> impl Iterator<Item = (&Outgoing, Option<&InboxItem>)> {
        let of_them = self.queue.iter().filter(move |outgoing| outgoing.to == *to && !outgoing.placed);
        of_them.map(|outgoing| (outgoing, outgoing.stored.as_ref()))
    }

    /// How many are not known to be stored.
    pub(super) fn waiting(&self) -> usize {
        self.queue.iter().filter(|outgoing| outgoing.stored.is_none()).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outbox(texts: &[&str]) -> Outbox {
        let mut outbox = Outbox::new([7; 16]);
        for text in texts {
            outbox.push(ben(), (*text).to_owned(), 1);
        }
        outbox
    }

    fn ben() -> Bytes {
        vec![2; 32].into()
    }

    fn sent(outbox: &mut Outbox) -> Option<(String, Once)> {
        let Effect::Send { text, once, .. } = outbox.next()? else { panic!("no sending") };
        Some((text, once))
    }

    fn stored(text: &str) -> InboxItem {
        InboxItem {
            id: format!("id-{text}"),
            text: text.into(),
            to: ben(),
            sent_at_ms: 5,
            direction: Direction::Out.into(),
            ..InboxItem::default()
        }
    }

    fn shown(outbox: &Outbox) -> usize {
        outbox.shown(&ben()).count()
    }

    #[test]
    fn one_after_the_other_and_the_same_one_again_after_a_break() {
        let mut outbox = outbox(&["one", "two"]);
        let (text, once) = sent(&mut outbox).unwrap();
        assert_eq!(text, "one");
        assert_eq!(sent(&mut outbox), None, "the second waits for the first");
        let lost = Failure { lost: true, sentence: "broken".into() };
        assert!(outbox.on_answer(once, Err(lost)).is_none());
        outbox.ask_anew();
        assert_eq!(sent(&mut outbox), Some(("one".into(), once)));
        outbox.on_answer(once, Ok(stored("one")));
        let (text, other) = sent(&mut outbox).unwrap();
        assert_eq!(text, "two");
        assert_ne!(once, other);
    }

    #[test]
    fn a_message_is_shown_once_whichever_comes_first() {
        let mut outbox = outbox(&["one", "one"]);
        let (_, once) = sent(&mut outbox).unwrap();
        outbox.on_news(&stored("one"));
        assert_eq!(shown(&outbox), 1, "the second of the two");
        outbox.on_answer(once, Ok(stored("one")));
        assert_eq!((shown(&outbox), outbox.waiting()), (1, 1));
        let (_, once) = sent(&mut outbox).unwrap();
        outbox.on_answer(once, Ok(stored("one")));
        assert_eq!((shown(&outbox), outbox.waiting()), (1, 0));
        outbox.on_news(&stored("one"));
        assert_eq!(shown(&outbox), 0);
    }

    #[test]
    fn what_is_refused_comes_back() {
        let mut outbox = outbox(&["one", "two"]);
        let (_, once) = sent(&mut outbox).unwrap();
        let failure = Failure { lost: false, sentence: "the disk is full".into() };
        let (back, why) = outbox.on_answer(once, Err(failure)).unwrap();
        assert_eq!((back.text.as_str(), why.sentence.as_str()), ("one", "the disk is full"));
        assert_eq!(sent(&mut outbox).unwrap().0, "two");
    }
}
