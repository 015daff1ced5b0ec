//! Panels: keys, clicks, and how far they are scrolled.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{Link, Model};
use crate::commands::chat::{
    conversation::partner,
    effect::Effect,
    panel::{Kind, Panel, Search},
    view,
};

impl Model {
    /// A key for the panel, if there is one and it takes the key.
    pub(super) fn on_panel_key(&mut self, key: KeyEvent) -> bool {
        let Some(panel) = &self.panel else { return false };
        if panel.asks() {
            self.on_question_key(key);
            return true;
        }
        let page = isize::from(i16::try_from(self.areas().body.height).unwrap_or(i16::MAX)).max(2) - 1;
        let idle = self.composer.is_empty();
        match key.code {
            KeyCode::Esc => self.panel = None,
            KeyCode::Enter if idle && key.modifiers.is_empty() => self.enter_panel(),
            KeyCode::Up if idle => self.scroll_panel(-1),
            KeyCode::Down if idle => self.scroll_panel(1),
            KeyCode::PageUp => self.scroll_panel(-page),
            KeyCode::PageDown => self.scroll_panel(page),
            _ => return false,
        }
        true
    }

    /// A question takes all keys: what is typed into it must not happen to be an answer, or a message.
    fn on_question_key(&mut self, key: KeyEvent) {
        let yes = matches!(key.code, KeyCode::Char('y' | 'Y'))
            && key.modifiers.difference(KeyModifiers::SHIFT).is_empty();
        match (&self.panel, key.code) {
            (Some(Panel { kind: Kind::Verify(verify), .. }), _) if yes => {
                let peer = verify.peer.clone();
                if verify.number.is_some() && self.ask(Effect::SetVerified { peer, verified: true }) {
                    self.panel = None;
                }
            }
            (Some(Panel { kind: Kind::Delete(peer), .. }), _) if yes => {
                let peer = peer.clone();
                self.ask(Effect::Delete { peer });
                self.panel = None;
            }
            (_, KeyCode::Up) => self.scroll_panel(-1),
            (_, KeyCode::Down) => self.scroll_panel(1),
            (_, KeyCode::PageUp) => self.scroll_panel(-10),
            (_, KeyCode::PageDown) => self.scroll_panel(10),
            (_, KeyCode::Esc | KeyCode::Enter | KeyCode::Char('n' | 'N' | 'q')) => {
                if matches!(&self.panel, Some(Panel { kind: Kind::Delete(_), .. })) {
                    self.note("nothing was deleted");
                }
                self.panel = None;
            }
            _ => {}
        }
    }

    fn enter_panel(&mut self) {
        let hit = match self.panel.as_mut().and_then(Panel::search) {
            Some(search) => search.hits.get(search.chosen).cloned(),
            None => None,
        };
        self.panel = None;
        if let Some(hit) = hit {
            let peer = partner(&hit).clone();
            self.jump(peer, hit.position);
        }
    }

    /// A click on a line of the panel: on a hit, it goes there.
    pub(super) fn on_panel_click(&mut self, row: usize) {
        let Some(panel) = &mut self.panel else { return };
        let scroll = panel.scroll;
        if let Some(search) = panel.search() {
            let at = (row + scroll).checked_sub(view::SEARCH_HEAD);
            let Some(chosen) = at.map(|at| at / view::HIT_LINES).filter(|chosen| *chosen < search.hits.len())
            else {
                return;
            };
            search.chosen = chosen;
            self.enter_panel();
        }
    }

    /// Down is more. In a search it is the choice that moves.
    pub(super) fn scroll_panel(&mut self, by: isize) {
        let height = usize::from(self.areas().body.height);
        let count = view::panel_lines(self).len();
        let Some(panel) = &mut self.panel else { return };
        if let Some(search) = panel.search() {
            search.chosen = search.chosen.saturating_add_signed(by).min(search.hits.len().saturating_sub(1));
            let top = view::SEARCH_HEAD + search.chosen * view::HIT_LINES;
            let bottom = top + view::HIT_LINES;
            let first = if search.chosen == 0 { 0 } else { top };
            panel.scroll = panel.scroll.clamp(bottom.saturating_sub(height).min(first), first);
            self.search_on();
        } else {
            panel.scroll = panel.scroll.saturating_add_signed(by).min(count.saturating_sub(height));
        }
    }

    /// Looks for more hits once the last one is chosen.
    fn search_on(&mut self) {
        if self.link != Link::Up {
            return;
        }
        let Some(search) = self.panel.as_mut().and_then(Panel::search) else { return };
        if search.next > 0 && !search.loading && search.chosen + 1 >= search.hits.len() {
            search.loading = true;
            let Search { number, text, peer, next, .. } = search;
            let effect =
                Effect::Search { search: *number, text: text.clone(), peer: peer.clone(), before: *next };
            self.push(effect);
        }
    }
}
