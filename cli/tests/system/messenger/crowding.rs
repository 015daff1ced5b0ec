//! Much of everything: messages that nobody read, people, and a peer that does not stop talking.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{choose, open, wait_newest, wait_said, write};
use crate::support::{Browser, Crowd, Flood, Seed, Towns, eventually};

/// Messages that nobody read: half of what an outbox holds (`OUTBOX_MESSAGES`), and far more than the page holds.
const UNREAD: usize = 10_000;
/// Messages that the page holds at most: `MOST` of thread.js.
const WINDOW: u64 = 300;
/// People of another network.
const PEOPLE: usize = 1_000;
/// Elements that one person in the list is made of, with room for a few more.
const ELEMENTS_PER_PERSON: u64 = 24;
/// Messages a second that a flood is meant to have.
const FLOOD_RATE: u32 = 1_000;
/// A flood lasts at least so long.
const FLOOD_TIME: Duration = Duration::from_secs(5);
/// What is said and answered while it lasts, at least.
const EXCHANGES: usize = 5;

/// The first text in the page, and the last one.
const FIRST: &str = "document.querySelector('#thread .text')?.textContent";
const LAST: &str = "[...document.querySelectorAll('#thread .text')].pop()?.textContent";
const SHOWN: &str = "document.querySelectorAll('#thread [data-position]').length";

#[test]
fn ten_thousand_unread_messages_are_read_from_the_first_one_on_through_a_window() {
    let towns = Towns::start();
    let (anna, ben) = (towns.at_home("anna"), towns.at_home("ben"));
    anna.wait_online("ben");
    ben.wait_online("anna");
    ben.pour(&anna.id(), (0..UNREAD).map(|number| format!("message {number}")));
    eventually("everything is at anna's", || (anna.status()["received"] == UNREAD).then_some(()));
    // They were handed over at once; the order is the one in which they arrived.
    let texts = anna.received("ben");
    let (first, last) = (json!(texts[0]), json!(texts[UNREAD - 1]));

    let Some(page) = open("ten thousand", &anna) else { return };
    let row = format!("#people [data-id=\"{}\"]", ben.id());
    page.wait_for(&format!("document.querySelector('{row}')?.dataset.unread === '{UNREAD}'"));
    assert_eq!(page.texts(&format!("{row} .unread")), ["999+"]);
    page.wait_for(&format!("document.title === '({UNREAD}) Causeway'"));

    choose(&page, &ben);
    page.wait_for(&format!("{SHOWN} > 0"));
    let line = "document.querySelector('#thread .new')";
    assert_eq!(
        page.script(&format!("return {line}.nextElementSibling.querySelector('.text').textContent")),
        first
    );
    assert!(page.script(&format!("return {SHOWN}")).as_u64() <= Some(WINDOW));
    // What was not before anybody's eyes is not read.
    page.wait_for(&format!("Number(document.querySelector('{row}').dataset.unread) < {UNREAD}"));
    assert!(
        page.script(&format!(
            "return Number(document.querySelector('{row}').dataset.unread) > {UNREAD} - {WINDOW}"
        )) == true
    );

    page.click("#to-end");
    page.wait_for(&format!("{LAST} === {last}"));
    page.wait_for(&format!(
        "document.querySelector('{row}').dataset.unread === '0' && document.title === 'Causeway'"
    ));
    assert_eq!(page.texts(&format!("{row} .unread:not([hidden])")), [""; 0]);
    scroll_to_the_beginning(&page);
    page.wait_for(&format!("{FIRST} === {first}"));
    page.click("#to-end");
    page.wait_for(&format!("{LAST} === {last}"));
}

/// Scrolls up as a person does, from one end of what is there to the next, and never finds more than the window.
fn scroll_to_the_beginning(page: &Browser) {
    let step = format!(
        "return (async () => {{
           const [scroller, beginning] = ['#scroller', '#beginning'].map((it) => document.querySelector(it));
           for (let frame = 0; frame < 50 && beginning.hidden; frame += 1) {{
             scroller.scrollTop = 0;
             await new Promise(requestAnimationFrame);
             if ({SHOWN} > {WINDOW}) throw new Error(`${{{SHOWN}}} messages in the page`);
           }}
           return !beginning.hidden;
         }})()"
    );
    eventually("the beginning is reached", || (page.script(&step) == true).then_some(()));
}

/// They are registered with the bridge of another network: a bridge takes 1,024 registrations of one address
/// (`MAX_REGISTRATIONS_PER_ADDRESS`) and logs 4,608 events at once (`OWN_BURST_EVENTS`); of a bridge a peer knows 16,384
/// (`MAX_REMOTE_PEERS`). On their own network they would be heard from one address, which is good for 512
/// (`MAX_NEIGHBOURS_PER_ADDRESS`).
#[test]
fn a_thousand_people_are_all_found_and_the_list_stays_of_use() {
    let towns = Towns::start();
    let (anna, carla) = (towns.at_home("anna"), towns.in_cloud("carla"));
    anna.wait_online("carla");
    carla.deliver("anna", "it is crowded here");
    let began = Instant::now();
    let crowd =
        Crowd::gather(&towns.control_in_cloud(), (0..PEOPLE).map(|number| format!("guest {number:04}")));
    eventually("anna knows them all", || {
        let known = anna.json(&["peers"]);
        let guests =
            known.iter().filter(|it| it["name"].as_str().is_some_and(|name| name.starts_with("guest ")));
        (guests.filter(|it| it["state"] == "online").count() == PEOPLE).then_some(())
    });
    println!("{PEOPLE} people were known after {:?}", began.elapsed());
    let mut people: Vec<_> = anna.people().into_iter().map(|person| person.name).collect();
    people.retain(|name| name.starts_with("guest "));
    people.sort_unstable();
    assert!(people.iter().eq(crowd.people().iter().map(|(_, name)| name)), "{} people", people.len());

    let Some(page) = open("a thousand", &anna) else { return };
    // Whom one talked to comes first, then all others by their names.
    let names = "[...document.querySelectorAll('#people .lines b bdi')].map((it) => it.textContent)";
    let mut expected = vec!["carla".to_owned()];
    expected.extend(crowd.people().iter().map(|(_, name)| name.clone()));
    page.wait_for(&format!("JSON.stringify({names}) === JSON.stringify({})", json!(expected)));
    let elements = page.script("return document.querySelectorAll('#people *').length").as_u64().unwrap();
    assert!(elements <= ELEMENTS_PER_PERSON * (PEOPLE as u64 + 1), "{elements} elements for {PEOPLE} people");

    let mut seed = Seed::of_this_run();
    for _ in 0..10 {
        let (id, name) = &crowd.people()[usize::try_from(seed.below(PEOPLE as u64)).unwrap()];
        find(&page, name);
        page.wait_for(&format!("JSON.stringify({names}) === JSON.stringify([{}])", json!(name)));
        let row = format!("#people [data-id=\"{id}\"]");
        page.click(&row);
        page.wait_for(&format!("document.querySelector('#who').textContent === {}", json!(name)));
        page.wait_for(&format!("document.querySelector('{row}').getAttribute('aria-current') === 'true'"));
    }
    // Nothing of what was found stays behind, and the list is whole again.
    find(&page, "\u{e003}");
    page.wait_for(&format!("{names}.length === {PEOPLE} + 1"));
    assert_eq!(page.script("return document.querySelectorAll('#people *').length"), elements);
    choose(&page, &carla);
    wait_said(&page, &["it is crowded here"]);
    write(&page, "here, too");
    carla.wait_received("anna", &["here, too".into()]);
}

/// Searches for somebody as a person does.
fn find(page: &Browser, name: &str) {
    page.script("document.querySelector('#find').focus(); document.querySelector('#find').select()");
    page.write(name);
}

/// Between the flooder and the page's owner at most 1,024 messages are under way (`WINDOW_MESSAGES`), 20,000 wait at the
/// flooder (`OUTBOX_MESSAGES`), and of each session the owner reads 64 frames at once (`FRAMES_AT_ONCE`) and 256 entries of
/// each queue a turn (`TURN`); above 8,192 records that are not stored yet (half of `PENDING_RECORDS`) it reads none.
#[test]
fn a_peer_that_floods_keeps_nobody_else_from_talking_and_loses_nothing_itself() {
    let towns = Towns::start();
    let (anna, ben, mallory) = (towns.at_home("anna"), towns.at_home("ben"), towns.at_home("mallory"));
    anna.wait_online("ben");
    ben.wait_online("anna");
    mallory.wait_online("anna");
    let Some(page) = open("a flood", &anna) else { return };
    choose(&page, &ben);
    let flood = Flood::start(&mallory, &anna.id(), FLOOD_RATE);
    let row = format!("#people [data-id=\"{}\"]", mallory.id());
    page.wait_for(&format!("Number(document.querySelector('{row}')?.dataset.unread) > {FLOOD_RATE}"));
    let (began, mut said, mut slowest) = (Instant::now(), Vec::new(), Duration::ZERO);
    while said.len() < 2 * EXCHANGES || began.elapsed() < FLOOD_TIME {
        let (turn, began) = (said.len() / 2, Instant::now());
        said.extend([format!("question {turn}"), format!("answer {turn}")]);
        ben.deliver("anna", &said[2 * turn]);
        write(&page, &said[2 * turn + 1]);
        wait_newest(&page, "at_peer");
        wait_said(&page, &said.iter().map(String::as_str).collect::<Vec<_>>());
        slowest = slowest.max(began.elapsed());
        assert!(flood.is_running(), "the flood ended by itself");
    }
    let flooded = flood.stop();
    println!(
        "{} messages in {:?}, and {} exchanges beside them, the slowest in {slowest:?}",
        flooded.sent,
        flooded.time,
        said.len() / 2
    );
    eventually("everything is acknowledged", || (mallory.status()["queued"] == 0).then_some(()));
    let of = |parity: usize| said.iter().skip(parity).step_by(2).cloned().collect::<Vec<_>>();
    anna.wait_received("ben", &of(0));
    ben.wait_received("anna", &of(1));
    let mut received = anna.received("mallory");
    let in_order = received == mallory.sent("anna");
    received.sort_unstable();
    let mut sent: Vec<_> = (0..flooded.sent).map(|number| format!("flood {number}")).collect();
    sent.sort_unstable();
    assert!(received == sent, "of {} messages of the flood {} arrived", sent.len(), received.len());
    assert!(in_order, "the flood arrived in another order than it was stored in");
    page.wait_for(&format!("document.querySelector('{row}').dataset.unread === '{}'", flooded.sent));
}
