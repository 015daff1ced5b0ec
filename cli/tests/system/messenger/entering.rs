//! Who gets in, and who does not.

use serde_json::json;

use super::{DESKTOP, choose, open, wait_connection};
use crate::{
    page::{address, curl, link},
    support::{Browser, Towns},
};

#[test]
fn only_a_fresh_link_gets_in_and_everybody_else_hears_nothing() {
    let towns = Towns::start();
    let (anna, ben) = (towns.at_home("anna"), towns.at_home("ben"));
    anna.wait_online("ben");
    let link = link(&anna);
    let page = address(&link);
    let host = format!("host: {}", &page["http://".len()..]);
    for question in
        ["me", "people", "messages?peer=ben", "search?text=a", "safety?peer=ben", "export", "live"]
    {
        let answer = curl(&format!("{page}/api/{question}"), &[&host, "cookie: causeway_x=AAAA"]);
        assert!(answer.starts_with("HTTP/1.1 401") && !answer.contains(&ben.id()), "{answer}");
    }
    for foreign in [
        &["host: evil.example"][..],
        &[&host, "sec-fetch-site: cross-site"],
        &[&host, "origin: http://evil.example"],
        &[],
    ] {
        let answer = curl(&link, foreign);
        assert!(answer.starts_with("HTTP/1.1 403") || answer.starts_with("HTTP/1.1 400"), "{answer}");
        assert!(!answer.to_lowercase().contains("set-cookie"), "{answer}");
    }
    let whole = curl(&format!("{page}/"), &[&host]).to_lowercase();
    assert!(
        whole.contains("content-security-policy: default-src 'none'") && !whole.contains("unsafe"),
        "{whole}"
    );

    let Some(browser) = Browser::start("entering", DESKTOP) else { return };
    browser.open(&link);
    wait_connection(&browser, "live");
    assert_eq!(browser.address(), format!("{page}/"));
    assert_eq!(browser.script("return document.cookie"), "");
    let Some(other) = Browser::start("entering", DESKTOP) else { return };
    other.open(&link);
    other.wait_for("document.querySelector('#notices').textContent.includes('used already')");
    wait_connection(&other, "over");
    assert!(!other.script("return document.body.textContent").to_string().contains("ben"));
}

#[test]
fn a_form_or_a_script_of_another_site_cannot_send() {
    let towns = Towns::start();
    let (anna, ben) = (towns.at_home("anna"), towns.at_home("ben"));
    anna.wait_online("ben");
    ben.wait_online("anna");
    let Some(page) = open("forms", &anna) else { return };
    choose(&page, &ben);
    // As a form sends it: with the session, of a type that needs no leave.
    let body = json!({ "to": ben.id(), "text": "not mine" }).to_string();
    let post = |kind: &str| {
        format!(
            "return fetch('/api/send', {{ method: 'POST', headers: {{ 'content-type': '{kind}' }}, body: {} }}).then((it) => it.status)",
            json!(body)
        )
    };
    assert_eq!(page.script(&post("text/plain")), 400);
    assert_eq!(page.script(&post("application/x-www-form-urlencoded")), 400);
    // The same site under another name is another site.
    let port = page.address().rsplit(':').next().unwrap().trim_end_matches('/').to_owned();
    page.open(&format!("http://localhost:{port}/"));
    let elsewhere = format!(
        "return fetch('http://127.0.0.1:{port}/api/send', {{ method: 'POST', credentials: 'include', mode: 'no-cors', body: '{{}}' }}).then((it) => it.status, () => 'refused')"
    );
    let outcome = page.script(&elsewhere);
    assert!(outcome == "refused" || outcome == 403, "{outcome}");
    assert!(anna.json(&["inbox"]).is_empty());
}
