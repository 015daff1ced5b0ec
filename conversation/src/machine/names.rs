//! Names of peers, and the warning when a contact's name turns up under another key.

use identity::NodeId;
use proto::history::v1::{self as history, event::Kind};

use super::Conversation;
use crate::{
    Output,
    likeness::same_name as same,
    limits::{CLASHES_PER_CONTACT, MAX_CONTACTS},
};

impl Conversation {
    pub(super) fn handle_name(&mut self, id: NodeId, name: String, out: &mut Vec<Output>) {
        if self.names.get(&id) == Some(&name) {
            return;
        }
        if let Some(contact) = self.state.contacts.get(&id).filter(|contact| contact.pinned)
            && contact.name != name
        {
            let seen = history::NameSeen { peer: id.to_bytes(), name: name.clone() };
            self.record(Kind::NameSeen(seen), out);
        }
        if self.names.len() < MAX_CONTACTS || self.names.contains_key(&id) {
            self.names.insert(id, name.clone());
        }
        self.warn_of_clash(id, &name, out);
    }

    /// Somebody who becomes a contact may have namesakes that were seen before.
    pub(super) fn check_namesakes(&mut self, contact: NodeId, out: &mut Vec<Output>) {
        let Some(name) = self.names.get(&contact).cloned() else { return };
        self.warn_of_clash(contact, &name, out);
        let namesakes: Vec<_> = self
            .names
            .iter()
            .filter(|(id, other)| **id != contact && same(other, &name))
            .map(|(id, _)| *id)
            .collect();
        for namesake in namesakes {
            self.warn_of_clash(namesake, &name, out);
        }
    }

    fn warn_of_clash(&mut self, other: NodeId, name: &str, out: &mut Vec<Output>) {
        let known = |contact: &NodeId| {
            self.state.knows_clash(*contact, other) || self.state.knows_clash(other, *contact)
        };
        let contact =
            self.state.contacts.iter().find(|(id, contact)| {
                **id != other && contact.pinned && same(&contact.name, name) && !known(id)
            });
        let contact = contact.map(|(id, _)| *id);
        if let Some(contact) = contact.filter(|id| self.state.clashes_of(*id) < CLASHES_PER_CONTACT) {
            let clash = history::NameClash {
                contact: contact.to_bytes(),
                other: other.to_bytes(),
                name: name.to_owned(),
            };
            self.record(Kind::NameClash(clash), out);
            out.push(Output::Warned);
        }
    }
}
