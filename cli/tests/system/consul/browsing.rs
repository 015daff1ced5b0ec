//! In a real Chromium, by TLS and Traefik, as people on other machines do.

use super::routing::{DOMAIN, Place, WATCHING};
use crate::{
    messenger::{choose, wait_connection, wait_newest, wait_said, write},
    page::DESKTOP,
    support::Browser,
};

#[test]
fn a_browser_comes_by_traefik_to_a_page_that_is_live_and_a_bookmark_wakes_it() {
    let arguments = ["--pool", "1", "--max-peers", "1", "--idle", "2s"];
    let Some(place) = Place::start("browsing by Traefik", WATCHING, &arguments) else { return };
    let anna = place.lobby.neighbour("anna");
    // As the domain's DNS would have it.
    let names = [DOMAIN.to_owned(), format!("*.{DOMAIN}")];
    let rules = names.map(|name| format!("MAP {name}:443 127.0.0.1:{}", place.traefik.tls)).join(", ");
    let resolved = [format!("--host-resolver-rules={rules}")];
    let Some(browser) = Browser::start_with("browsing by Traefik", DESKTOP, &resolved) else { return };
    browser.open(&format!("https://{DOMAIN}/"));
    browser.wait_for("document.querySelector('#login').textContent === 'Log in'");
    browser.click("#login");
    browser.wait_for("location.hostname.length > 52 && document.querySelector('#connection')");
    wait_connection(&browser, "live");
    let home = browser.address();
    let node = home["https://".len()..].split('.').next().expect("it begins with the id").to_owned();
    choose(&browser, &anna);
    write(&browser, "hello by Traefik");
    wait_newest(&browser, "at_peer");
    anna.wait_received(&node, &["hello by Traefik".into()]);
    anna.deliver(&node, "hello back");
    wait_said(&browser, &["hello by Traefik", "hello back"]);

    browser.open("about:blank");
    place.lobby.wait_state(&node, "asleep");
    place.wait_no_route(&node);
    browser.open(&home);
    wait_connection(&browser, "live");
    choose(&browser, &anna);
    wait_said(&browser, &["hello by Traefik", "hello back"]);
    place.wait_route(&node);
}
