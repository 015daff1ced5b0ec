//! `causeway chat`: people and conversations on the whole terminal.
//!
//! The [`model`] takes events and gives effects, the [`view`] draws it; what is here and in [`remote`], [`calls`],
//! [`screen`] and [`place`] does what the effects ask for.

mod areas;
mod calls;
mod clock;
mod command;
mod composer;
mod conversation;
mod effect;
mod event;
mod export;
mod measure;
mod model;
mod outbox;
mod panel;
mod people;
mod place;
mod remote;
mod screen;
mod text;
mod transcript;
mod view;
mod way;

use std::{
    future,
    io::{self, IsTerminal as _},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::Context as _;
use peer::Peer;
use rand::RngExt as _;
use ratatui::crossterm::event::Event as Typed;
use runtime::TaskGroup;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
};

use crate::{
    args::{Chat, Global},
    exit::{Failure, Fault},
    file::File,
    settings,
};

use super::signals::Signals;
use effect::Effect;
use event::Event;
use model::Model;
use place::Place;
use remote::Remote;
use screen::Screen;

/// Events that wait for the screen.
const EVENTS: usize = 256;
/// How long tasks may take to end.
const GRACE: Duration = Duration::from_secs(2);

pub(super) async fn run(args: Chat, global: &Global, mut file: File) -> anyhow::Result<()> {
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        return Err(Fault::error(
            Failure::Usage,
            "chat needs a terminal; `causeway inbox --follow` and `causeway send` do the same without",
        ));
    }
    let table = std::mem::take(&mut file.peer);
    match place::choose(args.peer, table)? {
        Place::Running(data) => show(Remote::new(data), args.to, None).await,
        Place::Own(config) => {
            let data = config.data.clone();
            let telemetry = settings::tell_into(global, &file, place::log(&data)?)?;
            let peer = Box::pin(Peer::start(*config)).await?;
            let outcome = show(Remote::new(data), args.to, Some(&peer)).await;
            peer.shutdown().await;
            telemetry.flush();
            outcome
        }
    }
}

/// Shows it until somebody wants to leave.
async fn show(remote: Remote, wanted: Option<String>, own: Option<&Peer>) -> anyhow::Result<()> {
    let signals = Signals::listen()?;
    let hangup = signal(SignalKind::hangup()).context("cannot listen for the end of the terminal")?;
    let mut screen = Screen::open().context("cannot use the terminal")?;
    let size = screen.size()?;
    let model = Model::new(wanted, rand::rng().random(), size);
    let group = TaskGroup::new();
    let outcome = Shell { model, remote, group: group.clone(), signals, hangup }.run(&mut screen, own).await;
    drop(screen);
    group.shutdown(GRACE).await;
    outcome
}

/// The loop around the model.
struct Shell {
    model: Model,
    remote: Remote,
    group: TaskGroup,
    signals: Signals,
    hangup: Signal,
}

impl Shell {
    async fn run(mut self, screen: &mut Screen, own: Option<&Peer>) -> anyhow::Result<()> {
        let (events, mut happened) = mpsc::channel(EVENTS);
        let mut typed = screen::typed();
        self.remote.follow(&self.group, events.clone());
        loop {
            screen.draw(&self.model)?;
            let event = tokio::select! {
                biased;
                () = self.signals.next() => return Ok(()),
                _ = self.hangup.recv() => return Ok(()),
                () = stopped(own) => return Ok(()),
                typed = typed.recv() => match typed {
                    None => return Ok(()),
                    Some(typed) => understood(typed),
                },
                event = happened.recv() => event,
                () = at(self.model.deadline()) => Some(Event::Time),
            };
            // What waits is taken in before all is drawn anew: a paste, or the news of an hour.
            let more = std::iter::from_fn(|| match typed.try_recv() {
                Ok(typed) => Some(understood(typed)),
                Err(_) => happened.try_recv().ok().map(Some),
            });
            for event in std::iter::once(event).chain(more.take(EVENTS)).flatten() {
                for effect in self.model.handle(event, now_ms()) {
                    match effect {
                        Effect::Leave => return Ok(()),
                        Effect::Redraw => screen.redraw()?,
                        effect => self.remote.perform(&self.group, effect, events.clone()),
                    }
                }
            }
        }
    }
}

/// What of the terminal's events means something here.
fn understood(typed: Typed) -> Option<Event> {
    use ratatui::crossterm::event::{KeyEventKind, MouseButton, MouseEventKind};
    match typed {
        Typed::Key(key) if key.kind != KeyEventKind::Release => Some(Event::Key(key)),
        Typed::Paste(text) => Some(Event::Paste(text)),
        Typed::FocusGained => Some(Event::Focus(true)),
        Typed::FocusLost => Some(Event::Focus(false)),
        Typed::Resize(columns, rows) => Some(Event::Size(columns, rows)),
        Typed::Mouse(mouse) => match mouse.kind {
            MouseEventKind::Down(MouseButton::Left) => Some(Event::Click(mouse.column, mouse.row)),
            MouseEventKind::ScrollUp => Some(Event::Wheel { up: true, at: (mouse.column, mouse.row) }),
            MouseEventKind::ScrollDown => Some(Event::Wheel { up: false, at: (mouse.column, mouse.row) }),
            _ => None,
        },
        Typed::Key(_) => None,
    }
}

/// Somebody else asked the peer of this process to end.
async fn stopped(own: Option<&Peer>) {
    match own {
        Some(peer) => peer.stop_requested().await,
        None => future::pending().await,
    }
}

async fn at(deadline: Option<u64>) {
    match deadline {
        Some(deadline) => tokio::time::sleep(Duration::from_millis(deadline.saturating_sub(now_ms()))).await,
        None => future::pending().await,
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
