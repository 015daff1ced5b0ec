//! Looking at now and at then.

use fantoccini::key::Key;

use super::{DESKTOP, PEERS, open};
use crate::support::{Browser, Node, Past, Towns, eventually, wait_until_held};

/// Two towns, Anna and Carla in them, and a page of the attic's bridge that shows all of that.
fn shown(test: &str) -> Option<(Towns, Node, Node, Browser)> {
    let towns = Towns::start();
    let browser = open(test, &towns.attic, DESKTOP)?;
    let (anna, carla) = (towns.at_home("anna"), towns.in_cloud("carla"));
    // Nothing was loaded again.
    browser.wait_for(&format!("{PEERS} === 'anna,carla'"));
    Some((towns, anna, carla, browser))
}

/// Carla went, and all bridges know it.
fn without_carla(towns: &Towns, mut carla: Node, browser: &Browser) {
    carla.terminate();
    browser.wait_for(&format!("{PEERS} === 'anna'"));
    eventually("the attic's log has it", || {
        let left = Past::of(&towns.attic).events("peer_left");
        left.iter().any(|event| event["subject_name"] == "carla").then_some(())
    });
    wait_until_held(&towns.attic, &towns.attic);
}

#[test]
fn what_happens_is_shown_as_it_happens_and_the_slider_leads_back() {
    let Some((towns, _anna, carla, browser)) = shown("dragging") else { return };
    assert_eq!(browser.script("return document.querySelectorAll('circle.area').length"), 2);
    browser.wait_for("document.querySelector('#events li').textContent.length > 10");
    without_carla(&towns, carla, &browser);
    browser.wait_for("document.querySelector('#events').textContent.includes('carla left tower')");
    // All of it happened within seconds, and now is later than that: the time before Carla left is a place on the slider.
    browser.wait_for("document.querySelectorAll('#density rect').length > 1");
    browser.drag("#time", 0.999, 0.001);
    browser.wait_for("document.querySelector('#connection').dataset.state === 'past'");
    browser.wait_for(&format!("{PEERS} === ''"));
    assert!(browser.text("#connection").starts_with("as of "));
    // Step by step to where she was there.
    browser.script("document.querySelector('#time').focus()");
    eventually("she is there again", || {
        browser.press(Key::Right);
        (browser.script(&format!("return {PEERS}")) == "anna,carla").then_some(())
    });
    assert_ne!(browser.text("#connection"), "live");
    browser.press(Key::End);
    browser.wait_for(&format!("{PEERS} === 'anna'"));
    assert_eq!(browser.text("#connection"), "live");
}

#[test]
fn playing_goes_through_the_history_and_ends_in_the_present() {
    let Some((towns, _anna, carla, browser)) = shown("playing") else { return };
    without_carla(&towns, carla, &browser);
    let watch = format!(
        "window.seen = new Set(); new MutationObserver(() => window.seen.add({PEERS}))
            .observe(document.querySelector('#labels'), {{ childList: true, subtree: true }})"
    );
    browser.script(&watch);
    // As fast as it was, so that every moment is seen.
    browser.script("document.querySelector('#speed').value = '1'");
    browser.click("#play");
    browser.wait_for("window.seen.has('anna,carla')");
    browser.wait_for("document.querySelector('#play').getAttribute('aria-pressed') === 'false'");
    browser.wait_for("document.querySelector('#connection').dataset.state === 'live'");
    browser.wait_for(&format!("{PEERS} === 'anna'"));
    assert!(browser.script("return window.seen.has('')") == true, "it did not begin at the beginning");
}

#[test]
fn what_is_selected_says_why_it_is_so() {
    let Some((towns, _anna, carla, browser)) = shown("selecting") else { return };
    // By the keyboard alone: find her and open her.
    browser.script("document.body.focus()");
    browser.write("/");
    browser.write("carl");
    browser.wait_for("document.querySelectorAll('#nodes .row').length === 1");
    browser.press(Key::Tab);
    browser.press(Key::Enter);
    browser.wait_for("document.querySelector('#selection').textContent.includes('attic → tower')");
    let told = browser.text("#selection");
    for part in
        ["carla (peer)", "Why it is known", "carla is registered with tower", "over the link to tower"]
    {
        assert!(told.contains(part), "{part} is missing: {told}");
    }
    browser.wait_for("document.querySelectorAll('.link.way').length === 1");
    // By the mouse: the link, which goes down and comes up again.
    browser.script(
        "document.querySelector('.link-hit').dispatchEvent(new MouseEvent('click', { bubbles: true }))",
    );
    browser
        .wait_for("document.querySelector('#selection').textContent.includes('calls its link to tower up')");
    assert!(browser.text("#selection .way-text").starts_with("up"), "{}", browser.text("#selection"));

    // Two moments: between them she went.
    browser.click("#mark");
    without_carla(&towns, carla, &browser);
    browser.wait_for("document.querySelector('#difference').textContent.includes('carla left tower')");
    assert!(browser.texts("#difference .row").len() > 1, "{:?}", browser.texts("#difference"));
}
