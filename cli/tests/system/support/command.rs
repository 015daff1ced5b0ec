//! Commands: the built program, run to its end, and what it answered.

use std::{
    fs::{self, File},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::GENEROUS;

/// What a command answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Answer {
    /// Runs a command to its end.
    ///
    /// # Panics
    /// When it does not end within [`GENEROUS`].
    pub(crate) fn of(command: &mut Command) -> Self {
        let (out, err) = (tempfile::NamedTempFile::new(), tempfile::NamedTempFile::new());
        let (out, err) = (out.expect("there is room"), err.expect("there is room"));
        let share = |file: &File| file.try_clone().expect("a file can be shared");
        command.stdin(Stdio::null()).stdout(share(out.as_file())).stderr(share(err.as_file()));
        let mut child = command.spawn().expect("the program was built");
        let status = wait_for(&mut child, GENEROUS).unwrap_or_else(|| {
            let _ = child.kill();
            let _ = child.wait();
            panic!("{command:?} does not end")
        });
        let read = |path: &Path| String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned();
        // A process ended by a signal has no code; shells say 128 and more for it.
        Self { code: status.code().unwrap_or(128), out: read(out.path()), err: read(err.path()) }
    }
}

/// The program, with nothing of this machine's own settings.
pub(crate) fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_causeway"));
    isolate(&mut command, folder);
    command
}

/// Has a command of the program see nothing of this machine's own settings.
pub(super) fn isolate(command: &mut Command, folder: &Path) {
    let home = folder.join("user");
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CAUSEWAY_")) {
        command.env_remove(name);
    }
    for (name, part) in
        [("HOME", ""), ("XDG_DATA_HOME", "data"), ("XDG_CONFIG_HOME", "config"), ("XDG_STATE_HOME", "state")]
    {
        command.env(name, home.join(part));
    }
    // For looking into a failure: CAUSEWAY_TEST_LOG=debug cargo test ...
    if let Ok(filter) = std::env::var("CAUSEWAY_TEST_LOG") {
        command.env("CAUSEWAY_LOG", filter);
    }
    command.env_remove("XDG_RUNTIME_DIR").env("NO_COLOR", "1").env("RUST_BACKTRACE", "1");
}

/// Waits for the end of a process; `None` if it does not come within `limit`.
pub(super) fn wait_for(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + limit;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().expect("it is ours") {
            return Some(status);
        }
        thread::sleep(Duration::from_millis(5));
    }
    None
}
