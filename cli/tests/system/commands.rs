//! Every command, with right and wrong input: what it prints, its JSON, its exit code.

mod bridges;
mod chat;
mod container;
mod help;
mod identities;
mod logs;
mod messenger;
mod nodes;
mod precedence;
mod screen;
mod topology;

use serde_json::Value;

use crate::support::Answer;

/// The exit codes that `causeway --help` promises.
pub(crate) const OK: i32 = 0;
pub(crate) const FAILED: i32 = 1;
pub(crate) const USAGE: i32 = 2;
pub(crate) const NOT_RUNNING: i32 = 3;
pub(crate) const NOT_FOUND: i32 = 4;
const NOT_DELIVERED: i32 = 5;
const CHECK_FAILED: i32 = 6;

/// The command ended with this code, and a refusal said why in words that hold all of `parts`.
pub(crate) fn assert_answer(answer: &Answer, code: i32, parts: &[&str]) {
    assert_eq!(answer.code, code, "{answer:?}");
    // The doctor tells what is wrong where it tells what is right.
    let said = if code == OK { answer.out.clone() } else { format!("{}{}", answer.out, answer.err) };
    for part in parts {
        assert!(said.contains(part), "nothing of `{part}` in {answer:?}");
    }
    assert!(!answer.err.contains("panicked"), "{answer:?}");
}

/// All of these fields are there, as stable names promise.
pub(crate) fn assert_fields(object: &Value, fields: &[&str]) {
    for field in fields {
        assert!(object.get(field).is_some(), "no `{field}` in {object}");
    }
    let snake = |key: &String| key.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    assert!(object.as_object().unwrap().keys().all(snake), "{object}");
}

/// RFC 3339 in UTC.
fn assert_time(value: &Value) {
    let text = value.as_str().unwrap_or_else(|| panic!("not a time: {value}"));
    assert!(text.ends_with('Z') && text.as_bytes().get(10) == Some(&b'T'), "not RFC 3339 in UTC: {text}");
}
