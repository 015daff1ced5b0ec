use std::fs;

use super::*;

fn id(n: u8) -> NodeId {
    NodeId::from_bytes([n; 32])
}

fn saying(data: &Path, said: &[(RuleName, Option<NodeId>, Verdict)]) -> PolicyFile {
    let mut file = PolicyFile::load(data).unwrap();
    for (rule, node, verdict) in said {
        assert!(file.change(*rule, *node, *verdict).unwrap());
    }
    file
}

#[test]
fn what_was_said_is_there_after_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let file = saying(
        data.path(),
        &[
            (RuleName::Export, Some(id(1)), Verdict::Deny),
            (RuleName::Import, Some(id(2)), Verdict::Allow),
            (RuleName::Import, None, Verdict::Deny),
        ],
    );
    let again = PolicyFile::load(data.path()).unwrap();
    assert_eq!(again.rules, file.rules);
    let policy = again.in_force();
    assert!(!policy.export.allows(&id(1)) && policy.export.allows(&id(2)));
    assert!(!policy.import.allows(&id(1)) && policy.import.allows(&id(2)));
}

/// Guards against keeping exceptions only: turning `others` round would then turn them round as well.
#[test]
fn what_happens_to_others_changes_nothing_for_who_is_listed() {
    let data = tempfile::tempdir().unwrap();
    let said =
        [(RuleName::Export, Some(id(1)), Verdict::Deny), (RuleName::Export, Some(id(2)), Verdict::Allow)];
    let mut file = saying(data.path(), &said);
    for others in [Verdict::Deny, Verdict::Allow] {
        file.change(RuleName::Export, None, others).unwrap();
        let export = file.in_force().export;
        assert!(!export.allows(&id(1)) && export.allows(&id(2)), "others: {others:?}");
        assert_eq!(export.allows(&id(3)), others == Verdict::Allow);
    }
    assert!(file.change(RuleName::Export, Some(id(1)), Verdict::Forget).unwrap());
    assert!(!file.change(RuleName::Export, Some(id(1)), Verdict::Forget).unwrap(), "was so already");
    assert!(file.in_force().export.allows(&id(1)));
    assert!(file.clear().unwrap() && !file.clear().unwrap());
    assert_eq!(PolicyFile::load(data.path()).unwrap().rules, Rules::default());
}

#[test]
fn a_rule_lists_no_more_than_the_log_takes() {
    let data = tempfile::tempdir().unwrap();
    let mut file = PolicyFile::load(data.path()).unwrap();
    for n in 0..MAX_POLICY_IDS as u8 {
        file.change(RuleName::Import, Some(id(n)), Verdict::Deny).unwrap();
    }
    let refused = file.change(RuleName::Import, Some(id(200)), Verdict::Deny).unwrap_err();
    assert!(refused.to_string().contains("the import rule lists 64 nodes already"), "{refused}");
    assert!(file.change(RuleName::Import, Some(id(0)), Verdict::Allow).unwrap(), "one of the listed");
    assert!(file.change(RuleName::Export, Some(id(200)), Verdict::Deny).unwrap(), "the other rule");
}

#[test]
fn a_damaged_file_is_named_and_nobody_is_let_through_by_it() {
    let data = tempfile::tempdir().unwrap();
    let long: Vec<String> = (0..=MAX_POLICY_IDS as u8).map(|n| format!("\"{}\"", id(n))).collect();
    let one = id(1);
    for (export, what) in [
        (r#""allow_others": true, "allow": [], "deny": ["nobody"]"#.to_owned(), "not a node id"),
        (format!(r#""allow_others": true, "allow": ["{one}"], "deny": ["{one}"]"#), "both"),
        (r#""allow_others": true, "allow": [], "denied": []"#.to_owned(), "denied"),
        (format!(r#""allow_others": true, "allow": [], "deny": [{}]"#, long.join(",")), "more than 64"),
        (r#""allow": [], "deny": []"#.to_owned(), "allow_others"),
    ] {
        let import = r#"{"allow_others": true, "allow": [], "deny": []}"#;
        let text = format!(r#"{{"export": {{{export}}}, "import": {import}}}"#);
        fs::write(data.path().join(FILE), &text).unwrap();
        let error = PolicyFile::load(data.path()).unwrap_err().to_string();
        assert!(error.contains("policy.json is damaged") && error.contains(what), "{what}: {error}");
    }
}
