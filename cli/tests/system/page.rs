//! The page of a bridge, in a real Chromium.

mod entering;
mod looking;
mod losing;

use crate::support::{Answer, Browser, Node};

/// A desktop's window.
pub(crate) const DESKTOP: (u32, u32) = (1_280, 800);
/// Names of the peers in the picture, in the order of the alphabet.
const PEERS: &str = "[...document.querySelectorAll('#labels .name:not(.of-bridge)')].map((it) => it.textContent).sort().join()";

/// A link to the page, as a person gets it.
pub(crate) fn link(node: &Node) -> String {
    let answer = node.causeway(&["open", "--print"]);
    assert_eq!(answer.code, 0, "{answer:?}");
    answer.out.trim().to_owned()
}

/// The page of a bridge, open and live.
fn open(test: &str, node: &Node, size: (u32, u32)) -> Option<Browser> {
    let browser = Browser::start(test, size)?;
    browser.open(&link(node));
    browser.wait_for("document.querySelector('#connection').dataset.state === 'live'");
    Some(browser)
}

/// What an HTTP request to the page is answered with.
pub(crate) fn curl(url: &str, headers: &[&str]) -> String {
    let address: std::net::SocketAddr = url["http://".len()..].split('/').next().unwrap().parse().unwrap();
    let path = &url[url.match_indices('/').nth(2).map_or(url.len(), |(at, _)| at)..];
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    std::io::Write::write_all(
        &mut stream,
        format!("GET {path} HTTP/1.1\r\n{headers}connection: close\r\n\r\n").as_bytes(),
    )
    .unwrap();
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut stream, &mut answer).unwrap();
    answer
}

/// The address of the page without what is secret in a link.
pub(crate) fn address(link: &str) -> &str {
    link.split("/?").next().unwrap()
}

fn assert_refused(answer: &Answer, sentence: &str) {
    assert_ne!(answer.code, 0, "{answer:?}");
    assert!(answer.err.contains(sentence), "{answer:?}");
}
