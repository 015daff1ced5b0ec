use proto::control::v1::{
    DeliveryState, Direction, InboxItem, MessageNews, MessagesResponse, PeopleNews, SafetyNumberResponse,
    SearchResponse, watch_event::Kind as News,
};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::*;
use crate::commands::chat::{
    conversation::Scroll,
    effect::Want,
    event::{Answer, Failure},
    panel::Kind,
};

/// A screen with ben, to whom one talked last, and carla.
struct Test {
    model: Model,
    now_ms: u64,
}

fn id(number: u8) -> Bytes {
    vec![number; 32].into()
}

fn ben() -> Bytes {
    id(2)
}

fn carla() -> Bytes {
    id(3)
}

fn person(number: u8, name: &str, newest: u64) -> Person {
    let last = (newest > 0).then(|| InboxItem { position: newest, ..InboxItem::default() });
    Person {
        node_id: id(number),
        name: name.into(),
        state: "online".into(),
        contact: newest > 0,
        last,
        ..Person::default()
    }
}

fn item(position: u64, direction: Direction) -> InboxItem {
    let (from, to) = if direction == Direction::In { (ben(), id(1)) } else { (id(1), ben()) };
    let state = if direction == Direction::In { DeliveryState::Received } else { DeliveryState::Queued };
    InboxItem {
        id: format!("id-{position}"),
        from,
        to,
        text: format!("message {position}"),
        sent_at_ms: 1_000 * position,
        state: state.into(),
        direction: direction.into(),
        epoch: vec![7].into(),
        sequence: position,
        position,
        ..InboxItem::default()
    }
}

fn incoming(positions: std::ops::RangeInclusive<u64>, older: bool, newer: bool) -> MessagesResponse {
    MessagesResponse {
        messages: positions.map(|position| item(position, Direction::In)).collect(),
        older,
        newer,
    }
}

impl Test {
    /// Nothing was said yet.
    fn new() -> Self {
        let mut test = Self { model: Model::new(None, [9; 16], (80, 24)), now_ms: 1_000_000 };
        test.handle(Event::Up);
        test.people(vec![person(2, "ben", 1), person(3, "carla", 0)], true);
        test.page(Want::Newest(100), incoming(1..=1, false, false));
        test
    }

    fn handle(&mut self, event: Event) -> Vec<Effect> {
        self.model.handle(event, self.now_ms)
    }

    fn people(&mut self, people: Vec<Person>, all: bool) -> Vec<Effect> {
        self.handle(Event::News(News::People(PeopleNews { all, people, gone: vec![] })))
    }

    fn news(&mut self, messages: Vec<InboxItem>) -> Vec<Effect> {
        let through = messages.last().map_or(0, |item| item.position);
        self.handle(Event::News(News::Messages(MessageNews { messages, through, ..MessageNews::default() })))
    }

    fn page(&mut self, want: Want, page: MessagesResponse) -> Vec<Effect> {
        self.handle(Event::Answer(Answer::Page { peer: ben(), want, outcome: Ok(page) }))
    }

    fn key(&mut self, code: KeyCode, modifiers: KeyModifiers) -> Vec<Effect> {
        self.handle(Event::Key(KeyEvent::new(code, modifiers)))
    }

    fn press(&mut self, code: KeyCode) -> Vec<Effect> {
        self.key(code, KeyModifiers::NONE)
    }

    /// Types a line and enters it.
    fn enter(&mut self, text: &str) -> Vec<Effect> {
        let mut effects = Vec::new();
        for c in text.chars() {
            effects.extend(self.press(KeyCode::Char(c)));
        }
        effects.extend(self.press(KeyCode::Enter));
        effects.retain(|effect| !matches!(effect, Effect::Typing { .. }));
        effects
    }

    fn sent(&mut self, once: Once, outcome: Result<InboxItem, Failure>) -> Vec<Effect> {
        self.handle(Event::Answer(Answer::Sent { once, outcome }))
    }

    fn note(&self) -> &str {
        self.model.note.as_ref().map_or("", |note| &note.sentence)
    }

    fn shown(&self) -> usize {
        self.model.entries().len()
    }
}

fn once(effects: &[Effect]) -> Once {
    let [Effect::Send { once, .. }] = effects else { panic!("no sending: {effects:?}") };
    *once
}

fn lost() -> Failure {
    Failure { lost: true, sentence: "broken".into() }
}

#[test]
fn a_message_is_sent_once_and_again_after_a_break_with_the_same_number() {
    let mut test = Test::new();
    let number = once(&test.enter("hello"));
    assert_eq!(test.shown(), 2);
    test.handle(Event::Down("killed".into()));
    assert_eq!(test.sent(number, Err(lost())), []);
    assert_eq!(test.enter("second"), [], "nobody is there to be asked");
    let again = test.handle(Event::Up);
    assert_eq!(once(&again), number);
    // The first try was stored after all, and the news come before the answer.
    let mut stored = item(5, Direction::Out);
    (stored.text, stored.sent_at_ms) = ("hello".into(), test.now_ms);
    test.news(vec![stored.clone()]);
    assert_eq!(test.shown(), 3);
    let next = test.sent(number, Ok(InboxItem { position: 0, ..stored }));
    assert_ne!(once(&next), number);
    assert_eq!(test.shown(), 3);
}

#[test]
fn what_is_in_view_is_marked_as_read_while_somebody_looks() {
    let mut test = Test::new();
    test.handle(Event::Focus(false));
    test.news(vec![item(2, Direction::In)]);
    let unread = Person { unread: 1, ..person(2, "ben", 2) };
    assert_eq!(test.people(vec![unread.clone()], false), []);
    let mark = Effect::MarkRead { peer: ben(), epoch: vec![7].into(), through: 2 };
    assert_eq!(test.handle(Event::Focus(true)), std::slice::from_ref(&mark));
    assert_eq!(test.people(vec![unread], false), [], "said once");
    test.handle(Event::Down("killed".into()));
    assert_eq!(test.handle(Event::Up), [mark], "unless it may not have arrived");
}

#[test]
fn what_comes_while_one_looks_at_older_messages_is_not_read() {
    let mut test = Test::new();
    test.news((2..=60).map(|position| item(position, Direction::In)).collect());
    test.people(vec![person(2, "ben", 60)], false);
    test.press(KeyCode::PageUp);
    let scroll = test.model.open_talk().unwrap().scroll;
    assert!(matches!(scroll, Scroll::At { .. }), "{scroll:?}");
    test.news(vec![item(61, Direction::In)]);
    let effects = test.people(vec![Person { unread: 1, ..person(2, "ben", 61) }], false);
    assert!(
        effects.iter().all(|effect| !matches!(effect, Effect::MarkRead { through: 61.., .. })),
        "{effects:?}"
    );
    assert_eq!(test.model.open_talk().unwrap().scroll, scroll, "the view stays");
    let effects = test.press(KeyCode::Esc);
    assert_eq!(effects, [Effect::MarkRead { peer: ben(), epoch: vec![7].into(), through: 61 }]);
}

#[test]
fn scrolling_back_loads_what_is_older_and_the_view_stays() {
    let mut test = Test::new();
    test.handle(Event::News(News::Messages(MessageNews { reload: true, ..MessageNews::default() })));
    assert_eq!(test.page(Want::Newest(100), incoming(101..=200, true, false)), []);
    let mut effects = Vec::new();
    for _ in 0..10 {
        effects.extend(test.press(KeyCode::PageUp));
    }
    assert_eq!(effects, [Effect::Load { peer: ben(), want: Want::Before(101) }]);
    let scroll = test.model.open_talk().unwrap().scroll;
    test.page(Want::Before(101), incoming(1..=100, false, false));
    assert_eq!(test.model.open_talk().unwrap().scroll, scroll);
    assert_eq!(test.shown(), 200);
}

#[test]
fn what_was_asked_for_when_the_peer_went_away_is_asked_for_anew() {
    let mut test = Test::new();
    test.handle(Event::News(News::Messages(MessageNews { reload: true, ..MessageNews::default() })));
    test.page(Want::Newest(100), incoming(101..=110, true, false));
    let want = Want::Before(101);
    let lost = Event::Answer(Answer::Page { peer: ben(), want, outcome: Err(lost()) });
    assert_eq!(test.handle(lost), [], "not while nobody answers");
    test.handle(Event::Down("killed".into()));
    assert_eq!(test.handle(Event::Up), [Effect::Load { peer: ben(), want }]);
}

#[test]
fn a_conversation_opens_where_the_unread_messages_begin() {
    let mut test = Test { model: Model::new(Some("ben".into()), [9; 16], (80, 24)), now_ms: 1 };
    test.handle(Event::Up);
    let people = vec![Person { unread: 50, ..person(2, "ben", 200) }];
    assert_eq!(test.people(people, true), [Effect::Load { peer: ben(), want: Want::Newest(100) }]);
    let effects = test.page(Want::Newest(100), incoming(101..=200, true, false));
    let talk = test.model.open_talk().unwrap();
    assert_eq!(talk.unread_from, Some(151));
    let [Effect::MarkRead { through, .. }] = effects.as_slice() else { panic!("{effects:?}") };
    assert!((160..=175).contains(through), "what is in view, no more: {through}");
}

#[test]
fn more_unread_messages_than_come_at_once_begin_at_the_first_one_and_the_end_is_one_key_away() {
    let mut test = Test { model: Model::new(Some("ben".into()), [9; 16], (80, 24)), now_ms: 1 };
    test.handle(Event::Up);
    let people = vec![Person { unread: 10_000, ..person(2, "ben", 20_000) }];
    assert_eq!(test.people(people, true), [Effect::Load { peer: ben(), want: Want::Unread }]);
    let effects = test.page(Want::Unread, incoming(10_001..=10_100, true, true));
    let talk = test.model.open_talk().unwrap();
    assert_eq!((talk.unread_from, talk.newer), (Some(10_001), true));
    let marked = effects.iter().find_map(|effect| match effect {
        Effect::MarkRead { through, .. } => Some(*through),
        _ => None,
    });
    assert!(marked.is_some_and(|through| through < 10_030), "what is in view, no more: {effects:?}");
    assert_eq!(test.press(KeyCode::Esc), [Effect::Load { peer: ben(), want: Want::Newest(100) }]);
    test.page(Want::Newest(100), incoming(19_901..=20_000, true, false));
    let talk = test.model.open_talk().unwrap();
    assert_eq!((talk.unread_from, talk.scroll), (None, Scroll::Bottom), "at the end, as was asked for");
}

#[test]
fn a_search_leads_into_the_middle_of_the_history_and_back() {
    let mut test = Test::new();
    let effects = test.enter("/search needle");
    assert_eq!(effects, [Effect::Search { search: 1, text: "needle".into(), peer: None, before: 0 }]);
    let found =
        SearchResponse { messages: vec![item(900, Direction::In), item(500, Direction::In)], next: 400 };
    test.handle(Event::Answer(Answer::Found { search: 1, outcome: Ok(found) }));
    let effects = test.press(KeyCode::Down);
    assert_eq!(
        effects,
        [Effect::Search { search: 1, text: "needle".into(), peer: None, before: 400 }],
        "the last one is chosen"
    );
    assert_eq!(test.press(KeyCode::Enter), [Effect::Load { peer: ben(), want: Want::Around(500) }]);
    let effects = test.page(Want::Around(500), incoming(401..=500, true, true));
    assert_eq!(effects, [Effect::Load { peer: ben(), want: Want::After(500) }]);
    test.page(Want::After(500), incoming(501..=600, true, true));
    let talk = test.model.open_talk().unwrap();
    let Scroll::At { position, .. } = talk.scroll else { panic!("not at the hit") };
    assert!((501..=515).contains(&position), "the hit is in the middle: {position}");
    assert_eq!(test.press(KeyCode::Esc), [Effect::Load { peer: ben(), want: Want::Newest(100) }]);
}

#[test]
fn typing_is_told_and_ends() {
    let mut test = Test::new();
    assert_eq!(test.press(KeyCode::Char('h')), [Effect::Typing { to: ben(), active: true }]);
    assert_eq!(test.press(KeyCode::Char('i')), [], "not with every key");
    test.now_ms = test.model.deadline().unwrap();
    assert_eq!(test.handle(Event::Time), [Effect::Typing { to: ben(), active: false }]);
    assert_eq!(test.model.deadline(), None);
    assert_eq!(test.press(KeyCode::Char('!')), [Effect::Typing { to: ben(), active: true }]);
    let effects = test.press(KeyCode::Enter);
    assert!(effects.contains(&Effect::Typing { to: ben(), active: false }), "{effects:?}");
    assert_eq!(test.press(KeyCode::Char('/')), [], "a command is no message");
}

#[test]
fn a_safety_number_is_marked_only_after_it_was_shown_and_answered() {
    let mut test = Test::new();
    assert_eq!(test.enter("/verify"), [Effect::SafetyNumber { peer: ben() }]);
    assert_eq!(test.press(KeyCode::Char('y')), [], "it is not there yet");
    let number = SafetyNumberResponse {
        node_id: ben(),
        digits: "12345 67890".into(),
        ..SafetyNumberResponse::default()
    };
    test.handle(Event::Answer(Answer::Number(Ok(number))));
    assert_eq!(test.press(KeyCode::Char('x')), []);
    assert!(test.model.composer.is_empty(), "what is typed into a question is no message");
    assert_eq!(test.press(KeyCode::Char('y')), [Effect::SetVerified { peer: ben(), verified: true }]);
    assert_eq!(test.enter("/unverify"), [Effect::SetVerified { peer: ben(), verified: false }]);
}

#[test]
fn deleting_asks_first() {
    let mut test = Test::new();
    assert_eq!(test.enter("/delete"), []);
    assert_eq!(test.press(KeyCode::Enter), []);
    assert!(test.model.panel.is_none() && test.note().contains("nothing"));
    test.enter("/delete");
    assert_eq!(test.press(KeyCode::Char('y')), [Effect::Delete { peer: ben() }]);
    let news = MessageNews { deleted: vec![ben()], ..MessageNews::default() };
    test.handle(Event::News(News::Messages(news)));
    test.page(Want::Newest(100), MessagesResponse::default());
    assert_eq!(test.shown(), 0);
}

#[test]
fn a_name_that_somebody_else_bears_is_warned_of_until_verified() {
    let mut test = Test::new();
    assert_eq!(test.model.banner(), None);
    let mut doubtful = person(2, "ben", 1);
    doubtful.namesakes = vec![id(8)];
    test.people(vec![doubtful.clone()], false);
    assert!(test.model.banner().unwrap().contains("/verify"));
    doubtful.verified = true;
    test.people(vec![doubtful], false);
    assert_eq!(test.model.banner(), None);
}

#[test]
fn people_are_found_by_typing_and_drafts_wait_for_one() {
    let mut test = Test::new();
    test.press(KeyCode::Char('a'));
    test.press(KeyCode::Tab);
    for c in "carl".chars() {
        test.press(KeyCode::Char(c));
    }
    let effects = test.press(KeyCode::Enter);
    assert!(effects.contains(&Effect::Load { peer: carla(), want: Want::Newest(100) }), "{effects:?}");
    assert!(test.model.composer.is_empty() && !test.model.choosing);
    test.key(KeyCode::Up, KeyModifiers::ALT);
    assert_eq!((test.model.open.clone(), test.model.composer.text()), (Some(ben()), "a".into()));
}

#[test]
fn leaving_with_something_unstored_asks_twice() {
    let mut test = Test::new();
    test.handle(Event::Down("killed".into()));
    test.enter("hello");
    assert_eq!(test.enter("/quit"), []);
    assert!(test.note().contains("lost"), "{}", test.note());
    assert_eq!(test.enter("/quit"), [Effect::Leave]);
    assert_eq!(Test::new().key(KeyCode::Char('c'), KeyModifiers::CONTROL), [Effect::Leave]);
}

#[test]
fn leaving_waits_for_what_is_being_stored() {
    let mut test = Test::new();
    let number = once(&test.enter("bye"));
    assert_eq!(test.enter("/quit"), []);
    assert_eq!(test.sent(number, Ok(item(2, Direction::Out))), [Effect::Leave]);
}

#[test]
fn what_the_peer_refuses_comes_back_into_the_input() {
    let mut test = Test::new();
    let number = once(&test.enter("hello"));
    let full = Failure { lost: false, sentence: "the disk is full".into() };
    test.sent(number, Err(full));
    assert!(test.note().contains("full"));
    assert_eq!((test.model.composer.text(), test.shown()), ("hello".into(), 1));
}

#[test]
fn a_mark_opens_help_only_where_nothing_is_typed() {
    let mut test = Test::new();
    test.press(KeyCode::Char('?'));
    assert!(matches!(test.model.panel, Some(Panel { kind: Kind::Help, .. })));
    test.press(KeyCode::Char('?'));
    assert!(test.model.panel.is_none());
    assert!(matches!(test.enter("what?").as_slice(), [Effect::Send { text, .. }] if text == "what?"));
}

#[test]
fn a_click_opens_and_a_wheel_scrolls() {
    let mut test = Test::new();
    let effects = test.handle(Event::Click(3, 1));
    assert_eq!(effects, [Effect::Load { peer: carla(), want: Want::Newest(100) }]);
    test.handle(Event::Click(3, 0));
    assert_eq!(test.model.open, Some(ben()));
    test.news((2..=60).map(|position| item(position, Direction::In)).collect());
    test.handle(Event::Wheel { up: true, at: (50, 5) });
    assert!(matches!(
        test.model.open_talk().unwrap().scroll,
        Scroll::At { position: 59 | 60, .. } | Scroll::At { .. }
    ));
}
