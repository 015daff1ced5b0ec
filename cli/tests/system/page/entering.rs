//! Who gets in, and who does not.

use super::{DESKTOP, address, assert_refused, curl, link, open};
use crate::support::{Answer, Browser, Node, Towns, program};

#[test]
fn a_link_opens_the_page_once_and_leaves_no_secret_in_the_address() {
    let towns = Towns::start();
    let Some(browser) = Browser::start("entering", DESKTOP) else { return };
    let link = link(&towns.attic);
    browser.open(&link);
    browser.wait_for("document.querySelector('#connection').textContent === 'live'");
    assert_eq!(browser.address(), format!("{}/", address(&link)));
    assert_eq!(browser.text("#title"), "attic");
    // A script of the page cannot read what lets it in.
    assert_eq!(browser.script("return document.cookie"), "");

    let Some(other) = Browser::start("entering", DESKTOP) else { return };
    other.open(&link);
    other.wait_for("document.querySelector('#notices').textContent.includes('used already')");
    other.open(&format!("{}/", address(&link)));
    other.wait_for("document.querySelector('#notices').textContent.includes('causeway open')");
    assert!(!other.script("return document.body.textContent").to_string().contains("attic"));
}

#[test]
fn without_a_session_and_by_foreign_names_nothing_is_told() {
    let towns = Towns::start();
    let link = link(&towns.attic);
    let page = address(&link);
    let host = format!("host: {}", &page["http://".len()..]);
    for question in ["about", "state", "events", "density", "live", "why?peer=tower", "path?from=a&to=b"] {
        let answer = curl(&format!("{page}/api/{question}"), &[&host]);
        assert!(answer.starts_with("HTTP/1.1 401") && !answer.contains("tower\""), "{answer}");
    }
    for foreign in [&["host: evil.example"][..], &[&host, "sec-fetch-site: cross-site"], &[]] {
        let answer = curl(&format!("{page}/api/about"), foreign);
        assert!(answer.starts_with("HTTP/1.1 403") || answer.starts_with("HTTP/1.1 400"), "{answer}");
        let with_link = curl(&link, foreign);
        assert!(!with_link.to_lowercase().contains("set-cookie"), "{with_link}");
    }
    let whole = curl(&format!("{page}/"), &[&host]).to_lowercase();
    for header in [
        "content-security-policy: default-src 'none'",
        "referrer-policy: no-referrer",
        "frame-ancestors 'none'",
    ] {
        assert!(whole.contains(header), "{header} is missing: {whole}");
    }
    assert!(!whole.contains("unsafe"), "{whole}");
    // Whoever scrapes has neither session nor our names.
    assert!(curl(&format!("{page}/metrics"), &["host: bridge.internal"]).starts_with("HTTP/1.1 200"));
    assert!(curl(&format!("{page}/healthz"), &["host: bridge.internal"]).ends_with("ok\n"));
}

#[test]
fn operators_get_in_from_afar_for_as_long_as_they_are_on_the_list() {
    let folder = tempfile::tempdir().unwrap();
    let operator = Node::peer("olga", "nowhere", folder.path());
    let stranger = Node::peer("eve", "nowhere", folder.path());
    stranger.id();
    let bridge = Node::bridge("attic", "home-of-operators", folder.path()).with(&["--listen", "127.0.0.1"]);
    let mut bridge = bridge.with(&["--operator", &operator.id()]).start();
    let ask = |bridge: &Node, who: &Node| {
        let target = format!("127.0.0.1:{}/{}", bridge.port("control"), bridge.id());
        Answer::of(program(folder.path()).args(["open", "--at", &target, "--as"]).arg(who.data()))
    };
    assert_refused(&ask(&bridge, &stranger), "operators' list");
    let given = ask(&bridge, &operator);
    assert!(given.err.contains("ssh -N -L"), "{given:?}");
    let opened =
        curl(given.out.trim(), &[&format!("host: {}", &address(given.out.trim())["http://".len()..])]);
    let cookie = opened.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
    let cookie = format!("cookie: {}", cookie.split(';').next().unwrap());
    let about = |bridge: &Node| {
        let page = address(&link(bridge)).to_owned();
        curl(&format!("{page}/api/about"), &[&format!("host: {}", &page["http://".len()..]), &cookie])
    };
    assert!(about(&bridge).starts_with("HTTP/1.1 200"));
    // Struck from the list.
    bridge.terminate();
    let mut bridge =
        Node::bridge("attic", "home-of-operators", folder.path()).with(&["--listen", "127.0.0.1"]);
    bridge.start_again();
    let refused = about(&bridge);
    assert!(
        refused.starts_with("HTTP/1.1 401") && refused.contains("on the operators' list no longer"),
        "{refused}"
    );
}

#[test]
fn a_phone_shows_all_of_it_without_moving_sideways() {
    let towns = Towns::start();
    let Some(browser) = open("phone", &towns.attic, (390, 844)) else { return };
    browser.wait_for("document.querySelectorAll('rect.bridge').length === 2");
    let wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
    assert_eq!(browser.script(wide), 0);
}

#[test]
fn what_others_call_themselves_is_text() {
    let towns = Towns::start();
    let Some(browser) = open("text", &towns.attic, DESKTOP) else { return };
    let name = "<img src=x onerror=document.title='broken'>";
    let _peer = towns.at_home(name);
    browser.wait_for("document.querySelector('#events').textContent.includes('<img src=x')");
    browser.click("#tab-nodes");
    browser.wait_for(
        "document.querySelector('#nodes').textContent.includes(\"onerror=document.title='broken'>\")",
    );
    assert_eq!(browser.script("return document.querySelectorAll('[src=x]').length"), 0);
    assert_eq!(browser.script("return document.title"), "attic · Causeway");
}
