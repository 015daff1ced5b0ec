//! A page without a browser: what it answers, with the session of a link.

use anyhow::{Context as _, ensure};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// An open session.
#[derive(Debug)]
pub(super) struct Page {
    address: String,
    cookie: String,
}

impl Page {
    /// Opens a link.
    pub(super) async fn open(link: &str) -> anyhow::Result<Self> {
        let (address, path) =
            link.trim_start_matches("http://").split_once('/').context("a link has a path")?;
        let mut page = Self { address: address.to_owned(), cookie: String::new() };
        let answer = page.ask(&format!("/{path}")).await?;
        let cookie =
            answer.lines().find_map(|line| line.strip_prefix("set-cookie: ")).context("no session")?;
        cookie.split(';').next().context("a cookie has a value")?.clone_into(&mut page.cookie);
        Ok(page)
    }

    /// The answer to a question, which must be a good one.
    pub(super) async fn get(&self, path: &str) -> anyhow::Result<String> {
        let answer = self.ask(path).await?;
        ensure!(answer.starts_with("HTTP/1.1 200"), "not answered: {answer}");
        Ok(answer)
    }

    /// Follows what happens until dropped.
    pub(super) async fn watch(&self) -> anyhow::Result<TcpStream> {
        let mut stream = self.send("/api/live").await?;
        let mut first = [0; 1024];
        ensure!(stream.read(&mut first).await? > 0, "nothing is told");
        Ok(stream)
    }

    async fn ask(&self, path: &str) -> anyhow::Result<String> {
        let mut answer = String::new();
        self.send(path).await?.read_to_string(&mut answer).await?;
        Ok(answer)
    }

    async fn send(&self, path: &str) -> anyhow::Result<TcpStream> {
        let mut stream = TcpStream::connect(&self.address).await?;
        let (address, cookie) = (&self.address, &self.cookie);
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: {address}\r\ncookie: {cookie}\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        Ok(stream)
    }
}
