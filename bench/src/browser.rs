//! A real Chromium, driven over WebDriver, and how smooth a page is in it.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::Context as _;
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

/// A frame longer than this is seen as a stutter.
const STUTTER_MS: f64 = 50.0;

/// Chromium behind its driver.
pub(crate) struct Browser {
    pub(crate) client: Client,
    driver: Child,
}

impl Browser {
    pub(crate) async fn start(profile: &Path) -> anyhow::Result<Self> {
        let port = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let mut driver = Command::new("chromedriver");
        let driver = driver.arg(format!("--port={port}")).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let driver = driver.context("chromedriver is missing: apt-get install chromium chromium-driver")?;
        let profile = format!("--user-data-dir={}", profile.display());
        let options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,800", &profile];
        let capabilities = json!({ "goog:chromeOptions": { "args": options } });
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities.as_object().context("it is one")?.clone());
        let address = format!("http://127.0.0.1:{port}");
        for _ in 0..200 {
            if let Ok(client) = builder.connect(&address).await {
                return Ok(Self { client, driver });
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        anyhow::bail!("Chromium does not start")
    }

    /// Waits until an expression is true in the page.
    pub(crate) async fn wait_for(&self, expression: &str) -> anyhow::Result<()> {
        for _ in 0..600 {
            if self.client.execute(&format!("return {expression}"), vec![]).await? == json!(true) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        anyhow::bail!("never true: {expression}")
    }

    pub(crate) async fn end(mut self) -> anyhow::Result<()> {
        self.client.close().await?;
        self.driver.kill()?;
        self.driver.wait()?;
        Ok(())
    }
}

/// What the lengths of frames, milliseconds, say.
pub(crate) fn smoothness(frames: &Value) -> anyhow::Result<String> {
    let mut frames: Vec<f64> = serde_json::from_value(frames.clone())?;
    frames.sort_by(f64::total_cmp);
    let at = |part: f64| frames[((frames.len() - 1) as f64 * part) as usize];
    let stutters = frames.iter().filter(|frame| **frame > STUTTER_MS).count();
    Ok(format!(
        "{} frames, median {:.1} ms, p99 {:.1} ms, slowest {:.1} ms, {stutters} longer than {STUTTER_MS} ms",
        frames.len(),
        at(0.5),
        at(0.99),
        at(1.0),
    ))
}
