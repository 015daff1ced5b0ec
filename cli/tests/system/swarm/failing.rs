//! A Docker that is not as it should be.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
};

use super::{
    can_run_docker,
    engine::{Engine, OVERLAY, PEER_IMAGE},
    eventually,
};

/// A dispatcher as a process. It can make services, though it cannot reach what they run.
struct Outside {
    data: tempfile::TempDir,
    process: Child,
}

impl Outside {
    fn start(engine: &Engine) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut command = program(data.path());
        command.args(["--log", "warn", "dispatcher", "--network", "cloud", "--listen", "127.0.0.1:0"]);
        command.args(["--backend", "swarm", "--image", PEER_IMAGE, "--overlay", OVERLAY]);
        let process = command.env("DOCKER_HOST", engine.url()).stdin(Stdio::null()).spawn().unwrap();
        Self { data, process }
    }

    /// Waits for a warning that says all of this.
    fn warns(&self, words: &[&str]) {
        let mut said = String::new();
        eventually(&format!("a warning says {words:?}"), || {
            let output = program(self.data.path()).args(["dispatcher", "status"]).output().ok()?;
            said = String::from_utf8_lossy(&output.stdout).into_owned();
            let warned = said
                .lines()
                .any(|line| line.starts_with("warning") && words.iter().all(|word| line.contains(word)));
            warned.then_some(())
        });
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn program(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_causeway"));
    command.env("CAUSEWAY_DATA", data).env_remove("CAUSEWAY_CONFIG").env("HOME", data);
    command
}

#[test]
fn a_docker_that_is_away_or_has_no_image_is_told_in_sentences_and_taken_up_when_it_is_well() {
    if !can_run_docker("a Docker that is away") {
        return;
    }
    let mut engine = Engine::prepared();
    let outside = Outside::start(&engine);
    outside.warns(&["no Docker at", "start it"]);
    // It is found without anybody's doing.
    engine.start();
    outside.warns(&["No such image", "deploy/image"]);
    engine.kill();
    outside.warns(&["Docker cannot be reached", "start it"]);
    engine.start();
    engine.make_images();
    eventually("a peer runs", || {
        let running = engine.try_docker(&["ps", "--quiet", "--filter", "label=causeway.dispatcher"]).ok()?;
        (!running.is_empty()).then_some(())
    });
}
