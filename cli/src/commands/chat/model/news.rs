//! What the peer tells: news, answers, and that it came or went.

use proto::control::v1::{Direction, InboxItem, MessageNews, SearchResponse, watch_event::Kind as News};

use super::{Link, Model};
use crate::commands::chat::{
    conversation::{Scroll, partner},
    effect::{Effect, Want},
    event::{Answer, Failure, Outcome},
    panel::{Kind, Panel},
};

impl Model {
    pub(super) fn on_up(&mut self) {
        self.link = Link::Up;
        self.outbox.ask_anew();
        // What was marked may not have arrived.
        self.marked.clear();
        self.send_next();
        self.load_open();
    }

    pub(super) fn on_down(&mut self, why: String) {
        self.link = Link::Down(why);
        // Nobody answers any more what was asked for.
        for talk in self.talks.values_mut() {
            talk.loading = None;
        }
        if let Some(search) = self.panel.as_mut().and_then(Panel::search) {
            search.loading = false;
        }
    }

    pub(super) fn on_news(&mut self, news: News) {
        match news {
            News::Profile(profile) => self.me = profile,
            News::People(people) => {
                self.people.take(people);
                self.open_first();
            }
            News::Messages(messages) => self.on_messages(messages),
        }
    }

    /// Opens whom the command line names, once; without a name, whom one talked to last.
    fn open_first(&mut self) {
        if self.open.is_some() {
            return;
        }
        let Some(wanted) = self.wanted.clone() else {
            let first = self.people.beside(None, 0);
            return first.into_iter().for_each(|id| self.open(id));
        };
        match self.people.find(&wanted) {
            Ok(id) => {
                self.wanted = None;
                self.note = None;
                self.open(id);
            }
            Err(why) => self.complain(why),
        }
    }

    fn on_messages(&mut self, news: MessageNews) {
        if news.reload {
            self.talks.values_mut().for_each(super::Conversation::clear);
        }
        for deleted in &news.deleted {
            self.talks.remove(deleted);
        }
        for item in news.messages {
            self.on_message(item);
        }
        self.load_open();
    }

    fn on_message(&mut self, item: InboxItem) {
        self.outbox.on_news(&item);
        let (peer, position) = (partner(&item).clone(), item.position);
        let incoming = item.direction() == Direction::In;
        let open = self.open.as_ref() == Some(&peer);
        let Some(talk) = self.talks.get_mut(&peer) else { return };
        let is_new = talk.take_news(item);
        let unseen = !self.looked_at || talk.scroll != Scroll::Bottom;
        if open && is_new && incoming && unseen && talk.unread_from.is_none() {
            talk.unread_from = Some(position);
        }
    }

    pub(super) fn on_answer(&mut self, answer: Answer) {
        match answer {
            Answer::Sent { once, outcome } => {
                let lost = outcome.as_ref().is_err_and(|failure| failure.lost);
                if let Some((outgoing, failure)) = self.outbox.on_answer(once, outcome) {
                    self.complain(format!("not sent: {}", failure.sentence));
                    if self.composer.is_empty() && self.open.as_ref() == Some(&outgoing.to) {
                        self.composer.set(&outgoing.text);
                    }
                }
                if !lost {
                    self.send_next();
                }
                if self.leaving && self.outbox.waiting() == 0 {
                    self.push(Effect::Leave);
                }
            }
            Answer::Page { peer, want, outcome } => match outcome {
                Ok(page) => self.on_page(&peer, want, page),
                // Asked for anew once the peer is back.
                Err(failure) if failure.lost => {}
                Err(failure) => {
                    if let Some(talk) = self.talks.get_mut(&peer) {
                        // Not again and again: what is there is all there is.
                        (talk.loading, talk.loaded, talk.older, talk.newer) = (None, true, false, false);
                    }
                    self.fail(failure);
                }
            },
            Answer::Found { search, outcome } => self.on_found(search, outcome),
            Answer::Number(Ok(number)) => {
                if let Some(Panel { kind: Kind::Verify(verify), .. }) = &mut self.panel
                    && verify.peer == number.node_id
                {
                    verify.number = Some(number);
                }
            }
            Answer::Number(Err(failure)) => {
                self.panel = None;
                self.fail(failure);
            }
            Answer::Done(Ok(sentence)) => self.note(sentence),
            Answer::Done(Err(failure)) => self.fail(failure),
        }
    }

    fn on_found(&mut self, number: u64, outcome: Outcome<SearchResponse>) {
        let Some(search) =
            self.panel.as_mut().and_then(Panel::search).filter(|search| search.number == number)
        else {
            return;
        };
        search.loading = false;
        match outcome {
            Ok(found) => {
                search.hits.extend(found.messages);
                search.next = found.next;
                // A part without a hit is not the end.
                if search.hits.is_empty() && search.next > 0 {
                    search.loading = true;
                    let effect = Effect::Search {
                        search: number,
                        text: search.text.clone(),
                        peer: search.peer.clone(),
                        before: search.next,
                    };
                    self.push(effect);
                }
            }
            Err(failure) => {
                self.panel = None;
                self.fail(failure);
            }
        }
    }

    fn on_page(&mut self, peer: &bytes::Bytes, want: Want, page: proto::control::v1::MessagesResponse) {
        let Some(talk) = self.talks.get_mut(peer).filter(|talk| talk.loading == Some(want)) else { return };
        let first_time = !talk.loaded;
        talk.take_page(want, page);
        self.outbox.on_reading(peer, &|id| talk.items().any(|item| item.id == id));
        if self.open.as_ref() != Some(peer) {
            return;
        }
        match want {
            Want::Newest(_) | Want::Unread if first_time => self.show_unread(),
            Want::Around(position) => self.show(position),
            Want::After(position) if self.is_at(position) => self.show(position),
            _ => {}
        }
    }

    fn fail(&mut self, failure: Failure) {
        if !failure.lost {
            self.complain(failure.sentence);
        } else if self.link == Link::Up {
            self.complain("the peer went away meanwhile; try again");
        }
    }
}
