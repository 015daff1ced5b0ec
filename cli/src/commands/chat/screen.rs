//! The terminal: taken over, drawn on, and given back as it was, whatever happens.

use std::{
    io,
    sync::atomic::{AtomicBool, Ordering},
};

use ratatui::{
    DefaultTerminal,
    crossterm::{
        cursor::Show,
        event::{
            self, DisableBracketedPaste, DisableFocusChange, DisableMouseCapture, EnableBracketedPaste,
            EnableFocusChange, EnableMouseCapture, Event,
        },
        execute,
    },
};
use tokio::sync::mpsc;

use super::{model::Model, view};

/// Keys that wait.
const KEYS: usize = 256;

/// Whether there is something to give back. A panic may give it back before the screen is dropped.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The terminal while it is ours.
pub(super) struct Screen {
    terminal: DefaultTerminal,
    colour: bool,
}

impl Screen {
    /// Takes the terminal over.
    pub(super) fn open() -> io::Result<Self> {
        // Its hook leaves the screen before the message of a panic is written; what else was switched on goes first.
        let terminal = ratatui::try_init()?;
        TAKEN.store(true, Ordering::SeqCst);
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            // The program goes on after a panic that is contained, and so does the screen.
            if !storage::is_contained() {
                give_back();
                hook(panic);
            }
        }));
        // See https://no-color.org: set and not empty.
        let colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let screen = Self { terminal, colour };
        execute!(io::stdout(), EnableBracketedPaste, EnableFocusChange, EnableMouseCapture)?;
        Ok(screen)
    }

    /// Columns and rows.
    pub(super) fn size(&self) -> io::Result<(u16, u16)> {
        let size = self.terminal.size()?;
        Ok((size.width, size.height))
    }

    /// Draws what has changed.
    pub(super) fn draw(&mut self, model: &Model) -> io::Result<()> {
        let colour = self.colour;
        self.terminal.draw(|frame| view::draw(frame, model, colour))?;
        Ok(())
    }

    /// Has all drawn anew at the next drawing.
    pub(super) fn redraw(&mut self) -> io::Result<()> {
        self.terminal.clear()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        // The terminal may be gone; then there is nothing to give back.
        let _ = execute!(io::stdout(), DisableMouseCapture, DisableFocusChange, DisableBracketedPaste, Show);
        let _ = ratatui::try_restore();
    }
}

/// What is typed, as it is typed. Reading a terminal blocks, so it has a thread; the process ends without waiting for it.
pub(super) fn typed() -> mpsc::Receiver<Event> {
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
