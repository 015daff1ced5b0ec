//! `causeway topology replay`: the history in the terminal, event by event, with the state beside it.

mod player;
mod screen;

use std::{
    io::{self, IsTerminal as _},
    time::Duration,
};

use anyhow::Context as _;
use proto::topology::v1::{Filter, RangeRequest, State, StateAtRequest};
use ratatui::{
    DefaultTerminal,
    crossterm::event::{self, Event as TerminalEvent, KeyEventKind},
};
use tokio::{sync::mpsc, time::Instant};

use crate::{
    args::ReplayArgs,
    exit::{Failure, Fault},
    past::{self, Past},
};

use player::{Player, Wish};

/// The most events that are held; of a longer history the last ones.
const HELD_EVENTS: u32 = 200_000;
/// Keys that wait.
const KEYS: usize = 64;
/// How long a wait between two events is shown at most, at any speed: nights without events are passed over.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

pub(super) async fn run(args: ReplayArgs) -> anyhow::Result<()> {
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        return Err(Fault::error(
            Failure::Usage,
            "replay needs a terminal; `causeway topology log` prints the same events",
        ));
    }
    let mut past = past::open(&args.source).await?;
    let filter = Filter {
        since: args.since.map_or(0, |since| since.begin()),
        until: args.until.map_or(0, |until| until.end()),
        ..Filter::default()
    };
    let request = RangeRequest { filter: Some(filter), last: HELD_EVENTS, first: 0 };
    let mut stream = past.range(request).await?.into_inner();
    let mut events = Vec::new();
    while let Some(event) = stream.message().await? {
        events.push(event);
    }
    if events.is_empty() {
        return Err(Fault::error(Failure::NotFound, "there are no events in that time"));
    }
    let player = Player::new(events, args.speed, !args.step);
    let keys = keys();
    let mut terminal = ratatui::try_init().context("cannot use the terminal")?;
    let outcome = play(&mut terminal, player, past, keys).await;
    ratatui::restore();
    outcome
}

/// What is typed, as it is typed. Reading a terminal blocks, so it has a thread; the process ends without waiting for it.
fn keys() -> mpsc::Receiver<TerminalEvent> {
    let (typed, keys) = mpsc::channel(KEYS);
    std::thread::spawn(move || {
        while let Ok(event) = event::read() {
            if typed.blocking_send(event).is_err() {
                return;
            }
        }
    });
    keys
}

async fn play(
    terminal: &mut DefaultTerminal,
    mut player: Player,
    past: Past,
    mut keys: mpsc::Receiver<TerminalEvent>,
) -> anyhow::Result<()> {
    let mut shown: Option<(usize, State)> = None;
    let mut next = Instant::now();
    loop {
        // The state at an event is asked for once; while an answer is on its way, the one before is shown.
        if shown.as_ref().is_none_or(|(at, _)| *at != player.at()) {
            let at_event = player.event().id.clone();
            let request = StateAtRequest { at_event, ..StateAtRequest::default() };
            let state = past.clone().state_at(request).await?.into_inner();
            shown = Some((player.at(), state));
        }
        terminal.draw(|frame| screen::draw(frame, &player, shown.as_ref().map(|(_, state)| state)))?;
        tokio::select! {
            typed = keys.recv() => match typed {
                None => return Ok(()),
                Some(TerminalEvent::Key(key)) if key.kind != KeyEventKind::Release => {
                    if player.on_key(key) == Wish::Leave {
                        return Ok(());
                    }
                    next = Instant::now() + wait(&player);
                }
                Some(_) => {}
            },
            () = tokio::time::sleep_until(next), if player.is_playing() => {
                player.step();
                next = Instant::now() + wait(&player);
            }
        }
    }
}

fn wait(player: &Player) -> Duration {
    player.until_next().min(LONGEST_WAIT)
}
