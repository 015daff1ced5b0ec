//! When not all is well, and when there is nothing yet.

use super::{DESKTOP, open};
use crate::support::{Node, Towns, network};

#[test]
fn a_bridge_that_is_lost_is_found_again_in_the_same_page() {
    let mut towns = Towns::start_with_a_lasting_page();
    let Some(browser) = open("losing", &towns.attic, DESKTOP) else { return };
    browser.script("window.before = true");
    towns.attic.kill();
    browser.wait_for("document.querySelector('#connection').dataset.state === 'lost'");
    browser.wait_for(
        "document.querySelector('#notices').textContent.includes('No connection to the bridge since')",
    );
    // What was known stays in sight.
    assert_eq!(browser.script("return document.querySelectorAll('rect.bridge').length"), 2);
    towns.attic.start_again();
    browser.wait_for("document.querySelector('#connection').dataset.state === 'live'");
    browser.wait_for("!document.querySelector('#notices').textContent.includes('No connection')");
    let peer = towns.at_home("berta");
    browser.wait_for("document.querySelector('#labels').textContent.includes('berta')");
    assert_eq!(browser.script("return window.before"), true, "the page was loaded again");
    drop(peer);
}

#[test]
fn a_bridge_alone_says_what_to_do_next() {
    let folder = tempfile::tempdir().unwrap();
    let bridge =
        Node::bridge("alone", &network("alone"), folder.path()).with(&["--listen", "127.0.0.1"]).start();
    let Some(browser) = open("alone", &bridge, DESKTOP) else { return };
    browser.wait_for("!document.querySelector('#empty').hidden");
    let text = browser.text("#empty");
    for command in ["causeway peer", "causeway invite", "causeway join"] {
        assert!(text.contains(command), "{text}");
    }
}

#[test]
fn a_link_that_is_cut_stays_in_sight_and_says_why() {
    let towns = Towns::start();
    let Some(browser) = open("cut", &towns.attic, DESKTOP) else { return };
    browser.wait_for("document.querySelectorAll('.link').length === 1");
    let removed = towns.attic.causeway(&["link", "remove", "tower"]);
    assert_eq!(removed.code, 0, "{removed:?}");
    // The other end's word no longer comes through.
    browser.wait_for("document.querySelectorAll('.link.half').length === 1");
    // The other bridge stands where it stood, and nothing leads there.
    browser.wait_for("document.querySelectorAll('rect.bridge.away').length === 1");
    browser.script(
        "document.querySelector('.link-hit').dispatchEvent(new MouseEvent('click', { bubbles: true }))",
    );
    browser.wait_for("document.querySelector('#selection').textContent.includes('the link was removed')");
    assert_eq!(browser.text("#selection .way-text"), "only tower calls it up");
    assert!(browser.text("#selection").contains("and still"), "{}", browser.text("#selection"));
}
