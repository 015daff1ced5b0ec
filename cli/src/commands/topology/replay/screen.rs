//! The screen of the replay: events on the left, the state on the right, where it stands at the bottom.

use std::collections::BTreeMap;

use proto::topology::v1::{BridgeStatus, State};
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Color, Modifier, Style, Stylize as _},
    text::{Line, Span},
    widgets::{Block, Gauge, List, ListItem, ListState, Paragraph, Wrap},
};

use super::player::{Player, Prompt};
use crate::{commands::topology::call, output};

const KEYS: &str = "space play  \u{2190} \u{2192} step  PgUp PgDn  g time  / search  n N  + - speed  q quit";
/// Below this width the state comes under the events.
const NARROW: u16 = 90;

/// Draws everything.
pub(super) fn draw(frame: &mut Frame<'_>, player: &Player, state: Option<&State>) {
    let [body, gauge, foot] =
        Layout::vertical([Constraint::Fill(1), Constraint::Length(1), Constraint::Length(1)])
            .areas(frame.area());
    let halves = [Constraint::Fill(3), Constraint::Fill(2)];
    let [left, right] = if body.width < NARROW {
        Layout::vertical(halves).areas(body)
    } else {
        Layout::horizontal(halves).areas(body)
    };
    draw_events(frame, left, player);
    draw_state(frame, right, state);
    draw_position(frame, gauge, player);
    frame.render_widget(foot_line(player), foot);
}

fn draw_events(frame: &mut Frame<'_>, area: Rect, player: &Player) {
    // Only what can be seen is laid out: there may be many events.
    let room = usize::from(area.height.saturating_sub(2)).max(1);
    let first = player.at().saturating_sub(room / 2).min(player.events().len().saturating_sub(room));
    let seen = player.events().iter().skip(first).take(room);
    let items = seen.map(|event| {
        let time = output::clock_millis(&event.time_text);
        let text = output::harmless(&event.text);
        ListItem::new(Line::from(vec![
            Span::raw(time.get(11..).unwrap_or_default().to_owned()).dim(),
            Span::raw("  "),
            Span::styled(text, style_of(&event.kind_name)),
        ]))
    });
    let day = output::clock(&player.event().time_text);
    let title = format!(" {} ", day.get(..10).unwrap_or_default());
    let list = List::new(items)
        .block(Block::bordered().title(title))
        .highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    let mut selected = ListState::default().with_selected(Some(player.at() - first));
    frame.render_stateful_widget(list, area, &mut selected);
}

/// Colour only says what the words say, too.
fn style_of(kind: &str) -> Style {
    match kind {
        "link_down" | "peer_left" | "fork_found" => Style::new().fg(Color::Red),
        "link_up" | "peer_joined" => Style::new().fg(Color::Green),
        "bridge_started" | "bridge_stopped" | "bridge_draining" => Style::new().fg(Color::Yellow),
        _ => Style::new(),
    }
}

fn draw_state(frame: &mut Frame<'_>, area: Rect, state: Option<&State>) {
    let Some(state) = state else { return };
    let title = format!(" {} bridges, {} peers ", state.bridges.len(), state.peers.len());
    let paragraph =
        Paragraph::new(state_lines(state)).wrap(Wrap { trim: false }).block(Block::bordered().title(title));
    frame.render_widget(paragraph, area);
}

/// Bridges by island, each with its peers, then the links.
fn state_lines(state: &State) -> Vec<Line<'static>> {
    let mut islands: BTreeMap<u32, Vec<_>> = BTreeMap::new();
    for bridge in &state.bridges {
        islands.entry(bridge.island).or_default().push(bridge);
    }
    let mut lines = Vec::new();
    for (number, bridges) in islands {
        lines.push(Line::from(format!("island {number}")).bold());
        for bridge in bridges {
            let network = output::harmless(&output::network(bridge.network.as_ref()));
            let status = match bridge.status() {
                BridgeStatus::Draining => ", draining",
                BridgeStatus::Stopped => ", stopped",
                BridgeStatus::Running | BridgeStatus::Unspecified => "",
            };
            lines.push(Line::from(format!("  {} ({network}{status})", call(&bridge.name, &bridge.node_id))));
            let here =
                state.peers.iter().filter(|peer| peer.homes.iter().any(|home| home.bridge == bridge.node_id));
            lines.extend(here.map(|peer| Line::from(format!("    {}", call(&peer.name, &peer.node_id)))));
        }
    }
    if !state.links.is_empty() {
        lines.push(Line::from("links").bold());
    }
    lines.extend(state.links.iter().map(|link| {
        let (one, other) = (call(&link.one_name, &link.one), call(&link.other_name, &link.other));
        match (link.one_says_up, link.other_says_up) {
            (true, true) => Line::from(format!("  {one} - {other}, {} us", link.cost_us)),
            (true, false) => Line::from(format!("  {one} - {other}: only {one} calls it up")).red(),
            _ => Line::from(format!("  {one} - {other}: only {other} calls it up")).red(),
        }
    }));
    lines
}

fn draw_position(frame: &mut Frame<'_>, area: Rect, player: &Player) {
    let (at, count) = (player.at() + 1, player.events().len());
    let mode = if player.is_playing() { format!("playing, {}x", player.speed()) } else { "paused".into() };
    let label = format!("{}  event {at} of {count}, {mode}", output::clock_millis(&player.event().time_text));
    let gauge = Gauge::default()
        .ratio(at as f64 / count as f64)
        .label(label)
        .gauge_style(Style::new().fg(Color::Blue));
    frame.render_widget(gauge, area);
}

fn foot_line(player: &Player) -> Line<'static> {
    match player.prompt() {
        Some(Prompt::Search(text)) => Line::from(format!("search: {}_", output::harmless(text))),
        Some(Prompt::Jump(text)) => Line::from(format!("to the time: {}_", output::harmless(text))),
        None if !player.note().is_empty() => Line::from(output::harmless(player.note())).yellow(),
        None => Line::from(KEYS).dim(),
    }
}

#[cfg(test)]
mod tests {
    use proto::topology::v1::{Bridge, Event, Link, Peer};
    use ratatui::{Terminal, backend::TestBackend};

    use super::*;

    fn screen(width: u16, height: u16) -> String {
        let event = |number: u64| Event {
            time: number << 16,
            time_text: format!("2026-11-26T02:14:{number:02}.000Z"),
            text: format!("thing {number}\u{7}"),
            ..Event::default()
        };
        let mut player = Player::new((0..50).map(event).collect(), 1.0, false);
        for _ in 0..25 {
            player.step();
        }
        let bridge = |number: u8, name: &str, island| Bridge {
            node_id: vec![number; 32].into(),
            name: name.into(),
            island,
            ..Bridge::default()
        };
        let home = proto::topology::v1::Home { bridge: vec![1; 32].into(), ..Default::default() };
        let state = State {
            bridges: vec![bridge(1, "attic", 1), bridge(2, "rack", 2)],
            peers: vec![Peer { name: "anna".into(), homes: vec![home], ..Peer::default() }],
            links: vec![Link {
                one_name: "attic".into(),
                other_name: "rack".into(),
                one_says_up: true,
                ..Link::default()
            }],
            ..State::default()
        };
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, &player, Some(&state))).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn the_event_is_in_view_and_the_state_beside_it() {
        for (width, height) in [(120, 24), (60, 40)] {
            let screen = screen(width, height);
            for wanted in [
                "thing 25",
                "thing 20",
                "event 26 of 50",
                "paused",
                "island 2",
                "attic",
                "anna",
                "space play",
            ] {
                assert!(screen.contains(wanted), "{wanted} is not on the screen of {width}:\n{screen}");
            }
            assert!(!screen.contains('\u{7}'), "a bell rings");
        }
        assert!(screen(120, 24).contains("only attic calls it up"));
    }

    #[test]
    fn a_tiny_terminal_is_no_panic() {
        for (width, height) in [(1, 1), (10, 3), (3, 10)] {
            screen(width, height);
        }
    }
}
