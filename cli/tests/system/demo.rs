//! `causeway demo --exit`: the story, verified to its end.

use crate::support::{Answer, program};

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
