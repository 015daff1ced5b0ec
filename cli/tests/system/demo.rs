//! `causeway demo`: the story, verified to its end, or to the step that failed.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, ChildStdout, Stdio},
};

use rustix::process::Signal;

use crate::support::{Answer, eventually, program, signal};

/// A demo under way. Dropped, it is ended, and with it all that it started.
struct Demo {
    process: Child,
    story: std::io::Lines<BufReader<ChildStdout>>,
}

impl Demo {
    fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut command = program(folder);
        let stderr = fs::File::create(folder.join("stderr")).expect("there is room");
        command.arg("demo").args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr);
        let mut process = command.spawn().expect("the program was built");
        let story = BufReader::new(process.stdout.take().expect("it is piped")).lines();
        Self { process, story }
    }

    /// Reads on up to the first line with `part`, and gives that.
    fn told(&mut self, part: &str) -> String {
        let mut lines = self.story.by_ref().map(|line| line.expect("it is text"));
        lines.find(|line| line.contains(part)).unwrap_or_else(|| panic!("the demo never told `{part}`"))
    }

    /// The process of one of its nodes.
    fn node(&self, name: &str) -> u32 {
        let said = format!("--name\0{name}\0");
        let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", self.process.id()));
        let children = children.expect("it runs").split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let is_it = |id: &&String| {
            fs::read_to_string(format!("/proc/{id}/cmdline")).is_ok_and(|line| line.contains(&said))
        };
        let id = children.iter().find(is_it).unwrap_or_else(|| panic!("no {name} among {children:?}"));
        id.parse().expect("a process has a number")
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        if matches!(self.process.try_wait(), Ok(None)) {
            signal(self.process.id(), Signal::TERM);
            let _ = self.process.wait();
        }
    }
}

/// The processes whose command line names a folder.
fn processes_of(folder: &str) -> Vec<String> {
    let all = fs::read_dir("/proc").expect("Linux has it").filter_map(Result::ok);
    let lines = all.filter_map(|entry| fs::read_to_string(entry.path().join("cmdline")).ok());
    lines.filter(|line| line.contains(folder)).collect()
}

#[test]
fn the_demo_ends_well_and_tells_its_story() {
    let folder = tempfile::tempdir().unwrap();
    let answer = Answer::of(program(folder.path()).args(["demo", "--exit"]));
    assert_eq!(answer.code, 0, "{}{}", answer.out, answer.err);
    let told = answer.out.to_lowercase();
    for part in [
        "found",
        " ms",
        "linked by quic",
        "across",
        "stored by",
        "has read",
        "no socket",
        "ciphertext",
        "every step",
    ] {
        assert!(told.contains(part), "nothing of `{part}` in:\n{}", answer.out);
    }
}

#[test]
fn two_demos_at_once_do_not_disturb_each_other() {
    let demo = || {
        let folder = tempfile::tempdir().unwrap();
        Answer::of(program(folder.path()).args(["demo", "--exit"]))
    };
    let other = std::thread::spawn(demo);
    for answer in [demo(), other.join().unwrap()] {
        assert_eq!(answer.code, 0, "{}{}", answer.out, answer.err);
    }
}

#[test]
fn a_demo_runs_on_until_ctrl_c_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = Demo::start(folder.path(), &[]);
    let hint = demo.told("causeway send carla");
    demo.told("Ctrl-C");
    let words: Vec<_> = hint.split_whitespace().skip(1).map(|word| word.trim_matches('"')).collect();
    let sent = Answer::of(program(folder.path()).args(&words));
    assert_eq!(sent.code, 0, "the hint `{hint}` is of no use: {sent:?}");
    let root = Path::new(words.last().unwrap()).parent().unwrap();
    assert!(!processes_of(root.to_str().unwrap()).is_empty(), "the search finds nothing while all run");

    signal(demo.process.id(), Signal::INT);
    assert_eq!(demo.process.wait().unwrap().code(), Some(0));
    assert!(!root.exists(), "{} is still there", root.display());
    eventually("all processes have ended", || processes_of(root.to_str().unwrap()).is_empty().then_some(()));
}

#[test]
fn a_step_that_fails_is_named_and_ends_the_demo() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = Demo::start(folder.path(), &["--exit"]);
    demo.told("has read it");
    signal(demo.node("attic"), Signal::KILL);
    let told: Vec<_> = demo.story.by_ref().map(Result::unwrap).collect();
    let failure = fs::read_to_string(folder.path().join("stderr")).unwrap();
    assert_eq!(demo.process.wait().unwrap().code(), Some(6), "{told:?} {failure}");
    assert!(told.iter().all(|line| !line.contains("was verified")), "{told:?}");
    for part in ["the demo failed at `", "attic ended with signal: 9"] {
        assert!(failure.contains(part), "nothing of `{part}` in {failure}");
    }
}
