//! As much of a browser as it takes: a request, and what came back.

use std::{
    io::{Read as _, Write as _},
    time::Duration,
};

use serde_json::Value;

use super::{engine::Engine, eventually};

/// Where the dispatcher is published.
pub(crate) const PORT: u16 = 20_000;

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

/// One person's.
pub(crate) struct Browser<'a> {
    engine: &'a Engine,
    login: Option<String>,
    session: Option<String>,
}

impl<'a> Browser<'a> {
    pub(crate) const fn new(engine: &'a Engine) -> Self {
        Self { engine, login: None, session: None }
    }

    /// Presses the button until it leads somewhere, and follows. Gives the name below which the peer's page is.
    pub(crate) fn log_in(&mut self) -> String {
        let to = eventually("a login leads to a peer", || {
            let answer = self.ask("POST", "localhost", "/api/login", self.login.as_deref())?;
            self.login = self.login.take().or_else(|| answer.cookie());
            let said: Value = serde_json::from_str(&answer.body).ok()?;
            said["go"].as_str().map(String::from)
        });
        let (authority, path) = to.strip_prefix("http://").unwrap().split_once('/').unwrap();
        let (name, port) = authority.split_once(':').unwrap();
        assert_eq!(port, PORT.to_string());
        let entered = self.ask("GET", name, &format!("/{path}"), None).unwrap();
        assert_eq!(entered.status, 303, "{entered:?}");
        self.session = entered.cookie();
        name.to_owned()
    }

    /// Opens the page of the peer of that name. Waits while it is being started.
    pub(crate) fn open(&self, name: &str) -> Answer {
        eventually("the page of the peer answers", || {
            self.ask("GET", name, "/", self.session.as_deref()).filter(|answer| answer.status < 500)
        })
    }

    /// The same without a session.
    pub(crate) fn open_as_a_stranger(&self, name: &str) -> Answer {
        self.ask("GET", name, "/", None).unwrap()
    }

    fn ask(&self, method: &str, name: &str, path: &str, cookie: Option<&str>) -> Option<Answer> {
        let mut stream = self.engine.connect(PORT).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
        let cookie = cookie.map_or_else(String::new, |cookie| format!("cookie: {cookie}\r\n"));
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {name}:{PORT}\r\nx-causeway: 1\r\ncontent-length: 0\r\n\
             connection: close\r\n{cookie}\r\n"
        );
        stream.write_all(request.as_bytes()).ok()?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).ok()?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Answer { status, head: head.to_owned(), body: body.to_owned() })
    }
}

impl Answer {
    /// The cookie that it sets.
    fn cookie(&self) -> Option<String> {
        let line = self.head.lines().find_map(|line| line.strip_prefix("set-cookie: "))?;
        line.split(';').next().map(String::from)
    }
}
