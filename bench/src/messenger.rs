//! `bench messenger`: two peers on one machine, and the page of one of them.
//!
//! A hundred thousand messages are sent as fast as they are stored at both ends. With that history: how long a start takes
//! until the page is usable, how long searches take, what an idle peer holds in memory, and how smooth the page stays in a
//! real Chromium while messages pour into the open conversation.

mod http;
mod pour;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use proto::{
    bridge::v1::OpenPageRequest,
    control::v1::{MessagesRequest, PeopleRequest, SearchRequest},
};

use crate::{
    browser::{Browser, smoothness},
    relay::{
        node::Node,
        program,
        table::{Table, Target},
        until,
    },
};
use http::Page;
use pour::{RARE, pour};

/// Messages of the history.
const HISTORY: usize = 100_000;
/// What arrives each second while the page is looked at.
const ARRIVING: u32 = 200;
/// Starts and searches that are measured.
const TIMES: usize = 5;
const IDLE: Duration = Duration::from_secs(5);

/// The lengths of the frames of five seconds.
const FRAMES: &str = r"
    const done = arguments[arguments.length - 1];
    const frames = [];
    let last = performance.now();
    const until = last + 5000;
    const tick = (now) => {
        frames.push(now - last);
        last = now;
        if (now < until) requestAnimationFrame(tick);
        else done(frames.slice(1));
    };
    requestAnimationFrame(tick);";

pub(crate) async fn run(picture: Option<&Path>) -> anyhow::Result<()> {
    let program = program::find()?;
    let folder = tempfile::tempdir()?;
    let network = format!("bench-{}", std::process::id());
    let port = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
    let ui = format!("127.0.0.1:{port}");
    let start = async |name: &str, ui: &str| {
        let arguments = ["peer", "--name", name, "--network", &network, "--ui", ui];
        Node::start(&program, &folder.path().join(name), &arguments).await
    };
    let mut table = Table::new();
    let anna = start("anna", "off").await?;
    let mut ben = start("ben", &ui).await?;

    println!("{HISTORY} messages, each durable at both ends...");
    let rate = pour(&anna, ben.id(), HISTORY).await?;
    table.figure("messages, durable at both ends", "1/s", rate, Some(Target::AtLeast(10_000.0)));
    search(&ben, &mut table).await?;

    println!("starts with that history...");
    let link = ben.messenger().open_page(OpenPageRequest {}).await?.into_inner().url;
    let page = Page::open(&link).await?;
    let mut starts = Vec::new();
    for _ in 0..TIMES {
        drop(ben);
        until("the port is free", async || std::net::TcpListener::bind(&ui).ok().map(drop)).await?;
        let began = Instant::now();
        let arguments = ["peer", "--name", "ben", "--network", &network, "--ui", &ui];
        let starting = Node::begin(&program, &folder.path().join("ben"), &arguments)?;
        show(&page, anna.id()).await?;
        starts.push(began.elapsed().as_secs_f64() * 1e3);
        ben = starting.ready().await?;
    }
    starts.sort_by(f64::total_cmp);
    table.figure(
        "start until the page is usable, median",
        "ms",
        starts[TIMES / 2],
        Some(Target::AtMost(150.0)),
    );

    let watched = page.watch().await?;
    tokio::time::sleep(IDLE).await;
    let resident = ben.resident_kib()? / 1024.0;
    drop(watched);
    table.figure("idle peer with page and history, resident", "MiB", resident, Some(Target::AtMost(20.0)));

    println!("the page while {ARRIVING} messages arrive each second...");
    println!("  {}", look(&anna, &ben, folder.path(), picture).await?);
    println!("\n{table}");
    Ok(())
}

/// What the page asks before a person sees the people and the newest messages.
async fn show(page: &Page, peer: identity::NodeId) -> anyhow::Result<()> {
    for question in ["/", "/api/people", &format!("/api/messages?peer={peer}&limit=80")] {
        until("the page answers", async || page.get(question).await.ok()).await?;
    }
    Ok(())
}

/// The slowest of several searches, after somebody has looked at the people once, as a page does.
async fn search(ben: &Node, table: &mut Table) -> anyhow::Result<()> {
    ben.messenger().people(PeopleRequest {}).await?;
    let cases = [
        ("a word that stands in the oldest message alone", RARE),
        ("words that stand nowhere", "kraken über"),
        ("a word that stands everywhere", "message"),
    ];
    for (what, text) in cases {
        let mut times = Vec::new();
        for _ in 0..TIMES {
            let request = SearchRequest { text: text.to_owned(), ..SearchRequest::default() };
            let began = Instant::now();
            ben.messenger().search(request).await?;
            times.push(began.elapsed().as_secs_f64() * 1e3);
        }
        times.sort_by(f64::total_cmp);
        table.figure(
            &format!("search for {what}, slowest"),
            "ms",
            times[TIMES - 1],
            Some(Target::AtMost(50.0)),
        );
    }
    Ok(())
}

/// Where the newest message with a peer lies.
async fn newest(ben: &Node, peer: identity::NodeId) -> anyhow::Result<u64> {
    let request = MessagesRequest { peer: peer.to_string(), limit: 1, ..MessagesRequest::default() };
    let found = ben.messenger().messages(request).await?.into_inner().messages;
    Ok(found.first().context("there is one")?.position)
}

/// Frames of the page with the long conversation open, while more arrives.
async fn look(anna: &Node, ben: &Node, folder: &Path, picture: Option<&Path>) -> anyhow::Result<String> {
    let link = ben.messenger().open_page(OpenPageRequest {}).await?.into_inner().url;
    let browser = Browser::start(&folder.join("profile")).await?;
    browser.client.goto(&link).await?;
    let id = anna.id();
    browser.wait_for(&format!("document.querySelector('#people [data-id=\"{id}\"]') !== null")).await?;
    browser
        .client
        .execute(&format!("document.querySelector('#people [data-id=\"{id}\"]').click()"), vec![])
        .await?;
    browser.wait_for("document.querySelectorAll('#thread [data-position]').length > 50").await?;
    // It begins where the unread ones begin.
    browser.client.execute("document.querySelector('#to-end').click()", vec![]).await?;
    let newest = newest(ben, id).await?;
    browser
        .wait_for(&format!("document.querySelector('#thread [data-position=\"{newest}\"]') !== null"))
        .await?;
    let arriving = pour::steadily(anna, ben.id(), ARRIVING, Duration::from_secs(7));
    let (sent, frames) = tokio::join!(arriving, browser.client.execute_async(FRAMES, vec![]));
    let sent = sent?;
    if let Some(picture) = picture {
        std::fs::write(picture, browser.client.screenshot().await?)?;
    }
    let newest = self::newest(ben, id).await?;
    browser
        .wait_for(&format!("document.querySelector('#thread [data-position=\"{newest}\"]') !== null"))
        .await?;
    let shown =
        browser.client.execute("return document.querySelectorAll('#thread [data-position]').length", vec![]);
    let told = format!("{} ({sent} arrived, {} messages in the page)", smoothness(&frames?)?, shown.await?);
    browser.end().await?;
    Ok(told)
}
