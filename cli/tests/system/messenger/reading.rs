//! Texts of others: never markup, never in the way.

use super::{choose, open, wait_said, wait_text};
use crate::support::Towns;

/// Things that would do something, were they anything but text.
const NASTY: [&str; 4] = [
    "<img src=x onerror=\"window.owned = 1\"><script>window.owned = 1</script>",
    "javascript:alert(1) data:text/html,<b>x</b> https://example.org/\"onmouseover=alert(1)",
    "\u{202e}gnp.exe\u{202c} and \u{200b}\u{2066}hidden\u{2069}",
    "&lt;b&gt; &amp; 'quotes' \"too\" `and` ${these}",
];

#[test]
fn markup_and_script_in_texts_names_and_links_stay_text() {
    let towns = Towns::start();
    let anna = towns.at_home("anna");
    let name = "<b onclick=x>B\u{202e}en";
    let ben = towns.at_home_called("ben", name);
    anna.wait_online(name);
    ben.wait_online("anna");
    for text in NASTY {
        ben.deliver("anna", text);
    }
    let Some(page) = open("nasty", &anna) else { return };
    choose(&page, &ben);
    wait_said(&page, &NASTY);
    assert_eq!(page.script("return window.owned ?? null"), serde_json::Value::Null);
    assert_eq!(
        page.script(
            "return document.querySelectorAll('#thread img, #thread script, #people b b, #who *').length"
        ),
        0
    );
    // What reorders a line is not in a name; the text of a link is where it leads.
    assert_eq!(page.text("#who"), "<b onclick=x>Ben");
    let links = "return [...document.querySelectorAll('#thread a')].map((it) => [it.textContent, it.getAttribute('href'), it.rel])";
    let expected =
        serde_json::json!([["https://example.org/", "https://example.org/", "noopener noreferrer"]]);
    assert_eq!(page.script(links), expected);
}

#[test]
fn the_longest_text_is_folded_and_can_be_unfolded() {
    let towns = Towns::start();
    let (anna, ben) = (towns.at_home("anna"), towns.at_home("ben"));
    anna.wait_online("ben");
    ben.wait_online("anna");
    let text = "word ".repeat(64 * 1024 / 5);
    ben.deliver("anna", &text);
    let Some(page) = open("long", &anna) else { return };
    choose(&page, &ben);
    wait_text(&page, "#thread", "Show all");
    let height = "return document.querySelector('#thread .bubble').offsetHeight";
    let folded = page.script(height).as_u64().unwrap();
    page.script("[...document.querySelectorAll('#thread button')].find((it) => it.textContent === 'Show all').click()");
    assert!(page.script(height).as_u64().unwrap() > 5 * folded);
    assert_eq!(page.script("return document.querySelector('#thread .text').textContent.length"), text.len());
}

#[test]
fn a_long_conversation_moves_through_a_window() {
    let towns = Towns::start();
    let (anna, ben) = (towns.at_home("anna"), towns.at_home("ben"));
    anna.wait_online("ben");
    ben.wait_online("anna");
    let lines: Vec<_> = (0..700).map(|number| format!("line {number}")).collect();
    ben.send_all("anna", lines.clone());
    anna.wait_received("ben", &lines);
    let Some(page) = open("window", &anna) else { return };
    choose(&page, &ben);
    let (first, last) = (
        "document.querySelector('#thread .text').textContent",
        "[...document.querySelectorAll('#thread .text')].pop().textContent",
    );
    // Unread ones are begun where they begin, and the page does not hold them all.
    page.wait_for("document.querySelectorAll('#thread [data-position]').length > 50");
    page.click("#to-end");
    page.wait_for(&format!("{last} === 'line 699'"));
    page.wait_for(&format!("{first} !== 'line 699'"));
    for _ in 0..12 {
        page.script("document.querySelector('#scroller').scrollTop = 0");
        page.wait_for("document.querySelector('#scroller').scrollTop > 0 || !document.querySelector('#beginning').hidden");
    }
    page.wait_for(&format!("{first} === 'line 0'"));
    let shown =
        page.script("return document.querySelectorAll('#thread [data-position]').length").as_u64().unwrap();
    assert!(shown <= 300, "{shown} messages in the page");
    // New ones do not push away what is being read.
    ben.deliver("anna", "and one more");
    wait_text(&page, "#to-end", "new");
    assert_eq!(page.script(&format!("return {first}")), "line 0");
    page.click("#to-end");
    page.wait_for(&format!("{last} === 'and one more'"));
}
