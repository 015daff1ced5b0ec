//! The people on the left: who they are, in which order, and who is chosen.

use std::{cmp::Reverse, collections::HashMap};

use bytes::Bytes;
use proto::control::v1::{PeopleNews, Person};

use super::text;
use crate::output;

/// The least of a node id that names somebody.
const LEAST_ID: usize = 8;

/// Everybody the peer tells of.
#[derive(Debug, Default)]
pub(super) struct People {
    all: HashMap<Bytes, Person>,
    order: Vec<Bytes>,
    /// What names must contain to be shown.
    filter: String,
    /// Who is marked while one looks for somebody.
    marked: Option<Bytes>,
}

impl People {
    /// Takes in what changed.
    pub(super) fn take(&mut self, news: PeopleNews) {
        if news.all {
            self.all.clear();
        }
        for gone in &news.gone {
            self.all.remove(gone);
        }
        self.all.extend(news.people.into_iter().map(|person| (person.node_id.clone(), person)));
        self.sort();
    }

    /// Somebody by id.
    pub(super) fn person(&self, id: &Bytes) -> Option<&Person> {
        self.all.get(id)
    }

    /// What to call somebody, known or not.
    pub(super) fn call(&self, id: &Bytes) -> String {
        self.person(id).map_or_else(|| output::short(id), name)
    }

    /// Those to be shown, in their order: those one talked to last first, then those who are there, then the others.
    pub(super) fn shown(&self) -> &[Bytes] {
        &self.order
    }

    /// All people, in no order.
    pub(super) fn everybody(&self) -> impl Iterator<Item = &Person> {
        self.all.values()
    }

    /// How many messages of others than `open` are not read.
    pub(super) fn unread_beside(&self, open: Option<&Bytes>) -> u64 {
        let others = self.all.values().filter(|person| Some(&person.node_id) != open);
        others.map(|person| person.unread).sum()
    }

    /// Who is meant by a name, an id, or the beginning of either; an error says why nobody is.
    pub(super) fn find(&self, text: &str) -> Result<Bytes, String> {
        let wanted = text.trim().to_lowercase();
        let named = |fits: &dyn Fn(&str) -> bool| -> Vec<&Person> {
            self.all.values().filter(|person| fits(&text::one_line(&person.name).to_lowercase())).collect()
        };
        let by_id = self
            .all
            .values()
            .filter(|person| wanted.len() >= LEAST_ID && output::id(&person.node_id).starts_with(&wanted));
        let mut found: Vec<_> = by_id.collect();
        if found.is_empty() {
            found = named(&|name| name == wanted);
        }
        if found.is_empty() && !wanted.is_empty() {
            found = named(&|name| name.starts_with(&wanted));
        }
        match found.as_slice() {
            [] => Err(format!("nobody here is called {}", text::one_line(text))),
            [person] => Ok(person.node_id.clone()),
            many => {
                let ids: Vec<_> = many.iter().map(|person| output::short(&person.node_id)).collect();
                Err(format!("several are meant, name one by its id: {}", ids.join(", ")))
            }
        }
    }

    /// The one before or after somebody in the list; the first where nobody is chosen yet.
    pub(super) fn beside(&self, id: Option<&Bytes>, step: isize) -> Option<Bytes> {
        let at = id.and_then(|id| self.order.iter().position(|other| other == id));
        let next = at.map_or(0, |at| at.saturating_add_signed(step).min(self.order.len().saturating_sub(1)));
        self.order.get(next).cloned()
    }

    /// The next one, after somebody and round the end, who has something unread.
    pub(super) fn next_unread(&self, id: Option<&Bytes>) -> Option<Bytes> {
        let count = self.order.len();
        let at = id.and_then(|id| self.order.iter().position(|other| other == id)).unwrap_or(0);
        let others = (1..=count).map(|step| &self.order[(at + step) % count]);
        others.into_iter().find(|id| self.all.get(*id).is_some_and(|person| person.unread > 0)).cloned()
    }

    /// What is looked for.
    pub(super) fn filter(&self) -> &str {
        &self.filter
    }

    /// Looks for names that contain a text, and marks the first.
    pub(super) fn set_filter(&mut self, filter: String) {
        self.filter = filter;
        self.sort();
        self.marked = self.order.first().cloned();
    }

    /// Who is marked.
    pub(super) const fn marked(&self) -> Option<&Bytes> {
        self.marked.as_ref()
    }

    /// Marks somebody, or nobody.
    pub(super) fn mark(&mut self, id: Option<Bytes>) {
        self.marked = id;
    }

    fn sort(&mut self) {
        let wanted = self.filter.to_lowercase();
        let fits = |person: &&Person| {
            wanted.is_empty()
                || name(person).to_lowercase().contains(&wanted)
                || output::id(&person.node_id).starts_with(&wanted)
        };
        let mut people: Vec<_> = self.all.values().filter(fits).collect();
        people.sort_by_cached_key(|person| {
            let newest = person.last.as_ref().map_or(0, |last| last.position);
            (
                Reverse(newest),
                person.blocked,
                person.state != "online",
                name(person).to_lowercase(),
                person.node_id.clone(),
            )
        });
        self.order = people.into_iter().map(|person| person.node_id.clone()).collect();
    }
}

/// What to call somebody: the name, or the beginning of the id where there is none.
pub(super) fn name(person: &Person) -> String {
    let name = text::one_line(&person.name);
    if name.trim().is_empty() { output::short(&person.node_id) } else { name }
}

/// The same, with the id where others bear the name.
pub(super) fn full_name(person: &Person) -> String {
    if person.namesakes.is_empty() {
        name(person)
    } else {
        format!("{} {}", name(person), output::short(&person.node_id))
    }
}

#[cfg(test)]
mod tests {
    use proto::control::v1::InboxItem;

    use super::*;

    fn person(number: u8, name: &str, newest: u64, state: &str) -> Person {
        let last = (newest > 0).then(|| InboxItem { position: newest, ..InboxItem::default() });
        Person {
            node_id: vec![number; 32].into(),
            name: name.into(),
            state: state.into(),
            last,
            ..Person::default()
        }
    }

    fn people() -> People {
        let mut people = People::default();
        let all = vec![
            person(1, "zoe", 0, "online"),
            person(2, "anna", 0, "left"),
            person(3, "ben", 5, "left"),
            person(4, "Carla", 9, "online"),
            person(5, "dan", 0, "online"),
        ];
        people.take(PeopleNews { all: true, people: all, gone: vec![] });
        people
    }

    fn names(people: &People) -> Vec<String> {
        people.shown().iter().map(|id| name(people.person(id).unwrap())).collect()
    }

    #[test]
    fn those_one_talked_to_last_come_first_then_those_who_are_there() {
        let mut people = people();
        assert_eq!(names(&people), ["Carla", "ben", "dan", "zoe", "anna"]);
        let news = PeopleNews {
            all: false,
            people: vec![person(2, "anna", 10, "left")],
            gone: vec![vec![5; 32].into()],
        };
        people.take(news);
        assert_eq!(names(&people), ["anna", "Carla", "ben", "zoe"]);
    }

    #[test]
    fn somebody_is_found_by_name_id_or_beginning_but_never_by_chance() {
        let mut people = people();
        assert_eq!(people.find("CARLA").unwrap(), vec![4; 32]);
        assert_eq!(people.find("be").unwrap(), vec![3; 32]);
        let id = output::id(&vec![5; 32].into());
        assert_eq!(people.find(&id[..8]).unwrap(), vec![5; 32]);
        assert!(people.find("nobody").is_err() && people.find("").is_err());
        people.take(PeopleNews { people: vec![person(6, "BEN", 0, "online")], ..PeopleNews::default() });
        assert!(people.find("ben").unwrap_err().contains("several"));
    }

    #[test]
    fn a_filter_keeps_those_whose_name_contains_it() {
        let mut people = people();
        people.set_filter("AN".into());
        assert_eq!(names(&people), ["dan", "anna"]);
        assert_eq!(people.marked(), Some(&Bytes::from(vec![5; 32])));
    }
}
