//! The page for whoever runs the dispatcher, in a real Chromium.

use std::fs;

use serde_json::json;

use super::browsing::{log_in, node_of, open_login};
use crate::{
    page::{DESKTOP, address, link},
    support::{Browser, Lobby, Visitor, eventually, visitor::request},
};

/// The row of a peer.
fn row(number: u64) -> String {
    format!("tr[data-number=\"{number}\"]")
}

fn wait_state(browser: &Browser, number: u64, state: &str) {
    let badge = format!("{} .state", row(number));
    browser.wait_for(&format!("document.querySelector({})?.textContent === '{state}'", json!(badge)));
}

/// Presses a button of a peer's row.
fn press(browser: &Browser, number: u64, words: &str) {
    let pressed = format!(
        "const all = [...document.querySelectorAll({})].filter((it) => it.textContent === '{words}' && !it.hidden); \
         all.forEach((it) => it.click()); return all.length",
        json!(format!("{} button", row(number)))
    );
    assert_eq!(browser.script(&pressed), 1, "no button `{words}` for {number}: {:?}", browser.texts("body"));
}

#[test]
fn the_admin_page_shows_the_peers_and_stops_wakes_and_removes_them() {
    let lobby = Lobby::start("administering", &["--pool", "1", "--max-peers", "5"]);
    let Some(browser) = Browser::start("administering", DESKTOP) else { return };
    let (port, mut visitor) = (lobby.port(), Visitor::default());
    let node = visitor.enter(port);
    lobby.wait_vacant(1);
    let number = lobby.number(&node);
    let vacant =
        lobby.kept().iter().find(|peer| peer["state"] == "vacant").unwrap()["number"].as_u64().unwrap();

    browser.open(&link(&lobby.dispatcher));
    wait_state(&browser, number, "held");
    wait_state(&browser, vacant, "vacant");
    assert_eq!(browser.text("#name"), "Peers kept by lobby");
    assert_eq!(browser.text("#sums"), "2 of at most 5: 1 held, 1 vacant");
    assert_eq!(browser.text("#connection"), "live");
    let said = browser.text(&row(number));
    assert!(said.contains(&node[..8]) && said.contains(" MiB"), "{said}");
    assert_eq!(
        browser.script("return location.hash + location.search"),
        "",
        "no secret stays in the address"
    );

    press(&browser, number, "Stop");
    wait_state(&browser, number, "asleep");
    assert_eq!((lobby.kept_as(&node)["state"].as_str(), lobby.process_of(number)), (Some("asleep"), None));
    press(&browser, number, "Wake");
    wait_state(&browser, number, "held");
    assert!(lobby.process_of(number).is_some());

    // Only who says so twice removes anything.
    press(&browser, number, "Remove");
    browser.wait_for("document.querySelector('#sure').open");
    assert!(browser.text("#sure-which").starts_with(&format!("Peer {number}, ")));
    browser.click("#keep");
    browser.wait_for("!document.querySelector('#sure').open");
    assert_eq!(lobby.kept_as(&node)["state"], "held");
    press(&browser, number, "Remove");
    browser.wait_for("document.querySelector('#sure').open");
    browser.click("#remove");
    browser.wait_for(&format!("!document.querySelector({})", json!(row(number))));
    eventually("nothing of it is left", || {
        (lobby.process_of(number).is_none() && !lobby.data_of(number).exists()).then_some(())
    });
    wait_state(&browser, vacant, "vacant");
    assert_eq!(visitor.page(port, &node, "/").unwrap().status, 404);
}

#[test]
fn without_a_link_of_its_own_a_browser_sees_nothing_and_does_nothing_on_the_admin_page() {
    let lobby = Lobby::start("unadmitted", &["--pool", "1"]);
    let Some(browser) = Browser::start("unadmitted", DESKTOP) else { return };
    let node = Visitor::default().enter(lobby.port());
    let number = lobby.number(&node);
    let link = link(&lobby.dispatcher);
    let page = address(&link);
    let assert_shows_nothing = |browser: &Browser, why: &str| {
        browser.wait_for(&format!("document.querySelector('#connection').textContent.includes('{why}')"));
        assert_eq!(browser.texts("#peers tr"), Vec::<String>::new());
        let said = browser.text("body");
        assert!(!said.contains(&node[..8]) && !said.contains("lobby"), "{said}");
    };
    browser.open(page);
    assert_shows_nothing(&browser, "This needs a new link: causeway open");

    let (host, admin) =
        (page.trim_start_matches("http://"), page.rsplit(':').next().unwrap().parse().unwrap());
    let asked = request(admin, "GET /api/peers", host, &[]).unwrap();
    assert!(asked.status == 401 && !asked.body.contains(&node), "{asked:?}");
    let act = format!(
        "return fetch('/api/act', {{ method: 'POST', headers: {{ 'content-type': 'application/json' }}, \
         body: JSON.stringify({{ peer: '{number}', act: 'delete' }}) }}).then((it) => it.status)"
    );
    assert_eq!(browser.script(&act), 401);
    assert_eq!(lobby.kept_as(&node)["state"], "held");

    // A link is good once, and for the browser that opened it.
    browser.open(&link);
    wait_state(&browser, number, "held");
    let Some(other) = Browser::start("unadmitted", DESKTOP) else { return };
    other.open(&link);
    assert_shows_nothing(&other, "This ");
    assert_eq!(other.script(&act), 401);
    assert_eq!(lobby.kept_as(&node)["state"], "held");
}

#[test]
fn the_admin_page_tells_why_a_peer_does_not_start_which_its_person_is_not_told() {
    let lobby = Lobby::start("telling-why", &["--pool", "0"]);
    let Some(browser) = Browser::start("telling-why", DESKTOP) else { return };
    let Some(person) = Browser::start("telling-why", DESKTOP) else { return };
    let home = log_in(&person, &lobby, "Log in");
    let number = lobby.number(node_of(&home));
    // A page that is open would wake it.
    person.open("about:blank");
    browser.open(&link(&lobby.dispatcher));
    wait_state(&browser, number, "held");
    press(&browser, number, "Stop");
    wait_state(&browser, number, "asleep");
    fs::write(lobby.data_of(number).join("claim"), "\u{0}garbage").unwrap();
    press(&browser, number, "Wake");
    wait_state(&browser, number, "broken");
    let folder = lobby.data_of(number).display().to_string();
    assert!(browser.text(&format!("{} .trouble", row(number))).contains(&folder));
    assert!(browser.text("#warnings").contains(&folder));

    open_login(&person, &lobby, "Go to my peer");
    person.click("#login");
    person.wait_for("document.querySelector('#told').classList.contains('wrong')");
    let told = person.text("#told");
    assert!(
        told.starts_with("Your peer does not start; ") && told.contains("causeway dispatcher status"),
        "{told}"
    );
    assert!(!person.text("body").contains(&folder));
}
