use bytes::Bytes;
use proto::control::v1::{
    DeliveryState, Direction, Hop, InboxItem, MessagesResponse, PeopleNews, Person, SafetyNumberResponse,
    watch_event::Kind as News,
};
use ratatui::{
    Terminal,
    backend::TestBackend,
    buffer::Buffer,
    crossterm::event::{KeyCode, KeyEvent},
    style::Color,
};

use super::*;
use crate::commands::chat::{
    effect::Want,
    event::{Answer, Event},
};

fn id(number: u8) -> Bytes {
    vec![number; 32].into()
}

fn item(position: u64, text: &str, state: DeliveryState) -> InboxItem {
    let incoming = state == DeliveryState::Received;
    InboxItem {
        id: position.to_string(),
        from: id(if incoming { 2 } else { 1 }),
        to: id(if incoming { 1 } else { 2 }),
        text: text.into(),
        sent_at_ms: 1_764_000_000_000 + position * 60_000,
        state_at_ms: 1_764_000_000_000 + position * 60_000,
        state: state.into(),
        direction: if incoming { Direction::In } else { Direction::Out }.into(),
        position,
        ..InboxItem::default()
    }
}

fn ben() -> Person {
    let last = Some(item(9, "", DeliveryState::Received));
    Person {
        node_id: id(2),
        name: "ben".into(),
        state: "online".into(),
        contact: true,
        last,
        ..Person::default()
    }
}

/// A conversation with ben, and as many others as wanted.
fn model(size: (u16, u16), person: Person, others: u16, messages: Vec<InboxItem>) -> Model {
    let mut model = Model::new(None, [1; 16], size);
    let other = |number: u16| Person {
        node_id: [&number.to_be_bytes()[..], &[7; 30]].concat().into(),
        name: format!("person {number:04}"),
        ..Person::default()
    };
    let people = std::iter::once(person).chain((0..others).map(other)).collect();
    let events = [
        Event::Up,
        Event::News(News::People(PeopleNews { all: true, people, gone: vec![] })),
        Event::Answer(Answer::Page {
            peer: id(2),
            want: Want::Newest(100),
            outcome: Ok(MessagesResponse { messages, older: false, newer: false }),
        }),
    ];
    for event in events {
        model.handle(event, 1_764_000_900_000);
    }
    model
}

fn buffer(model: &Model, colour: bool) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(model.size.0, model.size.1)).unwrap();
    terminal.draw(|frame| draw(frame, model, colour)).unwrap();
    terminal.backend().buffer().clone()
}

fn screen(model: &Model) -> String {
    let buffer = buffer(model, true);
    let rows = buffer.content.chunks(usize::from(model.size.0).max(1));
    rows.map(|row| row.iter().map(ratatui::buffer::Cell::symbol).collect::<String>() + "\n").collect()
}

fn enter(model: &mut Model, text: &str) {
    let keys = text.chars().map(KeyCode::Char).chain([KeyCode::Enter]);
    for key in keys {
        model.handle(Event::Key(KeyEvent::from(key)), 1_764_000_900_000);
    }
}

fn assert_shows(screen: &str, parts: &[&str]) {
    for part in parts {
        assert!(screen.contains(part), "no `{part}` on the screen:\n{screen}");
    }
}

fn conversation() -> Vec<InboxItem> {
    vec![
        item(1, "hello, are you there?", DeliveryState::Received),
        item(2, "yes", DeliveryState::Read),
        item(3, "I am", DeliveryState::AtPeer),
        InboxItem { reason: "ben sleeps".into(), ..item(4, "still", DeliveryState::Queued) },
        InboxItem { sent_at_ms: 1_764_086_400_000, ..item(5, "the next day", DeliveryState::Received) },
    ]
}

#[test]
fn messages_stand_with_their_states_and_days() {
    for size in [(100, 30), (60, 20)] {
        let screen = screen(&model(size, ben(), 0, conversation()));
        assert_shows(
            &screen,
            &[
                "ben",
                "online",
                "hello, are you there?",
                "· read ",
                "· at peer ",
                "· queued: ben sleeps",
                "24 November 2025",
                "25 November 2025",
                "the next day",
                "? help",
            ],
        );
    }
}

#[test]
fn no_screen_is_too_small_and_none_panics() {
    let mut doubtful = ben();
    doubtful.namesakes = vec![id(8)];
    for size in [(0, 0), (1, 1), (2, 2), (10, 3), (3, 10), (71, 5), (72, 5), (300, 100)] {
        let mut model = model(size, doubtful.clone(), 3, conversation());
        screen(&model);
        for command in ["/help", "/who", "/route", "/verify", "/delete", "/search x"] {
            enter(&mut model, command);
            screen(&model);
            model.handle(Event::Key(KeyEvent::from(KeyCode::Esc)), 0);
        }
        model.handle(Event::Paste("a long line of words, 日本語, and\nmore\n".repeat(20)), 0);
        screen(&model);
        model.handle(Event::Key(KeyEvent::from(KeyCode::Tab)), 0);
        screen(&model);
    }
}

#[test]
fn text_of_others_moves_nothing_and_is_as_wide_as_it_is() {
    let evil = "\u{1b}[2J\u{202e}abc\u{202c}\u{200b}\u{7}";
    let mut person = ben();
    person.name = format!("b{evil}en");
    let messages = vec![
        item(1, evil, DeliveryState::Received),
        item(2, "日本語のとても長いメッセージ".repeat(9).as_str(), DeliveryState::AtPeer),
        item(3, "e\u{301}".repeat(200).as_str(), DeliveryState::AtPeer),
        item(4, "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467} family", DeliveryState::Received),
    ];
    let model = model((80, 40), person, 0, messages);
    let buffer = buffer(&model, true);
    let text: String = buffer.content.iter().map(ratatui::buffer::Cell::symbol).collect();
    for c in ['\u{1b}', '\u{7}', '\u{202e}', '\u{202c}', '\u{200b}', '\u{200d}'] {
        assert!(!text.contains(c), "{c:?} is on the screen");
    }
    assert!(text.contains("family"));
    // The border of the people is where it is, in every row.
    let border = model.areas().people.width - 1;
    for row in 0..model.areas().people.height {
        assert_eq!(buffer[(border, row)].symbol(), "│", "row {row}");
    }
}

#[test]
fn without_colour_there_is_none_and_nothing_is_lost() {
    let model = model((100, 30), ben(), 2, conversation());
    let (with, without) = (buffer(&model, true), buffer(&model, false));
    assert!(with.content.iter().any(|cell| cell.fg != Color::Reset));
    assert!(without.content.iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset));
    let symbols =
        |buffer: &Buffer| buffer.content.iter().map(|cell| cell.symbol().to_owned()).collect::<Vec<_>>();
    assert_eq!(symbols(&with), symbols(&without));
}

#[test]
fn of_a_thousand_people_the_marked_one_is_in_view() {
    let mut model = model((100, 30), ben(), 1_000, vec![]);
    model.handle(Event::Key(KeyEvent::from(KeyCode::Tab)), 0);
    for _ in 0..30 {
        model.handle(Event::Key(KeyEvent::from(KeyCode::PageDown)), 0);
    }
    let marked = model.people.person(model.people.marked().unwrap()).unwrap().name.clone();
    assert_shows(&screen(&model), &[&marked]);
    assert_ne!(marked, "ben");
    for c in "0999".chars() {
        model.handle(Event::Key(KeyEvent::from(KeyCode::Char(c))), 0);
    }
    assert_shows(&screen(&model), &["person 0999", "find: 0999_"]);
}

#[test]
fn panels_say_what_they_are_for() {
    let mut person = ben();
    person.via =
        vec![Hop { node_id: id(5), name: "attic".into() }, Hop { node_id: id(6), name: String::new() }];
    person.round_trip_us = 1_500;
    person.key_exchange = "X25519MLKEM768".into();
    (person.queued, person.reason) = (2, "no bridge leads there".into());
    let mut model = model((110, 40), person, 0, conversation());
    enter(&mut model, "/who");
    assert_shows(&screen(&model), &["1 person is there", "by attic > ", "1.50 ms"]);
    enter(&mut model, "/route");
    assert_shows(&screen(&model), &["X25519MLKEM768", "no bridge leads there", "by attic > "]);
    enter(&mut model, "/delete");
    assert_shows(
        &screen(&model),
        &["stays with ben", "2 messages that wait are still sent", "files of your history"],
    );
    model.handle(Event::Key(KeyEvent::from(KeyCode::Esc)), 0);
    enter(&mut model, "/help");
    assert_shows(&screen(&model), &["Alt-Enter", "/export FILE", "/verify"]);
    enter(&mut model, "/verify");
    let number = SafetyNumberResponse {
        node_id: id(2),
        name: "ben".into(),
        digits: (0..12).map(|group| format!("{group:05}")).collect::<Vec<_>>().join(" "),
        code: vec![5; 64].into(),
    };
    model.handle(Event::Answer(Answer::Number(Ok(number))), 0);
    assert_shows(&screen(&model), &["00000  00001  00002  00003", "00011", "y: they are the same", "█"]);
}
