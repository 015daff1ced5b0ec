//! A terminal with the program in it: what is typed goes in, what a person would see comes out.

use std::{
    io::{Read as _, Write as _},
    num::NonZeroU16,
    process::{Child, Command, ExitStatus},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use pty_process::{
    Size,
    blocking::{self, Pty},
};
use rustix::{
    process::{Pid, Signal, kill_process},
    termios::{Termios, tcgetattr},
};

use super::eventually;

/// See the module. Dropped, the program is killed; the screen is shown when the test fails.
pub(crate) struct Terminal {
    pty: Arc<Pty>,
    child: Child,
    seen: Arc<Mutex<Seen>>,
    before: Termios,
}

/// What came out.
struct Seen {
    screen: vt100::Parser,
    bytes: Vec<u8>,
}

impl Terminal {
    /// Runs a command in a terminal of so many columns and rows.
    pub(crate) fn run(command: &Command, columns: u16, rows: u16) -> Self {
        let (pty, inside) = blocking::open().expect("there are pseudo-terminals");
        pty.resize(Size::new(rows, columns)).expect("it is ours");
        let before = tcgetattr(&pty).expect("it is a terminal");
        let screen = vt100::Parser::new(cells(rows), cells(columns), 0);
        let seen = Arc::new(Mutex::new(Seen { screen, bytes: Vec::new() }));
        let child = inside_of(command).spawn(inside).expect("the program was built");
        let pty = Arc::new(pty);
        let (from, to) = (Arc::clone(&pty), Arc::clone(&seen));
        thread::spawn(move || read(&from, &to));
        Self { pty, child, seen, before }
    }

    /// Types something, Enter as `\r`.
    pub(crate) fn type_in(&self, keys: &str) {
        (&*self.pty).write_all(keys.as_bytes()).expect("the program reads");
    }

    /// Gives the terminal another size.
    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        self.look(|seen| seen.screen.set_size(cells(rows), cells(columns)));
        self.pty.resize(Size::new(rows, columns)).expect("it is ours");
    }

    /// The screen as text.
    pub(crate) fn text(&self) -> String {
        self.look(|seen| seen.screen.screen().contents())
    }

    /// How often something is on the screen.
    pub(crate) fn count(&self, what: &str) -> usize {
        self.text().matches(what).count()
    }

    /// Waits until all of these are on the screen.
    pub(crate) fn wait_for(&self, parts: &[&str]) {
        eventually(&format!("{parts:?} on the screen"), || {
            let text = self.text();
            parts.iter().all(|part| text.contains(part)).then_some(())
        });
    }

    /// Waits until something is not on the screen any more.
    pub(crate) fn wait_without(&self, part: &str) {
        eventually(&format!("no {part:?} on the screen"), || (self.count(part) == 0).then_some(()));
    }

    /// Whether the screen is the program's: the alternate one.
    pub(crate) fn is_taken(&self) -> bool {
        self.look(|seen| seen.screen.screen().alternate_screen())
    }

    /// The sequences that set a colour, of all that came out so far.
    pub(crate) fn colours(&self) -> Vec<String> {
        self.look(|seen| colours(&String::from_utf8_lossy(&seen.bytes)))
    }

    /// Sends a signal to the program.
    pub(crate) fn signal(&self, signal: Signal) {
        let process = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("it has a number");
        kill_process(process, signal).expect("it is ours");
    }

    /// Waits for the program's end.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let child = &mut self.child;
        eventually("the program ends", || child.try_wait().expect("it is ours"))
    }

    /// Waits until the terminal is as it was before: its screen, cursor, mouse, paste and echo.
    pub(crate) fn wait_as_before(&self) {
        eventually("the terminal is as it was", || {
            let clean = self.look(|seen| {
                let screen = seen.screen.screen();
                let mouse = screen.mouse_protocol_mode() != vt100::MouseProtocolMode::None;
                !(screen.alternate_screen() || screen.hide_cursor() || mouse || screen.bracketed_paste())
            });
            let now = tcgetattr(&*self.pty).expect("it is a terminal");
            (clean
                && now.local_modes == self.before.local_modes
                && now.input_modes == self.before.input_modes)
                .then_some(())
        });
    }

    fn look<T>(&self, with: impl FnOnce(&mut Seen) -> T) -> T {
        with(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("--- the screen:\n{}", self.text());
        }
    }
}

/// The same command, in a terminal of its own.
fn inside_of(command: &Command) -> blocking::Command {
    let mut inside = blocking::Command::new(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        inside = match value {
            Some(value) => inside.env(name, value),
            None => inside.env_remove(name),
        };
    }
    inside.env("TERM", "xterm-256color")
}

/// Until the program closes its end.
fn read(pty: &Pty, seen: &Mutex<Seen>) {
    let mut piece = [0; 4096];
    let mut pty = pty;
    while let Ok(count @ 1..) = pty.read(&mut piece) {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.screen.process(&piece[..count]);
        seen.bytes.extend_from_slice(&piece[..count]);
    }
}

/// Of all that sets attributes, what sets a colour; back to the terminal's own is none.
fn colours(output: &str) -> Vec<String> {
    let sequences = output.split("\u{1b}[").skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != ';')?;
        rest[end..].starts_with('m').then(|| rest[..end].to_owned())
    });
    let sets = |code: &str| matches!(code.parse(), Ok(30..=38 | 40..=48 | 90..=107));
    sequences.filter(|sequence| sequence.split(';').any(sets)).collect()
}

fn cells(count: u16) -> NonZeroU16 {
    NonZeroU16::new(count).expect("a screen has cells")
}
