//! A person with a browser, without the browser: what the page of a dispatcher asks, and what follows.

use std::{
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddrV4, TcpStream},
    time::Duration,
};

use rustix::net;
use serde_json::Value;

use super::eventually;

/// A request may wait for a peer that is started: the dispatcher's own limit, and much more.
const TIMEOUT: Duration = Duration::from_secs(60);
/// What the page sends along, and other sites cannot.
pub(crate) const OF_THE_PAGE: &str = "x-causeway: 1";

/// What a request was answered with.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Visitor {
    /// What the browser sends to the dispatcher's page, and to that of the peer.
    pub(crate) cookie: Option<String>,
    pub(crate) session: Option<String>,
}

impl Heard {
    /// The first header of that name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The cookie that is set, as it is sent back.
    pub(crate) fn cookie(&self) -> Option<String> {
        self.header("set-cookie").and_then(|value| value.split(';').next()).map(str::to_owned)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Where the browser is sent.
    pub(crate) fn go(&self) -> Option<String> {
        let body: Value = serde_json::from_str(&self.body).ok()?;
        body["go"].as_str().map(str::to_owned)
    }

    /// The refusal of a login, for a person.
    pub(crate) fn why(&self) -> String {
        self.json()["error"].as_str().unwrap_or_default().to_owned()
    }
}

impl Visitor {
    /// Asks once, as the page does.
    pub(crate) fn ask(&mut self, port: u16) -> io::Result<Heard> {
        let mut headers = vec![OF_THE_PAGE.to_owned()];
        headers.extend(self.cookie.iter().map(|cookie| format!("cookie: {cookie}")));
        let heard = request(port, "POST /api/login", &format!("localhost:{port}"), &headers)?;
        if let Some(cookie) = heard.cookie() {
            self.cookie = Some(cookie);
        }
        Ok(heard)
    }

    /// Asks until there is something else to say than to wait.
    pub(crate) fn log_in(&mut self, port: u16) -> Heard {
        eventually("the login is answered", || {
            let heard = self.ask(port).expect("the dispatcher answers");
            heard.json()["wait"].is_null().then_some(heard)
        })
    }

    /// Opens where the browser is sent, and keeps the session.
    pub(crate) fn follow(&mut self, go: &str) -> io::Result<Heard> {
        let (port, host, path) = parts(go);
        let heard = request(port, &format!("GET {path}"), host, &[])?;
        if heard.status == 303 {
            self.session = heard.cookie();
        }
        Ok(heard)
    }

    /// Logs in and comes to the peer's page; the peer's id.
    pub(crate) fn enter(&mut self, port: u16) -> String {
        let heard = self.log_in(port);
        let go = heard.go().unwrap_or_else(|| panic!("not let in: {heard:?}"));
        let opened = self.follow(&go).expect("the dispatcher answers");
        assert_eq!((opened.status, opened.header("location")), (303, Some("/")), "{opened:?}");
        let node = node_of(&go).to_owned();
        let page = self.page(port, &node, "/").expect("the dispatcher answers");
        assert!(page.status == 200 && page.body.contains("id=\"people\""), "{page:?}");
        node
    }

    /// What a path of a peer's page says to this browser.
    pub(crate) fn page(&self, port: u16, node: &str, path: &str) -> io::Result<Heard> {
        let headers: Vec<_> = self.session.iter().map(|session| format!("cookie: {session}")).collect();
        request(port, &format!("GET {path}"), &format!("{node}.localhost:{port}"), &headers)
    }
}

/// The peer to which a browser is sent.
pub(crate) fn node_of(go: &str) -> &str {
    parts(go).1.split('.').next().expect("there is a first part")
}

/// The port, the host and the path of an address.
fn parts(go: &str) -> (u16, &str, &str) {
    let rest = go.strip_prefix("http://").unwrap_or_else(|| panic!("no address: {go}"));
    let (host, _) = rest.split_once('/').unwrap_or_else(|| panic!("no path: {go}"));
    let port = host.rsplit(':').next().and_then(|port| port.parse().ok());
    (port.unwrap_or_else(|| panic!("no port: {go}")), host, &rest[host.len()..])
}

/// One request to this machine; `what` is its method and path.
pub(crate) fn request(port: u16, what: &str, host: &str, headers: &[String]) -> io::Result<Heard> {
    request_over(TcpStream::connect((Ipv4Addr::LOCALHOST, port))?, what, host, headers)
}

/// A connection to this machine, from one of the many addresses that are its own.
pub(crate) fn connect_from(address: Ipv4Addr, port: u16) -> io::Result<TcpStream> {
    let socket = net::socket(net::AddressFamily::INET, net::SocketType::STREAM, None)?;
    net::bind(&socket, &SocketAddrV4::new(address, 0))?;
    net::connect(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))?;
    Ok(socket.into())
}

/// The same over a connection that is there.
pub(crate) fn request_over(
    mut stream: TcpStream,
    what: &str,
    host: &str,
    headers: &[String],
) -> io::Result<Heard> {
    stream.set_read_timeout(Some(TIMEOUT))?;
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let asked =
        format!("{what} HTTP/1.1\r\nhost: {host}\r\n{headers}content-length: 0\r\nconnection: close\r\n\r\n");
    stream.write_all(asked.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let cut = || io::Error::from(io::ErrorKind::UnexpectedEof);
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(cut)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(cut)?;
    Ok(Heard { status, head: head.to_owned(), body: body.to_owned() })
}
