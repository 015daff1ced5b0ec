//! Somebody who logs in, as a browser does it, without one.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// What a page waits before it asks again.
const PACE: Duration = Duration::from_millis(300);

/// Where a dispatcher is.
#[derive(Debug, Clone)]
pub(super) struct Door {
    /// Where to connect to, `HOST:PORT`.
    pub(super) address: String,
    /// What the dispatcher takes itself for, `HOST:PORT`.
    pub(super) host: String,
}

/// What somebody saw who logged in, milliseconds after the click.
#[derive(Debug)]
pub(super) struct Visit {
    /// The dispatcher told where to go.
    pub(super) answered: f64,
    /// The page of the peer was there.
    pub(super) there: f64,
    /// The name of the peer's page.
    pub(super) host: String,
}

impl Door {
    /// Logs somebody in who is new, as the page does.
    pub(super) async fn visit(&self) -> anyhow::Result<Visit> {
        let began = Instant::now();
        let elapsed = || began.elapsed().as_secs_f64() * 1e3;
        let mut cookie = String::new();
        let go = loop {
            let (head, body) = self.ask(&self.host, "POST /api/login", &cookie).await?;
            if let Some(set) = head.lines().find_map(|line| line.strip_prefix("set-cookie: ")) {
                set.split(';').next().context("a cookie has a value")?.clone_into(&mut cookie);
            }
            let told: Value = serde_json::from_str(&body)?;
            if let Some(go) = told["go"].as_str() {
                break go.to_owned();
            }
            ensure!(told["wait"].is_string(), "refused: {body}");
            tokio::time::sleep(PACE).await;
        };
        let answered = elapsed();
        let (host, path) =
            go.trim_start_matches("http://").split_once('/').context("an address has a path")?;
        let (head, _) = self.ask(host, &format!("GET /{path}"), "").await?;
        let session =
            head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).context("no session")?;
        let session = session.split(';').next().context("a cookie has a value")?;
        let (head, _) = self.ask(host, "GET /", session).await?;
        ensure!(head.starts_with("HTTP/1.1 200"), "no page: {head}");
        Ok(Visit { answered, there: elapsed(), host: host.to_owned() })
    }

    /// One request; the head in small letters but for values, and the body.
    async fn ask(&self, host: &str, what: &str, cookie: &str) -> anyhow::Result<(String, String)> {
        let mut stream = TcpStream::connect(&self.address).await?;
        let request = format!(
            "{what} HTTP/1.1\r\nhost: {host}\r\nx-causeway: 1\r\ncookie: {cookie}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        let (head, body) = answer.split_once("\r\n\r\n").context("an answer has a head")?;
        Ok((head.to_owned(), body.to_owned()))
    }
}
