//! All of it at once: a person in a browser has a peer on the swarm, behind Traefik, and talks with somebody at home behind NAT.
//!
//! ```text
//!  anna  attic --- home 10.1.0.0/24 --- [router, NAT] --- net 198.51.100.0/24 --- cloud: Docker's swarm
//!                                                                 |
//!                                                              person
//! ```

use std::{net::SocketAddr, time::Instant};

use tempfile::TempDir;

use super::{
    can_run_docker,
    engine::Engine,
    eventually,
    stack::{DOMAIN, LOGINS, Stack},
};
use crate::{
    messenger::{choose, wait_connection, wait_newest, wait_said, write},
    page::DESKTOP,
    support::{Browser, Host, Lan, Node, World, passage, text},
};

/// The address of the cloud's machine, and its subnet.
const CLOUD: &str = "198.51.100.9";

/// A home with a bridge and a peer, and how it came to be linked.
struct Home {
    attic: Node,
    anna: Node,
    _router: Host,
    _lan: Lan,
    // Last: what runs in it is dropped before.
    _folder: TempDir,
}

impl Home {
    fn settle(world: &World, net: &Lan, stack: &Stack<'_>) -> Self {
        let (lan, router, folder) = (world.lan("home"), world.host("router"), TempDir::new().unwrap());
        router.plug("in", &lan, &["10.1.0.1/24"]);
        router.plug("out", net, &["198.51.100.1/24"]);
        router.become_nat("out");
        let at_home = |name: &str, address: &str| {
            let host = world.host(name);
            host.plug("eth0", &lan, &[address]);
            host.default_route("10.1.0.1");
            host
        };
        let attic = Node::bridge("attic", "home", folder.path()).on(&at_home("attic", "10.1.0.2/24")).start();
        let anna = Node::peer("anna", "home", folder.path()).on(&at_home("anna", "10.1.0.3/24")).start();
        let token = stack.ask("bridge", &["invite", "--address", &format!("{CLOUD}:30020")]);
        let joined = attic.causeway(&["join", &token]);
        assert!(joined.code == 0 && joined.out.contains("network cloud"), "{joined:?}");
        attic.wait_links(1);
        Self { attic, anna, _router: router, _lan: lan, _folder: folder }
    }
}

/// A browser on a host of the net, for which `chat.test` and all below it lead to the cloud.
fn browse(test: &str, world: &World, net: &Lan, (name, address): (&str, &str)) -> Option<Browser> {
    let person = world.host(name);
    person.plug("eth0", net, &[address]);
    let port = passage(&person, SocketAddr::new(CLOUD.parse().unwrap(), 443));
    let names = [DOMAIN.to_owned(), format!("*.{DOMAIN}")];
    let rules = names.map(|name| format!("MAP {name}:443 127.0.0.1:{port}")).join(", ");
    Browser::start_with(test, DESKTOP, &[format!("--host-resolver-rules={rules}")])
}

#[test]
fn a_person_behind_traefik_and_somebody_at_home_behind_nat_talk_and_a_message_wakes_the_persons_peer() {
    let test = "from the cloud to a home";
    if !can_run_docker(test) {
        return;
    }
    let Some(world) = World::new(test) else { return };
    let (net, engine, began) = (world.lan("net"), Engine::running(), Instant::now());
    world.adopt("cloud", engine.process()).plug("eth0", &net, &[&format!("{CLOUD}/24")]);
    let Some(stack) = Stack::deploy(test, &engine) else { return };
    stack.assert_closed();
    eprintln!("deployed after {:?}", began.elapsed());
    let home = Home::settle(&world, &net, &stack);
    let (anna, route) = (&home.anna, [home.attic.id(), stack.ask("bridge", &["id"])]);
    let Some(browser) = browse(test, &world, &net, ("person", "198.51.100.20/24")) else { return };

    let page = log_in(&browser);
    let node = page["https://".len()..].split('.').next().unwrap().to_owned();
    eprintln!("logged in after {:?}", began.elapsed());
    choose(&browser, anna);
    write(&browser, "hello from the cloud");
    wait_newest(&browser, "at_peer");
    anna.wait_received(&node, &["hello from the cloud".into()]);
    let back = anna.deliver(&node, "hello from home");
    assert_eq!(back["via"], serde_json::json!(route), "{back}");
    wait_said(&browser, &["hello from the cloud", "hello from home"]);
    let known = wait_seen(anna, &node, "online");
    assert_eq!(known["via"], serde_json::json!(route), "{known}");
    eprintln!("talked after {:?}", began.elapsed());

    let Some(stranger) = browse(test, &world, &net, ("stranger", "198.51.100.21/24")) else { return };
    each_address_has_a_rate_of_its_own(&browser, &stranger);
    browser.open("about:blank");
    stack.wait_asleep(&node);
    wait_seen(anna, &node, "asleep");
    // What is said while all of it is exchanged arrives, and the peer wakes as the new one.
    let [image, peer_image] = stack.upgrade();
    let asked = Instant::now();
    let sent = anna.json(&["send", &node, "good morning", "--wait", "60"]).remove(0);
    assert_eq!(text(&sent, "state"), "at_peer", "{sent}");
    eprintln!("woken by a message in {:?}", asked.elapsed());
    assert_eq!(stack.image_of(&node), peer_image);
    stack.wait_until_well("bridge", image);
    browser.open(&page);
    wait_connection(&browser, "live");
    choose(&browser, anna);
    wait_said(&browser, &["hello from the cloud", "hello from home", "good morning"]);
    eprintln!("all of it after {:?}", began.elapsed());
}

/// Presses the button, and waits for the page of the peer; its address.
fn log_in(browser: &Browser) -> String {
    eventually("Traefik knows the login", || {
        browser.open(&format!("https://{DOMAIN}/"));
        (browser.script("return Boolean(document.querySelector('#login'))") == true).then_some(())
    });
    browser.wait_for("document.querySelector('#login').textContent === 'Log in'");
    browser.click("#login");
    browser.wait_for("location.hostname.length > 52 && document.querySelector('#connection')");
    wait_connection(browser, "live");
    browser.address()
}

fn each_address_has_a_rate_of_its_own(browser: &Browser, stranger: &Browser) {
    // As somebody new, who says to come from elsewhere.
    let ask = "return fetch('/api/login', { method: 'POST', credentials: 'omit', \
               headers: { 'x-causeway': '1', 'x-forwarded-for': '203.0.113.5' } }).then(it => it.status)";
    for asker in [browser, stranger] {
        asker.open(&format!("https://{DOMAIN}/"));
    }
    assert!((0..=LOGINS).any(|_| browser.script(ask) == 429));
    assert_ne!(stranger.script(ask), 429, "another address is another one");
}

fn wait_seen(by: &Node, id: &str, state: &str) -> serde_json::Value {
    eventually(&format!("{} sees {id} {state}", by.name()), || {
        by.json(&["peers"]).into_iter().find(|peer| peer["id"] == *id && peer["state"] == state)
    })
}
