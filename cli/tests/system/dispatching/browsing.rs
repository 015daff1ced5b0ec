//! In a real Chromium: from the button to a peer of one's own, and back to it.

use crate::{
    messenger::{choose, wait_connection, wait_newest, wait_said, write},
    page::DESKTOP,
    support::{Browser, Lobby, visitor::request},
};

/// Presses the button and waits for the page of the peer; the address of that.
pub(super) fn log_in(browser: &Browser, lobby: &Lobby, button: &str) -> String {
    open_login(browser, lobby, button);
    browser.click("#login");
    browser.wait_for("location.hostname.endsWith('.localhost') && document.querySelector('#connection')");
    wait_connection(browser, "live");
    browser.address()
}

/// The page of the dispatcher, once it knows whether it knows this browser.
pub(super) fn open_login(browser: &Browser, lobby: &Lobby, button: &str) {
    browser.open(&lobby.url());
    browser.wait_for(&format!("document.querySelector('#login').textContent === '{button}'"));
}

/// The peer's id in the address of its page.
pub(super) fn node_of(home: &str) -> &str {
    home.strip_prefix("http://").and_then(|rest| rest.split('.').next()).expect("it begins with the id")
}

fn wait_not_open(browser: &Browser) {
    browser.wait_for("document.querySelector('h1').textContent === 'Not open'");
}

#[test]
fn one_click_leads_to_a_peer_of_ones_own_that_talks_with_others() {
    let lobby = Lobby::start("clicking", &[]);
    let anna = lobby.neighbour("anna");
    let Some(browser) = Browser::start("clicking", DESKTOP) else { return };
    let home = log_in(&browser, &lobby, "Log in");
    let port = lobby.port();
    assert_eq!(home, format!("http://{}.localhost:{port}/", node_of(&home)), "no secret stays in it");
    assert_eq!(browser.script("return document.cookie"), "");
    assert_eq!(lobby.kept_as(node_of(&home))["state"], "held");

    choose(&browser, &anna);
    write(&browser, "hello from a browser");
    wait_newest(&browser, "at_peer");
    anna.wait_received(node_of(&home), &["hello from a browser".into()]);
    anna.deliver(node_of(&home), "hello back");
    wait_said(&browser, &["hello from a browser", "hello back"]);

    browser.script("window.before = true; location.reload()");
    browser.wait_for("window.before === undefined && document.querySelector('#connection')");
    wait_connection(&browser, "live");
    choose(&browser, &anna);
    wait_said(&browser, &["hello from a browser", "hello back"]);
    assert_eq!(log_in(&browser, &lobby, "Go to my peer"), home, "the dispatcher knows the browser again");
}

#[test]
fn another_browser_gets_another_peer_and_sees_nothing_of_the_first() {
    let lobby = Lobby::start("others", &[]);
    let Some(first) = Browser::start("others", DESKTOP) else { return };
    let Some(other) = Browser::start("others", DESKTOP) else { return };
    let home = log_in(&first, &lobby, "Log in");
    let foreign = log_in(&other, &lobby, "Log in");
    assert_ne!(node_of(&home), node_of(&foreign));

    other.open(&home);
    wait_not_open(&other);
    assert!(other.text("main").contains("Log in to get to yours"), "{}", other.text("main"));
    let (port, host) = (lobby.port(), home["http://".len()..].trim_end_matches('/').to_owned());
    let refused = request(port, "GET /", &host, &[]).unwrap();
    assert_eq!(refused.status, 401, "{refused:?}");
    other.click("#login");
    other.wait_for("document.querySelector('#login').textContent === 'Go to my peer'");
    assert_eq!(other.address(), lobby.url());
    assert_eq!(log_in(&other, &lobby, "Go to my peer"), foreign);
}

#[test]
fn a_recovery_link_leads_back_and_logging_out_ends_what_a_browser_may() {
    let lobby = Lobby::start("recovering", &[]);
    let Some(first) = Browser::start("recovering", DESKTOP) else { return };
    let home = log_in(&first, &lobby, "Log in");
    open_login(&first, &lobby, "Go to my peer");
    let link = first.script("return document.querySelector('#recovery').value");
    let link = link.as_str().unwrap();

    let Some(browser) = Browser::start("recovering", DESKTOP) else { return };
    browser.open(&link[..link.len() - 3]);
    browser.click("#use");
    browser.wait_for("document.querySelector('#told').textContent.includes('damaged')");
    assert_eq!(browser.script("return document.querySelector('#known').hidden"), true);
    browser.open(link);
    browser.wait_for("!document.querySelector('#recover').hidden");
    assert_eq!(
        browser.script("return document.querySelector('#known').hidden"),
        true,
        "a link alone does nothing"
    );
    browser.click("#use");
    browser.wait_for("document.querySelector('#told').textContent.includes('known to this browser again')");
    assert_eq!(browser.address(), lobby.url(), "the key leaves the address");
    assert_eq!(log_in(&browser, &lobby, "Go to my peer"), home);

    open_login(&browser, &lobby, "Go to my peer");
    browser.click("#logout");
    browser.wait_for("document.querySelector('#told').textContent.includes('logged out')");
    browser.wait_for("document.querySelector('#known').hidden");
    browser.open(&format!("{home}leave"));
    browser.wait_for("document.querySelector('#login')?.textContent === 'Log in'");
    assert_eq!(browser.address(), lobby.url());
    browser.open(&home);
    wait_not_open(&browser);
    assert_ne!(log_in(&browser, &lobby, "Log in"), home, "it is a new browser to the dispatcher");
    first.open(&home);
    wait_connection(&first, "live");
}
